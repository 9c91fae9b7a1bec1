import OrderedCollections
public import TextCore
public import Verifiers

/// What a row says a program must do.
///
/// One of
/// - `{"cases": [{"input": "3 4", "output": "7"}, …]}`: the program reads `input` and must write `output`.
/// - `{"function": "add", "cases": [{"args": [3, 4], "expected": 7}, …]}`: the function must give `expected`; a case may
///   have `kwargs` too.
/// - `{"inputs": […], "outputs": […]}`, with `fn_name` for functions: the same in the columns of APPS and its like.
/// - `{"tests": "…"}` or `{"tests": ["assert add(3, 4) == 7", …]}`: tests in Python. With `entry_point`, a function
///   `check` in them is called with that function. Also a text or a list of texts alone.
///
/// Beside these: `weight` of a case, `setup` (code before every test), `prefix` (code before the answer), `solution` (an
/// answer that must pass, tried before a run). An object may be written as a text that holds it.
public struct CodeReference: JSONReadable, Hashable {
    public static let expectation =
        "test cases: an object with `cases`, with `inputs` and `outputs`, or with `tests`; or tests as text"

    /// What is tried.
    enum Tests: Sendable, Hashable {
        case programs([ProgramCase])
        case calls(function: String?, [CallCase])
        case units([String], entryPoint: String?, setup: String)
    }

    /// Text that a program reads, and what it must write.
    struct ProgramCase: Sendable, Hashable {
        var input: String
        var output: String
        var weight = 1.0
    }

    /// Arguments of a function, and what it must give; rows leave out what is null.
    struct CallCase: Sendable, Hashable {
        var arguments: [JSON]
        var named: JSON
        var expected: JSON
        var weight = 1.0
    }

    var tests: Tests
    /// Code before the answer.
    var prefix: String
    /// An answer that must pass.
    var solution: String?

    public init?(json: JSON) {
        var json = json
        if let text = json.string, let inner = try? JSON(parsing: text), inner.object != nil { json = inner }
        prefix = json["prefix"]?.string ?? ""
        solution = json["solution"]?.string
        guard let members = json.object else {
            guard let tests = Self.texts(json) else { return nil }
            self.tests = .units(tests, entryPoint: nil, setup: "")
            return
        }
        let function = (members["function"] ?? members["fn_name"] ?? members["entry_point"])?.string
        if let tests = members["tests"] ?? members["test"] {
            guard let texts = Self.texts(tests) else { return nil }
            self.tests = .units(texts, entryPoint: function, setup: members["setup"]?.string ?? "")
        } else if let cases = members["cases"]?.array {
            guard let tests = Self.tests(cases, function: function) else { return nil }
            self.tests = tests
        } else if let inputs = members["inputs"]?.array, let outputs = members["outputs"]?.array {
            guard let tests = Self.tests(inputs, outputs, function: function) else { return nil }
            self.tests = tests
        } else {
            return nil
        }
    }

    private static func texts(_ json: JSON) -> [String]? {
        if let text = json.string { return [text] }
        guard let list = json.array else { return nil }
        let texts = list.compactMap(\.string)
        return texts.count == list.count ? texts : nil
    }

    private static func tests(_ cases: [JSON], function: String?) -> Tests? {
        let isOfCalls = cases.allSatisfy { $0["args"]?.array != nil }
        if isOfCalls, !cases.isEmpty {
            return .calls(
                function: function,
                cases.map {
                    CallCase(
                        arguments: $0["args"]?.array ?? [], named: $0["kwargs"] ?? [:],
                        expected: $0["expected"] ?? .null,
                        weight: $0["weight"]?.double ?? 1)
                })
        }
        var programs: [ProgramCase] = []
        for one in cases {
            guard let output = one["output"]?.string else { return nil }
            programs.append(
                ProgramCase(
                    input: one["input"]?.string ?? "", output: output, weight: one["weight"]?.double ?? 1))
        }
        return .programs(programs)
    }

    private static func tests(_ inputs: [JSON], _ outputs: [JSON], function: String?) -> Tests? {
        guard inputs.count == outputs.count else { return nil }
        let pairs = Array(zip(inputs, outputs))
        guard function != nil else {
            let cases = pairs.compactMap { input, output in
                input.string.flatMap { input in output.string.map { ProgramCase(input: input, output: $0) } }
            }
            return cases.count == pairs.count ? .programs(cases) : nil
        }
        let calls = pairs.compactMap { input, output in
            input.array.map { CallCase(arguments: $0, named: [:], expected: output) }
        }
        return calls.count == pairs.count ? .calls(function: function, calls) : nil
    }

    /// How many verdicts there are.
    var count: Int {
        switch tests {
        case .programs(let cases): cases.count
        case .calls(_, let cases): cases.count
        case .units(let tests, _, _): tests.count
        }
    }

    /// The weight of a case.
    func weight(_ index: Int) -> Double {
        switch tests {
        case .programs(let cases): cases[index].weight
        case .calls(_, let cases): cases[index].weight
        case .units: 1
        }
    }

    /// Why no answer could meet it, or every answer would; `nil` when it is sound.
    var problem: String? {
        if count == 0 { return "there is no test case" }
        for index in 0..<count where !(weight(index).isFinite && weight(index) > 0) {
            return "the weight of case \(index + 1) is not above 0"
        }
        if case .programs(let cases) = tests, cases.allSatisfy({ $0.output.allSatisfy(\.isWhitespace) }) {
            return "no case expects any output, so that a program that does nothing would pass"
        }
        if case .units(let tests, _, _) = tests, tests.contains(where: { $0.allSatisfy(\.isWhitespace) }) {
            return "a test is empty"
        }
        return nil
    }
}
