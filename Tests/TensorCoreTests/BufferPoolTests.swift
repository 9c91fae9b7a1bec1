import Foundation
import TensorCore
import Testing

/// The pool of buffers, in pools of their own, as all other tests use the shared one at the same time.
@Suite struct BufferPoolTests {
    /// Forward and back through layers, as a step does it: activations that are all held, gradients that grow while
    /// activations go, and short-lived results between.
    private func step(_ pool: borrowing BufferPool, tokens: Int, layers: Int = 6, width: Int = 192) {
        var held: [(UnsafeMutableRawPointer, Int)] = []
        var gradients: [(UnsafeMutableRawPointer, Int)] = []
        for _ in 0..<layers {
            for part in [1, 1, 3, 3] {
                held.append(taken(pool, 4 * tokens * width * part))
                let passing = taken(pool, 4 * tokens * width * 2)
                pool.give(passing.0, capacity: passing.1)
            }
        }
        for _ in 0..<layers {
            for part in [3, 3, 1, 1] {
                let first = taken(pool, 4 * tokens * width * part)
                gradients.append(taken(pool, 4 * width * width * part))
                if let last = held.popLast() { pool.give(last.0, capacity: last.1) }
                pool.give(first.0, capacity: first.1)
            }
        }
        for (pointer, capacity) in gradients { pool.give(pointer, capacity: capacity) }
    }

    private func taken(_ pool: borrowing BufferPool, _ byteCount: Int) -> (UnsafeMutableRawPointer, Int) {
        let (pointer, capacity) = pool.take(byteCount)
        // Pages are taken by writing to them.
        for offset in stride(from: 0, to: byteCount, by: 4096) {
            pointer.storeBytes(of: 1, toByteOffset: offset, as: UInt8.self)
        }
        return (pointer, capacity)
    }

    @Test func equalStepsAskTheSystemForNothingAfterTheFirst() {
        let pool = BufferPool()
        step(pool, tokens: 700)
        let before = pool.counters
        for _ in 0..<20 {
            pool.beginStep()
            step(pool, tokens: 700)
        }
        let after = pool.counters
        #expect(after.taken > before.taken + 1000)
        #expect(after.allocated == before.allocated)
        #expect(after.liveBytes == 0)
    }

    @Test func stepsOfAllLengthsHoldLittleMoreThanTheLongestNeeds() {
        let pool = BufferPool()
        let lengths = (0..<60).map { 200 + ($0 * 7919) % 1800 }
        for tokens in lengths {
            pool.beginStep()
            step(pool, tokens: tokens)
        }
        let counters = pool.counters
        #expect(counters.peakLiveBytes > 60 << 20)
        #expect(
            Double(counters.peakHeldBytes) < 1.2 * Double(counters.peakLiveBytes) + Double(40 << 20),
            "\(counters.peakHeldBytes) held for \(counters.peakLiveBytes) in use")
    }

    @Test func whatIsNoLongerNeededGoesBackAfterSomeSteps() {
        let pool = BufferPool()
        step(pool, tokens: 12_000)
        let long = pool.counters
        for _ in 0..<12 {
            pool.beginStep()
            step(pool, tokens: 100)
        }
        #expect(pool.counters.freeBytes < long.peakLiveBytes / 4)
    }

    @Test func rangesThatAreGivenBackJoin() {
        let pool = BufferPool()
        // Sixteen quarters of a whole, given back in no order, hold four wholes without anything from the system.
        let parts = (0..<16).map { _ in taken(pool, 4 << 20) }
        for index in [3, 1, 2, 0, 15, 5, 4, 7, 6, 9, 13, 8, 12, 11, 10, 14] {
            pool.give(parts[index].0, capacity: parts[index].1)
        }
        let before = pool.counters.allocated
        let wholes = (0..<4).map { _ in taken(pool, 16 << 20) }
        #expect(pool.counters.allocated == before)
        for (pointer, capacity) in wholes { pool.give(pointer, capacity: capacity) }
    }

    @Test func buffersInUseNeverOverlap() {
        let pool = BufferPool()
        let stream = RandomStream(seed: 4, purpose: "pool")
        var live: [(pointer: UnsafeMutableRawPointer, capacity: Int, count: Int, mark: UInt8)] = []
        for round in 0..<3000 {
            let word = Int(stream.word(round))
            if live.count > 40 || word % 3 == 0, !live.isEmpty {
                let place = word / 3 % live.count
                let buffer = live.remove(at: place)
                let bytes = UnsafeRawBufferPointer(start: buffer.pointer, count: buffer.count)
                #expect(
                    bytes.first == buffer.mark && bytes[buffer.count / 2] == buffer.mark && bytes.last == buffer.mark)
                pool.give(buffer.pointer, capacity: buffer.capacity)
                continue
            }
            let count = [100, 5000, 130 << 10, 700 << 10, 3 << 20][word / 7 % 5] + word / 64 % 5000
            let (pointer, capacity) = pool.take(count)
            let mark = UInt8(truncatingIfNeeded: round)
            pointer.initializeMemory(as: UInt8.self, repeating: mark, count: count)
            live.append((pointer, capacity, count, mark))
        }
        for buffer in live { pool.give(buffer.pointer, capacity: buffer.capacity) }
        #expect(pool.counters.liveBytes == 0)
    }
}
