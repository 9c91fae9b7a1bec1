import Foundation
import Glibc
import TextCore

/// Makes worker executables of Swift files, once for each text, compiler and version of Hone.
struct VerifierCompiler: Sendable {
    /// A compile may take this long.
    private static let patience: Duration = .seconds(300)
    private static let shownErrors = 10

    var variables: [String: String]
    /// Where finished workers are kept.
    var cache: URL

    /// - Parameter cache: `nil` keeps workers in the user's cache folder.
    init(variables: [String: String], cache: URL?) {
        self.variables = variables
        let home = variables["XDG_CACHE_HOME"] ?? (variables["HOME"] ?? NSTemporaryDirectory()) + "/.cache"
        self.cache = (cache ?? URL(filePath: home).appending(path: "hone")).appending(path: "verifiers")
    }

    /// The worker made of a source file, from the cache where it is there.
    ///
    /// - Parameter standsAlone: whether it is to run on machines without Swift.
    /// - Throws: `VerifierFailure` of kind `configuration` with the compiler's errors, or what is missing.
    func worker(of source: URL, standsAlone: Bool = false) throws(VerifierFailure) -> URL {
        let text = try read(source)
        let declared = VerifierSource(text)
        guard !declared.types.isEmpty else { throw nothing(declared, in: source) }
        let kit = try VerifierKit.find(variables)
        let compiler = try compiler()
        var hash = SHA256()
        for part in [text, try version(of: compiler), kit.version, standsAlone ? "alone" : ""] {
            hash.update("\(part.utf8.count) \(part)")
        }
        let name = source.deletingPathExtension().lastPathComponent
        let key = "\(name)-\(hash.finalized().hexadecimal.prefix(32))"
        let worker = cache.appending(path: "\(key).verifier")
        if FileManager.default.isExecutableFile(atPath: worker.path) { return worker }
        return try locked(key) { () throws(VerifierFailure) -> URL in
            // Somebody else may have made it meanwhile.
            if !FileManager.default.isExecutableFile(atPath: worker.path) {
                try compile(source, text, declared.types, kit, compiler, standsAlone: standsAlone, to: worker)
            }
            return worker
        }
    }

    private func read(_ source: URL) throws(VerifierFailure) -> String {
        guard let bytes = try? Data(contentsOf: source) else {
            throw VerifierFailure(.configuration, "there is no file \(source.path)")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw VerifierFailure(.configuration, "\(source.path) is not UTF-8")
        }
        return text
    }

    private func nothing(_ declared: VerifierSource, in source: URL) -> VerifierFailure {
        let hint =
            declared.hidden.isEmpty
            ? "Declare one: struct Mine: ImmediateVerifier { … }; 'hone verifier new' writes a template."
            : "\(declared.hidden.joined(separator: ", ")) cannot be reached from outside: leave out 'private'."
        return VerifierFailure(.configuration, "\(source.path) declares no verifier. \(hint)")
    }

    private func compiler() throws(VerifierFailure) -> String {
        let name = variables["HONE_SWIFTC"] ?? "swiftc"
        guard let path = ProcessPlan.executable(name, variables: variables, folder: nil) else {
            throw VerifierFailure(
                .configuration,
                "there is no Swift compiler '\(name)' on the path. Build the verifier where there is one, and name the "
                    + "result in the recipe: hone verifier build FILE.swift -o FILE.verifier")
        }
        return path
    }

    private func version(of compiler: String) throws(VerifierFailure) -> String {
        let (text, isSuccess) = try run(compiler, ["--version"], in: cache)
        guard isSuccess else { throw VerifierFailure(.configuration, "\(compiler) does not run: \(text.prefix(500))") }
        return text
    }

