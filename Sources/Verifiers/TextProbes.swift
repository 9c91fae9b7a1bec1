/// Answers that every verifier of text is tried with.
enum TextProbes {
    /// - Parameters:
    ///   - gold: right answers.
    ///   - extract: where the verifier looks, in whose form the answers are written.
    ///   - refusesMore: whether a right answer with more around it is wrong.
    static func probes(gold: [String], extract: Extraction, refusesMore: Bool) -> [VerifierProbe] {
        var probes = [
            VerifierProbe("empty", answer: "", passes: false),
            VerifierProbe("white space", answer: " \n\t ", passes: false),
        ]
        // A row with hundreds of references is not worth hundreds of probes.
        for (index, text) in gold.prefix(8).enumerated() {
            guard let answer = extract.written(text) else { continue }
            probes.append(VerifierProbe(index == 0 ? "gold" : "gold \(index + 1)", answer: answer, passes: true))
        }
        guard let text = gold.first, let answer = extract.written(text) else { return probes }
        if extract != .full {
            probes.append(VerifierProbe("unfinished reasoning", answer: "<think>" + answer, passes: false))
        }
        if refusesMore, let more = extract.written(text + " or maybe something else entirely") {
            probes.append(VerifierProbe("gold and more", answer: more, passes: false))
        }
        if extract.pick == .only, let other = extract.written("something else") {
            probes.append(VerifierProbe("repeated answers", answer: other + "\n" + answer, passes: false))
        }
        return probes
    }
}

extension Extraction {
    /// A text from which this extraction takes `answer`; `nil` where none is known.
    func written(_ answer: String) -> String? {
        let text =
            switch source {
            case .answer, .full, .lastNumber, .json, .regex: answer
            case .tag(let name): "<\(name)>\(answer)</\(name)>"
            case .boxed: "\\boxed{\(answer)}"
            case .hash4: "#### \(answer)"
            }
        guard let taken = self.text(in: Rollout(text)), taken.trimmed.isSameText(as: answer.trimmed) else { return nil }
        return text
    }
}
