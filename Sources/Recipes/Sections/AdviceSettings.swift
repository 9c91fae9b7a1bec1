public import Decisions
public import Foundation
import TextCore

// The answers of `hone advise` as a file, read as strictly as a recipe.

extension AdviceAnswers: RecipeSection {
    package static let table = SectionTable<AdviceAnswers>(
        "Answers for hone advise: the five gates, the model, the money.",
        fields: [
            Field("task", \.task, "What the model is to do, in a few words."),
            Field("goal", \.goal, "What is to become better."),
            Field("prompt", \.prompt, "What became of a strong model with a good prompt."),
            Field("missing", \.missing, "What the model would have to look up or do."),
            Field("retrieval", \.retrieval, "What became of giving it that."),
            Field("reasoning", \.reasoning, "What became of a model that thinks before it answers."),
            Field("narrow", \.narrow, "Whether the task is narrow and repetitive."),
            Field("examples", \.examples, "What there is to learn from."),
            Field("model", \.model, "The model to tune and the memory to do it in."),
            Field("cost", \.cost, "The money."),
        ])
}

extension AdviceAnswers.Goal: RecipeWord {}
extension AdviceAnswers.PromptTrial: RecipeWord {}
extension AdviceAnswers.Missing: RecipeWord {}
extension AdviceAnswers.Trial: RecipeWord {}
extension AdviceAnswers.ReasoningTrial: RecipeWord {}
extension ExampleAnswers.Quality: RecipeWord {}
extension ExampleAnswers.Solves: RecipeWord {}

extension ExampleAnswers: RecipeSection {
    package static let table = SectionTable<ExampleAnswers>(
        "What there is to learn from.",
        fields: [
            Field("demonstrations", \.demonstrations, "Questions with good answers.", in: .notNegative),
            Field("pairs", \.pairs, "Pairs of a better and a worse answer.", in: .notNegative),
            Field("prompts", \.prompts, "Questions without an answer.", in: .notNegative),
            Field("quality", \.quality, "Whether somebody looked at them, and what was seen."),
            Field("checkable", \.checkable, "Whether a program can tell a right answer from a wrong one."),
            Field("solves", \.solves, "How often the model to tune is right already."),
            Field("corpus_tokens", \.corpusTokens, "Tokens of plain text of the field.", in: .notNegative),
        ])
}

extension ModelAnswers: RecipeSection {
    package static let table = SectionTable<ModelAnswers>(
        "The model to tune.",
        fields: [
            Field("parameters", \.parameters, "Its parameters, such as 8B."),
            Field("memory", \.memory, "Memory to train in, such as 24GB."),
        ])
}

extension CostAnswers: RecipeSection {
    package static let table = SectionTable<CostAnswers>(
        "The money.",
        fields: [
            Field("currency", \.currency, "What stands before an amount."),
            Field("requests_per_day", \.requestsPerDay, "Requests a day.", in: .notNegative),
            Field("now", \.now, "What requests cost now."),
            Field("tuned", \.tuned, "What they would cost with the tuned model."),
            Field("training", \.training, "What the training itself costs."),
            Field("hours", \.hours, "Hours of people's work.", in: .notNegative),
            Field("hourly_rate", \.hourlyRate, "What an hour of them costs."),
            Field("labelled", \.labelled, "Examples that have to be labelled.", in: .notNegative),
            Field("price_per_label", \.pricePerLabel, "What one label costs."),
            Field(
                "maintenance", \.maintenance, "Yearly maintenance as a share of the one-time cost.",
                in: .notNegative),
            Field("smallest_saving", \.smallestSaving, "Yearly savings below this do not count."),
        ])
}

