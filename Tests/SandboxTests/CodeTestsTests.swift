import Foundation
import Sandbox
import Testing
import TextCore
import Verifiers

#if canImport(Glibc)
    import Glibc
#endif

extension SandboxSuites {
    @Suite(.serialized) struct CodeTestsTests {
        static let hasPython =
            (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
            .contains { FileManager.default.isExecutableFile(atPath: "\($0)/python3") }
        static let hasSwift =
            (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
            .contains { FileManager.default.isExecutableFile(atPath: "\($0)/swiftc") }

        private static let sums: JSON = [
            "cases": [["input": "3 4\n", "output": "7\n"], ["input": "-1 1\n", "output": "0\n"]]
        ]
        private static let calls: JSON = [
            "function": "add",
            "cases": [["args": [3, 4], "expected": 7], ["args": [[1], [2]], "expected": [1, 2]]],
        ]
        /// As HumanEval has them.
        private static let units: JSON = [
            "entry_point": "add",
            "tests":
                "def check(candidate):\n    assert candidate(3, 4) == 7\n    assert candidate([1], [2]) == [1, 2]\n",
        ]

        // MARK: What passes

        @Test("Right answers pass in each mode, in a fence or bare, and wrong ones do not", .enabled(if: hasPython))
        func rightAnswersPass() async throws {
            let program = "a, b = map(int, input().split())\nprint(a + b)"
            let function = "def add(a, b):\n    return a + b"
            for (answer, reference) in [(program, Self.sums), (function, Self.calls), (function, Self.units)] {
                for text in [
                    answer, "Here it is:\n```python\n\(answer)\n```\nIt adds.", "```\nno\n```\n```python\n\(answer)",
                ] {
                    let score = try #require(try await TestSandboxes.verdict(text, reference))
                    #expect(score.passed == true && score.value == 1, "\(reference.text()): \(score.note ?? "")")
                }
                let wrong = try #require(
                    try await TestSandboxes.verdict(answer.replacing("+ b", with: "- b"), reference))
                #expect(wrong.passed == false && wrong.value == 0)
                #expect(wrong.note?.hasPrefix("case 1 of") == true, "\(wrong.note ?? "")")
            }
        }

        @Test("A fraction is the weight of the cases that pass", .enabled(if: hasPython))
        func fractions() async throws {
            let reference: JSON = [
                "function": "f",
                "cases": [
                    ["args": [0], "expected": 0, "weight": 3], ["args": [1], "expected": 1],
                    ["args": [2], "expected": 2, "weight": 4],
                ],
            ]
            let score = try #require(
                try await TestSandboxes.verdict(
                    "def f(x):\n    if x == 1: import os; os._exit(0)\n    return x", reference, ["mode": "fraction"]))
            #expect(score.value == 7.0 / 8 && score.passed == false)
            #expect(score.note == "case 2 of 3: the function gave no value")
        }

        @Test("What a program writes is compared as the recipe says", .enabled(if: hasPython))
        func comparisons() async throws {
            let reference: JSON = ["cases": [["input": "", "output": "1.0 two\nthree\n"]]]
            for (program, passing) in [
                ("print('1.0 two\\nthree')", ["exact", "lines", "tokens", "numbers"]),
                ("print('1.0 two  \\nthree\\n')", ["lines", "tokens", "numbers"]),
                ("print('1.0  two three', end='')", ["tokens", "numbers"]),
                ("print('1.0000000001 two three')", ["numbers"]), ("print('1.1 two three')", []),
                ("print('1.0 two\\nthree\\nPASSED')", []),
            ] {
                for compare in ["exact", "lines", "tokens", "numbers"] {
                    let score = try await TestSandboxes.verdict(program, reference, ["compare": .string(compare)])
                    #expect(
                        score?.passed == passing.contains(compare), "\(program) with \(compare): \(score?.note ?? "")")
                }
            }
        }

