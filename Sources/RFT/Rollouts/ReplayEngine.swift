import LanguageModels
import OrderedCollections
import ShardIO
import TextCore
public import Tokenization
import Training
import Verifiers

/// Answers that were recorded: for parity with another trainer, for work without a model's pace, and for tests.
///
/// The file has a line for each prompt: `prompt` (a text or messages) and `completions`, objects with `ids` or `text`
/// and whatever a verifier reads, such as `reward`; `stop_reason` where the recording knows it. Without one an answer
/// ended by itself exactly when its last id is a stop token. A prompt gets the first answers of its line.
public struct ReplayEngine: RolloutEngine {
    private struct Recording {
        var line: Int
        var completions: [JSON]
    }

    private let path: String
    private let recordings: [String: Recording]
    private let tokenizer: Tokenizer
    private let stopIDs: Set<Int>
    private let limit: Int

    /// Reads recorded answers.
    ///
    /// - Parameters:
    ///   - path: a JSONL file, compressed or not.
    ///   - tokenizer: for answers that are recorded as text or as ids, whichever is missing.
    ///   - stopIDs: tokens that end an answer.
    ///   - maximumNewTokens: longer answers are cut there, and count as cut off.
    /// - Throws: `DataError` for a file that cannot be read; `TrainingError` for a line that holds no recording.
    public init(path: String, tokenizer: Tokenizer, stopIDs: Set<Int>, maximumNewTokens: Int) throws {
        let source = try DataSourceOpener.open(path: path)
        var recordings: [String: Recording] = [:]
        for frame in 0..<source.frames.count {
            let decoded = try source.frame(frame)
            for row in 0..<decoded.count {
                let raw = try decoded.row(row)
                let place = "\(raw.provenance.file):\(raw.provenance.line)"
                guard let prompt = raw.fields["prompt"], let completions = raw.fields["completions"]?.array,
                    !completions.isEmpty
                else {
                    throw TrainingError(
                        "\(place): a recording has a `prompt` and a list of `completions`, and this line has "
                            + Array((raw.fields.object ?? [:]).keys).joined(separator: ", "))
                }
                let recording = Recording(line: raw.provenance.line, completions: completions)
                guard recordings.updateValue(recording, forKey: Self.key(prompt)) == nil else {
                    throw TrainingError("\(place): this prompt is recorded twice, and nobody can say which line to use")
                }
            }
        }
        self.path = path
        self.recordings = recordings
        self.tokenizer = tokenizer
        self.stopIDs = stopIDs
        limit = maximumNewTokens
    }

    private static func key(_ prompt: JSON) -> String { prompt.string ?? prompt.text() }

    public func answers(
        to prompts: [(prompt: RolloutPrompt, key: UInt64)], samples: Int,
        onGroup: (Int, [EngineAnswer]) -> Void, shouldStop: () -> Bool
    ) throws -> [[EngineAnswer]] {
        try prompts.enumerated().map { index, item in
            if shouldStop() { throw CancellationError() }
            let prompt = item.prompt
            let key = prompt.messages.isEmpty ? prompt.text : JSON.array(prompt.messages).text()
            guard let recording = recordings[key] ?? recordings[Self.key(prompt.row["prompt"] ?? .null)] else {
                throw TrainingError(
                    "\(prompt.source): \(path) has no answers to this prompt, and engine replay writes none. Record "
                        + "it, or write `engine: inprocess`")
            }
            guard recording.completions.count >= samples else {
                throw TrainingError(
                    "\(path):\(recording.line): \(recording.completions.count) answers are recorded, and group_size is "
                        + "\(samples)")
            }
            let answers = try recording.completions.prefix(samples).map {
                try answer($0, place: "\(path):\(recording.line)")
            }
            onGroup(index, answers)
            return answers
        }
    }

    private func answer(_ json: JSON, place: String) throws -> EngineAnswer {
        var ids: [Int] = []
        if let recorded = json["ids"]?.array {
            ids = recorded.compactMap(\.int)
            guard ids.count == recorded.count, !ids.isEmpty, ids.allSatisfy({ tokenizer.token(for: $0) != nil }) else {
                throw TrainingError("\(place): `ids` of an answer are ids of the model's tokenizer, at least one")
            }
        } else if let text = json["text"]?.string {
            ids = tokenizer.encode(text, addSpecialTokens: false)
            if json["stop_reason"]?.string.map({ $0 == "stop" }) ?? true, let stop = tokenizer.endOfSequenceID {
                ids.append(stop)
            }
        }
        guard !ids.isEmpty else { throw TrainingError("\(place): an answer has `ids` or a `text`, and not none of it") }
        let isCut = ids.count > limit
        if isCut { ids = Array(ids.prefix(limit)) }
        var reason = json["stop_reason"]?.string.flatMap(Rollout.StopReason.init(rawValue:))
        if isCut { reason = .length }
        let stopped = ids.last.map(stopIDs.contains) ?? false
        return EngineAnswer(
            ids: ids.map { Int32($0) },
            logProbabilities: json["log_probabilities"]?.array.map { $0.compactMap { $0.double.map { Float($0) } } }
                .flatMap { $0.count == ids.count ? $0 : nil },
            text: tokenizer.decode(ids.filter { !stopIDs.contains($0) }, skipSpecialTokens: true),
            stopReason: reason ?? (stopped ? .stop : .length), recorded: json)
    }
}