extension RequestCost: RecipeSection {
    package static let table = SectionTable<RequestCost>(
        "What a request costs: per_request, or tokens and the prices of a million of them.",
        fields: [
            Field("per_request", \.perRequest, "The price of one request."),
            Field("input_tokens", \.inputTokens, "Tokens of a request.", in: .notNegative),
            Field("output_tokens", \.outputTokens, "Tokens of an answer.", in: .notNegative),
            Field("input_price", \.inputPrice, "Price of a million tokens of requests."),
            Field("output_price", \.outputPrice, "Price of a million tokens of answers."),
            Field("per_month", \.perMonth, "What is paid each month however many requests there are."),
        ])

    package mutating func finish(_ decoder: RecipeDecoder) {
        let tokens = ["input_tokens", "output_tokens"].filter { decoder.isWritten($0) }
        if perRequest != nil, let first = tokens.first {
            decoder.report(
                first, "\(decoder.key(first)) stands beside \(decoder.key("per_request"))",
                why: "A request has one price", fix: "Keep the price, or the tokens and their prices")
        }
        for (count, price) in [("input_tokens", "input_price"), ("output_tokens", "output_price")]
        where decoder.isWritten(count) != decoder.isWritten(price) && perRequest == nil {
            let (written, missing) = decoder.isWritten(count) ? (count, price) : (price, count)
            decoder.report(
                written, "\(decoder.key(written)) is given without \(missing)", why: "The price cannot be worked out",
                fix: "Add `\(missing)`, the price of a million tokens or how many a request has")
        }
    }
}

// MARK: Values

extension Money: RecipeValue {
    package static var shape: ValueShape {
        .scalar(
            schema: [
                "anyOf": [
                    ["type": "number", "minimum": 0, "maximum": 1e12], ["type": "string", "minLength": 1],
                ]
            ], expected: "an amount of money")
    }

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> Money? {
        let amount: Money? =
            switch node.scalar {
            case .integer(let value): Money("\(value)")
            case .number(let value): value >= 0 ? Money(written: value) : nil
            default: node.string.flatMap { Money($0) }
            }
        if let amount { return amount }
        decoder.reportType(node, expected: "an amount of money from 0 on", example: "0.005")
        return nil
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue {
        Int(exactly: double).map { .integer($0) } ?? .number(double)
    }
}

extension Decimal: RecipeValue {
    package static var shape: ValueShape { .scalar(schema: ["type": "number"], expected: "a number") }

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> Decimal? {
        // The shortest text of a number is the decimal that was written.
        guard let value = Double.decode(node, decoder) else { return nil }
        if let amount = Money(written: value) { return amount.amount }
        decoder.reportType(node, expected: "a number of a common size", example: "10")
        return nil
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue {
        .number(NSDecimalNumber(decimal: self).doubleValue)
    }
    package var numbers: [Double] { [NSDecimalNumber(decimal: self).doubleValue] }
}

extension ParameterCount: RecipeValue {
    package static var shape: ValueShape {
        .scalar(
            schema: ["anyOf": [["type": "string", "minLength": 1], ["type": "integer", "minimum": 1]]],
            expected: "a number of parameters")
    }

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> ParameterCount? {
        if case .integer(let value) = node.scalar, let count = ParameterCount(value) { return count }
        if let count = node.string.flatMap({ ParameterCount($0) }) { return count }
        decoder.reportType(node, expected: shape.expected, example: "8B")
        return nil
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue { .integer(count) }
}

extension ByteAmount: RecipeValue {
    package static var shape: ValueShape {
        .scalar(
            schema: ["anyOf": [["type": "string", "minLength": 1], ["type": "integer", "minimum": 1]]],
            expected: "an amount of memory")
    }

    package static func decode(_ node: RecipeNode, _ decoder: RecipeDecoder) -> ByteAmount? {
        if case .integer(let value) = node.scalar, let amount = ByteAmount(value) { return amount }
        if let amount = node.string.flatMap({ ByteAmount($0) }) { return amount }
        decoder.reportType(node, expected: shape.expected, example: "24GB")
        return nil
    }

    package func resolved(_ purpose: ResolvedPurpose) -> ResolvedValue { .integer(bytes) }
}
