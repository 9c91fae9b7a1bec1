import Foundation
import OrderedCollections
public import TextCore
import Training

extension SuiteResult {
    /// Everything for scripts and files; answers and rows too if wanted.
    public func json(withAnswers: Bool) -> JSON {
        var members: OrderedDictionary<String, JSON> = [
            "suite": .string(name), "kind": .string(kind.rawValue), "count": .integer(count),
        ]
        for (name, value) in figures { members[name] = JSON(metric: value) }
        if kind == .answers { members["unjudged"] = .integer(unjudged) }
        if isRegression { members["regression"] = true }
        if !remarks.isEmpty { members["remarks"] = .array(remarks.map { .string($0) }) }
        members["seconds"] = JSON(metric: seconds)
        members["class_table"] = classes?.json
        members["field_table"] = fields?.json
        if withAnswers {
            if kind.hasAnswers { members["answers"] = .array(outcomes.map(\.json)) }
            if !rows.isEmpty { members["rows"] = .array(rows.map(\.json)) }
        }
        return .object(members)
    }

    /// Members of the JSON that are no figures.
    private static let others: Set<String> = ["suite", "kind", "baseline", "count", "unjudged", "seconds"]

    /// Reads what `json` wrote; without its answers and rows there is nothing to pair.
    ///
    /// - Throws: `EvaluationError` when it is something else.
    public init(json: JSON) throws(EvaluationError) {
        guard let members = json.object, let name = members["suite"]?.string, let count = members["count"]?.int,
            count >= 0
        else { throw EvaluationError("this is no result of a suite: it has no `suite` and `count`") }
        let word = members["kind"]?.string ?? "answers"
        guard let kind = Kind(rawValue: word) else {
            throw EvaluationError(
                "the result of suite \(name) is of kind '\(word)', which this version does not know; judge the model again"
            )
        }
        self.init(name: name, kind: kind, count: count)
        for (key, member) in members where !Self.others.contains(key) {
            if let value = member.metric { figures[key] = value }
        }
        unjudged = members["unjudged"]?.int ?? 0
        isRegression = members["regression"]?.bool ?? false
        remarks = (members["remarks"]?.array ?? []).compactMap(\.string)
        seconds = members["seconds"]?.metric ?? 0
        classes = members["class_table"].flatMap { ClassTable(json: $0) }
        fields = members["field_table"].flatMap { FieldTable(json: $0) }
        for (index, answer) in (members["answers"]?.array ?? []).enumerated() {
            outcomes.append(try Outcome(json: answer, place: "answer \(index + 1) of suite \(name)"))
        }
        for (index, row) in (members["rows"]?.array ?? []).enumerated() {
            rows.append(try MeasuredRow(json: row, place: "row \(index + 1) of suite \(name)"))
        }
    }
}

extension SuiteResult.Outcome {
    var json: JSON {
        var members: OrderedDictionary<String, JSON> = [
            "id": .string(id), "source": .string(source), "expected": .string(expected), "answer": .string(answer),
            "extracted": extracted.map { .string($0) } ?? .null, "score": score.map { JSON(metric: $0) } ?? .null,
            "passed": .bool(passed), "note": note.map { .string($0) } ?? .null, "stopped": .bool(stopped),
        ]
        if !question.isEmpty { members["question"] = .string(question) }
        if let label { members["label"] = .string(label) }
        if !values.isEmpty {
            members["values"] = .object(
                OrderedDictionary(
                    uniqueKeysWithValues: values.map {
                        ($0.key, [JSON(metric: $0.value.value), JSON(metric: $0.value.weight)])
                    }))
        }
        return .object(members)
    }

    init(json: JSON, place: String) throws(EvaluationError) {
        guard let source = json["source"]?.string, let answer = json["answer"]?.string,
            let passed = json["passed"]?.bool
        else { throw EvaluationError("\(place) has no `source`, `answer` and `passed`") }
        guard let id = json["id"]?.string else {
            throw EvaluationError(
                "\(place) has no `id`, so it cannot be paired with the answer of another model; judge the model again")
        }
        self.init(
            id: id, source: source, question: json["question"]?.string ?? "",
            expected: json["expected"]?.string ?? "", label: json["label"]?.string,
            answer: answer, extracted: json["extracted"]?.string, score: json["score"]?.metric, passed: passed,
            note: json["note"]?.string, stopped: json["stopped"]?.bool ?? true)
        for (name, member) in json["values"]?.object ?? [:] {
            guard let parts = member.array, parts.count == 2, let value = parts[0].metric, let weight = parts[1].metric
            else { throw EvaluationError("\(place): `\(name)` is \(member.kind), not a value and its weight") }
            values[name] = .init(value, weight: weight)
        }
    }
}
