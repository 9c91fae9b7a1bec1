public import Foundation
import Synchronization
public import TextCore
public import Verifiers

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Sends JSON to an address and reads JSON back.
///
/// What may pass (no connection, too many requests, a fault of the server) is an `infrastructure` failure, which the caller
/// repeats after a pause, as long as the server asks for. What will not pass (a wrong key, an unknown model) is a
/// `configuration` failure. A key is sent to the address alone, whatever that refers to, and never shown: where it stands
/// in an answer, it is taken out.
public struct Endpoint: Sendable {
    /// Where requests go.
    public let url: URL
    private let key: String?
    /// Bytes of an answer, at most.
    private static let largestAnswer = 8 << 20
    /// Seconds that anything is waited for, at most.
    private static let longestPause = 86_400.0

    private static let session = Exchanges.session(limit: largestAnswer)

    /// - Parameters:
    ///   - address: `http://` or `https://`.
    ///   - key: sent as a bearer token; `nil` for none.
    /// - Throws: `VerifierFailure` of kind `configuration` for an address that is none.
    public init(_ address: String, option: String, key: String?) throws(VerifierFailure) {
        guard let url = URL(string: address), let scheme = url.scheme, ["http", "https"].contains(scheme),
            url.host() != nil
        else {
            throw VerifierFailure(
                .configuration, option: option, "'\(address)' is no address such as http://localhost:8000/v1")
        }
        self.url = url
        self.key = key
    }

    /// The key that a variable of the environment holds.
    ///
    /// - Throws: `VerifierFailure` of kind `configuration` when a variable is named that is not set.
    static func key(
        _ variable: String, option: String = "api_key_env", isNamed: Bool, in environment: VerifierEnvironment
    ) throws(VerifierFailure) -> String? {
        let key = environment.variables[variable].flatMap { $0.isEmpty ? nil : $0 }
        guard key != nil || !isNamed else {
            throw VerifierFailure(
                .configuration, option: option, "the variable \(variable) is not set; export it with the key")
        }
        return key
    }

    /// Posts a value.
    ///
    /// - Parameters:
    ///   - path: added to the address; empty for the address itself.
    ///   - identity: names the request, so that a server can tell that a repetition is one.
    ///   - deadline: when the answer must be there.
    /// - Throws: `VerifierFailure` of kind `timeout`, `infrastructure`, `configuration` or `invalidValue`.
    public func post(
        _ body: JSON, path: String = "", identity: String? = nil, deadline: ContinuousClock.Instant?
    ) async throws(VerifierFailure) -> JSON {
        var request = URLRequest(url: path.isEmpty ? url : url.appending(path: path))
        request.httpMethod = "POST"
        request.httpBody = Data(body.text().utf8)
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        if let identity { request.setValue(identity, forHTTPHeaderField: "Idempotency-Key") }
        if let key { request.setValue("Bearer \(key)", forHTTPHeaderField: "Authorization") }
        let left = deadline.map { ($0 - .now) / .seconds(1) } ?? 60
        guard left > 0 else { throw VerifierFailure(.timeout, "no time was left for a request to \(place)") }
        // Taken in whole seconds: without rounding up, less than one would be none.
        request.timeoutInterval = min(left.rounded(.up), Self.longestPause)
        let (data, response): (Data, URLResponse?)
        do {
            (data, response) = try await Exchanges.answer(to: request, in: Self.session)
        } catch let error as URLError where error.code == .timedOut || error.code == .cancelled {
            throw VerifierFailure(.timeout, "\(place) did not answer in time")
        } catch {
            throw VerifierFailure(.infrastructure, "\(place) cannot be reached: \(error.localizedDescription)")
        }
        guard let response = response as? HTTPURLResponse else {
            throw VerifierFailure(.infrastructure, "\(place) gave no answer of HTTP")
        }
        guard data.count <= Self.largestAnswer else {
            throw VerifierFailure(.invalidValue, "\(place) answered with \(data.count) bytes, and 8 MiB are read")
        }
        let bytes = withoutKey([UInt8](data))
        try check(response, bytes)
        return try Self.json(bytes, from: place)
    }

    /// The JSON of an answer; text that is not UTF-8 is refused rather than mended into another.
    ///
    /// - Throws: `VerifierFailure` of kind `invalidValue`.
    static func json(_ bytes: [UInt8], from place: String) throws(VerifierFailure) -> JSON {
        do {
            return try JSON(parsing: bytes)
        } catch {
            throw VerifierFailure(.invalidValue, "\(place) answered with what is no JSON: \(error.message)")
        }
    }

