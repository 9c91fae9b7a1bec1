import DataChecks
import Evaluation
import Foundation
import OrderedCollections
import ShardIO
import TextCore
import Training

/// A linear classifier over words and parts of words, trained on the recipe's rows in seconds: where answers are labels,
/// a language model that does not beat it is not worth its cost.
struct ClassifierBaseline {
    private let classifier: TextClassifier
    private let answers: [String]
    /// Rows that it was trained on.
    let rowCount: Int

    /// The most different answers that are taken for labels.
    static let classLimit = 1000

    /// Trains on the recipe's rows, less those that a suite asks and those that the run leaves out.
    ///
    /// - Parameter column: the column that holds the answer; the completion where it is `nil`.
    /// - Throws: `RecipeError` where the answers are no labels, `CancellationError` when a stop is requested.
    init(
        _ loaded: LoadedRecipe, name: String, asked: Set<String>, column: String?, leavingOut leftOut: LeftOutRows?,
        stop: StopSignal
    ) throws {
        let asked = Set(asked.map(Self.simplified))
        var classes: OrderedSet<String> = []
        var (texts, labels): ([String], [Int]) = ([], [])
        for (number, source) in loaded.recipe.data.train.enumerated() {
            try SourceRows(source).forEach { raw, record in
                if leftOut?.contains(source: number, raw.provenance.ordinal) == true { return }
                if stop.isRequested { throw CancellationError() }
                let answer = column.flatMap { raw.fields[$0] }.map { $0.string ?? $0.text() }
                guard let example = Preamble.Example(record, answer: answer), classes.count <= Self.classLimit else {
                    return
                }
                guard !asked.contains(Self.simplified(example.question)) else { return }
                texts.append(example.question)
                labels.append(classes.append(example.answer).index)
            }
        }
        guard classes.count >= 2, classes.count <= Self.classLimit, texts.count >= 2 * classes.count else {
            throw loaded.problem(
                at: "evaluation.baselines",
                "baseline \(name) is a classifier, and \(grouped(texts.count)) training rows have "
                    + (classes.count > Self.classLimit
                        ? "more than \(grouped(Self.classLimit))" : grouped(classes.count)) + " different answers",
                why: "A classifier tells labels apart, each of which many rows share",
                fix: "Remove it, or write `few_shot: 3` instead of `classifier: true`")
        }
        answers = Array(classes)
        rowCount = texts.count
        classifier = TextClassifier(
            texts: texts, labels: labels, classCount: classes.count,
            settings: .init(seed: UInt64(loaded.recipe.seed)))
    }

    /// Its answer to each question, the first few with the time that they took.
    func answers(to suite: Suite, timed: Int) -> [SuiteAnswer] {
        suite.items.enumerated().map { index, item in
            let start = ContinuousClock.now
            let shares = classifier.probabilities(of: [RecordText.messages(item.messages).question])[0]
            let best = shares.indices.max { shares[$0] < shares[$1] } ?? 0
            var answer = SuiteAnswer(text: answers[best], tokenCount: 0, stopped: true)
            if index < timed { answer.seconds = (ContinuousClock.now - start) / .seconds(1) }
            return answer
        }
    }

    /// Case and white space make no other question.
    private static func simplified(_ text: String) -> String {
        text.lowercased().split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }
}
