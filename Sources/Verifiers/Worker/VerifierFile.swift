public import Foundation
public import TextCore

/// A verifier in a file of its own: Swift source, or a worker built from one.
public enum VerifierFile {
    /// Whether a recipe's `verifier:` names a file: `units.swift`, `./units.verifier`, `checks.swift#exact`.
    public static func isNamed(by name: String) -> Bool {
        let path = split(name).path
        return path.hasSuffix(".swift") || path.hasSuffix(".verifier")
    }

    /// Makes the verifier that a recipe names; a source file is compiled the first time.
    ///
    /// - Parameters:
    ///   - name: a path, relative to the environment's folder; behind `#` the name of one verifier where the file has
    ///     several.
    ///   - options: the verifier's own.
    /// - Throws: `VerifierFailure` of kind `configuration` when there is no such file, it does not compile (with file,
    ///   line and column of each error), or the options are wrong.
    public static func make(
        _ name: String, options: JSON = [:], in environment: VerifierEnvironment = VerifierEnvironment()
    ) throws(VerifierFailure) -> AnyVerifier {
        let (path, chosen) = split(name)
        let file = environment.url(path)
        let worker = try executable(file, in: environment)
        return try ProcessVerifier.make(
            WorkerLaunch(executable: worker.path), verifier: chosen, options: options, in: environment,
            limits: environment.workers)
    }

    /// Builds a worker that also runs where there is no Swift.
    ///
    /// - Throws: `VerifierFailure` of kind `configuration` when the source does not compile or `output` cannot be
    ///   written.
    public static func build(
        _ source: URL, to output: URL, in environment: VerifierEnvironment = VerifierEnvironment()
    ) throws(VerifierFailure) {
        let worker = try VerifierCompiler(variables: environment.variables, cache: environment.cache)
            .worker(of: source, standsAlone: true)
        do {
            if FileManager.default.fileExists(atPath: output.path) { try FileManager.default.removeItem(at: output) }
            try FileManager.default.copyItem(at: worker, to: output)
        } catch {
            throw VerifierFailure(.configuration, "cannot write \(output.path): \(error.localizedDescription)")
        }
    }

    private static func executable(_ file: URL, in environment: VerifierEnvironment) throws(VerifierFailure) -> URL {
        guard FileManager.default.fileExists(atPath: file.path) else {
            throw VerifierFailure(.configuration, "there is no file \(file.path)")
        }
        if file.pathExtension == "swift" {
            return try VerifierCompiler(variables: environment.variables, cache: environment.cache).worker(of: file)
        }
        guard FileManager.default.isExecutableFile(atPath: file.path) else {
            throw VerifierFailure(.configuration, "\(file.path) cannot be executed; allow it: chmod +x \(file.path)")
        }
        return file
    }

    private static func split(_ name: String) -> (path: String, verifier: String?) {
        guard let mark = name.lastIndex(of: "#") else { return (name, nil) }
        return (String(name[..<mark]), String(name[name.index(after: mark)...]))
    }
}

extension VerifierRegistry {
    /// The same verifiers, some of which run in processes of their own: this executable again, whose `main` has to call
    /// `VerifierWorker.runIfAsked` with this registry first.
    ///
    /// - Parameter names: of verifiers that are registered here.
    public func inWorkers(_ names: some Sequence<String>, limits: WorkerLimits = WorkerLimits()) -> VerifierRegistry {
        let isolated = Set(names)
        var registry = VerifierRegistry()
        for name in self.names {
            registry.register(name, summary: summary(of: name) ?? "", options: options(of: name) ?? []) {
                (json: JSON, environment: VerifierEnvironment) throws(VerifierFailure) -> AnyVerifier in
                guard isolated.contains(name) else { return try self.make(name, options: json, in: environment) }
                return try ProcessVerifier.make(
                    .thisExecutable, verifier: name, options: json, in: environment, limits: limits)
            }
        }
        return registry
    }
}
