import OrderedCollections
public import TextCore

/// Why a JSON value is no verdict of a gate.
public struct GateVerdictError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong and where.
    public let message: String

    public var description: String { message }
}

extension GateVerdict {
    /// The verdict for `gate.json`; `init(json:)` reads it back.
    public var json: JSON {
        var object: OrderedDictionary<String, JSON> = ["gate": 1, "outcome": .string(outcome.name)]
        if case .notEnoughData(let more) = outcome { object["more_examples"] = more.map(JSON.integer) ?? .null }
        object["summary"] = .string(summary)
        object["confidence"] = .number(confidence)
        object["correction"] = .string(correction.rawValue)
        object["conditions"] = .array(conditions.map(\.json))
        return .object(object)
    }

    /// Reads what `json` wrote. Keys it does not know are passed over, as a later version may write more.
    ///
    /// - Throws: `GateVerdictError` naming the member that is missing or of the wrong kind.
    public init(json: JSON) throws(GateVerdictError) {
        let reader = GateMember(json, "gate")
        guard json["gate"]?.int == 1 else {
            throw GateVerdictError(
                message: "gate: 1 is expected as the version of a verdict; decide again with hone gate")
        }
        let more = try reader.whole("more_examples")
        switch try reader.text("outcome") {
        case "ship": outcome = .ship
        case "dont_ship": outcome = .dontShip
        case "not_enough_data": outcome = .notEnoughData(moreExamples: more)
        case let other:
            throw GateVerdictError(
                message: "outcome: \(other.clipped(to: 40)) is none of ship, dont_ship, not_enough_data")
        }
        confidence = try reader.needed("confidence")
        guard confidence > 0, confidence < 1 else {
            throw GateVerdictError(message: "confidence: \(confidence) is not between 0 and 1")
        }
        let name = try reader.text("correction")
        guard let correction = Correction(rawValue: name) else {
            throw GateVerdictError(message: "correction: \(name.clipped(to: 40)) is none of holm, none")
        }
        self.correction = correction
        guard let list = json["conditions"]?.array else {
            throw GateVerdictError(message: "conditions: an array is expected")
        }
        conditions = []
        for (index, item) in list.enumerated() {
            conditions.append(try GateConditionResult(GateMember(item, "conditions[\(index)]")))
        }
    }
}

extension GateVerdict.Outcome {
    /// Its name in JSON.
    public var name: String {
        switch self {
        case .ship: "ship"
        case .dontShip: "dont_ship"
        case .notEnoughData: "not_enough_data"
        }
    }
}

extension GateConditionResult {
    fileprivate var json: JSON {
        var object: OrderedDictionary<String, JSON> = [
            "condition": .string(condition.text), "status": .string(status.rawValue),
        ]
        if let threshold = condition.kind.threshold {
            object["metric"] = .string(condition.metric)
            object["kind"] = .string(condition.kind.key)
            object["threshold"] = .number(threshold)
            object["rows"] = .integer(rows)
            object["candidate"] = number(candidate)
            object["baseline"] = number(baseline)
            object["difference"] = number(difference)
            object["difference_is_share"] = .bool(isShare)
            object["lower"] = number(lower)
            object["upper"] = number(upper)
            object["p"] = number(pValue)
            object["level"] = number(level)
            object["more_examples"] = moreExamples.map(JSON.integer) ?? .null
        } else {
            object["check"] = .string(condition.kind.key)
        }
        object["method"] = .string(method)
        object["note"] = .string(note)
        return .object(object)
    }

    private func number(_ value: Double?) -> JSON { value.map(JSON.number) ?? .null }

    fileprivate init(_ reader: GateMember) throws(GateVerdictError) {
        let kind: GateCondition.Kind
        if let check = try reader.optionalText("check") {
            kind = .check(check)
        } else {
            let key = try reader.text("kind")
            guard let known = GateCondition.Kind(key: key, threshold: try reader.needed("threshold")) else {
                throw reader.error("kind", "\(key.clipped(to: 40)) is no kind of condition")
            }
            kind = known
        }
        let name = try reader.text("status")
        guard let status = Status(rawValue: name) else {
            throw reader.error("status", "\(name.clipped(to: 40)) is none of passed, failed, undecided")
        }
        self.init(
            condition: GateCondition(
                metric: try reader.optionalText("metric") ?? "", kind: kind, text: try reader.text("condition")),
            status: status, note: try reader.optionalText("note") ?? "")
        rows = try reader.whole("rows") ?? 0
        candidate = try reader.number("candidate")
        baseline = try reader.number("baseline")
        difference = try reader.number("difference")
        isShare = reader.value["difference_is_share"]?.bool ?? false
        lower = try reader.number("lower")
        upper = try reader.number("upper")
        pValue = try reader.number("p")
        level = try reader.number("level")
        moreExamples = try reader.whole("more_examples")
        method = try reader.optionalText("method") ?? ""
    }
}

/// Members of one object of a verdict, with the place they are at.
private struct GateMember {
    let value: JSON
    let place: String

    init(_ value: JSON, _ place: String) {
        self.value = value
        self.place = place
    }

    func error(_ key: String, _ what: String) -> GateVerdictError {
        GateVerdictError(message: "\(place).\(key): \(what)")
    }

    func text(_ key: String) throws(GateVerdictError) -> String {
        guard let text = try optionalText(key) else { throw error(key, "a string is expected") }
        return text
    }

    func optionalText(_ key: String) throws(GateVerdictError) -> String? {
        guard let member = value[key], !member.isNull else { return nil }
        guard let text = member.string else { throw error(key, "a string is expected, not \(member.kind)") }
        return text
    }

    func number(_ key: String) throws(GateVerdictError) -> Double? {
        guard let member = value[key], !member.isNull else { return nil }
        guard let number = member.double, number.isFinite else {
            throw error(key, "a number is expected, not \(member.kind)")
        }
        return number
    }

    func needed(_ key: String) throws(GateVerdictError) -> Double {
        guard let number = try number(key) else { throw error(key, "a number is expected") }
        return number
    }

    func whole(_ key: String) throws(GateVerdictError) -> Int? {
        guard let member = value[key], !member.isNull else { return nil }
        guard let number = member.int, number >= 0 else { throw error(key, "a count is expected") }
        return number
    }
}
