import Evaluation
import Foundation
import Judges
import OrderedCollections
import ShardIO
import Statistics
import TextCore
import Training
import Verifiers

/// The baselines of a recipe: what else answers the questions of its suites, by the same verifiers.
struct BaselineAssembly {
    let loaded: LoadedRecipe
    let text: ModelText
    let rewards: RewardAssembly
    let stop: StopSignal
    /// Told what is done.
    let note: (String) -> Void

    /// What a baseline answered.
    struct Result {
        var baseline: String
        var result: SuiteResult

        /// As it is kept in the run folder.
        var json: JSON {
            var members = result.json(withAnswers: true).object ?? [:]
            members["baseline"] = .string(baseline)
            return .object(members)
        }

        var file: String { "baseline-\(baseline)-\(result.name)" }
    }

    private var recipe: Recipe { loaded.recipe }

    /// Puts the suites with a verifier to each baseline, and gives each result as it comes.
    ///
    /// - Parameters:
    ///   - runner: the recipe's model as it is before training, for baselines that are this model told more.
    ///   - suites: names of suites; all if empty.
    /// - Throws: `CommandFailure` for a baseline that cannot be asked, `CancellationError` when stopped.
    func forEachResult(_ runner: SuiteRunner, suites: [String] = [], _ body: (Result) throws -> Void) throws {
        for baseline in recipe.evaluation.baselines {
            let client = try client(of: baseline)
            for settings in recipe.evaluation.suites
            where settings.verifier != nil && (suites.isEmpty || suites.contains(settings.name)) {
                let suite = try SuiteData.suite(
                    settings, text: text, trainOn: recipe.trainOn, rewards: rewards,
                    preamble: try preamble(of: baseline, for: settings))
                note("baseline   \(baseline.name) on suite \(suite.name)")
                var result: SuiteResult
                if baseline.classifier {
                    let start = ContinuousClock.now
                    let classifier = try ClassifierBaseline(
                        loaded, name: baseline.name, asked: try asked(by: settings), column: settings.target,
                        leavingOut: try LeftOutRows(recipe, stop: stop), stop: stop)
                    let answers = classifier.answers(to: suite, timed: runner.latencySamples)
                    result = try AnswerJudge(suite: suite, stop: stop).result(answers)
                    result.seconds = (ContinuousClock.now - start) / .seconds(1)
                    result.remarks.append(
                        "answered by a linear classifier of words, trained on \(grouped(classifier.rowCount)) rows")
                } else if let client {
                    let start = ContinuousClock.now
                    let answers = try answers(client(settings), suite, runner.latencySamples, baseline.concurrency)
                    result = try AnswerJudge(suite: suite, stop: stop).result(answers)
                    result.seconds = (ContinuousClock.now - start) / .seconds(1)
                    result.remarks.append("answered by \(baseline.model ?? "") at \(baseline.endpoint ?? "")")
                } else {
                    result = try runner.run(suite)
                }
                if baseline.fewShot > 0 {
                    result.remarks.append("\(baseline.fewShot) examples of the training rows before each question")
                }
                try body(Result(baseline: baseline.name, result: result))
            }
        }
    }

    // MARK: What is told

    private func preamble(of baseline: BaselineSettings, for suite: SuiteSettings) throws -> Preamble {
        guard baseline.fewShot > 0 else { return Preamble(system: baseline.prompt) }
        let asked = Array(try asked(by: suite))
        // The same examples for every suite that takes its answers from the same column.
        var draw = FewShotDraw(baseline.fewShot, seed: UInt64(recipe.seed), excluding: asked)
        for source in recipe.data.train {
            try SourceRows(source).forEach { raw, record in
                if stop.isRequested { throw CancellationError() }
                let column = suite.target.flatMap { raw.fields[$0] }.map { $0.string ?? $0.text() }
                if let example = Preamble.Example(record, answer: column) { draw.add(example) }
            }
        }
        guard draw.examples.count == baseline.fewShot else {
            throw loaded.problem(
                at: "evaluation.baselines",
                "baseline \(baseline.name) wants \(baseline.fewShot) examples, and \(draw.examples.count) training rows have "
                    + "an answer and are not among the questions of suite \(suite.name)",
                why: "An example that is asked would give the answer away", fix: "Write a smaller few_shot")
        }
        return Preamble(system: baseline.prompt, examples: draw.examples)
    }

