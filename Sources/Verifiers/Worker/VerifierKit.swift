import Foundation
import TextCore

/// What a verifier in a file of its own is compiled against: the modules and objects of `Verifiers`, as the build of
/// this executable left them next to it.
struct VerifierKit: Sendable {
    /// The modules that `Verifiers` is made of.
    private static let modules = ["Verifiers", "TextCore", "OrderedCollections", "InternalCollectionsUtilities"]
    /// Modules in C that those use inside only; the compiler wants to know that they exist, and no more.
    static let plainModules = ["CHashes", "CSpawn"]

    /// Where the `.swiftmodule` files are.
    var moduleFolder: URL
    /// What is linked.
    var objects: [URL]
    /// Changes whenever any of it does.
    var version: String

    /// Finds it in `$HONE_KIT`, next to this executable, or in `../lib/hone` of it.
    ///
    /// - Throws: `VerifierFailure` of kind `configuration` when it is nowhere.
    static func find(_ variables: [String: String]) throws(VerifierFailure) -> VerifierKit {
        let executable = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        let folders =
            [variables["HONE_KIT"].map { URL(filePath: $0) }].compactMap(\.self) + [
                executable, executable.appending(path: "../lib/hone").standardizedFileURL,
            ]
        for folder in folders { if let kit = VerifierKit(folder) { return kit } }
        throw VerifierFailure(
            .configuration,
            "the modules of Hone that a verifier is compiled against are not in "
                + folders.map(\.path).joined(separator: ", ")
                + ". Set HONE_KIT to the folder of a build (.build/release), or build the verifier where there is one: "
                + "hone verifier build FILE.swift -o FILE.verifier")
    }

    private init?(_ folder: URL) {
        let modules = folder.appending(path: "Modules")
        let moduleFiles = Self.modules.map { modules.appending(path: "\($0).swiftmodule") }
        guard moduleFiles.allSatisfy({ FileManager.default.fileExists(atPath: $0.path) }) else { return nil }
        var objects: [URL] = []
        for module in Self.modules + Self.plainModules {
            guard let found = Self.objects(of: module, in: folder) else { return nil }
            objects += found
        }
        moduleFolder = modules
        self.objects = objects
        var hash = SHA256()
        for file in moduleFiles {
            guard let bytes = try? Data(contentsOf: file) else { return nil }
            hash.update(Array(bytes))
        }
        for object in objects {
            let values = try? object.resourceValues(forKeys: [.fileSizeKey, .contentModificationDateKey])
            hash.update(object.lastPathComponent)
            hash.update("\(values?.fileSize ?? 0) \(values?.contentModificationDate?.timeIntervalSince1970 ?? 0)\n")
        }
        version = hash.finalized().hexadecimal
    }

    /// The objects of a module; of those left from sources that are gone, none.
    private static func objects(of module: String, in folder: URL) -> [URL]? {
        let build = folder.appending(path: "\(module).build")
        guard let files = try? FileManager.default.contentsOfDirectory(at: build, includingPropertiesForKeys: nil)
        else {
            return nil
        }
        var objects = files.filter { $0.pathExtension == "o" }
        if let text = try? Data(contentsOf: build.appending(path: "output-file-map.json")),
            let map = (try? JSON(parsing: Array(text)))?.object
        {
            let current = Set(
                map.filter { !$0.key.isEmpty }.compactMap { $0.value["object"]?.string }
                    .map { URL(filePath: $0).lastPathComponent })
            objects = objects.filter { current.contains($0.lastPathComponent) }
        }
        return objects.isEmpty ? nil : objects.sorted { $0.path < $1.path }
    }
}
