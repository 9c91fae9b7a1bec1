import CSandbox
import Foundation
public import TextCore
public import Verifiers

#if canImport(Glibc)
    import Glibc
#endif

/// Whether a way to keep programs in works on this machine, found by running a program in it.
public struct SandboxProbe: Sendable, Hashable, CustomStringConvertible {
    public let tier: SandboxTier
    /// What it is made of.
    public let name: String
    /// Why it cannot be used; `nil` when it can.
    public let failure: String?
    /// The number of the error of the call that failed; 0 where none did.
    public let code: Int32
    /// Seconds from nothing to the first program's end.
    public let seconds: Double
    /// What is known of it beside that it works.
    public let remarks: [String]

    public var works: Bool { failure == nil }

    public var description: String {
        let state = failure.map { "does not work: \($0)" } ?? "works"
        return "tier \(tier.rawValue) (\(name)) \(state)"
    }

    /// Tries every way, the strongest first.
    public static func all() throws(SandboxFailure) -> [SandboxProbe] { try all(block: []) }

    /// - Parameter block: what does not work, as tests want it.
    package static func all(block: SandboxBlock) throws(SandboxFailure) -> [SandboxProbe] {
        let folder = try Sandbox.makeFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        return Sandbox.ways.map {
            let plan = Supervisor.Plan(
                way: $0, readable: Sandbox.systemFolders, folder: folder.path, block: block)
            return trying(plan).probe
        }
    }

    /// Starts a supervisor and lets it run a program that tries to read what it must not.
    static func trying(_ plan: Supervisor.Plan) -> (probe: SandboxProbe, supervisor: Supervisor?) {
        let start = ContinuousClock.now
        func probe(_ failure: SandboxFailure?, _ remarks: [String] = []) -> SandboxProbe {
            let time = (ContinuousClock.now - start).components
            return SandboxProbe(
                tier: plan.way.tier, name: plan.way.name, failure: failure?.message, code: failure?.code ?? 0,
                seconds: Double(time.seconds) + Double(time.attoseconds) * 1e-18, remarks: remarks)
        }
        do throws(SandboxFailure) {
            let supervisor = try Supervisor(plan)
            try check(supervisor, plan)
            var remarks: [String] = []
            if !supervisor.seesMemory { remarks.append("memory is limited for each process, not for all together") }
            if plan.way.tier == .b, supervisor.landlock < 6 {
                remarks.append("Landlock \(supervisor.landlock) knows no signals: programs may not end their children")
            }
            if plan.way.tier == .c { remarks.append("programs read every file that their user may read") }
            return (probe(nil, remarks), supervisor)
        } catch {
            return (probe(error), nil)
        }
    }

    /// Runs a program that writes a file of its own, and reads one that is not: the full set-up, from end to end.
    private static func check(_ supervisor: Supervisor, _ plan: Supervisor.Plan) throws(SandboxFailure) {
        // A supervisor that was tried before has removed it.
        if mkdir(plan.folder, 0o711) == 0 { chmod(plan.folder, 0o711) }
        let secret = "\(plan.folder)/canary-\(UInt32.random(in: 0 ... .max))"
        guard FileManager.default.createFile(atPath: secret, contents: Data("seen\n".utf8)),
            chmod(secret, 0o644) == 0
        else { throw SandboxFailure("cannot write \(secret)", code: errno) }
        defer { unlink(secret) }
        var program = SandboxedProgram(
            ["/bin/sh", "-c", "read word < word && echo \"$word\" > copy && cat copy; cat \"$0\" 2>&-; true", secret],
            files: [.init("word", "works\n")])
        program.limits.seconds = 20
        let result = try supervisor.run([program])[0]
        let output = String(decoding: result.output.head, as: UTF8.self)
        guard result.isSuccess, output.hasPrefix("works\n") else {
            throw SandboxFailure("the first program \(result.end): \(result.error.shown())")
        }
        guard plan.way.tier == .c || output == "works\n" else {
            throw SandboxFailure("a program could read \(secret), which lies outside")
        }
    }

    /// What a person can do about ways that do not work.
    static func hints(for probes: [SandboxProbe]) -> [String] {
        var hints: [String] = []
        let isUserNamespace = { (probe: SandboxProbe) in probe.name == SandboxWay.user.name && !probe.works }
        if probes.contains(where: isUserNamespace) {
            for (file, bad, hint) in [
                (
                    "/proc/sys/kernel/unprivileged_userns_clone", "0",
                    "Allow user namespaces: sysctl kernel.unprivileged_userns_clone=1."
                ),
                (
                    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1",
                    "AppArmor restricts user namespaces: sysctl kernel.apparmor_restrict_unprivileged_userns=0, or give "
                        + "the executable a profile with `userns,`."
                ),
                (
                    "/proc/sys/user/max_user_namespaces", "0",
                    "Allow user namespaces: sysctl user.max_user_namespaces=10000."
                ),
            ] {
                let text = try? String(contentsOfFile: file, encoding: .utf8)
                if text?.trimmingCharacters(in: .whitespacesAndNewlines) == bad { hints.append(hint) }
            }
            if hints.isEmpty {
                hints.append(
                    "In a container, allow it namespaces and mounts (docker: --security-opt seccomp=unconfined "
                        + "--security-opt apparmor=unconfined, or --cap-add SYS_ADMIN as root).")
            }
        }
        hints.append("`hone doctor --sandbox` shows every tier; `sandbox.min_tier` of a recipe says what will do.")
        return hints
    }

    /// Hints for a whole machine.
    public static func hints(_ probes: [SandboxProbe]) -> [String] {
        probes.first?.works == true || probes.contains { $0.tier == .a && $0.works } ? [] : hints(for: probes)
    }

    /// For scripts.
    public var json: JSON {
        [
            "tier": .string(tier.rawValue), "name": .string(name), "works": .bool(works),
            "failure": failure.map { .string($0) } ?? .null, "errno": .integer(Int(code)), "seconds": .number(seconds),
            "remarks": .array(remarks.map { .string($0) }),
        ]
    }
}

extension SandboxWay {
    var name: String {
        switch self {
        case .root: "namespaces by root, Landlock, seccomp"
        case .user: "user namespaces, Landlock, seccomp"
        case .rules: "Landlock, seccomp"
        case .filter: "seccomp"
        }
    }
}
