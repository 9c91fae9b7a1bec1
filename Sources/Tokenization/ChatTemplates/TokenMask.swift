/// Which tokens lie in the spans, for a mask of what is trained.
///
/// A token belongs to a span when its byte range is not empty and shares at least one byte with it, as in the assistant
/// mask of transformers: a token that begins before a span and ends in it, or the other way round, is marked. Tokens
/// with an empty range (added around the text rather than read from it) are never marked. Several tokens may have the
/// same range, when one character took more than one of them, and all are then treated alike.
///
/// - Parameters:
///   - spans: byte ranges in any order; they may touch or overlap.
///   - offsets: the byte range of each token.
/// - Returns: one flag a token.
public func tokenMask(spans: [Range<Int>], offsets: [Range<Int>]) -> [Bool] {
    let merged = mergedSpans(spans)
    return offsets.map { offset in
        guard !offset.isEmpty else { return false }
        // The first span that ends after the token begins is the only one that needs a look.
        var low = 0
        var high = merged.count
        while low < high {
            let middle = (low + high) / 2
            if merged[middle].upperBound <= offset.lowerBound { low = middle + 1 } else { high = middle }
        }
        return low < merged.count && merged[low].lowerBound < offset.upperBound
    }
}

/// The same bytes as spans in order, none empty and none touching.
func mergedSpans(_ spans: [Range<Int>]) -> [Range<Int>] {
    var merged: [Range<Int>] = []
    for span in spans.filter({ !$0.isEmpty }).sorted(by: { $0.lowerBound < $1.lowerBound }) {
        if let last = merged.last, span.lowerBound <= last.upperBound {
            merged[merged.count - 1] = last.lowerBound..<max(last.upperBound, span.upperBound)
        } else {
            merged.append(span)
        }
    }
    return merged
}

/// The bytes of `spans` that are in none of `excluded`.
func subtract(_ excluded: [Range<Int>], from spans: [Range<Int>]) -> [Range<Int>] {
    let holes = mergedSpans(excluded)
    return mergedSpans(spans).flatMap { span in
        var start = span.lowerBound
        var parts: [Range<Int>] = []
        for hole in holes where hole.upperBound > start && hole.lowerBound < span.upperBound {
            if hole.lowerBound > start { parts.append(start..<hole.lowerBound) }
            start = hole.upperBound
        }
        if start < span.upperBound { parts.append(start..<span.upperBound) }
        return parts
    }
}
