extension Extraction {
    /// A text in which this extraction finds `answer`; `nil` for one that a pattern looks for.
    func written(_ answer: String) -> String? {
        let name = description.split(separator: " ").first.map(String.init) ?? description
        switch name {
        case "answer", "full", "last_number", "json": return answer
        case "boxed": return "\\boxed{\(answer)}"
        case "hash4": return "#### \(answer)"
        default:
            guard name.hasPrefix("tag("), name.hasSuffix(")") else { return nil }
            let tag = name.dropFirst("tag(".count).dropLast()
            return "<\(tag)>\(answer)</\(tag)>"
        }
    }
}
