import OrderedCollections
public import TextCore

/// What every verifier has to keep to, tried on one of yours. Called from its tests:
///
///     let findings = await VerifierConformance.check(
///         UnitsVerifier.self,
///         examples: [.init(reference: "3 km", passing: ["3 km", "It is 3 km."], failing: ["3 miles", "km"])])
///     #expect(findings.isEmpty)
///
/// A verifier that traps ends the tests; `hone verifier test FILE.swift` tries it in a process of its own.
public enum VerifierConformance {
    /// A row and answers to it whose verdicts are known.
    public struct Example: Sendable, Hashable {
        /// What the row expects.
        public var reference: JSON
        /// Answers that must pass.
        public var passing: [String]
        /// Answers that must not, such as ways to cheat.
        public var failing: [String]

        public init(reference: JSON = .null, passing: [String] = [], failing: [String] = []) {
            self.reference = reference
            self.passing = passing
            self.failing = failing
        }
    }

    /// What a verifier must keep to.
    public enum Rule: String, Sendable, Hashable, CaseIterable {
        /// It can be made from its options, and the reference of each example can be read.
        case starts = "starts"
        /// Options that it does not have are refused.
        case strictOptions = "strict options"
        /// Right answers pass, those of the examples and those that it brings itself.
        case goldPasses = "gold passes"
        /// Wrong answers do not.
        case cheatsFail = "cheats fail"
        /// No answer at all does not pass.
        case emptyFails = "empty answers fail"
        /// Whatever a model writes gets a verdict.
        case anyText = "any text gets a verdict"
        /// Scores are finite and in the declared range.
        case inRange = "scores are in range"
        /// The same rollout gets the same verdict.
        case deterministic = "the same again"
        /// Calls at the same time give what calls one after another give.
        case concurrent = "the same at the same time"
        /// A call ends in time.
        case inTime = "ends in time"
        /// A reference of another kind is refused, or judged like any other.
        case anyReference = "any reference"
    }

    /// A rule that a verifier breaks.
    public struct Finding: Sendable, Hashable, CustomStringConvertible {
        public var rule: Rule
        /// What was tried and what came of it.
        public var message: String

        public var description: String { "\(rule.rawValue): \(message)" }
    }

    /// Tries a verifier of a type, with its options.
    ///
    /// - Parameters:
    ///   - options: as a recipe has them.
    ///   - examples: rows with answers whose verdicts are known; at least one, or there is little to try.
    /// - Returns: the rules that it breaks, in the order in which they were tried; empty for a good verifier.
    public static func check<V: Verifier>(
        _ type: V.Type, options: JSON = [:], examples: [Example],
        in environment: VerifierEnvironment = VerifierEnvironment()
    ) async -> [Finding] {
        var registry = VerifierRegistry()
        registry.register(type)
        let known = registry
        return await check(examples: examples, options: options) { (options: JSON) throws(VerifierFailure) in
            try known.make(V.name, options: options, in: environment)
        }
    }

    /// Tries a verifier that something else makes: a file, a process.
    ///
    /// - Parameter make: makes it from its options.
    public static func check(
        examples: [Example], options: JSON = [:],
        make: @Sendable (_ options: JSON) throws(VerifierFailure) -> AnyVerifier
    ) async -> [Finding] {
        var findings = strictOptions(options, make)
        do throws(VerifierFailure) {
            findings += await check(try make(options), examples: examples)
        } catch {
            findings.append(Finding(rule: .starts, message: "\(error)"))
        }
        return findings
    }

    /// Tries a verifier that is made already; whether its options are strict cannot be seen then.
    public static func check(_ verifier: AnyVerifier, examples: [Example]) async -> [Finding] {
        var findings: [Finding] = []
        for example in examples {
            do throws(VerifierFailure) {
                let trial = VerifierTrial(verifier, try verifier.bound(to: example.reference), example)
                findings += await trial.findings()
            } catch {
                findings.append(
                    Finding(rule: .starts, message: "the reference \(example.reference.text()) is refused: \(error)"))
            }
        }
        return findings + references(verifier)
    }

    private static func strictOptions(
        _ options: JSON, _ make: (JSON) throws(VerifierFailure) -> AnyVerifier
    ) -> [Finding] {
        var members = options.object ?? [:]
        members["no_such_option"] = 1
        do throws(VerifierFailure) {
            _ = try make(.object(members))
            return [Finding(rule: .strictOptions, message: "the unknown option 'no_such_option' is accepted")]
        } catch {
            guard error.kind == .configuration else {
                return [Finding(rule: .strictOptions, message: "an unknown option is a failure of kind \(error.kind)")]
            }
            return []
        }
    }

    /// References of all kinds: those that are not refused as rows must not harm anything else.
    private static func references(_ verifier: AnyVerifier) -> [Finding] {
        let odd: [JSON] = [.null, true, -1, 1e308, "", "\u{0}", [], [[]], [:], ["a": ["b": .null]]]
        return odd.compactMap { reference in
            do throws(VerifierFailure) {
                _ = try verifier.bound(to: reference)
            } catch {
                if error.kind != .item {
                    return Finding(
                        rule: .anyReference,
                        message: "the reference \(reference.text()) is not refused as a row: \(error)")
                }
            }
            return nil
        }
    }
}
