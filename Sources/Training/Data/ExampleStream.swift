public import TextCore

/// The rows of a run in its order, each as the examples it gave.
///
/// A stream is a function of where it stands: the same position gives the same rows, whatever was read before.
public protocol ExampleStream<Example> {
    /// What a row becomes.
    associatedtype Example: Sendable

    /// The examples of the next row: usually one, none of a row that is left out, several of one that is split. `nil`
    /// once behind the last row of a pass; the call after that begins the next pass.
    ///
    /// - Throws: what reading and encoding throw.
    mutating func next() throws -> [Example]?

    /// The place before the row that `next()` gives next, as a checkpoint records it.
    var position: JSON { get }

    /// Passes over the data done at that place: 1.25 is a quarter of the second.
    var passes: Double { get }

    /// Goes to a place that `position` gave.
    ///
    /// - Throws: when the data are not those that the place was recorded in.
    mutating func seek(to position: JSON) throws
}
