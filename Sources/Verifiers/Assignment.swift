/// Ways to pair the rows of a table with its columns, each at most once, so that the sum of the scores is greatest.
package enum Assignment {
    /// The column of each row in a best pairing; `nil` for a row that is left over. As many pairs as the shorter side
    /// has members; of equally good pairings always the same one.
    ///
    /// Hungarian method with potentials (Kuhn 1955, Munkres 1957): time grows with shorter² · longer.
    ///
    /// - Parameter scores: one list for each row, all of one length, of finite numbers.
    package static func best(_ scores: [[Double]]) -> [Int?] {
        let rows = scores.count
        let columns = scores.first?.count ?? 0
        precondition(scores.allSatisfy { $0.count == columns }, "rows of several lengths in a table of scores")
        guard rows > 0, columns > 0 else { return Array(repeating: nil, count: rows) }
        guard rows > columns else { return matchRows(scores).map { $0 } }
        let transposed = (0..<columns).map { column in scores.map { $0[column] } }
        var result: [Int?] = Array(repeating: nil, count: rows)
        for (column, row) in matchRows(transposed).enumerated() { result[row] = column }
        return result
    }

    /// The column of each row, where there are no more rows than columns.
    private static func matchRows(_ scores: [[Double]]) -> [Int] {
        let rows = scores.count
        let columns = scores[0].count
        // Column 0 and row 0 stand for nothing, so that an unpaired column has row 0.
        var rowPotential = Array(repeating: 0.0, count: rows + 1)
        var columnPotential = Array(repeating: 0.0, count: columns + 1)
        var rowOfColumn = Array(repeating: 0, count: columns + 1)
        for row in 1...rows {
            rowOfColumn[0] = row
            var slack = Array(repeating: Double.infinity, count: columns + 1)
            var previous = Array(repeating: 0, count: columns + 1)
            var isUsed = Array(repeating: false, count: columns + 1)
            var column = 0
            repeat {
                isUsed[column] = true
                let current = rowOfColumn[column]
                var least = Double.infinity
                var next = 0
                for candidate in 1...columns where !isUsed[candidate] {
                    let cost =
                        -scores[current - 1][candidate - 1] - rowPotential[current] - columnPotential[candidate]
                    if cost < slack[candidate] {
                        slack[candidate] = cost
                        previous[candidate] = column
                    }
                    if slack[candidate] < least {
                        least = slack[candidate]
                        next = candidate
                    }
                }
                for candidate in 0...columns {
                    if isUsed[candidate] {
                        rowPotential[rowOfColumn[candidate]] += least
                        columnPotential[candidate] -= least
                    } else {
                        slack[candidate] -= least
                    }
                }
                column = next
            } while rowOfColumn[column] != 0
            while column != 0 {
                rowOfColumn[column] = rowOfColumn[previous[column]]
                column = previous[column]
            }
        }
        var columnOfRow = Array(repeating: 0, count: rows)
        for column in 1...columns where rowOfColumn[column] > 0 { columnOfRow[rowOfColumn[column] - 1] = column - 1 }
        return columnOfRow
    }

    /// The column of each row in a best pairing that keeps the order: of two pairs, the later row has the later column.
    ///
    /// Only pairs with a score above 0 are made. Time and memory grow with rows · columns.
    ///
    /// - Parameter scores: one list for each row, all of one length, of finite numbers.
    package static func inOrder(_ scores: [[Double]]) -> [Int?] {
        let rows = scores.count
        let columns = scores.first?.count ?? 0
        precondition(scores.allSatisfy { $0.count == columns }, "rows of several lengths in a table of scores")
        // best[i][j]: the greatest sum over the first i rows and j columns.
        var best = Array(repeating: Array(repeating: 0.0, count: columns + 1), count: rows + 1)
        for row in 0..<rows {
            for column in 0..<columns {
                best[row + 1][column + 1] = max(
                    best[row][column + 1], best[row + 1][column], best[row][column] + max(0, scores[row][column]))
            }
        }
        var result: [Int?] = Array(repeating: nil, count: rows)
        var (row, column) = (rows, columns)
        while row > 0, column > 0 {
            if best[row][column] == best[row - 1][column] {
                row -= 1
            } else if best[row][column] == best[row][column - 1] {
                column -= 1
            } else {
                result[row - 1] = column - 1
                row -= 1
                column -= 1
            }
        }
        return result
    }
}
