import Testing
import TextCore
import Verifiers

/// A verifier as a user would write one.
private struct Shout: ImmediateVerifier {
    struct Configuration: VerifierConfiguration {
        var marks = 1
        var factor = 1.0
        static let options: [ConfigurationOption<Self>] = [
            .init(
                "marks", \.marks, "Exclamation marks that are wanted.",
                allowed: ("a whole number of at least 1", { $0 >= 1 })),
            .init("factor", \.factor, "What the score is multiplied by."),
        ]
    }

    static let name = "shout"
    static let summary = "the answer is the reference, shouted"
    let configuration: Configuration

    init(_ configuration: Configuration) { self.configuration = configuration }

    func verify(_ rollout: Rollout, against reference: String) throws(VerifierFailure) -> Verdict {
        guard reference != "mute" else { return .abstain(reason: "nothing to shout") }
        let wanted = reference.uppercased() + String(repeating: "!", count: configuration.marks)
        return .score(Score(rollout.fullText == wanted ? configuration.factor : 0))
    }
}

/// A verifier that has to wait.
private struct Slow: Verifier {
    static let name = "slow"
    static let summary = "waits"
    init(_ configuration: NoConfiguration) {}

    func verify(_ rollout: Rollout, against reference: NoReference, in context: VerificationContext)
        async throws(VerifierFailure) -> Verdict
    {
        await Task.yield()
        throw VerifierFailure(.infrastructure, "no answer on attempt \(context.attempt)")
    }
}

@Suite struct VerifierRegistryTests {
    private var registry: VerifierRegistry {
        var registry = VerifierRegistry.builtin
        registry.register(Shout.self)
        registry.register(Slow.self)
        return registry
    }

    private func failure(_ name: String, _ options: JSON) -> String? {
        let error = #expect(throws: VerifierFailure.self) { try registry.make(name, options: options) }
        return error?.description
    }

    @Test func anOwnVerifierIsOneRegistration() async throws {
        let shout = try registry.make("shout", options: ["marks": 2]).bound(to: "hi")
        #expect(try shout.verify(Rollout("HI!!")).score?.value == 1)
        #expect(try await shout.verify(Rollout("HI!"), in: VerificationContext()).score?.value == 0)
        let mute = try registry.make("shout").bound(to: "mute")
        #expect(try mute.verify(Rollout("")) == .abstain(reason: "nothing to shout"))
    }

    @Test func optionsAreStrict() {
        #expect(
            failure("numeric", ["tolerence": 1])
                == "verifier 'numeric', option 'tolerence': unknown option. Did you mean 'tolerance'?")
        #expect(
            failure("exact", ["pattern": 1])
                == "verifier 'exact', option 'pattern': unknown option. Known: ignore_case, normalize, extract.")
        #expect(failure("slow", ["x": 1]) == "verifier 'slow', option 'x': unknown option. It has no options.")
        #expect(
            failure("numeric", ["tolerance": "1"])
                == "verifier 'numeric', option 'tolerance': a number of at least 0 is expected, and \"1\" was given")
        #expect(
            failure("numeric", ["tolerance": -1])
                == "verifier 'numeric', option 'tolerance': a number of at least 0 is expected, and -1 was given")
        #expect(
            failure("contains", ["mode": "some"])
                == "verifier 'contains', option 'mode': one of any, all is expected, and \"some\" was given")
        #expect(
            failure("exact", [1]) == "verifier 'exact': options are an object, and an array was given")
        #expect(
            failure("label", ["match": "find"])
                == "verifier 'label', option 'match': `find` needs `labels`, or there is nothing to find")
        #expect(
            failure("label", ["labels": ["Top up", "top  up"]])
                == "verifier 'label', option 'labels': 'Top up' and 'top  up' are the same label: runs of white space do not "
                + "count, nor does case")
        #expect(
            failure("regex", [:]) == "verifier 'regex', option 'pattern': a pattern must be given, such as \"^yes\"")
        #expect(failure("regex", ["pattern": "(a"])?.hasPrefix("verifier 'regex', option 'pattern': ") == true)
        #expect(
            failure("regex", ["pattern": "a", "min_count": 2, "max_count": 1])
                == "verifier 'regex', option 'max_count': 1 is less than min_count, 2")
        #expect(
            failure("numerik", [:])
                == "verifier 'numerik': there is no such verifier. Did you mean 'numeric'? Known: "
                + "\(registry.names.joined(separator: ", ")).")
    }

    @Test func aBadReferenceFailsWhenItIsBound() throws {
        func failure(_ name: String, with options: JSON = [:], _ reference: JSON) throws -> VerifierFailure? {
            let verifier = try registry.make(name, options: options)
            return #expect(throws: VerifierFailure.self) { try verifier.bound(to: reference) }
        }
        #expect(
            try failure("exact", ["a": 1])?.description
                == "verifier 'exact': the reference must be a string or a list of strings, and is an object: {\"a\":1}")
        #expect(try failure("exact", [])?.kind == .item)
        #expect(try failure("exact", ["a", [:]])?.kind == .item)
        #expect(
            try failure("contains", "")?.description
                == "verifier 'contains': the reference is empty, and every answer contains that")
        #expect(
            try failure("label", with: ["labels": ["refund", "cancel"]], "refunt")?.description
                == "verifier 'label': the reference 'refunt' is none of the labels. Did you mean 'refund'?")
        #expect(
            try failure("numeric", "none")?.description
                == "verifier 'numeric': there is no number in the reference 'none'")
        #expect(try failure("numeric", [1])?.kind == .item)
    }

    @Test func aScoreOutsideItsRangeIsAFailure() throws {
        let big = try registry.make("shout", options: ["factor": 2]).bound(to: "hi")
        let error = #expect(throws: VerifierFailure.self) { try big.verify(Rollout("HI!")) }
        #expect(error?.description == "verifier 'shout': score 2.0 is not in 0.0...1.0")
        #expect(error?.kind == .invalidValue)
        #expect(throws: VerifierFailure.self) {
            try AnyVerifier(NotANumber(.init())).bound(to: .null).verify(Rollout(""))
        }
    }

    private struct NotANumber: ImmediateVerifier {
        static let name = "nan"
        static let summary = "not a number"
        init(_ configuration: NoConfiguration) {}
        func verify(_ rollout: Rollout, against reference: NoReference) throws(VerifierFailure) -> Verdict {
            .score(Score(.nan))
        }
    }

    @Test func aFailureKeepsItsKindAndGetsItsName() async throws {
        let slow = try registry.make("slow").bound(to: .null)
        #expect(!slow.isImmediate)
        let error = await #expect(throws: VerifierFailure.self) {
            try await slow.verify(Rollout("x"), in: VerificationContext(attempt: 3))
        }
        #expect(error?.description == "verifier 'slow': no answer on attempt 3")
        #expect(error?.kind == .infrastructure)
    }

    @Test func everyVerifierSaysWhatItIs() throws {
        for name in registry.names {
            #expect(registry.summary(of: name)?.isEmpty == false)
            for option in try #require(registry.options(of: name)) {
                #expect(!option.summary.isEmpty && !option.expectation.isEmpty, "\(name).\(option.name)")
            }
        }
    }
}
