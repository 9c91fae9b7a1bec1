public import TextCore
public import Verifiers

/// 1 when the answer solves the question of a procedural task, judged by what the question is about. Any right answer
/// will do; nothing is between right and wrong; only white space around the answer does not count.
///
/// The reference is the question's state, the column `state` of the rows that `hone task sample` writes.
public struct ProceduralVerifier: ImmediateVerifier, SelfTesting {
    public struct Configuration: VerifierConfiguration {
        /// The task's name.
        public var task = ""
        public init() {}

        public static let options: [ConfigurationOption<Self>] = [
            .init("task", \.task, "The task whose questions these are, as `hone task list` names them.")
        ]
    }

    /// The state of a question; which are sound, its task says.
    public struct Reference: JSONReadable, Hashable {
        public static let expectation = "the state of a question, an object"
        let state: JSON

        public init?(json: JSON) {
            guard json.object != nil else { return nil }
            state = json
        }
    }

    public static let name = "procedural"
    public static let summary = "the answer solves the question of a procedural task (`hone task list`)"
    private let task: AnyProceduralTask

    /// - Throws: `VerifierFailure` when no task is named, or one that does not exist.
    public init(_ configuration: Configuration) throws(VerifierFailure) {
        let registry = TaskRegistry.builtin
        guard let task = registry[configuration.task] else {
            let names = registry.names
            let known = "Known: \(names.joined(separator: ", "))."
            let message =
                configuration.task.isEmpty
                ? "no task is named, so nothing says what is right. \(known)"
                : "there is no task '\(configuration.task)'. "
                    + (nearestName(to: configuration.task, among: names).map { "Did you mean '\($0)'?" } ?? known)
            throw VerifierFailure(.configuration, option: "task", message)
        }
        self.task = task
    }

    public func check(_ reference: Reference) throws(VerifierFailure) {
        switch task.answer(state: reference.state) {
        case .none: throw noState(reference)
        case .some(.none): throw VerifierFailure(.item, "no answer solves \(reference.state.text())")
        case .some(.some): break
        }
    }

    public func verify(_ rollout: Rollout, against reference: Reference) throws(VerifierFailure) -> Verdict {
        guard let answer = rollout.answerText else { return .fail(note: "the reasoning never ended") }
        guard let isRight = task.isRight(answer, state: reference.state) else { throw noState(reference) }
        return .check(isRight, extracted: AnyProceduralTask.trimmed(answer))
    }

    public func probes(for reference: Reference) -> [VerifierProbe] {
        guard let answer = task.answer(state: reference.state) ?? nil else { return [] }
        let wrong = [
            ("empty", ""), ("white space", " \n"), ("junk", "~~~"), ("twice", answer + answer),
            ("twice, apart", answer + " " + answer), ("two lines", answer + "\n" + answer), ("longer", answer + "~"),
            ("in a sentence", "The answer is " + answer + "."), ("the state", reference.state.text()),
        ]
        return [
            VerifierProbe("gold", answer: answer, passes: true),
            VerifierProbe("gold in white space", answer: " " + answer + "\n", passes: true),
        ] + wrong.map { VerifierProbe($0.0, answer: $0.1, passes: false) }
    }

    private func noState(_ reference: Reference) -> VerifierFailure {
        VerifierFailure(
            .item, "\(reference.state.text()) is no state of a question of '\(task.name)'; is the task the right one?")
    }
}
