internal import TextCore

/// The `post_processor` of `tokenizer.json` for a single text: which tokens stand before and after it.
struct PostProcessor: Sendable {
    var prefix: [Int] = []
    var suffix: [Int] = []

    private static let known = [
        "Sequence", "TemplateProcessing", "ByteLevel", "BertProcessing", "RobertaProcessing",
    ]

    /// - Throws: `TokenizationError` for a post-processor that is unknown or malformed, or a template with a token
    ///   that the tokenizer has not.
    init(_ reader: ComponentReader?, hasID: (Int) -> Bool) throws(TokenizationError) {
        if let reader { try add(reader, hasID: hasID) }
    }

    private mutating func add(_ reader: ComponentReader, hasID: (Int) -> Bool) throws(TokenizationError) {
        switch try reader.type() {
        case "Sequence":
            try reader.allow(["processors"])
            for component in try reader.components("processors") { try add(component, hasID: hasID) }
        case "TemplateProcessing":
            try reader.allow(["single", "pair", "special_tokens"])
            try addTemplate(reader, hasID: hasID)
        case "ByteLevel":
            // It only trims offsets; offsets here always cover the whole token.
            try reader.allow(["add_prefix_space", "trim_offsets", "use_regex"])
        case "BertProcessing", "RobertaProcessing":
            try reader.allow(["sep", "cls", "trim_offsets", "add_prefix_space"])
            prefix.insert(try Self.id("cls", of: reader, hasID: hasID), at: 0)
            suffix.append(try Self.id("sep", of: reader, hasID: hasID))
        case let type: throw reader.unknownType(type, kind: "post-processor", known: Self.known)
        }
    }

    /// The number in a pair such as `["</s>", 2]`.
    private static func id(
        _ key: String, of reader: ComponentReader, hasID: (Int) -> Bool
    ) throws(TokenizationError) -> Int {
        let pair = try reader.array(key)
        guard pair.count == 2, let id = pair[1].int, hasID(id) else {
            throw reader.error("a token and its number in the vocabulary are expected", key: key)
        }
        return id
    }

    private mutating func addTemplate(_ reader: ComponentReader, hasID: (Int) -> Bool) throws(TokenizationError) {
        let specials = try ComponentReader(
            reader.json["special_tokens", default: [:]], at: reader.path("special_tokens"))
        var before: [Int] = []
        var after: [Int] = []
        var textCount = 0
        for part in try reader.components("single") {
            try part.allow(["SpecialToken", "Sequence"])
            if let sequence = part.json["Sequence"] {
                let id = try ComponentReader(sequence, at: part.path("Sequence")).string("id")
                guard id == "A" else { throw part.error("a template for one text names text `\(id)`") }
                textCount += 1
                continue
            }
            let token = try ComponentReader(try part.value("SpecialToken"), at: part.path("SpecialToken"))
            let ids = try Self.ids(of: try token.string("id"), in: specials, hasID: hasID, location: token)
            if textCount == 0 { before += ids } else { after += ids }
        }
        guard textCount == 1 else {
            throw reader.error("a template holds the text once, not \(textCount) times", key: "single")
        }
        prefix = before + prefix
        suffix += after
    }

    private static func ids(
        of name: String, in specials: ComponentReader, hasID: (Int) -> Bool, location: ComponentReader
    ) throws(TokenizationError) -> [Int] {
        guard let entry = specials.json[name] else {
            throw location.error("the template names `\(name)`, which `special_tokens` has not")
        }
        let reader = try ComponentReader(entry, at: specials.path(name))
        var ids: [Int] = []
        for value in try reader.array("ids") {
            guard let id = value.int, hasID(id) else {
                throw reader.error("the template's token has a number that no piece has", key: "ids")
            }
            ids.append(id)
        }
        return ids
    }
}
