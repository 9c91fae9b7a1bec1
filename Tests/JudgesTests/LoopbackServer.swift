import Dispatch
import Foundation
import Glibc
import Synchronization
import TextCore

/// A small HTTP/1.1 server on this machine's own address, which answers POST requests that hold JSON.
final class LoopbackServer: Sendable {
    /// What came.
    struct Request: Sendable {
        /// How many came before it.
        var index = 0
        var path = ""
        /// By name in lower case.
        var headers: [String: String] = [:]
        var body: JSON = .null

        /// The content of the last message, which a judge is asked.
        var question: String { body["messages"]?.array?.last?["content"]?.string ?? "" }
    }

    /// What goes back.
    struct Response: Sendable {
        var status = 200
        var headers: [String: String] = [:]
        var body = ""
        /// How long it is waited for.
        var delay: Duration = .zero

        /// An answer of a model behind an endpoint of OpenAI's kind.
        static func message(_ content: String, delay: Duration = .zero) -> Response {
            choice(
                ["message": ["role": "assistant", "content": .string(content)], "finish_reason": "stop"], delay: delay)
        }

        static func choice(_ choice: JSON, delay: Duration = .zero) -> Response {
            let body: JSON = ["choices": [choice], "usage": ["total_tokens": 11]]
            return Response(body: body.text(), delay: delay)
        }
    }

    private struct State {
        var requests: [Request] = []
        var isClosed = false
    }

    /// Where it listens.
    let port: Int
    private let listener: Int32
    private let state = Mutex(State())
    private let threads = DispatchGroup()

    /// Listens until `close` is called.
    init(_ answer: @escaping @Sendable (Request) -> Response) throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let handle = listener
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                guard bind(handle, pointer, length) == 0, listen(handle, 64) == 0 else { return Int32(-1) }
                return getsockname(handle, pointer, &length)
            }
        }
        guard listener >= 0, status == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        port = Int(UInt16(bigEndian: address.sin_port))
        start { server in server.accept(answer) }
    }

    /// The address that a judge is given.
    var address: String { "http://127.0.0.1:\(port)/v1" }

    /// What came so far, in order.
    var requests: [Request] { state.withLock { $0.requests } }

    /// Ends every thread and connection, and waits for them.
    func close() {
        state.withLock { $0.isClosed = true }
        threads.wait()
        _ = Glibc.close(listener)
    }

    private var isClosed: Bool { state.withLock { $0.isClosed } }

    private func start(_ body: @escaping @Sendable (LoopbackServer) -> Void) {
        threads.enter()
        Thread {
            body(self)
            self.threads.leave()
        }.start()
    }

    private func accept(_ answer: @escaping @Sendable (Request) -> Response) {
        while !isClosed {
            var waiting = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
            guard poll(&waiting, 1, 20) > 0 else { continue }
            let connection = Glibc.accept(listener, nil, nil)
            guard connection >= 0 else { continue }
            start { server in
                server.serve(connection, answer)
                _ = Glibc.close(connection)
            }
        }
    }

    /// Reads one request and answers it.
    private func serve(_ connection: Int32, _ answer: @Sendable (Request) -> Response) {
        guard let request = read(from: connection) else { return }
        let response = answer(request)
        let end = ContinuousClock.now + response.delay
        while ContinuousClock.now < end, !isClosed { usleep(5000) }
        var text = "HTTP/1.1 \(response.status) Status\r\nContent-Type: application/json\r\nConnection: close\r\n"
        for (name, value) in response.headers { text += "\(name): \(value)\r\n" }
        send(text + "Content-Length: \(response.body.utf8.count)\r\n\r\n" + response.body, to: connection)
    }

    private func read(from connection: Int32) -> Request? {
        var bytes: [UInt8] = []
        var head: Int?
        var request = Request()
        while !isClosed {
            if head == nil, let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) {
                head = end.upperBound
                let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
                request.path = lines.first?.split(separator: " ").dropFirst().first.map(String.init) ?? ""
                for line in lines.dropFirst() {
                    let parts = line.split(separator: ":", maxSplits: 1)
                    request.headers[parts[0].lowercased()] = parts.last?.trimmingCharacters(in: .whitespaces)
                }
                if request.headers["expect"] != nil { send("HTTP/1.1 100 Continue\r\n\r\n", to: connection) }
            }
            if let head, bytes.count >= head + (request.headers["content-length"].flatMap { Int($0) } ?? 0) {
                request.body = (try? JSON(parsing: bytes[head...])) ?? .null
                let done = request
                return state.withLock { state in
                    var done = done
                    done.index = state.requests.count
                    state.requests.append(done)
                    return done
                }
            }
            var waiting = pollfd(fd: connection, events: Int16(POLLIN), revents: 0)
            guard poll(&waiting, 1, 20) > 0 else { continue }
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            let count = recv(connection, &buffer, buffer.count, 0)
            guard count > 0 else { return nil }
            bytes += buffer[..<count]
        }
        return nil
    }

    private func send(_ text: String, to connection: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes {
                Glibc.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }
}
