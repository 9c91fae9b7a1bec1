// Reading an object member by member, for callers that keep less than a tree of it.
extension JSONReader {
    /// Lets this many values come from here on.
    package mutating func allow(values count: Int) { values = (count, count) }

    /// Reads the next key of the object whose `{` was taken, and the `:` behind it; `nil` behind the object's end.
    ///
    /// Whether a key came before is for the caller to know; `repetition` is the error for it.
    package mutating func nextKey(isFirst: Bool) throws(JSONError) -> (start: Int, key: String)? {
        switch peek() {
        case UInt8(ascii: "}"):
            position += 1
            return nil
        case UInt8(ascii: ",") where !isFirst: position += 1
        case nil: throw error("the text ends inside an object")
        default: if !isFirst { throw error("`,` or `}` is expected here") }
        }
        guard peek() == UInt8(ascii: "\"") else {
            throw error(peek() == UInt8(ascii: "}") ? "a comma before `}`" : "a key in quotes is expected here")
        }
        let start = position
        let key = try string()
        guard take(UInt8(ascii: ":")) else { throw error("`:` is expected after key \"\(key.clipped(to: 80))\"") }
        return (start, key)
    }

    /// The error of a key that is there for the second time.
    package func repetition(of key: String, at start: Int) -> JSONError {
        error("key \"\(key.clipped(to: 80))\" is written twice", at: start)
    }

    /// Nothing but white space is left.
    package mutating func finish() throws(JSONError) {
        if peek() != nil { throw error("text after the value") }
    }
}
