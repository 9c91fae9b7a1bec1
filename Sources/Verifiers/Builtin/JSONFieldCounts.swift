package import TextCore

/// How many leaves of each field of a JSON answer are right: what `json_f1` adds up, told apart by field.
///
/// The counts of many answers add up to the F1 of each field over all of them.
package struct JSONFieldCounts: Sendable {
    /// One field's weights, as `JSONF1` defines them.
    package struct Field: Sendable, Hashable {
        /// The field's path, such as `items[].price`.
        package var path: String
        /// Weight that matches.
        package var matched: Double
        /// Weight of the answer's leaves.
        package var answered: Double
        /// Weight of the reference's leaves.
        package var expected: Double
    }

    /// What was found in an answer.
    package struct Counts: Sendable, Hashable {
        /// Whether the answer holds a JSON value at all.
        package var isValid: Bool
        /// The fields that occur on either side, by path.
        package var fields: [Field]
    }

    private let configuration: JSONF1.Configuration
    private let reference: JSON

    /// Counts against a reference.
    ///
    /// - Parameters:
    ///   - options: the options of verifier `json_f1`.
    ///   - reference: a JSON object or array, or a text that is one.
    /// - Throws: `VerifierFailure` of kind `configuration` or `item`.
    package init(options: JSON, reference: JSON) throws(VerifierFailure) {
        configuration = try JSONF1.Configuration(options: options)
        guard let value = JSONF1.Reference(json: reference)?.value else {
            throw VerifierFailure(.item, "the right answer is \(reference.kind), not \(JSONF1.Reference.expectation)")
        }
        self.reference = value
    }

    /// The counts of an answer; one that is no JSON, or too large to be compared, finds nothing.
    package func counts(_ rollout: Rollout) -> Counts {
        var comparison = JSONComparison(configuration.comparison)
        guard let value = try? configuration.extract.json(in: rollout, depth: configuration.maxDepth) else {
            return Counts(isValid: false, fields: missed)
        }
        guard let fields = try? comparison.counts(value, against: reference) else {
            return Counts(isValid: true, fields: missed)
        }
        return Counts(isValid: true, fields: fields)
    }

    /// Every field of the reference, none of it found.
    private var missed: [Field] {
        var comparison = JSONComparison(configuration.comparison)
        return ((try? comparison.counts(reference, against: reference)) ?? []).map { field in
            Field(path: field.path, matched: 0, answered: 0, expected: field.expected)
        }
    }
}
