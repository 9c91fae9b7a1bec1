import Foundation
import Testing
import TextCore
import Verifiers

extension WorkerTests {
    @Suite("Verifiers in files of their own") struct Files {
        private static let two = """
            import TextCore
            import Verifiers

            enum Checks {
                /* struct Commented: Verifier {} */
                struct Exact: ImmediateVerifier {
                    static let name = "exact"
                    static let summary = "struct Quoted: Verifier"
                    struct Configuration: VerifierConfiguration {
                        static let options: [ConfigurationOption<Self>] = [ConfigurationOption("value", \\.value, "the score")]
                        var value = 1.0
                    }
                    let configuration: Configuration
                    init(_ configuration: Configuration) { self.configuration = configuration }
                    func verify(_ rollout: Rollout, against wanted: String) throws(VerifierFailure) -> Verdict {
                        .score(Score(rollout.fullText == wanted ? configuration.value : 0))
                    }
                }
            }

            struct Shortest: GroupVerifier, SelfTesting {
                static let name = "shortest"
                static let summary = "the shortest of its row"
                static var range: ClosedRange<Double> { -1.0...(.infinity) }
                init(_: NoConfiguration) {}
                func verify(_ group: [GroupMember], against _: NoReference, in context: VerificationContext)
                    async throws(VerifierFailure) -> [Result<Verdict, VerifierFailure>]
                {
                    context.log("\\(group.count) members, seed \\(context.random.seed)")
                    context.metric("members", Double(group.count))
                    let lengths = group.map { $0.rollout.fullText.utf8.count }
                    return group.enumerated().map { index, member in
                        if member.earlier?.passed == false { return .success(.abstain(reason: "it is wrong")) }
                        if lengths[index] == 0 { return .failure(VerifierFailure(.item, "an empty one")) }
                        return .success(.score(Score(lengths[index] == lengths.min() ? 1 : -1)))
                    }
                }
                func probes(for _: NoReference) -> [VerifierProbe] { [VerifierProbe("gold", answer: "a", passes: true)] }
            }

            """

        @Test("A file with several verifiers gives the one that is named, with its options")
        func several() async throws {
            let folder = try Folder()
            try folder.write("two.swift", Self.two)
            let environment = folder.environment()
            let exact = try environment.verifiers.make("./two.swift#exact", options: ["value": 0.5], in: environment)
            let verdict = try await exact.bound(to: "a").verify(Rollout("a"), in: context())
            #expect(verdict.score?.value == 0.5)
            let unknown = #expect(throws: VerifierFailure.self) {
                try environment.verifiers.make("two.swift#exact", options: ["valu": 1], in: environment)
            }
            #expect(unknown?.kind == .configuration && unknown?.option == "valu")
            let unnamed = #expect(throws: VerifierFailure.self) { try VerifierFile.make("two.swift", in: environment) }
            #expect(unnamed?.message.contains("exact, shortest") == true, "\(unnamed?.message ?? "")")

            let group = try VerifierFile.make("two.swift#shortest", in: environment)
            #expect(group.scope == .group && group.range == -1...(.infinity))
            let row = try group.bound(to: .null)
            #expect(row.isOfGroups && row.probes == [VerifierProbe("gold", answer: "a", passes: true)])
            let notes = VerificationNotes()
            let members = [
                GroupMember(rollout: Rollout("aaa")),
                GroupMember(rollout: Rollout("aa"), earlier: Score(1, passed: true)),
                GroupMember(rollout: Rollout("")), GroupMember(rollout: Rollout("a"), earlier: Score(0, passed: false)),
            ]
            let seed = VerifierRandom(seed: .max - 5)
            let results = try await row.verify(members, in: VerificationContext(random: seed, notes: notes))
            let values = results.map { try? $0.get() }
            #expect(values[0]?.score?.value == -1 && values[1]?.score?.value == -1)
            #expect(values[2] == nil && values[3] == .abstain(reason: "it is wrong"))
            #expect(notes.messages == ["4 members, seed \(UInt64.max - 5)"] && notes.metrics == ["members": 4])
        }