    /// What a suite asks; nothing of it may be shown before.
    private func asked(by suite: SuiteSettings) throws -> Set<String> {
        var asked: Set<String> = []
        try SourceRows(path: suite.path, format: suite.format, columns: suite.columns, limit: suite.maxSamples)
            .forEach { _, record in if let question = record.question { asked.insert(question) } }
        return asked
    }

    // MARK: Endpoints

    private func client(of baseline: BaselineSettings) throws -> ((SuiteSettings) throws -> ChatClient)? {
        guard let address = baseline.endpoint else { return nil }
        return { suite in
            var settings = ChatClient.Settings(address: address, model: baseline.model ?? "")
            settings.keyVariable = baseline.keyVariable
            settings.maxTokens = suite.generate.maxNewTokens
            settings.temperature = suite.generate.temperature
            settings.topP = suite.generate.topP
            settings.stop = suite.generate.stop
            (settings.inputPrice, settings.outputPrice) = (baseline.inputPrice, baseline.outputPrice)
            do throws(VerifierFailure) {
                return try ChatClient(settings, in: rewards.environment)
            } catch {
                throw CommandFailure(
                    message: "baseline \(baseline.name): \(error.message)", status: .configuration)
            }
        }
    }

    /// The first few requests one at a time, which says how long one takes; then several at once.
    private func answers(
        _ client: ChatClient, _ suite: Suite, _ timed: Int, _ concurrency: Int
    ) throws -> [SuiteAnswer] {
        let messages = suite.items.map(\.messages)
        let isCharged = client.settings.inputPrice > 0 || client.settings.outputPrice > 0
        let answers = try waiting(unless: { stop.wasRequested }) {
            var answers = [Swift.Result<ChatClient.Reply, VerifierFailure>?](repeating: nil, count: messages.count)
            let alone = min(timed, messages.count)
            for index in 0..<alone {
                answers[index] = await Self.ask(client, messages[index])
                // A wrong key or model fails for every question.
                if case .failure(let failure)? = answers[index], failure.kind == .configuration { return answers }
            }
            await withTaskGroup(of: (Int, Swift.Result<ChatClient.Reply, VerifierFailure>).self) { group in
                for index in alone..<messages.count {
                    if index >= alone + concurrency, let (done, reply) = await group.next() { answers[done] = reply }
                    group.addTask { (index, await Self.ask(client, messages[index])) }
                }
                for await (done, reply) in group { answers[done] = reply }
            }
            return answers
        }
        for case .failure(let failure)? in answers where failure.kind == .configuration {
            throw CommandFailure(message: failure.message, status: .configuration)
        }
        if case .failure(let failure)? = answers.first, !answers.contains(where: \.isAnswered) {
            throw CommandFailure(message: "no question was answered: \(failure.message)", status: .inputOutput)
        }
        return answers.enumerated().map { index, reply in
            switch reply {
            case .success(let reply)?:
                var answer = SuiteAnswer(
                    text: reply.text, tokenCount: reply.completionTokens ?? 0, stopped: reply.stopped)
                if index < timed { answer.seconds = reply.seconds }
                if isCharged { answer.cost = reply.cost }
                return answer
            case .failure(let failure)?:
                var answer = SuiteAnswer(text: "", tokenCount: 0, stopped: false)
                answer.failure = failure.message
                return answer
            case nil: preconditionFailure("a question was not asked")
            }
        }
    }

    private static func ask(
        _ client: ChatClient, _ messages: [JSON]
    ) async -> Swift.Result<ChatClient.Reply, VerifierFailure> {
        do throws(VerifierFailure) {
            return .success(try await client.answer(messages))
        } catch {
            return .failure(error)
        }
    }
}

extension TrainingRecord {
    /// What is asked, as one text; `nil` where nothing is.
    fileprivate var question: String? {
        switch self {
        case .conversation(let record):
            let answer = record.messages.lastIndex { $0["role"]?.string == "assistant" }
            let count = record.promptCount ?? answer ?? record.messages.count
            return RecordText.messages(Array(record.messages.prefix(count))).question
        case .completion(let record): return record.prompt
        case .prompt(let record): return record.prompt.question
        case .text, .preference, .unpaired: return nil
        }
    }
}

extension Result<ChatClient.Reply, VerifierFailure>? {
    fileprivate var isAnswered: Bool { if case .success? = self { true } else { false } }
}