    private func check(_ response: HTTPURLResponse, _ bytes: [UInt8]) throws(VerifierFailure) {
        guard response.statusCode >= 300 else { return }
        let said = String(decoding: bytes.prefix(1200), as: UTF8.self).clipped(to: 300).replacing("\n", with: " ")
        let message = "\(place) answered with status \(response.statusCode): \(said)"
        switch response.statusCode {
        case 408, 409, 425, 429, 500...599:
            let pause = response.value(forHTTPHeaderField: "Retry-After").flatMap(Double.init)
            throw VerifierFailure(
                .infrastructure, retryAfter: pause.flatMap { $0 >= 0 ? .seconds(min($0, Self.longestPause)) : nil },
                message)
        default: throw VerifierFailure(.configuration, message)
        }
    }

    /// Services repeat a key that they do not know. What is too short to be secret may stand in any answer.
    private func withoutKey(_ bytes: [UInt8]) -> [UInt8] {
        guard let key, key.utf8.count >= 8 else { return bytes }
        // Of bytes, not of characters: a mark behind the key joins its last letter and would hide it.
        return bytes.replacing(Array(key.utf8), with: Array("[key]".utf8))
    }

    /// The address without what might be secret in it.
    private var place: String {
        "\(url.scheme ?? "")://\(url.host() ?? "")\(url.port.map { ":\($0)" } ?? "")\(url.path)"
    }
}

/// Requests that wait for their answers. None follows an address that a service refers to, for the key is not meant for
/// that, and no more is read than may be.
private final class Exchanges: NSObject, URLSessionDataDelegate, Sendable {
    private struct Exchange {
        var continuation: CheckedContinuation<(Data, URLResponse?), any Error>
        var data = Data()
    }

    /// By the number of their task.
    private let waiting = Mutex<[Int: Exchange]>([:])
    private let limit: Int

    /// - Parameter limit: bytes after which reading ends; an answer that has more is longer than this by some.
    private init(limit: Int) { self.limit = limit }

    /// Keeps nothing between requests, and has room for as many as wait at the same time.
    static func session(limit: Int) -> URLSession {
        let configuration = URLSessionConfiguration.ephemeral
        configuration.httpMaximumConnectionsPerHost = 64
        configuration.httpShouldSetCookies = false
        configuration.urlCache = nil
        return URLSession(configuration: configuration, delegate: Exchanges(limit: limit), delegateQueue: nil)
    }

    /// - Precondition: the session is one of `session(limit:)`.
    static func answer(to request: URLRequest, in session: URLSession) async throws -> (Data, URLResponse?) {
        guard let exchanges = session.delegate as? Exchanges else { preconditionFailure("a session of others") }
        let task = session.dataTask(with: request)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                exchanges.waiting.withLock { $0[task.taskIdentifier] = Exchange(continuation: continuation) }
                // A cancellation before the line above found nobody to tell.
                if Task.isCancelled { exchanges.finish(task, URLError(.cancelled)) } else { task.resume() }
            }
        } onCancel: {
            task.cancel()
        }
    }

    func urlSession(_: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        let count = waiting.withLock { waiting in
            waiting[dataTask.taskIdentifier]?.data.append(data)
            return waiting[dataTask.taskIdentifier]?.data.count ?? 0
        }
        guard count > limit else { return }
        finish(dataTask, nil)
        dataTask.cancel()
    }

    func urlSession(
        _: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
        newRequest _: URLRequest, completionHandler: @escaping (URLRequest?) -> Void
    ) {
        // Nobody tells the end of a task whose redirection was refused.
        finish(task, nil, response)
        completionHandler(nil)
    }

    func urlSession(_: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        finish(task, error)
    }

    private func finish(_ task: URLSessionTask, _ error: (any Error)?, _ response: URLResponse? = nil) {
        guard let exchange = waiting.withLock({ $0.removeValue(forKey: task.taskIdentifier) }) else { return }
        if let error {
            exchange.continuation.resume(throwing: error)
        } else {
            exchange.continuation.resume(returning: (exchange.data, response ?? task.response))
        }
    }
}

/// Calls and tokens that are left to a verifier.
final class CallBudget: Sendable {
    private struct Spent {
        var calls = 0
        var tokens = 0
    }

    /// An endpoint may tell any number; the sum stays one.
    private static let most = 1 << 53

    private let limits: (calls: Int?, tokens: Int?)
    private let spent = Mutex(Spent())

    init(calls: Int?, tokens: Int?) { limits = (calls, tokens) }

    /// Takes a call.
    ///
    /// - Throws: `VerifierFailure` of kind `budget` when none is left.
    func take() throws(VerifierFailure) {
        let limits = limits
        let refusal: String? = spent.withLock { spent in
            if let most = limits.calls, spent.calls >= most { return "all \(most) calls of max_calls are spent" }
            if let most = limits.tokens, spent.tokens >= most { return "all \(most) tokens of max_tokens are spent" }
            spent.calls += 1
            return nil
        }
        if let refusal { throw VerifierFailure(.budget, refusal + "; raise the limit, or judge fewer answers") }
    }

    func add(tokens: Int) { spent.withLock { $0.tokens = min($0.tokens + min(max(0, tokens), Self.most), Self.most) } }
}
