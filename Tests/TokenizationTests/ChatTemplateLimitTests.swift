import Foundation
import Testing
import TextCore
import Tokenization

@Suite struct ChatTemplateLimitTests {
    private func error(_ source: String, limits: TemplateLimits = TemplateLimits()) throws -> TemplateError {
        do {
            let rendered = try ChatTemplate(source: source, name: "hostile", limits: limits).render(messages: [])
            throw Unexpected(text: String(rendered.text.prefix(100)))
        } catch let error as TemplateError {
            return error
        }
    }

    private struct Unexpected: Error { let text: String }

    @Test(arguments: [
        ("unclosed", "a\n{% if x %}\nb", TemplateError.Kind.syntax, 3, 2),
        ("unknown tag", "{% fro x in y %}", .syntax, 1, 4),
        ("unknown filter", "é\n  {{ 'a' | uper }}", .syntax, 2, 12),
        ("undefined", "\n\n{{ a.b }}", .undefined, 3, 6),
        ("undefined in a loop", "{% for i in [1] %}\n{{ 1 + i + nope }}\n{% endfor %}", .undefined, 2, 6),
        ("type", "{{ 'é' ~ (1 + 'x') }}", .type, 1, 13),
        ("raised", "line\n{% if true %}{{ raise_exception('no') }}{% endif %}", .raised, 2, 32),
        ("mutation", "{% set x = [] %}{{ x.append(1) }}", .security, 1, 28),
        ("include", "{% include 'x' %}", .security, 1, 4),
        ("after a windows line end", "a\r\nb\r\n{{ 1 / 0 }}", .type, 3, 6),
    ])
    func anErrorNamesItsLineAndColumn(
        _ name: String, _ source: String, _ kind: TemplateError.Kind, _ line: Int, _ column: Int
    ) throws {
        let error = try error(source)
        #expect(error.kind == kind, "\(error)")
        #expect(error.line == line, "\(error)")
        #expect(error.column == column, "\(error)")
        #expect(error.description.hasPrefix("hostile:\(line):\(column): "))
    }

    @Test func messagesSayWhatIsWrong() throws {
        #expect(try error("{{ 'a' | uper }}").message == "no filter named 'uper'; did you mean 'upper'?")
        #expect(try error("{{ 1 is ody }}").message == "no test named 'ody'; did you mean 'odd'?")
        #expect(try error("{% endfro %}").message == "unknown or misplaced tag 'endfro'; did you mean 'endfor'?")
        #expect(try error("{{ raise_exception('only ' ~ 2) }}").message == "only 2")
        #expect(try error("{{ x.y }}").message == "'x' is undefined")
        #expect(try error("{{ {}.y.z }}").message == "'dict object' has no attribute 'y'")
        #expect(try error("{{ [][0].z }}").message == "list object has no element 0")
        #expect(try error("{% if true %}x").message.contains("'{% endif %}'"))
    }

