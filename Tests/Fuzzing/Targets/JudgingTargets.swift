import Judges
import TextCore
import Verifiers

/// What models say: answers that verifiers judge, and judgements that endpoints send.
extension InputTarget {
    static let judging = [verifiers, judgeReply]

    /// One case of every verifier that judges at once.
    private static let cases: [JSON] = [
        ["verifier": "exact", "answer": "42", "reference": "42"],
        ["verifier": "contains", "answer": "it is 42", "reference": ["42"]],
        ["verifier": "choice", "answer": "(B)", "reference": "B"],
        ["verifier": "label", "answer": "spam", "reference": "spam", "options": ["labels": ["spam", "ham"]]],
        ["verifier": "multilabel_f1", "answer": "a, b", "reference": ["a", "c"]],
        ["verifier": "numeric", "answer": "about -1,234.5e3 % or 7/8", "reference": 7],
        [
            "verifier": "math", "answer": "\\boxed{\\frac{\\sqrt{2}}{3^{-2}} + 4\\pi}",
            "reference": "\\frac{9\\sqrt{2}}{1}+4\\pi",
        ],
        ["verifier": "math", "answer": "\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", "reference": "[1, 2; 3, 4]"],
        ["verifier": "math", "answer": "x \\in (-\\infty, 3] \\cup \\{5\\}", "reference": "(-oo,3]"],
        ["verifier": "regex", "answer": "ab12", "options": ["pattern": "a(b|c)\\d{2}"]],
        ["verifier": "json_valid", "answer": "{\"a\": [1, 2]}", "reference": .null],
        ["verifier": "format_tags", "answer": "<think>a</think><answer>b</answer>", "reference": .null],
        ["verifier": "repetition", "answer": "a b a b a b", "options": ["unit": "words"]],
        ["verifier": "bleu", "answer": "the cat sat", "reference": "the cat sat down"],
        ["verifier": "rouge_l", "answer": "the cat sat", "reference": ["the cat sat down"]],
        ["verifier": "chrf", "answer": "the cat", "reference": "a cat"],
        ["verifier": "edit_similarity", "answer": "kitten", "reference": "sitting"],
        ["verifier": "fuzzy_match", "answer": "kitten", "reference": "sitting"],
        ["verifier": "sequence_matcher", "answer": "abcd", "reference": "bcde"],
        [
            "verifier": "json_schema", "answer": "{\"a\": 1}",
            "options": [
                "schema": [
                    "type": "object", "properties": ["a": ["type": "integer", "multipleOf": 0.5]],
                    "$defs": ["b": ["$ref": "#"]],
                ]
            ],
        ],
        ["verifier": "json_f1", "answer": "{\"a\": [1, {\"b\": 2}]}", "reference": ["a": [1, ["b": 3]]]],
        [
            "verifier": "tool_call", "answer": "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": 1}}</tool_call>",
            "reference": ["name": "f", "arguments": ["a": 1]],
        ],
        [
            "verifier": "composite", "answer": "42", "reference": "42",
            "options": [
                "formula": "a * 2 + min(b, 1)", "parts": ["a": ["verifier": "exact"], "b": ["verifier": "numeric"]],
            ],
        ],
    ]

    /// Files and processes are no matter of an answer.
    private static func isWithoutFiles(_ name: String) -> Bool {
        VerifierRegistry.builtin.names.contains(name) && name != "command" && name != "recorded"
    }

    static let verifiers = InputTarget(
        name: "verifiers", corpus: "verifiers", fileName: "case.json", form: .json,
        samples: { cases.map { Array($0.text().utf8) } },
        read: { input in
            let json = try JSON(parsing: input.bytes)
            guard let name = json["verifier"]?.string, isWithoutFiles(name) else { return }
            let verifier = try VerifierRegistry.builtin.make(name, options: json["options"] ?? [:])
            let bound = try verifier.bound(to: json["reference"] ?? .null)
            guard bound.isImmediate else { return }
            let answer = json["answer"]?.string ?? json["answer"]?.text() ?? ""
            let calls = (json["tool_calls"]?.array ?? []).compactMap { call in
                call["name"]?.string.map { ToolCall(name: $0, rawArguments: call["arguments"]?.string ?? "") }
            }
            switch try bound.verify(Rollout(answer, toolCalls: calls)) {
            case .score(let score):
                guard score.value.isFinite, bound.range.contains(score.value) else {
                    throw FuzzError("verifier \(name) scores \(score.value), and its range is \(bound.range)")
                }
            case .abstain: break
            }
        })

    static let judgeReply = InputTarget(
        name: "judge-reply", corpus: "judge-reply", fileName: "reply.json", form: .json,
        samples: {
            [
                Array(
                    #"""
                    {"choices":[{"message":{"role":"assistant","content":"I think {\"reason\":\"ok\",\"result\":0.75}"},
                    "finish_reason":"stop"}],"usage":{"total_tokens":12}}
                    """#.utf8),
                Array(#"{"score":0.5,"passed":true,"parts":{"a":1},"extracted":"x","reason":"y"}"#.utf8),
                Array(#"{"choices":[{"message":{"content":"VERDICT: good","refusal":""}}]}"#.utf8),
            ]
        },
        read: { input in try JudgeReply.read(input.bytes) })
}
