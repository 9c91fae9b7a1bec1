import Foundation
import Sandbox
import Testing
import TextCore
import Verifiers

#if canImport(Glibc)
    import Glibc
#endif

/// One after another: what one leaves behind would be seen by another.
@Suite(.serialized) enum SandboxSuites {}

extension SandboxSuites {
    @Suite(.serialized) struct SandboxTests {
        // MARK: X1

        @Test("X1 sbx.tier_probe_and_refusal: the tier that works is found by running a program in it, and said")
        func tierIsProbed() throws {
            let sandbox = try Sandbox(minimum: .c)
            #expect(sandbox.summary.hasPrefix("tier \(sandbox.tier.rawValue) (") && sandbox.summary.contains("works"))
            let probes = try SandboxProbe.all()
            #expect(probes.map(\.tier) == Sandbox.ways.map(\.tier))
            #expect(probes.first { $0.works }?.tier == sandbox.tier)
        }

        @Test(
            "X1 sbx.tier_probe_and_refusal: where the kernel refuses namespaces or mounts, a lower tier is found only if it will do",
            arguments: [SandboxBlock.namespaces, .mounts])
        func lowerTierIsNeverTakenInSilence(block: SandboxBlock) throws {
            // What the block allows is taken when it will do, and the reason why it is not more is said.
            let weak = try Sandbox(minimum: .c, ways: Sandbox.ways, block: block)
            #expect(weak.tier < .a)
            #expect(weak.summary.contains("Operation not permitted"))
            let probes = try SandboxProbe.all(block: block)
            #expect(probes.filter { $0.tier == .a }.allSatisfy { !$0.works && $0.code == EPERM })
            let failure = #expect(throws: SandboxFailure.self) {
                try Sandbox(minimum: .a, ways: Sandbox.ways, block: block)
            }
            let call = block == .mounts ? "mount (private /)" : "clone ("
            #expect(failure?.message.contains("no sandbox of tier A works here") == true)
            #expect(
                failure?.message.contains(call) == true && failure?.message.contains("Operation not permitted") == true)
            #expect(failure?.message.contains("hone doctor --sandbox") == true)
        }

        @Test(
            "X1 sbx.tier_probe_and_refusal: without namespaces and Landlock tier B is refused, without seccomp all are")
        func everyTierNeedsItsCalls() throws {
            let noRules: SandboxBlock = [.namespaces, .landlock]
            #expect(try Sandbox(minimum: .c, ways: Sandbox.ways, block: noRules).tier == .c)
            #expect(throws: SandboxFailure.self) { try Sandbox(minimum: .b, ways: Sandbox.ways, block: noRules) }
            #expect(throws: SandboxFailure.self) { try Sandbox(minimum: .c, ways: Sandbox.ways, block: .filter) }
        }

        @Test("X1 sbx.tier_probe_and_refusal: a verifier whose tier cannot be had is refused, and runs nothing")
        func verifierIsRefused() throws {
            var environment = VerifierEnvironment(verifiers: VerifierRegistry())
            environment.minimumTier = .a
            let failure = #expect(throws: SandboxFailure.self) {
                _ = try Sandbox(minimum: environment.minimumTier, ways: [.rules, .filter])
            }
            #expect(failure?.message.contains("nothing is run") == true)
        }

        // MARK: X2

        @Test(
            "X2 sbx.tree_kill: nothing that a program started is alive when its time is over, whatever it did",
            arguments: [SandboxWay.root, .user, .rules])
        func treeIsKilled(way: SandboxWay) async throws {
            guard way != .root || geteuid() == 0, let sandbox = try TestSandboxes.sandbox(way) else { return }
            let tricks = [
                // Out of the session and the group, twice removed, with the output still open.
                "setsid sh -c '(sleep 2; echo late > late; sleep 600) & sleep 600' & (trap '' TERM HUP INT; sleep 600) & wait",
                "kill -STOP $$; sleep 600", "trap '' TERM INT HUP QUIT USR1; while :; do sleep 600; done",
            ]
            let before = Footprint.descendants(of: sandbox)
            for trick in tricks {
                let start = ContinuousClock.now
                let result = try await sandbox.run(TestSandboxes.shell(trick, seconds: 1))
                let time = ContinuousClock.now - start
                #expect(result.end == .outOfTime, "\(trick): \(result.end)")
                // What counts is that it ends at all: a machine may do something else for long.
                #expect(time < .seconds(60), "\(trick) took \(time)")
                #expect(Footprint.descendants(of: sandbox) == before, "something is left of \(trick)")
            }
        }

        @Test("X2 sbx.tree_kill: what a program leaves when it ends by itself ends with it")
        func orphansEnd() async throws {
            for way in TestSandboxes.strongest + [.rules] {
                guard let sandbox = try TestSandboxes.sandbox(way) else { continue }
                let before = Footprint.descendants(of: sandbox)
                let result = try await sandbox.run(
                    TestSandboxes.shell("setsid sh -c 'sleep 600 & sleep 600' & echo done"))
                #expect(result.isSuccess && result.seconds < 15)
                #expect(Footprint.descendants(of: sandbox) == before)
            }
        }

        // MARK: X3

        /// What a program tries to use up, and whether it is known that it was ended for it.
        static let hogs: [(name: String, source: String, ends: [ProgramResult.End])] = [
            ("fork bomb", "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", [.outOfTime]),
            (
                "memory", "x = []\nwhile True: x.append(bytearray(b'1' * (1 << 20)))",
                [.outOfMemory, .exited(status: 1)]
            ),
            (
                "memory of several processes",
                "import os\nfor _ in range(3): os.fork()\nx = []\nwhile True: x.append(bytearray(b'1' * (1 << 20)))",
                [.outOfMemory]
            ),
            (
                "shared memory",
                "import mmap\nx = []\nwhile True:\n    m = mmap.mmap(-1, 1 << 20)\n    m.write(b'1' * (1 << 20))\n    x.append(m)",
                [.outOfMemory, .exited(status: 1)]
            ),
            (
                "files", "i = 0\nwhile True:\n    open(f'f{i}', 'wb').write(b'1' * (8 << 20))\n    i += 1",
                [.exited(status: 1), .tooMuchDisk]
            ),
            (
                "one file", "f = open('f', 'wb')\nwhile True: f.write(b'1' * (1 << 20))",
                [.exited(status: 1), .signalled(25)]
            ),
            (
                "inodes", "i = 0\nwhile True:\n    open(f'f{i}', 'wb').close()\n    i += 1",
                [.exited(status: 1), .tooMuchDisk, .signalled(24)]
            ),
            ("output", "import sys\nwhile True: sys.stdout.write('x' * 65536)", [.tooMuchOutput]),
            ("error output", "import sys\nwhile True: sys.stderr.write('x' * 65536)", [.tooMuchOutput]),
            ("processor time", "while True: pass", [.signalled(24), .signalled(9), .outOfTime]),
            ("descriptors", "x = [open('/dev/null') for _ in range(1000)]", [.exited(status: 1)]),
        ]

        @Test(
            "X3 sbx.resource_limits: a program that uses up what there is, is ended, as root and as a user",
            arguments: [SandboxWay.root, .user, .rules])
        func resourcesAreLimited(way: SandboxWay) async throws {
            guard way != .root || geteuid() == 0, let sandbox = try TestSandboxes.sandbox(way, slots: 1) else { return }
            // The first of each kind takes memory for good: buffers of this process.
            _ = try await sandbox.run(TestSandboxes.shell("yes"))
            let before = residentMemory()
            for hog in Self.hogs {
                guard var program = TestSandboxes.python(hog.source, seconds: 30) else { return }
                if hog.ends == [.outOfTime] { program.limits.seconds = 2 }
                program.limits.processorSeconds = 2
                program.limits.memory = 128 << 20
                let result = try await sandbox.run(program)
                #expect(hog.ends.contains(result.end), "\(way) \(hog.name): \(result.end) \(result.error.shown(300))")
                #expect(result.peakMemory < 1 << 30, "\(hog.name): \(result.peakMemory)")
                #expect(result.output.head.count + result.output.tail.count <= 2 * program.limits.kept)
            }
            let growth = residentMemory() - before
            #expect(growth < 4096, "this process grew by \(growth) KiB")
            // And it still works.
            #expect(try await sandbox.run(TestSandboxes.shell("echo fine")).isSuccess)
        }

        // MARK: X4

        @Test("X4 sbx.no_secrets_no_net: a program has no variable, no file and no process of ours, and no network")
        func nothingIsSeen() async throws {
            setenv("HF_TOKEN", "canary-of-hone", 1)
            setenv("AWS_SECRET_ACCESS_KEY", "canary-of-hone", 1)
            defer {
                unsetenv("HF_TOKEN")
                unsetenv("AWS_SECRET_ACCESS_KEY")
            }
            // A user without a home has no secrets there.
            let home = FileManager.default.fileExists(atPath: NSHomeDirectory()) ? NSHomeDirectory() : "/var/tmp"
            let secret = URL(filePath: home).appending(path: ".hone-canary-\(getpid())")
            try Data("canary-of-hone".utf8).write(to: secret)
            defer { try? FileManager.default.removeItem(at: secret) }
            let listeners = try Listeners()
            for way in TestSandboxes.strongest + [.rules] {
                guard let sandbox = try TestSandboxes.sandbox(way, slots: 1),
                    let program = TestSandboxes.python(Self.spy(secret: secret.path, listeners))
                else { continue }
                let result = try await sandbox.run(program)
                let said = String(decoding: result.output.head, as: UTF8.self)
                #expect(result.isSuccess, "\(way): \(result.error.shown(500))")
                #expect(said == "nothing\n", "\(way): \(said)")
            }
            #expect(listeners.visitors == 0)
        }

        /// Prints whatever it can reach, or that there is nothing.
        private static func spy(secret: String, _ listeners: Listeners) -> String {
            """
            import glob, os, socket
            found = []
            for name in os.environ:
                if "TOKEN" in name or "SECRET" in name or "canary" in os.environ[name]: found.append(name)
            paths = ["/etc/shadow", "/etc/passwd", "\(secret)", "/proc/\(getpid())/environ", "/proc/\(getppid())/environ",
                     "/proc/1/environ", "/proc/1/mem", "/proc/1/root/etc/shadow", "/proc/%d/environ" % os.getppid(), "/proc/kcore"]
            for path in paths + glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/root/etc/shadow"):
                if path == "/proc/%d/environ" % os.getpid() or path == "/proc/self/environ": continue
                try:
                    data = open(path, "rb").read(100)
                    found.append(path + " " + repr(data))
                except OSError: pass
            for path in ["/root", "/home", os.path.dirname("\(secret)"), "/var", "/run", "/sys", "/mnt"]:
                try:
                    names = [name for name in os.listdir(path) if "python" not in path]
                    if names and not all(name.startswith(".pyenv") for name in names): found.append(path + str(names[:5]))
                except OSError: pass
            for number in range(3, 256):
                if number in (3,): continue
                try:
                    os.fstat(number)
                    found.append("descriptor %d" % number)
                except OSError: pass
            for family, kind, address in [
                (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", \(listeners.port))),
                (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", \(listeners.port))),
                (socket.AF_INET, socket.SOCK_DGRAM, ("8.8.8.8", 53)),
                (socket.AF_INET6, socket.SOCK_STREAM, ("::1", \(listeners.port))),
                (socket.AF_UNIX, socket.SOCK_STREAM, "\\0\(listeners.name)"),
                (socket.AF_UNIX, socket.SOCK_DGRAM, "\\0\(listeners.name)"),
            ]:
                try:
                    with socket.socket(family, kind) as one:
                        one.settimeout(2)
                        one.connect(address)
                        one.send(b"secret")
                        found.append(str(address))
                except OSError: pass
            for path in ["/usr/hone", "/bin/hone", "/etc/hone", "/hone", "/dev/hone", "/var/hone"]:
                try:
                    open(path, "w").close()
                    found.append("wrote " + path)
                except OSError: pass
            for victim in (\(getpid()), \(getppid()), 1):
                try:
                    os.kill(victim, 0)
                    if victim != os.getpid(): found.append("signals %d" % victim)
                except OSError: pass
            print(found or "nothing")
            """
        }

        @Test("X4 sbx.no_secrets_no_net: calls that were ways out before are refused")
        func callsAreRefused() async throws {
            let calls = """
                import ctypes, errno, os, platform
                libc = ctypes.CDLL(None, use_errno=True)
                x86 = platform.machine() == "x86_64"
                numbers = {"ptrace": 101 if x86 else 117, "mount": 165 if x86 else 40, "unshare": 272 if x86 else 97,
                           "setns": 308 if x86 else 268, "bpf": 321 if x86 else 280, "keyctl": 250 if x86 else 219,
                           "perf_event_open": 298 if x86 else 241, "userfaultfd": 323 if x86 else 282,
                           "io_uring_setup": 425, "open_tree": 428, "fsopen": 430, "pidfd_getfd": 438,
                           "process_vm_readv": 310 if x86 else 270, "clock_settime": 227 if x86 else 112,
                           "chroot": 161 if x86 else 51, "personality": 135 if x86 else 92}
                for name, number in numbers.items():
                    ctypes.set_errno(0)
                    result = libc.syscall(number, 0x10000000 if name == "unshare" else 0, 0, 0, 0, 0, 0)
                    if result != -1 or ctypes.get_errno() != errno.EPERM: print(name, result, ctypes.get_errno())
                result = libc.syscall(435, 0, 0)
                if ctypes.get_errno() != errno.ENOSYS: print("clone3", result, ctypes.get_errno())
                result = libc.syscall(56 if x86 else 220, 0x10000000 | 17, 0, 0, 0, 0)
                if result == 0: os._exit(9)
                if ctypes.get_errno() != errno.EPERM: print("clone", result, ctypes.get_errno())
                if libc.ioctl(0, 0x5412, b"x") != -1 or ctypes.get_errno() != errno.EPERM: print("TIOCSTI")
                status = open("/proc/self/status").read() if os.path.exists("/proc/self/status") else ""
                if status and ("CapEff:\\t0000000000000000" not in status or "NoNewPrivs:\\t1" not in status): print(status)
                print("end")
                """
            for way in TestSandboxes.strongest + [.filter] {
                guard let sandbox = try TestSandboxes.sandbox(way, slots: 1), let program = TestSandboxes.python(calls)
                else {
                    continue
                }
                let result = try await sandbox.run(program)
                #expect(
                    String(decoding: result.output.head, as: UTF8.self) == "end\n",
                    "\(way): \(result.output.shown(500)) \(result.error.shown(500))")
            }
        }

        // MARK: X7

        @Test("X7 sbx.hostile_output: whatever a program writes is kept as bytes, and shown as plain text")
        func outputIsBytes() async throws {
            let sandbox = try Sandbox(minimum: .c)
            let hostile =
                #"printf '\377\376\000\033[31mred\033]0;title\007\r\342\200\256x'; head -c 10485760 /dev/zero | tr '\0' a"#
            let result = try await sandbox.run(TestSandboxes.shell(hostile))
            #expect(result.isSuccess)
            #expect(result.output.written == 10_485_760 + 26)
            #expect(
                result.output.whole == nil && result.output.head.count == 64 << 10
                    && result.output.tail.count == 64 << 10)
            #expect(result.output.head.starts(with: [0xFF, 0xFE, 0, 0x1B]))
            let shown = result.output.shown()
            #expect(shown.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F && $0.value != 0x202E })
            #expect(shown.hasPrefix("\u{FFFD}\u{FFFD}\\u{0}\\u{1b}[31mred\\u{1b}]0;title\\u{7}\\u{d}\\u{202e}x"))
            #expect(shown.unicodeScalars.count < 300)
        }

        // MARK: Two programs

        @Test("Two programs talk over their descriptors, and the second ends with the first")
        func twoProgramsTalk() async throws {
            for way in TestSandboxes.strongest + [.rules, .filter] {
                guard let sandbox = try TestSandboxes.sandbox(way, slots: 1) else { continue }
                let (first, second) = try await sandbox.run(
                    TestSandboxes.shell(
                        "echo question >&5; read answer <&4; echo $answer; echo report >&3; read more <&4; echo $?"),
                    with: TestSandboxes.shell("read question <&4; echo heard $question; echo answer >&5"))
                #expect(first.output.whole == Array("answer\n1\n".utf8), "\(way) \(first.output.shown())")
                #expect(first.report == Array("report\n".utf8))
                #expect(second.output.whole == Array("heard question\n".utf8))
                let (_, endless) = try await sandbox.run(
                    TestSandboxes.shell("true"), with: TestSandboxes.shell("sleep 600", seconds: 600))
                #expect(endless.end == .dismissed && endless.seconds < 20)
            }
        }

        @Test("A cancelled task's program is ended at once")
        func cancellationEndsTheProgram() async throws {
            let sandbox = try Sandbox(minimum: .c)
            let task = Task { try await sandbox.run(TestSandboxes.shell("sleep 611", seconds: 600)) }
            try await Task.sleep(for: .milliseconds(300))
            task.cancel()
            await #expect(throws: SandboxFailure.self) { try await task.value }
            #expect(try await Footprint.isGone(sleeping: 611))
            #expect(try await sandbox.run(TestSandboxes.shell("echo again")).isSuccess)
        }

        // MARK: X8

        @Test("X8 sbx.throughput_and_leaks: 2000 programs leave no process, descriptor, mount or folder")
        func nothingLeaks() async throws {
            let before = Footprint.now()
            var rate = 0.0
            var supervisors: [Int32] = []
            do {
                let sandbox = try Sandbox(minimum: .c, slots: 2)
                _ = try await sandbox.run(TestSandboxes.shell("true"))
                let start = ContinuousClock.now
                let right = try await withThrowingTaskGroup(of: Bool.self) { group in
                    for number in 0..<2000 {
                        group.addTask {
                            let result = try await sandbox.run(
                                TestSandboxes.shell("echo $((\(number) + 1)) > sum; cat sum"))
                            return result.output.whole == Array("\(number + 1)\n".utf8)
                        }
                    }
                    return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
                }
                rate = 2000 / ((ContinuousClock.now - start) / .seconds(1))
                #expect(right == 2000)
                supervisors = sandbox.idleProcesses
                if sandbox.tier == .a { #expect(Footprint.now().folders == before.folders) }
                #expect(supervisors.count == 2)
                // A supervisor, and of tier A the process in its namespaces.
                #expect(Footprint.descendants(of: sandbox).count <= 2)
            }
            print("X8: \(Int(rate)) programs a second")
            let after = Footprint.now()
            #expect(supervisors.allSatisfy { kill($0, 0) != 0 })
            #expect(after.mounts == before.mounts && after.folders == before.folders, "\(before) → \(after)")
            // Other suites open and close theirs at the same time; one for each program would be 2000.
            #expect(after.descriptors < before.descriptors + 200, "\(before) → \(after)")
        }
    }
}

/// Somebody who listens outside, and whom no program may reach.
private final class Listeners {
    let port: UInt16
    let name = "hone-listener-\(getpid())"
    private let sockets: [Int32]

    init() throws {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let stream = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                _ = bind(stream, address, length)
                _ = listen(stream, 16)
                _ = getsockname(stream, address, &length)
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        let datagrams = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = bind(datagrams, $0, length) }
        }
        var local = sockaddr_un()
        local.sun_family = sa_family_t(AF_UNIX)
        let bytes = [0] + Array(name.utf8)
        withUnsafeMutableBytes(of: &local.sun_path) { $0.copyBytes(from: bytes) }
        let abstract = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        withUnsafePointer(to: &local) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(abstract, $0, socklen_t(MemoryLayout<sa_family_t>.size + bytes.count))
            }
        }
        listen(abstract, 16)
        sockets = [stream, datagrams, abstract]
    }

    deinit { for socket in sockets { close(socket) } }

    /// How many have come.
    var visitors: Int {
        var waiting = sockets.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        return Int(poll(&waiting, nfds_t(waiting.count), 0))
    }
}