        @Test("Honest programs with odd habits pass", .enabled(if: hasPython))
        func oddProgramsPass() async throws {
            let body = "a, b = map(int, input().split())\nprint(a + b)\n"
            let odd = [
                "threads":
                    "import threading\nout = []\ndef f():\n    a, b = map(int, input().split()); out.append(a + b)\n"
                    + "t = threading.Thread(target=f); t.start(); t.join(); print(out[0])",
                "slow but in time": "import time\ntime.sleep(1.5)\n" + body,
                "deep":
                    "import sys, threading\nsys.setrecursionlimit(50000)\nthreading.stack_size(64 << 20)\ndef f(n): return 0 if n == 0 else 1 + f(n - 1)\n"
                    + "t = threading.Thread(target=lambda: f(20000)); t.start(); t.join()\n" + body,
                "errors on the side": "import sys, warnings\nsys.stderr.write('note\\n' * 1000)\nwarnings.warn('old')\n"
                    + body,
                "children": "import subprocess\nsubprocess.run(['true'], check=True)\n" + body,
                "processes":
                    "import multiprocessing\nif __name__ == '__main__':\n    with multiprocessing.Pool(2) as pool:\n        a, b = map(int, input().split())\n        print(sum(pool.map(int, [a, b])))",
                "files": "open('x', 'w').write('y' * 100000)\nassert open('x').read()[0] == 'y'\n" + body,
                "exit": body + "exit()",
                "main":
                    "def main():\n    print(sum(map(int, input().split())))\nif __name__ == '__main__':\n    main()",
                "classes that are pickled":
                    "import pickle\nclass A: pass\nassert type(pickle.loads(pickle.dumps(A()))) is A\n" + body,
                "another encoding": "# -*- coding: latin-1 -*-\nimport sys\n" + body,
                "asyncio":
                    "import asyncio\nasync def f(): return sum(map(int, input().split()))\nprint(asyncio.run(f()))",
            ]
            for (name, program) in odd {
                let score = try #require(try await TestSandboxes.verdict(program, Self.sums))
                #expect(score.passed == true, "\(name): \(score.note ?? "")")
            }
        }

