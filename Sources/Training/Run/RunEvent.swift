public import Foundation
public import OrderedCollections
public import TextCore

/// Something that happened in a run: a line of `events.jsonl`, and what the progress display is fed.
public struct RunEvent: Sendable, Hashable {
    /// What kind of thing happened.
    public enum Kind: String, Sendable, CaseIterable {
        /// The run begins or goes on: `step`, `total_steps` and whatever the start banner says.
        case start
        /// Optimiser steps are done: `step` (how many so far), `metrics`, `seconds`.
        case step
        /// The model was measured: `step`, `metrics`, and `suite` when it was one.
        case eval
        /// An answer of the model, for people to read.
        case sample
        /// A checkpoint was written: `step`, `path`, `seconds` until it was on the disk, and `held_up_seconds` of these
        /// in which the run waited.
        case checkpoint
        /// A checkpoint could not be written: `step`, `message`, and how many have failed in a row as `failures`. Older
        /// ones are unharmed.
        case checkpointFailed = "checkpoint_failed"
        /// Something a person should know: `message`.
        case warning
        /// The gate has been judged: `step`, `outcome`, `message`, `path`.
        case gate
        /// The run is over: `step`, `reason`.
        case end
    }

    /// What kind of thing happened.
    public var kind: Kind
    /// When.
    public var time: Date
    /// What else is known, in the order in which it is written.
    public var fields: OrderedDictionary<String, JSON>

    /// An event of now.
    public init(_ kind: Kind, _ fields: OrderedDictionary<String, JSON> = [:], time: Date = Date()) {
        self.kind = kind
        self.time = time
        self.fields = fields
    }

    /// A field, or `nil` if there is none of that name.
    public subscript(name: String) -> JSON? { fields[name] }

    /// A warning.
    public static func warning(_ message: String, step: Int? = nil) -> RunEvent {
        var fields: OrderedDictionary<String, JSON> = [:]
        if let step { fields["step"] = .integer(step) }
        fields["message"] = .string(message)
        return RunEvent(.warning, fields)
    }

    /// The event as an object: `type`, `time` (ISO 8601, UTC, milliseconds), then the fields.
    public var json: JSON {
        var members: OrderedDictionary<String, JSON> = [
            "type": .string(kind.rawValue), "time": .string(time.formatted(Self.timeFormat)),
        ]
        for (name, value) in fields { members[name] = value }
        return .object(members)
    }

    /// An event from its object, or `nil` if this is none.
    public init?(json: JSON) {
        guard case .object(var members) = json, let type = members.removeValue(forKey: "type")?.string,
            let kind = Kind(rawValue: type), let text = members.removeValue(forKey: "time")?.string,
            let time = try? Self.timeFormat.parse(text)
        else { return nil }
        self.init(kind, members, time: time)
    }

    private static let timeFormat = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
}
