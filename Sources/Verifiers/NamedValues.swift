import OrderedCollections
public import TextCore

/// Values by name, as in `{refunds: refund, "money back": refund}`.
public struct NamedValues<Value: JSONReadable>: JSONReadable {
    public static var expectation: String { "an object, each value \(Value.expectation)" }
    /// The values.
    public var values: [String: Value]

    public init(_ values: [String: Value] = [:]) { self.values = values }

    public init?(json: JSON) {
        guard let members = json.object else { return nil }
        values = [:]
        for (name, json) in members {
            guard let value = Value(json: json) else { return nil }
            values[name] = value
        }
    }
}
