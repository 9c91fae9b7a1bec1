import Decisions
import Foundation

/// Asks the questions of `hone advise` one after the other.
struct AdviceDialogue {
    /// The next line that somebody types; `nil` at the end of the input.
    let read: () -> String?
    /// Shows a text.
    let show: (String) -> Void

    /// The answers to all questions that matter.
    ///
    /// - Throws: `CommandFailure` where the input ends before the last question.
    func run() throws -> AdviceAnswers {
        var answers = AdviceAnswers()
        show("An empty line takes the answer in brackets; ? explains a question.\n")
        var gate: Int?
        for question in AdviceQuestion.all where question.isAsked(answers) {
            // What lies behind a gate that ended the walk changes nothing any more.
            let place = question.gate ?? (gate == nil ? 0 : 6)
            if let last = Advice(answers).gates.first(where: { $0.isPassed == false })?.number, last < place {
                continue
            }
            if let number = question.gate, number != gate {
                show("\nGate \(number) of 5\n")
                gate = number
            }
            try ask(question, &answers)
        }
        return answers
    }

    private func ask(_ question: AdviceQuestion, _ answers: inout AdviceAnswers) throws {
        show("\n\(question.text)\n")
        for (index, choice) in question.choices.enumerated() {
            show("  \(index + 1)  \(choice.word): \(choice.meaning)\n")
        }
        while true {
            show("[\(question.current(answers))] ")
            guard let line = read() else {
                throw CommandFailure(
                    message:
                        "the input ended before the question '\(question.text)' (\(question.key)). Answer it, or write "
                        + "the answers into a file: `hone advise --template > answers.yaml`", status: .usage)
            }
            let text = line.trimmingCharacters(in: .whitespaces)
            if text.isEmpty { return }
            if text == "?" {
                show(question.help + "\n")
            } else if let wanted = question.set(&answers, text) {
                show("Please answer with \(wanted).\n")
            } else {
                return
            }
        }
    }
}
