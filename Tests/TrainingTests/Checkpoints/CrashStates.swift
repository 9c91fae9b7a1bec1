import Foundation
import TensorCore

/// What a disk may hold after a crash, given what was asked of it until then.
///
/// What was synchronised is there. Of what was not, any part may be: of each folder any of its new names, renames and
/// removals, in any combination; of each file the data that were not synchronised whole, not at all, as zeros, cut, or
/// with pages missing. After Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014.
struct CrashStates {
    /// What is under a name.
    indirect enum Tree: Hashable {
        /// The number of a file and what became of its data.
        case file(Int, [Piece])
        case link(String)
        case folder([String: Tree])
    }

    /// A part of a file's data.
    enum Piece: Hashable {
        /// Operations whose bytes these are, cut at a byte.
        case bytes(operation: Int, count: Int)
        case zeros(Int)
    }

    /// How data that were not synchronised are found.
    enum Loss: CaseIterable {
        case none, all, zeros, cut, torn
    }

    private static let page = 4096

    /// A change of the names in a folder; a rename is one change.
    private struct Change {
        let operation: Int
        let folder: Int
        /// Each name with what is under it from then on; `nil` for nothing.
        let names: [(name: String, node: Int?)]
        /// The operation after which the disk has it for certain.
        var durableAfter = Int.max
    }

    private struct Write {
        let operation: Int
        let file: Int
        let count: Int
        var durableAfter = Int.max
    }

    private enum Node { case folder, file(Int), link(String) }

    private let operations: [FileOperation]
    private var nodes: [Node] = [.folder]
    private var changes: [Change] = []
    private var writes: [Write] = []

    /// Follows operations below the folder `root`, which was there before the first.
    init(_ operations: [FileOperation], root: String) {
        self.operations = operations
        var current: [[String: Int]] = [[:]]
        var nodeOfFile: [Int: Int] = [:]
        func parts(_ path: String) -> [String] {
            precondition(path.hasPrefix(root), "\(path) is not below \(root)")
            return path.dropFirst(root.count).split(separator: "/").map(String.init)
        }
        func folder(_ parts: some Sequence<String>) -> Int { parts.reduce(0) { current[$0][$1] ?? 0 } }
        func add(_ node: Node) -> Int {
            nodes.append(node)
            current.append([:])
            return nodes.count - 1
        }
        func change(_ index: Int, _ path: String, _ node: Int?, and other: (String, Int?)? = nil) {
            let place = parts(path)
            let parent = folder(place.dropLast())
            var names = [(name: place.last ?? "", node: node)]
            if let other {
                precondition(folder(parts(other.0).dropLast()) == parent, "a rename from one folder to another")
                names.append((name: parts(other.0).last ?? "", node: other.1))
            }
            for (name, node) in names { current[parent][name] = node }
            changes.append(Change(operation: index, folder: parent, names: names))
        }
        for (index, operation) in operations.enumerated() {
            switch operation {
            case .makeFolder(let path): change(index, path, add(.folder))
            case .create(let path, let file):
                nodeOfFile[file] = add(.file(file))
                change(index, path, nodeOfFile[file])
            case .write(let file, let bytes): writes.append(Write(operation: index, file: file, count: bytes.count))
            case .synchronize(let file):
                for place in writes.indices where writes[place].file == file && writes[place].durableAfter == .max {
                    writes[place].durableAfter = index
                }
            case .synchronizeFolder(let path):
                let node = folder(parts(path))
                for place in changes.indices where changes[place].folder == node && changes[place].durableAfter == .max
                {
                    changes[place].durableAfter = index
                }
            case .rename(let path, let target):
                let place = parts(path)
                let node = current[folder(place.dropLast())][place.last ?? ""]
                change(index, path, nil, and: (target, node))
            case .link(let path, let target): change(index, path, add(.link(target)))
            case .remove(let path), .removeFolder(let path): change(index, path, nil)
            }
        }
    }

