public import TextCore

/// Evaluates arithmetic: numbers, `+ - * / ^`, parentheses and the functions of `Formula`.
///
/// What cannot be evaluated is answered with what is wrong, as it is the model's mistake.
public struct Calculator: Tool {
    public let name = "calculator"
    public let summary = "Evaluate an arithmetic expression, such as (12 + 30) / 7."
    public let parameters: JSON = [
        "type": "object",
        "properties": ["expression": ["type": "string", "description": "numbers, + - * / ^ and parentheses"]],
        "required": ["expression"], "additionalProperties": false,
    ]

    public init() {}

    public func call(_ arguments: JSON, random: inout VerifierRandom) throws(VerifierFailure) -> ToolResult {
        do {
            let value = try Formula(arguments["expression"]?.string ?? "", variables: []).value([:])
            // Whole numbers as people write them; beyond 2^53 not every one is a Double.
            return ToolResult(value == value.rounded() && abs(value) < 0x1p53 ? "\(Int(value))" : "\(value)")
        } catch {
            return ToolResult("error: \(error.message)")
        }
    }
}
