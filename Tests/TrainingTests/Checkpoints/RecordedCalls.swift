import Foundation
import Synchronization
import Training

/// Something that was asked of the file system and done.
enum FileOperation: Sendable {
    case makeFolder(String)
    /// A new or emptied file, under the number by which later operations name it.
    case create(String, file: Int)
    case write(file: Int, [UInt8])
    case synchronize(file: Int)
    case synchronizeFolder(String)
    case rename(String, to: String)
    case link(String, to: String)
    case remove(String)
    case removeFolder(String)
}

/// The system's calls, written down in their order.
final class RecordingCalls: FileCalls {
    private struct State {
        var operations: [FileOperation] = []
        var files: [Int32: Int] = [:]
        var folders: [Int32: String] = [:]
        var created = 0
    }

    private let system = SystemCalls()
    private let state = Mutex(State())

    /// What was done so far.
    var operations: [FileOperation] { state.withLock { $0.operations } }

    private func note(_ result: Int32, _ operation: FileOperation) -> Int32 {
        if result == 0 { state.withLock { $0.operations.append(operation) } }
        return result
    }

    func create(_ path: String) -> Int32 {
        let file = system.create(path)
        guard file >= 0 else { return file }
        state.withLock { state in
            state.files[file] = state.created
            state.operations.append(.create(path, file: state.created))
            state.created += 1
        }
        return file
    }

    func write(_ file: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        let count = system.write(file, bytes)
        if count > 0 {
            state.withLock { state in
                state.operations.append(.write(file: state.files[file] ?? -1, Array(bytes.prefix(count))))
            }
        }
        return count
    }

    func openFolder(_ path: String) -> Int32 {
        let file = system.openFolder(path)
        if file >= 0 { state.withLock { $0.folders[file] = path } }
        return file
    }

    func synchronize(_ file: Int32) -> Int32 {
        let result = system.synchronize(file)
        state.withLock { state in
            if let folder = state.folders[file] {
                state.operations.append(.synchronizeFolder(folder))
            } else {
                state.operations.append(.synchronize(file: state.files[file] ?? -1))
            }
        }
        return result
    }

    func close(_ file: Int32) -> Int32 {
        state.withLock { state in
            state.files[file] = nil
            state.folders[file] = nil
        }
        return system.close(file)
    }

    func makeFolder(_ path: String) -> Int32 { note(system.makeFolder(path), .makeFolder(path)) }
    func rename(_ path: String, _ target: String) -> Int32 {
        note(system.rename(path, target), .rename(path, to: target))
    }
    func link(_ path: String, to target: String) -> Int32 {
        note(system.link(path, to: target), .link(path, to: target))
    }
    func remove(_ path: String) -> Int32 { note(system.remove(path), .remove(path)) }
    func removeFolder(_ path: String) -> Int32 { note(system.removeFolder(path), .removeFolder(path)) }
    func freeBytes(_ folder: String) -> Int? { system.freeBytes(folder) }
}

/// The system's calls, some of which fail.
final class FailingCalls: FileCalls {
    /// What becomes of a call.
    enum Fault: Sendable, Hashable {
        /// It fails with this error of the system.
        case error(Int32)
        /// It writes half of what it is given.
        case short
    }

    /// Which calls there are.
    enum Kind: String, Sendable, Hashable, CaseIterable {
        case create, write, openFolder, synchronize, close, makeFolder, rename, link, remove, removeFolder
    }

    private let system = SystemCalls()
    private let calls = Mutex<[Kind]>([])
    /// What becomes of call number n, from 0.
    private let fault: @Sendable (_ number: Int, _ kind: Kind) -> Fault?
    private let free: @Sendable (Int?) -> Int?

    /// - Parameters:
    ///   - free: what is said of the room on the disk; the truth by default.
    ///   - fault: what becomes of a call; `nil` lets it happen.
    init(
        free: @escaping @Sendable (Int?) -> Int? = { $0 },
        fault: @escaping @Sendable (_ number: Int, _ kind: Kind) -> Fault? = { _, _ in nil }
    ) {
        self.free = free
        self.fault = fault
    }

    /// The calls so far.
    var made: [Kind] { calls.withLock { $0 } }

    private func next(_ kind: Kind) -> Fault? {
        let number = calls.withLock { calls in
            calls.append(kind)
            return calls.count - 1
        }
        return fault(number, kind)
    }

    private func result(_ kind: Kind, _ body: () -> Int32) -> Int32 {
        if case .error(let code) = next(kind) { return -code }
        return body()
    }

    func create(_ path: String) -> Int32 { result(.create) { system.create(path) } }

    func write(_ file: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        switch next(.write) {
        case .error(let code): -Int(code)
        case .short: system.write(file, UnsafeRawBufferPointer(rebasing: bytes.prefix(max(1, bytes.count / 2))))
        case nil: system.write(file, bytes)
        }
    }

    func openFolder(_ path: String) -> Int32 { result(.openFolder) { system.openFolder(path) } }
    func synchronize(_ file: Int32) -> Int32 { result(.synchronize) { system.synchronize(file) } }

    func close(_ file: Int32) -> Int32 {
        let fault = next(.close)
        let result = system.close(file)
        if case .error(let code) = fault { return -code }
        return result
    }

    func makeFolder(_ path: String) -> Int32 { result(.makeFolder) { system.makeFolder(path) } }
    func rename(_ path: String, _ target: String) -> Int32 { result(.rename) { system.rename(path, target) } }
    func link(_ path: String, to target: String) -> Int32 { result(.link) { system.link(path, to: target) } }
    func remove(_ path: String) -> Int32 { result(.remove) { system.remove(path) } }
    func removeFolder(_ path: String) -> Int32 { result(.removeFolder) { system.removeFolder(path) } }
    func freeBytes(_ folder: String) -> Int? { free(system.freeBytes(folder)) }
}