        @Test("An error of the source is told with file, line and column")
        func errors() throws {
            let folder = try Folder()
            try folder.write(
                "wrong.swift", "import Verifiers\nstruct Wrong: ImmediateVerifier {\n  let x: Int = \"a\"\n}\n")
            let failure = #expect(throws: VerifierFailure.self) {
                try VerifierFile.make("wrong.swift", in: folder.environment())
            }
            #expect(failure?.kind == .configuration)
            let place = "\(folder.url.path)/wrong.swift:3:16: error: cannot convert value of type 'String'"
            #expect(failure?.message.contains(place) == true, "\(failure?.message ?? "")")
        }

        @Test("A file without a verifier that can be named is refused, and told what to do")
        func nothing() throws {
            let folder = try Folder()
            try folder.write("none.swift", "struct Other {}\n")
            try folder.write("hidden.swift", "private struct Mine: ImmediateVerifier {}\n")
            for (name, words) in [
                ("none.swift", "declares no verifier"), ("hidden.swift", "leave out 'private'"),
                ("missing.swift", "there is no file"), ("missing.verifier", "there is no file"),
            ] {
                let failure = #expect(throws: VerifierFailure.self) {
                    try VerifierFile.make(name, in: folder.environment())
                }
                #expect(failure?.kind == .configuration && failure?.message.contains(words) == true)
            }
        }

        @Test("A template compiles, passes its own examples, and is compiled once however many ask at once")
        func template() async throws {
            let folder = try Folder()
            let files = try VerifierTemplate(name: "last_line").write(to: folder.url)
            #expect(files.map(\.lastPathComponent) == ["last_line.swift", "last_line.examples.jsonl"])
            let environment = folder.environment()
            let made = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<3 {
                    group.addTask { (try? VerifierFile.make("last_line.swift", in: environment)) != nil }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(made == 3)
            let cache = try FileManager.default.contentsOfDirectory(atPath: folder.url.path + "/cache/verifiers")
            #expect(cache.filter { $0.hasSuffix(".verifier") }.count == 1 && !cache.contains { $0.hasPrefix("build-") })

            let examples = try VerifierConformance.examples(in: files[1])
            #expect(examples.count == 2)
            let findings = await VerifierConformance.check(examples: examples) { (options) throws(VerifierFailure) in
                try VerifierFile.make("last_line.swift", options: options, in: environment)
            }
            #expect(findings.isEmpty, "\(findings)")
            let again = #expect(throws: VerifierFailure.self) {
                try VerifierTemplate(name: "last_line").write(to: folder.url)
            }
            #expect(again?.message.contains("exists") == true)
            for name in ["", "1a", "a-b", "../a", "main", "é"] {
                #expect(throws: VerifierFailure.self) { try VerifierTemplate(name: name) }
            }
        }

        @Test("A worker that was built judges where there is no Swift")
        func artefact() async throws {
            let folder = try Folder()
            let environment = folder.environment()
            try folder.write("two.swift", Self.two)
            let worker = folder.url.appending(path: "two.verifier")
            try VerifierFile.build(folder.url.appending(path: "two.swift"), to: worker, in: environment)
            let bare = folder.environment(variables: ["PATH": "/nowhere", "LD_LIBRARY_PATH": ""])
            let verifier = try VerifierFile.make("two.verifier#exact", in: bare)
            #expect(try await verifier.bound(to: "a").verify(Rollout("a"), in: context()).score?.value == 1)
            try folder.write("other.swift", Self.two + "// other")
            let failure = #expect(throws: VerifierFailure.self) { try VerifierFile.make("other.swift#exact", in: bare) }
            #expect(failure?.message.contains("hone verifier build") == true, "\(failure?.message ?? "")")
            // Something that runs and is no worker.
            try folder.write("true.verifier", "#!/bin/sh\nexit 0\n")
            try FileManager.default.setAttributes(
                [.posixPermissions: 0o755], ofItemAtPath: folder.url.path + "/true.verifier")
            let other = #expect(throws: VerifierFailure.self) {
                try VerifierFile.make("true.verifier", in: folder.environment())
            }
            #expect(other?.message.contains("exited with status 0 when it started") == true, "\(other?.message ?? "")")
        }
    }
}
