import Dispatch
import Synchronization

/// Does numbered pieces of work on two threads.
///
/// Which thread does a piece is chance, so a piece must not depend on another, nor write where another does.
func onTwoThreads(_ count: Int, _ body: @Sendable (Int) -> Void) {
    let next = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: min(2, count)) { _ in
        while true {
            let piece = next.wrappingAdd(1, ordering: .relaxed).oldValue
            guard piece < count else { return }
            body(piece)
        }
    }
}
