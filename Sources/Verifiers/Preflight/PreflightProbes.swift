public import TextCore

/// A way to earn the reward without solving the row.
struct Cheat: Sendable {
    /// What it is called in a report.
    var name: String
    /// What a model would write. It works only when each of them earns the reward: a verifier that takes the last of
    /// several answers is right about one order of them, and wrong about none.
    var texts: [String]
    /// Whether some verifiers allow it with reason.
    var isTolerable = false
    /// The edit that mends it.
    var fix: String

    /// Ways to cheat that are tried on a row.
    ///
    /// - Parameters:
    ///   - gold: the row's right answer, if it is known.
    ///   - others: right answers of other rows.
    static func all(for row: PreflightRow, gold: String?, others: [String]) -> [Cheat] {
        let strict = "Compare the whole answer, and let nothing pass that holds no answer."
        var cheats = [
            Cheat(name: "nothing", texts: [""], fix: strict),
            Cheat(name: "white space", texts: [" \n\t "], fix: strict),
            Cheat(
                name: "empty tags", texts: ["<think>\n\n</think>\n<answer></answer>\n\\boxed{}"],
                fix: "Ask for an answer inside the tags, by a gate or another verifier."),
            Cheat(
                name: "words without sense", texts: ["xqzt vlomp brine gorf"],
                fix: "The verifier seems to ask only whether there is text. " + strict),
        ]
        let openings = [":", "Solution", "Thought process:", "Let's solve this step by step"]
        cheats += openings.map { opening in
            Cheat(
                name: "'\(opening)'", texts: [opening],
                fix:
                    "Some judges fall for it: score empty answers without a call, and ask for a reason before a verdict."
            )
        }
        let question = row.question
        if !question.isEmpty {
            cheats.append(
                Cheat(
                    name: "the prompt again", texts: [question],
                    fix: "Compare the whole answer, or keep what is expected out of the prompt."))
        }
        guard let gold, !gold.isEmpty else { return cheats }
        cheats.append(
            Cheat(
                name: "the right answer and words without sense", texts: ["\(gold)\n\nxqzt vlomp brine gorf"],
                isTolerable: true, fix: "Where nothing may follow the answer, compare the whole text."))
        cheats.append(
            Cheat(
                name: "the right answer three times", texts: [[gold, gold, gold].joined(separator: "\n")],
                isTolerable: true, fix: "Where it may be given once, write `pick: only` in `extract`."))
        if !others.isEmpty {
            let rest = others.joined(separator: "\n")
            cheats.append(
                Cheat(
                    name: "every answer there is", texts: ["\(gold)\n\(rest)", "\(rest)\n\(gold)"],
                    fix: "Take one answer only: `pick: only` in `extract`, or a comparison of the whole answer."))
        }
        return cheats
    }
}

/// A row on which rewards are tried.
public struct PreflightRow: Sendable {
    /// Where it stands, for reports: `train.jsonl:17`.
    public var place: String
    /// Names the row; the same for all its rollouts, and for no other row.
    public var item: String
    /// The messages that are answered; empty for a plain prompt.
    public var messages: [JSON]
    /// What is answered, as the model sees it.
    public var prompt: String
    /// The row's columns.
    public var row: JSON
    /// The row's own answer; `nil` where it has none.
    public var completion: String?
    /// Whether the prompt ends inside a reasoning block.
    public var reasoningIsOpen: Bool

    public init(
        place: String, item: String, messages: [JSON] = [], prompt: String = "", row: JSON = [:],
        completion: String? = nil, reasoningIsOpen: Bool = false
    ) {
        self.place = place
        self.item = item
        self.messages = messages
        self.prompt = prompt
        self.row = row
        self.completion = completion
        self.reasoningIsOpen = reasoningIsOpen
    }

    /// What the user asked last; the prompt where there are no messages.
    var question: String {
        messages.last { $0["role"]?.string == "user" }?["content"]?.string ?? (messages.isEmpty ? prompt : "")
    }

    /// A rollout of this row, as if a model had written it.
    ///
    /// Nobody counts tokens here; four scalars are taken for one, and the stop token is added.
    func rollout(_ text: String, sample: Int = 0) -> Rollout {
        // A text without reasoning answers a prompt that opened one by closing it.
        let text = reasoningIsOpen && !text.isEmpty && text.lastRange(of: "</think>") == nil ? "</think>\(text)" : text
        return Rollout(
            text, item: item, sample: sample, messages: messages, prompt: prompt, row: row,
            tokenCount: (text.unicodeScalars.count + 3) / 4 + 1, reasoningIsOpen: reasoningIsOpen)
    }
}