    @Test(arguments: [
        "{% for i in range(100001) %}{% endfor %}",
        "{% for i in range(9999999999) %}{% endfor %}",
        "{{ range(0, 9223372036854775807, 2) | length }}",
        "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
        "{{ 'x' * 10000000000 }}",
        "{{ 'x' * 1048577 }}",
        "{{ 'xx' * 9223372036854775807 }}",
        "{{ [0] * 9223372036854775807 }}",
        "{{ [0, 1] * 99999 }}",
        "{{ 'a' | indent(100000000) }}",
        "{{ ('a\n' * 100000) | indent(1000) }}",
        "{{ {'a': 1} | tojson(indent=100000000) }}",
        "{{ 'a' | center(10000000000) }}",
        "{{ 'a'.center(9223372036854775807) }}",
        "{{ 'a'.ljust(9223372036854775807) }}",
        "{{ 'a'.zfill(9223372036854775807) }}",
        "{{ '%9999999999d' % 1 }}",
        "{{ '%.9999d' % 1.5 ~ ('%.99999f' % 1.5) }}",
        "{{ '{:9999999999}'.format(1) }}",
        "{% set ns = namespace(s='xxxxxxxx') %}{% for i in range(100) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
        "{% set ns = namespace(s='xxxxxxxx') %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
        "{% set ns = namespace(s=['a']) %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}",
        "{% set ns = namespace(s=['a']) %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s | tojson }}",
        "{% set ns = namespace(s=['a'], t=['a']) %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% set ns.t = [ns.t, ns.t] %}{% endfor %}{{ ns.s == ns.t }}",
        "{% set ns = namespace(s=[]) %}{% for i in range(100000) %}{% set ns.s = [ns.s] %}{% endfor %}",
        "{% set ns = namespace(s={}) %}{% for i in range(100000) %}{% set ns.s = {'k': ns.s.get} %}{% endfor %}",
        "{% set ns = namespace(s=[]) %}{% for i in range(100000) %}{% set ns.s = [ns.s] | select %}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
        "{% macro m(x) %}{% call m(x) %}{% endcall %}{{ caller() }}{% endmacro %}{{ m(1) }}",
        "{% macro m(x=m()) %}{% endmacro %}{{ m() }}",
        "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{% set a = 'x' * 1000000 %}{% for i in range(100) %}{{ a }}{% endfor %}",
        "{% set a = 'x' * 1000000 %}{% for i in range(100000) %}{% set b = a | upper %}{% endfor %}",
        "{% set a = 'a' * 1000000 %}{% for i in range(100000) %}{% if 'ab' in a %}{% endif %}{% endfor %}",
        "{% set x = 'a' * 100000 %}{{ x.replace('a', x) }}",
        "{% set x = 'a' * 100000 %}{{ x.replace('', x) }}",
        "{{ (range(100000) | list) | map('string') | join('x' * 100000) }}",
        "{% for i in range(100000) %}{% set x = range(100000) | sort %}{% endfor %}",
    ])
    func aHostileTemplateHitsALimit(_ source: String) throws {
        let clock = ContinuousClock()
        let start = clock.now
        let error = try error(source)
        #expect(error.kind == .limit, "\(error)")
        #expect(clock.now - start < .seconds(20))
    }

    @Test(arguments: [
        "{{ 9223372036854775807 + 1 }}", "{{ -9223372036854775807 - 2 }}", "{{ 9223372036854775807 * 2 }}",
        "{{ 2 ** 63 }}", "{{ 3 ** 9223372036854775807 }}", "{{ (-9223372036854775807 - 1) // -1 }}",
        "{{ -(-9223372036854775807 - 1) }}", "{{ (-9223372036854775807 - 1) | abs }}",
        "{{ [9223372036854775807, 1] | sum }}",
        "{{ 1 % 0 }}", "{{ 1 / 0 }}", "{{ 1.0 // 0 }}", "{{ 0 ** -1 }}", "{{ 'a'[::0] }}",
    ])
    func arithmeticThatDoesNotFitIsAnError(_ source: String) throws {
        #expect(try error(source).kind == .type)
    }

    @Test(arguments: [
        "{{ 'abc'[-9223372036854775807:9223372036854775807:9223372036854775807] }}",
        "{{ 'abc'[9223372036854775807:-9223372036854775807:-9223372036854775807] }}",
        "{{ 'abc'[9223372036854775807] }}{{ [1][-9223372036854775807] }}", "{{ 1e300 | int }}{{ 'nan' | float | int }}",
        "{{ '1e300' | int }}{{ 1e300 | round }}", "{{ range(9223372036854775806, 9223372036854775807) | list }}",
        "{{ range(-9223372036854775807, 9223372036854775807, 9223372036854775807) | list }}",
        "{{ 'a' | truncate(9223372036854775807, leeway=9223372036854775807) }}", "{{ '' | title }}{{ ''[0] }}",
        "{{ 'x'.find('x', -9223372036854775807) }}", "{{ 'x'.split('x', 9223372036854775807) }}",
        "{{ [] | batch(1) | list }}{{ '' | wordcount }}", "{{ '{0[0]}{0[9]}'.format([1]) }}",
    ])
    func extremeValuesAreRenderedOrRefusedButNeverTrap(_ source: String) throws {
        _ = try? ChatTemplate(source: source).render(messages: [])
    }

