import TextCore

/// Why an answer is no JSON value.
struct NoJSON: Error {
    /// For a verdict's note.
    let note: String
}

extension Extraction {
    /// Bytes of JSON that are read from an answer, at most.
    private static let byteLimit = 4 << 20

    /// The JSON value that the extracted text is: all of it, no key twice, not too deep.
    func json(in rollout: Rollout, depth: Int) throws(NoJSON) -> JSON {
        guard let text = text(in: rollout) else { throw NoJSON(note: absence(in: rollout)) }
        do throws(JSONError) {
            return try JSON(parsing: text, limits: JSONLimits(depth: depth, bytes: Self.byteLimit))
        } catch {
            throw NoJSON(note: error.description)
        }
    }
}
