import Foundation
import OrderedCollections
import Testing
import TextCore
import Verifiers

extension WorkerTests {
    @Suite("Verifiers in any language") struct Commands {
        /// Answers by what is in the line.
        private static let script = """
            while read -r line; do
                case "$line" in
                    *'"completion":"good"'*) echo '{"score": 0.75, "passed": true, "parts": {"a": 1}, "reason": "fine"}' ;;
                    *'"completion":"seen"'*) case "$line" in
                        *'"row":{"column":5}'*'"reference":[1,2]'*) echo '{"score": 1}' ;;
                        *) echo '{"score": 0}' ;;
                        esac ;;
                    *abstain*) echo '{"abstain": "no idea"}' ;;
                    *error*) echo '{"error": "no such row", "kind": "item"}' ;;
                    *typo*) echo '{"scores": 1}' ;;
                    *nan*) echo '{"score": NaN}' ;;
                    *text*) echo '{"score": "1"}' ;;
                    *high*) echo '{"score": 2}' ;;
                    *die*) echo "so long" >&2; exit 7 ;;
                    *hang*) sleep 1000 ;;
                    *say*) echo "a remark" >&2; sleep 0.2; echo '{"score": 0}' ;;
                    *) echo '{"score": 0}' ;;
                esac
            done

            """

        private func made(_ options: JSON = [:]) throws -> (AnyVerifier, Folder) {
            let folder = try Folder()
            try folder.write("score.sh", Self.script)
            var members = options.object ?? [:]
            members["run"] = members["run"] ?? ["sh", "score.sh"]
            let environment = folder.environment()
            return (try environment.verifiers.make("command", options: .object(members), in: environment), folder)
        }

        @Test("A program's answers are verdicts, and its mistakes are failures")
        func answers() async throws {
            let (verifier, folder) = try made(["startup": 2])
            let row = try verifier.bound(to: [1, 2])
            let notes = VerificationNotes()
            let context = VerificationContext(notes: notes)
            let score = Score(0.75, passed: true, parts: ["a": 1], note: "fine")
            #expect(try await row.verify(Rollout("good"), in: context) == .score(score))
            let seen = try await row.verify(Rollout("seen", row: ["column": 5]), in: context)
            #expect(seen.score?.value == 1)
            #expect(try await row.verify(Rollout("abstain"), in: context) == .abstain(reason: "no idea"))
            for (text, kind, words) in [
                ("error", VerifierFailure.Kind.item, "no such row"), ("typo", .invalidValue, "Did you mean 'score'?"),
                ("text", .invalidValue, "no number"), ("high", .invalidValue, "not in 0.0...1.0"),
                ("nan", .crashed, "not JSON"), ("die", .crashed, "exited with status 7: so long"),
            ] {
                let failure = await WorkerTests.failure(row, Rollout(text))
                #expect(failure?.kind == kind && failure?.message.contains(words) == true, "\(text): \(failure as Any)")
            }
            #expect(await WorkerTests.failure(row, Rollout("hang"), seconds: 0.5)?.kind == .timeout)
            #expect(try await row.verify(Rollout("say"), in: context).score?.value == 0)
            #expect(notes.messages == ["printed: a remark"])
            withExtendedLifetime(folder) {}
        }

        @Test("A batch is a line of many, and a list of another length is refused")
        func batches() async throws {
            let program = #"while read -r line; do echo '[{"score": 1}, {"error": "one bad"}, {"score": 0.5}]'; done"#
            let (verifier, folder) = try made(["run": ["sh", "-c", .string(program)], "batch": 3])
            #expect(verifier.scope == .batch(3))
            let row = try verifier.bound(to: .null)
            let batch = ["a", "b", "c"].map { (rollout: Rollout($0), verifier: row) }
            let results = await verifier.verify(batch, in: VerificationContext())
            #expect(try results[0].get().score?.value == 1 && results[2].get().score?.value == 0.5)
            #expect(throws: VerifierFailure.self) { try results[1].get() }
            let short = await verifier.verify(Array(batch.prefix(2)), in: VerificationContext())
            let failure = #expect(throws: VerifierFailure.self) { try short[0].get() }
            #expect(failure?.message.contains("3 verdicts for a list of 2") == true, "\(failure?.message ?? "")")
            withExtendedLifetime(folder) {}
        }

        @Test("Reward functions written for other trainers judge unchanged", arguments: ["trl", "verl", "chat"])
        func adapter(form: String) async throws {
            let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent()
            let folder = try Folder()
            try folder.write(
                "mine.py",
                """
                def reward(completions, wanted, **columns):
                    print("said")
                    texts = [text if isinstance(text, str) else text[0]["content"] for text in completions]
                    if "boom" in texts: raise ValueError("no")
                    return [None if text == "none" else float(text == want) for text, want in zip(texts, wanted)]

                def compute_score(data_source, solution_str, ground_truth, extra_info=None):
                    if solution_str == "boom": raise ValueError("no")
                    return {"score": float("nan") if solution_str == "none" else float(solution_str == ground_truth)}
                """)
            let place: [JSON] = form == "verl" ? ["verl", "mine.py:compute_score"] : ["mine.py:reward"]
            let adapter = root.appending(path: "recipes/adapters/python_rewards.py").path
            let environment = folder.environment()
            let verifier = try environment.verifiers.make(
                "command", options: ["run": .array(["python3", .string(adapter)] + place), "batch": 3], in: environment)
            let row = try verifier.bound(to: "yes")
            func batch(_ texts: [String]) -> [(rollout: Rollout, verifier: BoundVerifier)] {
                let messages: [JSON] = form == "chat" ? [["role": "user", "content": "?"]] : []
                return texts.map { (Rollout($0, messages: messages, row: ["wanted": "yes", "data_source": "x"]), row) }
            }
            let results = await verifier.verify(batch(["yes", "no", "none"]), in: WorkerTests.context())
            #expect(try results[0].get().score?.value == 1 && results[1].get().score?.value == 0)
            #expect(try results[2].get() == .abstain(reason: "the function gave no number"))
            let failed = await verifier.verify(batch(["yes", "boom", "no"]), in: WorkerTests.context())
            let failure = #expect(throws: VerifierFailure.self) { try failed[1].get() }
            #expect(failure?.message == "ValueError: no")
        }

        @Test("Options are strict, and a program that is not there is told before the run")
        func options() throws {
            for (options, words) in [
                (["run": ["no-such-program"]], "no program"), (["run": []], "at least one"),
                (["run": ["./missing.sh"]], "cannot run"), (["batch": 0], "1 to 1024"), (["runs": ["sh"]], "run"),
                (["minimum": 1], "not above"),
            ] as [(JSON, String)] {
                let failure = #expect(throws: VerifierFailure.self) { try made(options) }
                #expect(failure?.kind == .configuration && "\(failure as Any)".contains(words), "\(failure as Any)")
            }
        }
    }
}
