import Foundation
import Recipes
import TextCore
import Tokenization

/// Readers of text that is in memory already.
extension InputTarget {
    static let text = [json, regex, template, recipe]

    static let json = InputTarget(
        name: "json", corpus: "json", fileName: "value.json", form: .json,
        samples: {
            [
                Array(
                    #"{"a":[1,-2.5e3,"\u00e9\ud83d\ude00",true,null],"b":{"c":"text","d":[]},"e":12345678901234567890}"#
                        .utf8)
            ]
        },
        read: { input in
            let json = try JSON(parsing: input.bytes)
            guard let again = try? JSON(parsing: json.text(), limits: JSONLimits(depth: 128)), again == json else {
                throw FuzzError("what was read and written is not read as the same value")
            }
        })

    static let regex = InputTarget(
        name: "regex", corpus: "regex", fileName: "pattern.txt",
        form: .text(words: [
            "(", ")", "(?:", "(?<n>", "(?=", "(?!", "(?<=", "[", "]", "[^", "[[:alpha:]]", "&&[", "{2,3}", "{1000}",
            "*",
            "+", "?", "*?", "++", "|", "^", "$", "\\b", "\\p{L}", "\\P{Nd}", "\\x{10FFFF}", "\\d", "\\S", "\\u00e9",
            "(?i)", ".", "a", "é", "\\", "-", "\n",
        ]),
        samples: {
            [
                #"'s|'t|'re| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#, #"(?i)^(a|b){2,5}[^c-e]*?$"#,
                #"\p{N}{1,3}| ?[^\r\n\p{L}\p{N}]?+\p{L}+|\s*[\r\n]"#,
            ].map { Array(($0 + "\nthe text's 123 words, and\n more  ").utf8) }
        },
        read: { input in
            let parts = input.bytes.split(separator: UInt8(ascii: "\n"), maxSplits: 1, omittingEmptySubsequences: false)
            let pattern = String(decoding: parts[0], as: UTF8.self)
            // Matching takes time in proportion to the text and to the pattern, which may have 20,000 instructions.
            let text = parts.count > 1 ? Array(parts[1].prefix(200)) : Array("a1 é\n".utf8)
            for syntax in [LinearRegex.Syntax.perl, .oniguruma] {
                let regex = try LinearRegex(pattern, syntax: syntax)
                _ = text.withUnsafeBufferPointer { regex.matches(in: $0) }
                _ = text.withUnsafeBufferPointer { regex.firstMatch(in: $0) }
            }
        })

    /// With less fuel than a model's template has, so that more of them are tried.
    static let template = template("template", fuel: 200_000)

    static func template(_ name: String, fuel: Int) -> InputTarget {
        InputTarget(
            name: name, corpus: "templates", fileName: "chat_template.jinja",
            form: .text(words: [
                "{{", "}}", "{%", "%}", "{#", "#}", "{%-", "-%}", "{% for m in messages %}", "{% endfor %}",
                "{% if true %}",
                "{% else %}", "{% endif %}", "{% set x = ", "{% macro f(a, b=1) %}", "{% endmacro %}", "{{ f(1) }}",
                "{% call f() %}", "{% endcall %}", "{% generation %}", "{% endgeneration %}", "{% raw %}",
                "{% endraw %}",
                "{% with a = 1 %}", "{% endwith %}", "{% filter upper %}", "{% endfilter %}", "messages", "loop.index",
                "namespace(a=1)", "range(99999)", "range(0, 9223372036854775807, 2)", " * 1000", "'x'", "[1, 2]",
                "{'a': 1}",
                "|tojson(indent=4)", "|join(',')", "|map('upper')", "|select('odd')", "|sort", "|groupby('role')",
                "|replace('a', 'b')", "|indent(9)", "|format(1)", "'%9999s' % 1", ".format(1)", ".split()", "[::-1]",
                "[-9223372036854775808]", " ** ", " // ", " % ", "~", " is defined", " if x else y",
                "strftime_now('%Y')",
                "raise_exception('no')", "(((", ")))", "9223372036854775807", "-", "not ", "tools", "|int", "|round(3)",
                "recursive", "loop(", "break", "{% break %}", "|batch(2)", "|slice(3)", "|dictsort", "|items",
                ".items()",
            ]),
            samples: {
                [
                    """
                    {%- for message in messages %}{{ '<|' + message.role + '|>\\n' }}{% generation %}{{ message['content'] | trim }}\
                    {% endgeneration %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}
                    """,
                    """
                    {% macro show(x, n=2) %}{{ x|upper }}{{ '%05.1f|%-4s' % (1.5, n) }}{% endmacro %}{% set ns = namespace(i=0) %}\
                    {% for a in range(3) recursive %}{% set ns.i = ns.i + a %}{{ loop.cycle('a','b') }}{{ show('q') }}{% endfor %}\
                    {{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | list | tojson(indent=2) }}\
                    {{ "{:>8}".format(ns.i) }}{{ messages[0].content.split(' ')[::-1] | join('-') }}
                    """,
                ].map { Array($0.utf8) }
            },
            read: { input in
                guard let source = String(validating: input.bytes, as: UTF8.self) else { return }
                var limits = TemplateLimits()
                limits.fuel = fuel
                let template = try ChatTemplate(source: source, limits: limits)
                let messages: [JSON] = [
                    ["role": "system", "content": "be brief"], ["role": "user", "content": "how are you?"],
                    [
                        "role": "assistant", "content": "well",
                        "tool_calls": [["function": ["name": "f", "arguments": ["a": 1.5]]]],
                    ],
                ]
                let tools: [JSON] = [
                    ["type": "function", "function": ["name": "f", "parameters": ["type": "object"]]]
                ]
                _ = try template.render(
                    messages: messages, tools: tools, addGenerationPrompt: true, variables: ["x": 3, "y": .null])
            })
    }

    static let recipe = InputTarget(
        name: "recipe", corpus: "recipes", fileName: "recipe.yaml",
        form: .text(words: [
            "schema: 1\n", "model: m\n", "data:\n  train: rows.jsonl\n", "train:\n  max_steps: 3\n", "adapter: lora\n",
            "  rank: 8\n", "method: dpo\n", "- ", ": ", "? ", "|\n  ", ">\n  ", "[", "]", "{", "}", ",", "#", "&a ",
            "*a",
            "<<: ", "!!python/object ", "!!str ", "---\n", "...\n", "%YAML 1.2\n", "\"", "'", "~", ".inf", ".nan",
            "0x10",
            "1e309", "yes", "\t", "  ", "\n", "extends: other.yaml\n", "${env:HOME}", "${seed}", "output_dir: /x\n",
            "rewards:\n  - verifier: exact\n", "evaluation:\n  suites:\n", "99999999999999999999", "-1", "true",
        ]),
        samples: {
            let folder = PackageFolder.url.appending(path: "recipes")
            let names = try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter {
                $0.hasSuffix(".yaml")
            }
            return try names.sorted().map { [UInt8](try Data(contentsOf: folder.appending(path: $0))) }
        },
        read: { input in
            guard let text = String(validating: input.bytes, as: UTF8.self) else { return }
            let document = try RecipeDocument.parse(text, directory: input.folder.path)
            _ = try LoadedRecipe(document, checksFiles: false)
        })
}

/// The folder with `Package.swift`.
enum PackageFolder {
    static let url = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// A file of the fixtures.
    static func fixture(_ path: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: url.appending(path: "Tests/Fixtures").appending(path: path)))
    }
}