    @Test func aSourceOverTheLimitIsRefused() throws {
        let error = try error(String(repeating: "x", count: 1 << 20 + 1))
        #expect(error.kind == .limit)
    }

    @Test func timeIsBounded() throws {
        var limits = TemplateLimits()
        limits.fuel = .max
        limits.seconds = 0.05
        let error = try error(
            "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}", limits: limits)
        #expect(error.message.contains("0.05 s"))
    }

    /// Everything that nests, as deep as it is let, on a thread as small as those of the cooperative pool.
    @Test(arguments: [
        (String(repeating: "(", count: 5000), "1", String(repeating: ")", count: 5000)),
        (String(repeating: "[", count: 5000), "1", String(repeating: "]", count: 5000)),
        (String(repeating: "{1:", count: 5000), "1", String(repeating: "}", count: 5000)),
        (String(repeating: "not ", count: 5000), "1", ""), (String(repeating: "-", count: 5000), "1", ""),
        ("1", String(repeating: " if 1 else 1", count: 5000), ""), ("x", String(repeating: ".y", count: 5000), ""),
        ("x", String(repeating: "[0]", count: 5000), ""), ("x", String(repeating: "()", count: 5000), ""),
        ("'x'", String(repeating: " | upper", count: 5000), ""),
        ("1", String(repeating: " is defined", count: 5000), ""),
        (String(repeating: "range(", count: 5000), "1", String(repeating: ")", count: 5000)),
        (String(repeating: "x[", count: 5000), "1", String(repeating: "]", count: 5000)),
    ])
    func deepExpressionsAreRefusedOnASmallStack(_ open: String, _ middle: String, _ close: String) throws {
        let outcome = try onSmallStack {
            try ChatTemplate(source: "{{ \(open)\(middle)\(close) }}").render(messages: [])
        }
        #expect(throws: TemplateError.self) { try outcome.get() }
    }

    @Test func whatIsJustInsideTheDepthLimitRunsOnASmallStack() throws {
        func nested(_ open: String, _ middle: String, _ close: String) -> String {
            String(repeating: open, count: 120) + middle + String(repeating: close, count: 120)
        }
        let sources = [
            "{{ \(nested("(", "1", ")")) }}", "{{ \(nested("[", "1", "]")) }}",
            "{{ \(nested("[", "1", "]")) | tojson }}",
            "{{ \(nested("{1: ", "1", "}")) | tojson(indent=1) }}", "{{ \(nested("not ", "1", "")) }}",
            "{{ \(nested("[", "1", "]")) == \(nested("[", "2", "]")) }}",
            "{{ \(nested("[", "1", "]")) < \(nested("[", "2", "]")) }}",
            nested("{% if true %}", "x", "{% endif %}"), nested("{% for i in [1] %}", "x", "{% endfor %}"),
            nested("{% set x %}", "x", "{% endset %}"), nested("{% filter upper %}", "x", "{% endfilter %}"),
            nested("{% generation %}", "x", "{% endgeneration %}"), nested("{% with a = 1 %}", "x", "{% endwith %}"),
            "{{ \(nested("'a' ~ (1 + ", "1", ")")) }}", "{{ 'x'\(String(repeating: " | upper", count: 100)) }}",
            "{{ \(nested("dict(a=", "1", ")")) }}", "{{ \(nested("(1 if 1 == ", "1", " else 2)")) }}",
            "{% for i in [1] recursive %}{% if true %}{{ loop([1]) }}{% endif %}{% endfor %}",
            "{% macro m(x=1) %}{{ x }}{% endmacro %}{{ \(nested("m(", "1", ")")) }}",
            "{% macro m() %}{{ caller() }}{% endmacro %}" + nested("{% call m() %}", "x", "{% endcall %}"),
            nested("{% for i in [1] if true %}", "x", "{% endfor %}"),
            nested("{% if false %}{% else %}", "x", "{% endif %}"),
            "{{ \(nested("x[", "1", "]")) }}", "{{ \(nested("1 is eq (", "1", ")")) }}",
            "{{ \(nested("'x' | default(", "1", ")")) }}", "{{ \(nested("[1][", "0", ":]")) }}",
            "{{ \(nested("'{}'.format(", "1", ")")) }}",
            "{{ \(nested("[", "1", "]")) | map(\(Array(repeating: "'map'", count: 110).joined(separator: ", "))) | list }}",
            "{% macro m(n) %}{% if n > 0 %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(1000) }}",
            "{% macro m(n) %}{% for i in [1] %}{{ [m(n)] | map('string') | join }}{% endfor %}{% endmacro %}{{ m(1) }}",
            "{% macro m() %}{% call m() %}{% call m() %}{% endcall %}{% endcall %}{{ caller }}{% endmacro %}{{ m() }}",
        ]
        let outcome = try onSmallStack {
            try sources.map { source in
                do {
                    return try ChatTemplate(source: source).render(messages: []).text
                } catch let error as TemplateError {
                    return "\(error)"
                }
            }
        }
        let texts = try outcome.get()
        #expect(texts[0] == "1")
        #expect(texts[1].hasPrefix("[[["))
        #expect(texts[4] == "True")
        #expect(texts[7] == "x")
    }