        @Test("Unit tests see plain values, exceptions, classes and changed arguments", .enabled(if: hasPython))
        func unitTestsInPython() async throws {
            let answer = """
                import collections

                LIMIT = 3

                class TooMany(Exception):
                    pass

                class Stack:
                    def __init__(self, items=()):
                        self.items = list(items)
                    def push(self, item):
                        if len(self.items) >= LIMIT: raise TooMany("full")
                        self.items.append(item)
                        return self
                    def pop(self): return self.items.pop()

                Point = collections.namedtuple("Point", "x y")

                def mirror(p): return Point(p[1], p[0])
                def sort(values): values.sort()
                def count(text): return collections.Counter(text)
                def evens(n):
                    for i in range(n): yield 2 * i
                def root(x):
                    if x < 0: raise ValueError("negative")
                    return x ** 0.5
                def big(): return 2 ** 200
                def odd(): return {1: (2, {3}), "a": [None, True, b"x", 1j]}
                """
            let tests: [JSON] = [
                "assert mirror((1, 2)) == (2, 1)", "x = [3, 1, 2]\nsort(x)\nassert x == [1, 2, 3]",
                "assert count('aab') == {'a': 2, 'b': 1}", "assert list(evens(3)) == [0, 2, 4]",
                "try:\n    root(-1)\n    assert False\nexcept ValueError as error:\n    assert 'negative' in str(error)",
                "assert abs(root(2) - 1.41421356) < 1e-6", "assert big() == 2 ** 200 and LIMIT == 3",
                "assert odd() == {1: (2, {3}), 'a': [None, True, b'x', 1j]}",
                "s = Stack([1])\ns.push(2)\nassert s.pop() == 2 and s.items == [1] and len(s.items) == 1",
                "s = Stack()\ns.push(1).push(2).push(3)\ntry:\n    s.push(4)\n    assert False\nexcept TooMany: pass",
                "import unittest\nclass T(unittest.TestCase):\n    def test_root(self):\n        self.assertEqual(root(4), 2)\n        with self.assertRaises(ValueError): root(-4)",
                "from solution import root as r\ndef test_it():\n    assert r(9) == 3",
            ]
            let score = try #require(
                try await TestSandboxes.verdict(answer, ["tests": .array(tests)], ["mode": "fraction"]))
            #expect(score.passed == true, "\(score.note ?? "")")
            // Each of them can fail.
            let broken = answer.replacing("** 0.5", with: "** 0.6").replacing("values.sort()", with: "pass")
                .replacing("p[1], p[0]", with: "p[0], p[0]").replacing("2 * i", with: "3 * i").replacing(
                    "{1: (2,", with: "{1: (3,"
                )
                .replacing("2 ** 200", with: "2 ** 201").replacing("Counter(text)", with: "Counter(text + 'a')")
                .replacing("self.items.pop()", with: "0").replacing("LIMIT = 3", with: "LIMIT = 4").replacing(
                    "x < 0", with: "x < -9")
            let none = try #require(
                try await TestSandboxes.verdict(broken, ["tests": .array(tests)], ["mode": "fraction"]))
            #expect(none.value == 0, "\(none.value)")
        }

        @Test("A program in Swift is built and run, and its functions are called", .enabled(if: hasSwift))
        func swiftIsBuilt() async throws {
            let options: JSON = ["language": "swift"]
            let program = "let n = readLine()!.split(separator: \" \").compactMap { Int($0) }\nprint(n[0] + n[1])"
            let score = try #require(try await TestSandboxes.verdict("```swift\n\(program)\n```", Self.sums, options))
            #expect(score.passed == true, "\(score.note ?? "")")
            let function: JSON = [
                "function": "twice", "cases": [["args": [["a": 1], 2.5], "expected": ["a": 2, "b": 5]]],
            ]
            let answer =
                "func twice(_ d: [String: Int], times: Double) throws -> [String: Int] {\n    var d = d.mapValues { $0 * 2 }\n    d[\"b\"] = Int(times * 2)\n    return d\n}"
            let called = try #require(try await TestSandboxes.verdict(answer, function, options))
            #expect(called.passed == true, "\(called.note ?? "")")
            let broken = try #require(try await TestSandboxes.verdict("func twice(", function, options))
            #expect(broken.passed == false && broken.note?.contains("the build ended with status 1") == true)
        }

        @Test("Any command runs a program, built or not")
        func anyCommand() async throws {
            let shell: JSON = ["language": "command", "file": "main.sh", "run": ["sh", "main.sh"]]
            let answer = "read a b\necho $((a + b))"
            #expect(try await TestSandboxes.verdict(answer, Self.sums, shell)?.passed == true)
            let built: JSON = [
                "language": "command", "file": "main.sh",
                "build": ["sh", "-c", "cp main.sh program; chmod +x program"],
                "product": "program", "run": ["./program"],
            ]
            #expect(try await TestSandboxes.verdict("#!/bin/sh\n" + answer, Self.sums, built)?.passed == true)
            for (options, option) in [
                (["language": "command"] as JSON, "run"), (["language": "command", "run": ["sh"]], "file"),
                (["language": "command", "file": "a/b", "run": ["sh"]], "file"), (["run": ["sh"]], "run"),
                (["language": "command", "file": "a", "run": ["no-such-program"]], "run"),
            ] {
                let failure = #expect(throws: VerifierFailure.self) { try TestSandboxes.verifier(options) }
                #expect(failure?.kind == .configuration && failure?.option == option)
            }
        }

        // MARK: X5

        /// Ways to be right without being right.
        static let cheats = [
            "exit 0": "import sys\nsys.exit(0)", "exit at once": "import os\nos._exit(0)",
            "raise SystemExit": "raise SystemExit",
            "forged words": "print('PASSED')\nprint('OK')\nprint('{\"passed\": true, \"score\": 1}')",
            "forged report":
                "import os\nfor n in (3, 4, 5, 6):\n    try: os.write(n, b'{\"results\": [{\"passed\": true}, {\"passed\": true}], \"value\": 7}\\n')\n    except OSError: pass\nos._exit(0)",
            "patched equality":
                "class Yes(int):\n    def __eq__(self, other): return True\n    def __ne__(self, other): return False\n    __hash__ = int.__hash__\ndef add(a, b): return Yes(0)\nprint(Yes(0))",
            "an object that equals all":
                "class Yes:\n    def __eq__(self, other): return True\n    def __ne__(self, other): return False\n    def __str__(self): return '7'[:0]\n    def __bool__(self): return True\ndef add(a, b): return Yes()\nprint(Yes())",
            "patched builtins":
                "import builtins, sys\nbuiltins.assertEqual = builtins.all = lambda *a: True\nAssertionError = Exception\ndef isinstance(*a): return True\ndef list(*a): return 0\ndef set(*a): return 0\ndef add(a, b): return None",
            "patched modules":
                "import sys, json, os, unittest\nclass Any:\n    def __getattr__(self, name): return lambda *a, **k: {'passed': True}\nfor name in list(sys.modules): sys.modules[name] = Any()\ndef add(a, b): return 0",
            "patched frames":
                "import sys, os\nf = sys._getframe()\nwhile f:\n    f.f_globals['passed'] = True\n    for k in list(f.f_locals):\n        if k not in ('f', 'k'): f.f_locals[k] = True\n    f = f.f_back\ndef add(a, b): return 0",
            "reading the tests":
                """
            import glob, os, re, sys
            found = ""
            for path in glob.glob("/tmp/**", recursive=True) + glob.glob("/proc/*/cmdline") + glob.glob("/proc/*/environ") + glob.glob("/proc/*/fd/*") + glob.glob("*"):
                if "answer" in path: continue
                try: found += open(path, errors="ignore").read(100000)
                except Exception: pass
            def add(a, b):
                if "candi" + "date(3, 4)" in found or "exp" + "ected" in found: return 7 if a == 3 else [1, 2]
                return 0
            if "exp" + "ected" in found or "out" + "put" in found: print(7)
            """,
            "infinite output": "while True: print('7' * 10000)",
            "fork bomb": "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
            "forks that answer": "import os\nos.fork()\nos.fork()\nprint(7)",
            "endless": "while True: pass", "asleep": "import time\ntime.sleep(1000)",
            "a right answer with a wrong status": "print(sum(map(int, input().split())))\nraise SystemExit(1)",
            "an answer that kills":
                "import os, signal\nos.kill(-1, signal.SIGKILL)\nos.kill(os.getppid(), signal.SIGKILL)",
            "nothing": "", "only a comment": "# 7",
        ]

        @Test("X5 sbx.verdict_forgery: no way to cheat passes, in any mode", .enabled(if: hasPython))
        func cheatsFail() async throws {
            let options: JSON = ["seconds": 1.5, "cpu_seconds": 1, "output": 2]
            let verifier = try TestSandboxes.verifier(options)
            for (kind, reference) in [("programs", Self.sums), ("calls", Self.calls), ("units", Self.units)] {
                let row = try AnyVerifier(verifier).bound(to: reference)
                for (name, answer) in Self.cheats {
                    let score = try await row.verify(Rollout(answer), in: VerificationContext()).score
                    #expect(score?.passed == false && score?.value == 0, "\(kind): \(name) passes")
                }
                for probe in row.probes {
                    let score = try await row.verify(Rollout(probe.answer), in: VerificationContext()).score
                    #expect(score?.passed == probe.passes, "\(kind): probe \(probe.name)")
                }
            }
        }

        @Test(
            "X5 sbx.verdict_forgery: an answer that brings built-ins or helpers of its own decides no test with them",
            .enabled(if: hasPython))
        func ownBuiltinsDecideNothing() async throws {
            let answer =
                "def f(x): return []\ndef set(x): return 0\ndef all(x): return True\ndef check(x): return True\n"
            for test in [
                "assert set(f(1)) == set([1])", "assert all([f(1) == [1]])",
                "def check(candidate):\n    assert candidate(1) == [1]",
            ] {
                let score = try await TestSandboxes.verdict(answer, ["tests": .string(test), "entry_point": "f"])
                #expect(score?.passed == false, "\(test)")
            }
        }

        @Test("X5 sbx.verdict_forgery: a test that never uses the answer passes nothing", .enabled(if: hasPython))
        func emptyTestsPassNothing() async throws {
            for test in ["assert True", "def check(candidate): pass", "import solution"] {
                let score = try await TestSandboxes.verdict(
                    "def f(): return 1", ["tests": .string(test), "entry_point": "f"])
                #expect(score?.passed == false && score?.note?.contains("never used the answer") == true)
            }
        }

        @Test("Rows that no program could meet, or any would, are refused")
        func badRowsAreRefused() throws {
            let verifier = AnyVerifier(
                try TestSandboxes.verifier(["language": "command", "file": "a", "run": ["sh", "a"]]))
            for reference: JSON in [
                ["cases": []], ["cases": [["input": "x", "output": " \n"]]], ["tests": "assert f() == 1"], [:], 3,
                .null,
                ["function": "f", "cases": [["args": [], "expected": 1]]], ["cases": [["input": "x"]]],
                ["inputs": ["1"], "outputs": []], ["cases": [["output": "1", "weight": 0]]],
            ] {
                let failure = #expect(throws: VerifierFailure.self) { try verifier.bound(to: reference) }
                #expect(failure?.kind == .item, "\(reference.text())")
            }
        }

        @Test("The columns of APPS and MBPP are understood as they are", .enabled(if: hasPython))
        func knownColumns() async throws {
            let apps: JSON = .string(#"{"inputs": ["3 4", "1 1"], "outputs": ["7", "2"]}"#)
            let named: JSON = ["fn_name": "add", "inputs": [[3, 4]], "outputs": [7]]
            let mbpp: JSON = ["assert add(3, 4) == 7", "assert add(0, 0) == 0"]
            let program =
                "def add(a, b): return a + b\nif __name__ == '__main__': print(add(*map(int, input().split())))"
            for reference in [apps, named, mbpp] {
                let score = try await TestSandboxes.verdict(program, reference)
                #expect(score?.passed == true, "\(reference.text()): \(score?.note ?? "")")
            }
            let nothing: JSON = ["function": "f", "cases": [["args": []]]]
            #expect(try await TestSandboxes.verdict("def f(): pass", nothing)?.passed == true)
            #expect(try await TestSandboxes.verdict("def f(): return 0", nothing)?.passed == false)
            let method = "class Solution:\n    def add(self, a, b): return a + b"
            #expect(try await TestSandboxes.verdict(method, named)?.passed == true)
        }

        // MARK: X6

        @Test("X6 sbx.infra_error_is_not_zero: a sandbox that fails gives no score, is asked once more, and is counted")
        func infrastructureIsNoScore() async throws {
            let sandbox = try Sandbox(minimum: .c, slots: 1)
            let verifier = AnyVerifier(
                try TestSandboxes.verifier(
                    ["language": "command", "file": "a", "run": ["/usr/bin/no-such-interpreter"]], sandbox: sandbox))
            let component = RewardComponent(verifier, remembers: false)
            let set = try RewardSet([component], backoff: .milliseconds(1))
            let row = try set.bind(row: [:], completion: Self.sums, item: "row")
            let scores = try await set.score([
                RewardGroup([Rollout("x", item: "row"), Rollout("y", item: "row", sample: 1)], rewards: row)
            ])
            for score in scores[0] {
                #expect(score.status == .errored && score.total == nil && score.passed == nil)
                #expect(score.failure?.kind == .sandbox && score.parts[0].attempts == 2)
                #expect(score.failure?.message.contains("exec /usr/bin/no-such-interpreter: No such file") == true)
            }
            var watch = FailureWatch()
            let right = RolloutScore(item: "r", sample: 0, total: 1, passed: true, parts: [], status: .scored)
            // 2 of 40 are 5 %, which is not more; one more is.
            #expect(watch.record([scores[0], [RolloutScore](repeating: right, count: 38)]) == .goOn)
            // A run that goes on from a checkpoint goes on counting.
            var resumed = FailureWatch()
            resumed.restore(watch.state)
            #expect(resumed == watch && resumed.sandboxFailures == 2)
            guard case .abort(let words) = watch.record([[scores[0][0]]]) else {
                Issue.record("3 of 41 rollouts without a sandbox do not end the run")
                return
            }
            #expect(words.contains("the sandbox failed on 3 of 41 rollouts so far, more than 5 %"))
            #expect(watch.sandboxFailures == 3)
        }

        @Test("X6 sbx.infra_error_is_not_zero: a supervisor that is killed costs one call, and the next has another")
        func killedSupervisor() async throws {
            let sandbox = try Sandbox(minimum: .c, slots: 1)
            for process in sandbox.idleProcesses { kill(process, SIGKILL) }
            await #expect(throws: SandboxFailure.self) { try await sandbox.run(TestSandboxes.shell("echo x")) }
            #expect(try await sandbox.run(TestSandboxes.shell("echo x")).output.whole == Array("x\n".utf8))
            // In the middle of a program, too; nothing of the program is left.
            let supervisor = try #require(sandbox.idleProcesses.first)
            let task = Task { try await sandbox.run(TestSandboxes.shell("sleep 612", seconds: 600)) }
            try await Task.sleep(for: .milliseconds(500))
            kill(supervisor, SIGKILL)
            let failure = await #expect(throws: SandboxFailure.self) { try await task.value }
            #expect(failure?.message == "the supervisor is gone")
            #expect(try await Footprint.isGone(sleeping: 612))
        }

        @Test("X6 sbx.infra_error_is_not_zero: a disk too small for what is given is no fault of the program")
        func fullDisk() async throws {
            for way in TestSandboxes.strongest {
                guard let sandbox = try TestSandboxes.sandbox(way, slots: 1) else { continue }
                var program = TestSandboxes.shell("cat data")
                program.files = [.init("data", [UInt8](repeating: 1, count: 1 << 20))]
                program.limits.disk = 64 << 10
                let failure = await #expect(throws: SandboxFailure.self) { try await sandbox.run(program) }
                #expect(failure?.code == ENOSPC && failure?.message == "write data: No space left on device")
            }
        }

        @Test("X6 sbx.infra_error_is_not_zero: without Python the verifier is refused before a run")
        func missingPython() throws {
            var environment = VerifierEnvironment()
            environment.variables["PATH"] = "/nowhere"
            let failure = #expect(throws: VerifierFailure.self) {
                _ = try CodeTests(CodeTests.Configuration(), in: environment)
            }
            #expect(
                failure?.kind == .configuration && failure?.message.contains("there is no python3 on the path") == true)
        }

        // MARK: X7 and X8

        @Test(
            "X7 sbx.hostile_output: notes of a verdict are plain text, whatever the program wrote",
            .enabled(if: hasPython))
        func notesArePlain() async throws {
            let hostile = [
                "import os\nos.write(1, b'\\xff\\xfe\\x00\\x1b[31m<script>alert(1)</script>\\r\\x07')",
                "import os\nos.write(2, b'\\x1b]0;x\\x07\\xff\\n\\x00\\x9b')\nos.abort()",
                "print('a' * (10 << 20))", "print('\\u202e\\u2066' * 1000)",
            ]
            for program in hostile {
                let score = try #require(try await TestSandboxes.verdict(program, Self.sums))
                let note = try #require(score.note)
                #expect(score.passed == false && note.utf8.count < 2000)
                #expect(
                    note.unicodeScalars.allSatisfy {
                        $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) && !(0x202A...0x2069).contains($0.value)
                    }, "\(note)")
            }
        }

        @Test(
            "X8 sbx.throughput_and_leaks: 2000 programs that add numbers are judged, each in a sandbox of its own",
            .enabled(if: hasPython && ProcessInfo.processInfo.environment["HONE_SOAK"] != nil))
        func judgingThousands() async throws {
            let verifier = AnyVerifier(try TestSandboxes.verifier(["slots": 2]))
            let component = RewardComponent(verifier, remembers: false, concurrency: 4)
            let set = try RewardSet([component])
            let groups = try (0..<500).map { number in
                let row = try set.bind(
                    row: [:], completion: ["cases": [["input": "", "output": .string("\(number * 2)")]]],
                    item: "row \(number)")
                return RewardGroup(
                    (0..<4).map { Rollout("print(\(number) * \($0 == 3 ? 3 : 2))", item: "row \(number)", sample: $0) },
                    rewards: row)
            }
            let start = ContinuousClock.now
            let scores = try await set.score(groups)
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            print("X8: 2000 programs of code_tests in \(seconds) s, \(2000 / seconds) a second, in \(verifier.name)")
            let passed = scores.flatMap { $0 }.count { $0.passed == true }
            // 0 × 3 is 0 × 2.
            #expect(passed == 1501)
        }

        // MARK: A verifier like any other

        @Test(
            "The sandbox that was reached is a trait of the verifier, as a registry makes it", .enabled(if: hasPython))
        func tierIsATrait() throws {
            var registry = VerifierRegistry()
            registry.registerCodeTests()
            let verifier = try registry.make("code_tests", in: VerifierEnvironment(verifiers: registry))
            #expect(verifier.traits.sandbox == .a && verifier.traits.runsUntrustedCode && verifier.name == "code_tests")
        }

        @Test("code_tests keeps to what every verifier has to keep to", .enabled(if: hasPython))
        func conformance() async throws {
            let findings = await VerifierConformance.check(
                CodeTests.self, options: ["seconds": 5],
                examples: [
                    .init(
                        reference: Self.calls, passing: ["def add(a, b): return a + b"],
                        failing: ["def add(a, b): return a", "import sys; sys.exit(0)"])
                ])
            #expect(findings.isEmpty, "\(findings.map(\.description).joined(separator: "\n"))")
        }
    }
}