    private func compile(
        _ source: URL, _ text: String, _ types: [String], _ kit: VerifierKit, _ compiler: String, standsAlone: Bool,
        to worker: URL
    ) throws(VerifierFailure) {
        let folder = cache.appending(path: "build-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let base = source.lastPathComponent
        // The text that was hashed is what is compiled, and its name is what a trap tells.
        let copy = folder.appending(path: base == "main.swift" ? "verifier.swift" : base)
        let main =
            "import Verifiers\nawait VerifierWorker.main([\(types.map { "\($0).self" }.joined(separator: ", "))])\n"
        let plain = VerifierKit.plainModules.map { "module \($0) {}\n" }.joined()
        let objects = kit.objects.map { "\"\($0.path)\"\n" }.joined()
        for (name, content) in [
            (copy.lastPathComponent, text), ("main.swift", main), ("plain.modulemap", plain), ("objects", objects),
        ] {
            do {
                try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
                try Data(content.utf8).write(to: folder.appending(path: name))
            } catch {
                throw VerifierFailure(.configuration, "cannot write to \(folder.path): \(error.localizedDescription)")
            }
        }
        var arguments = [
            "-O", "-wmo", "-swift-version", "6", "-module-name", "VerifierFile", "-diagnostic-style=llvm",
            "-I", kit.moduleFolder.path, "-Xcc", "-fmodule-map-file=\(folder.path)/plain.modulemap",
            "-module-cache-path", cache.appending(path: "modules").path,
            copy.path, "\(folder.path)/main.swift", "@\(folder.path)/objects", "-o", "\(folder.path)/worker",
        ]
        if standsAlone { arguments += Self.aloneArguments(text) }
        let (said, isSuccess) = try run(compiler, arguments, in: folder)
        guard isSuccess else { throw refused(said.replacing(copy.path, with: source.path), source) }
        guard rename("\(folder.path)/worker", worker.path) == 0 else {
            throw VerifierFailure(.configuration, "cannot write \(worker.path): \(systemError())")
        }
    }

    /// Links what Swift brings. Of the network only what a source asks for itself: `Verifiers` can ask judges on other
    /// machines, which needs a library that is not on every machine, and a worker has no such verifier.
    private static func aloneArguments(_ text: String) -> [String] {
        let network =
            text.contains("FoundationNetworking")
            ? ["-l:libcurl.so.4"] : ["-Xlinker", "--unresolved-symbols=ignore-all"]
        return ["-static-stdlib", "-l_CFURLSessionInterface"] + network
    }

    /// The compiler's errors, each with its file, line and column.
    private func refused(_ said: String, _ source: URL) -> VerifierFailure {
        let lines = said.split(whereSeparator: \.isNewline)
        let errors = lines.filter { $0.contains(": error: ") }
        let shown = errors.isEmpty ? lines.suffix(Self.shownErrors)[...] : errors.prefix(Self.shownErrors)
        let rest = errors.count > shown.count ? "\n  and \(errors.count - shown.count) more" : ""
        return VerifierFailure(
            .configuration,
            "\(source.path) does not compile:" + shown.map { "\n  \($0)" }.joined() + rest)
    }

    /// Runs a program to its end and gives all that it prints.
    private func run(
        _ program: String, _ arguments: [String], in folder: URL
    ) throws(VerifierFailure) -> (said: String, isSuccess: Bool) {
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        } catch {
            throw VerifierFailure(.configuration, "cannot make \(folder.path): \(error.localizedDescription)")
        }
        let output = try Descriptor.pipe()
        let plan = ProcessPlan(
            executable: program, arguments: [program] + arguments, variables: variables, folder: folder.path)
        let process = try plan.spawn(
            input: -1, output: output.second.number, error: output.second.number, channel: -1)
        let reading = output.takeFirst()
        let deadline = ContinuousClock.now + Self.patience
        var said: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while ContinuousClock.now < deadline {
            var entry = pollfd(fd: reading.number, events: Int16(POLLIN), revents: 0)
            guard poll(&entry, 1, 1000) > 0 else { continue }
            let count = chunk.withUnsafeMutableBytes { Glibc.read(reading.number, $0.baseAddress, $0.count) }
            if count == 0 || count < 0 && errno != EINTR { break }
            if count > 0, said.count < 1 << 20 { said += chunk[..<count] }
        }
        // Its output ends a moment before it does.
        var status: Int32 = 0
        for _ in 0..<1000 {
            if waitpid(process, &status, WNOHANG) != 0 {
                return (String(decoding: said, as: UTF8.self), status == 0)
            }
            usleep(10_000)
            if ContinuousClock.now > deadline { break }
        }
        let end = ProcessEnd.killing(process)
        return (String(decoding: said, as: UTF8.self) + "\n\(program): \(end)", false)
    }

    /// Does something while no other process or thread does it for the same key.
    private func locked<Value>(
        _ key: String, _ body: () throws(VerifierFailure) -> Value
    ) throws(VerifierFailure) -> Value {
        let path = cache.appending(path: "\(key).lock").path
        let lock = Descriptor(open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o644))
        guard lock.number >= 0 else { throw VerifierFailure(.configuration, "cannot write \(path): \(systemError())") }
        while flock(lock.number, LOCK_EX) != 0 {
            guard errno == EINTR else { throw VerifierFailure(.configuration, "cannot lock \(path): \(systemError())") }
        }
        return try body()
    }
}
