/// The special tokens by their role, from all the files of a folder.
struct SpecialTokens {
    typealias Token = (text: String, id: Int)

    private(set) var beginning, end, padding, unknown: Token?
    private(set) var ends: Set<Int> = []

    /// A role's name in the tokenizer's files counts first, then its number in the model's.
    ///
    /// - Throws: `TokenizationError` for a name that the tokenizer has no token for.
    init(
        configuration: TokenizerConfiguration?, unknown modelUnknown: String?, location: String,
        id: ([UInt8]) -> Int?, text: (Int) -> String?
    ) throws(TokenizationError) {
        func token(_ name: String?, _ number: Int?, role: String) throws(TokenizationError) -> Token? {
            if let name {
                guard let id = id(Array(name.utf8)) else {
                    throw TokenizationError(
                        "the \(role) \(quoted(name.utf8)) that the files beside it name is not among its tokens; add it "
                            + "to `added_tokens`, or take it out of tokenizer_config.json and special_tokens_map.json",
                        at: location)
                }
                return (name, id)
            }
            guard let number, let text = text(number) else { return nil }
            return (text, number)
        }
        beginning = try token(configuration?.beginningToken, configuration?.beginningID, role: "bos_token")
        end = try token(configuration?.endToken, configuration?.endIDs.first, role: "eos_token")
        padding = try token(configuration?.paddingToken, configuration?.paddingID, role: "pad_token")
        unknown = try token(configuration?.unknownToken ?? modelUnknown, nil, role: "unk_token")
        ends = Set((configuration?.endIDs ?? []).filter { text($0) != nil })
        if let end { ends.insert(end.id) }
    }

    /// Lets `add_bos_token` and `add_eos_token` of `tokenizer_config.json` decide over the template of `tokenizer.json`.
    ///
    /// - Throws: `TokenizationError` where a token is asked for that has no name.
    func adjust(
        _ processor: inout PostProcessor, configuration: TokenizerConfiguration?, location: String
    ) throws(TokenizationError) {
        if let adds = configuration?.addsBeginning {
            if adds, beginning == nil {
                throw TokenizationError("`add_bos_token` is true but no bos_token is named", at: location)
            }
            processor.prefix.removeAll { $0 == beginning?.id }
            if adds, let beginning { processor.prefix.insert(beginning.id, at: 0) }
        }
        if let adds = configuration?.addsEnd {
            if adds, end == nil {
                throw TokenizationError("`add_eos_token` is true but no eos_token is named", at: location)
            }
            processor.suffix.removeAll { $0 == end?.id }
            if adds, let end { processor.suffix.append(end.id) }
        }
    }
}