    @Test func cyclesOfNamespacesAndMacrosAreFreed() throws {
        let outcome = try onSmallStack {
            try ChatTemplate(
                source: """
                    {% set root = namespace() %}{% set at = namespace(n=root) %}
                    {% for i in range(20000) %}{% set new = namespace() %}{% set tail = at.n %}{% set tail.next = new %}{% set at.n = new %}{% endfor %}
                    {% set root.next = root %}
                    {% set m = namespace(f=none) %}
                    {% for i in range(20000) %}{% set old = m.f %}{% macro f() %}{{ old }}{% endmacro %}{% set m.f = f %}{% endfor %}
                    done
                    """
            ).render(messages: []).text
        }
        #expect(try outcome.get().contains("done"))
    }

    @Test func everyPrefixOfATemplateIsAnErrorOrATemplate() throws {
        let source = """
            {%- macro a(x, y=[1, {'k': -1.5e3}]) -%}{{ x[1:2:-1] ~ y.0['k']|default("\\u00e9", true) }}{%- endmacro -%}
            {% for m, n in {'a': 1}.items() if m is not none recursive %}{{ a(m, *[n]) }}{% else %}{# c #}{% endfor %}
            {% raw %}{{ }}{% endraw %}{% set z | upper %}b{% endset %}{{ z if 'b' not in z else z * 2 }}
            """
        for count in 0...source.unicodeScalars.count {
            let prefix = String(String.UnicodeScalarView(source.unicodeScalars.prefix(count)))
            do {
                _ = try ChatTemplate(source: prefix).render(messages: [])
            } catch {
                #expect(error is TemplateError)
            }
        }
    }

    /// Runs on a thread of the size of those of the cooperative pool (512 KiB).
    private func onSmallStack<Output: Sendable>(_ body: @escaping @Sendable () throws -> Output) throws -> Result<
        Output, any Error
    > {
        let box = Box<Output>()
        let done = DispatchSemaphore(value: 0)
        let thread = Thread {
            box.result = Result { try body() }
            done.signal()
        }
        thread.stackSize = 512 << 10
        thread.start()
        done.wait()
        return try #require(box.result)
    }

    private final class Box<Output: Sendable>: @unchecked Sendable {
        var result: Result<Output, any Error>?
    }
}
