import Verifiers

/// Finds the code in what a model wrote.
enum CodeExtraction {
    /// The last block between fences (```), of the language where one says so; all of the text where there is none. A
    /// block that never ends goes to the end of the text.
    static func code(in text: String, fences: [String]) -> String {
        var blocks: [(label: String, lines: [Substring])] = []
        var isOpen = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let bare = line.drop { $0 == " " || $0 == "\t" || $0 == "\r" }
            if bare.hasPrefix("```") {
                let label = bare.drop { $0 == "`" }.prefix { !$0.isWhitespace }
                if isOpen, label.isEmpty {
                    isOpen = false
                } else if !isOpen {
                    blocks.append((label.lowercased(), []))
                    isOpen = true
                }
            } else if isOpen {
                blocks[blocks.count - 1].lines.append(line)
            }
        }
        guard let block = blocks.last(where: { fences.contains($0.label) }) ?? blocks.last else { return text }
        return block.lines.joined(separator: "\n") + "\n"
    }
}