    /// Every state that a crash may leave when the first `count` operations had been asked for.
    func states(after count: Int) -> Set<Tree> {
        let made = changes.filter { $0.operation < count }
        let pending = made.indices.filter { made[$0].durableAfter >= count }
        var states: Set<Tree> = []
        for lost in Self.selections(of: pending, seed: count) {
            var folders: [[String: Int]] = Array(repeating: [:], count: nodes.count)
            for (index, change) in made.enumerated() where !lost.contains(index) {
                for (name, node) in change.names { folders[change.folder][name] = node }
            }
            for loss in Loss.allCases { states.insert(tree(0, folders, loss, count)) }
        }
        return states
    }

    /// Which of the changes that are not certain are lost: every combination of a few; of many none, all, each one alone,
    /// all but one, all from one on, and some at random.
    private static func selections(of pending: [Int], seed: Int) -> [Set<Int>] {
        if pending.count <= 5 {
            return (0..<1 << pending.count).map { mask in
                Set(pending.enumerated().filter { mask >> $0.offset & 1 == 1 }.map(\.element))
            }
        }
        let all = Set(pending)
        var selections: [Set<Int>] = [[], all]
        for (place, index) in pending.enumerated() {
            selections += [[index], all.subtracting([index]), Set(pending[place...])]
        }
        for number in 0..<8 {
            let stream = RandomStream(seed: UInt64(seed), purpose: "lost", index: number)
            selections.append(Set(pending.enumerated().filter { stream.word($0.offset) & 1 == 1 }.map(\.element)))
        }
        return selections
    }

    private func tree(_ node: Int, _ folders: [[String: Int]], _ loss: Loss, _ count: Int) -> Tree {
        switch nodes[node] {
        case .folder: .folder(folders[node].mapValues { tree($0, folders, loss, count) })
        case .link(let target): .link(target)
        case .file(let file): .file(file, pieces(of: file, loss, count))
        }
    }

    private func pieces(of file: Int, _ loss: Loss, _ count: Int) -> [Piece] {
        var pieces: [Piece] = []
        for write in writes where write.file == file && write.operation < count {
            let whole = Piece.bytes(operation: write.operation, count: write.count)
            guard write.durableAfter >= count else {
                pieces.append(whole)
                continue
            }
            switch loss {
            case .none: pieces.append(whole)
            case .all: return pieces
            case .zeros: pieces.append(.zeros(write.count))
            case .cut:
                let kept = write.count > Self.page ? write.count / 2 / Self.page * Self.page : write.count / 2
                pieces.append(.bytes(operation: write.operation, count: kept))
                return pieces
            case .torn:
                // The first page did not arrive, those behind it did.
                guard write.count > Self.page else { return pieces + [.zeros(write.count)] }
                pieces += [.zeros(Self.page), .bytes(operation: write.operation, count: -Self.page)]
            }
        }
        return pieces
    }

    /// Bytes of a file.
    func content(_ pieces: [Piece]) -> Data {
        var data = Data()
        for piece in pieces {
            switch piece {
            case .zeros(let count): data.append(Data(count: count))
            case .bytes(let operation, let count):
                guard case .write(_, let bytes) = operations[operation] else { continue }
                // What is negative is left out at the start.
                data.append(contentsOf: count < 0 ? bytes[(-count)...] : bytes[..<count])
            }
        }
        return data
    }
}

/// Folders made from what a crash may leave. Files that several states share are written once.
final class CrashFolders {
    private let states: CrashStates
    private let pool: URL
    private var written: [CrashStates.Tree: URL] = [:]

    init(_ states: CrashStates, in pool: URL) throws {
        self.states = states
        self.pool = pool
        try FileManager.default.createDirectory(at: pool, withIntermediateDirectories: true)
    }

    func make(_ tree: CrashStates.Tree, at url: URL) throws {
        switch tree {
        case .link(let target):
            try FileManager.default.createSymbolicLink(atPath: url.path, withDestinationPath: target)
        case .folder(let entries):
            mkdir(url.path, 0o755)
            for (name, tree) in entries { try make(tree, at: url.appendingPathComponent(name)) }
        case .file(_, let pieces):
            if written[tree] == nil {
                let place = pool.appendingPathComponent("\(written.count)")
                try states.content(pieces).write(to: place)
                written[tree] = place
            }
            // What is read is never written to, so the states may share it.
            guard let place = written[tree], Foundation.link(place.path, url.path) == 0 else {
                throw CocoaError(.fileWriteUnknown)
            }
        }
    }
}
