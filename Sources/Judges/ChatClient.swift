import Foundation
import OrderedCollections
public import TextCore
public import Verifiers

/// Asks a model behind an endpoint of OpenAI's kind to answer, as a model on the disk is asked.
public struct ChatClient: Sendable {
    /// What it asks, and how it is charged.
    public struct Settings: Sendable {
        /// The address that ends before `/chat/completions`.
        public var address: String
        /// The model's name there.
        public var model: String
        /// The variable of the environment that holds the key; `nil` for OPENAI_API_KEY at api.openai.com, and no key
        /// elsewhere.
        public var keyVariable: String?
        /// Tokens of an answer, at most.
        public var maxTokens = 256
        /// 0 takes the likeliest token.
        public var temperature = 0.0
        /// Share of probability that is kept.
        public var topP = 1.0
        /// Texts that end an answer; services take up to four.
        public var stop: [String] = []
        /// Price of a million tokens read, and of a million written; 0 where nothing is charged.
        public var inputPrice = 0.0
        public var outputPrice = 0.0
        /// Repetitions of a request that failed for a reason that may pass.
        public var retries = 4
        /// How long an answer is waited for.
        public var timeout = Duration.seconds(120)

        /// Greedy answers of up to 256 tokens.
        public init(address: String, model: String) {
            self.address = address
            self.model = model
        }
    }

    /// What an endpoint answered.
    public struct Reply: Sendable, Hashable {
        /// The text.
        public var text: String
        /// Tokens that it says it read and wrote; `nil` where it does not say.
        public var promptTokens, completionTokens: Int?
        /// Whether the model ended the answer, rather than the limit.
        public var stopped: Bool
        /// Seconds from sending the request that was answered to reading the answer.
        public var seconds: Double
        /// What it cost by the prices given.
        public var cost: Double
    }

    /// How long it waits before it asks again.
    private static let pauses: [Duration] = [.seconds(0.5), .seconds(1), .seconds(2), .seconds(4), .seconds(8)]

    /// What it asks.
    public let settings: Settings
    private let endpoint: Endpoint

    /// - Throws: `VerifierFailure` of kind `configuration` for an address or a key that cannot be used.
    public init(
        _ settings: Settings, in environment: VerifierEnvironment = VerifierEnvironment()
    ) throws(VerifierFailure) {
        self.settings = settings
        var key: String?
        if let variable = settings.keyVariable {
            key = try Endpoint.key(variable, isNamed: true, in: environment)
        } else if URL(string: settings.address)?.host() == "api.openai.com" {
            key = try Endpoint.key("OPENAI_API_KEY", isNamed: false, in: environment)
        }
        endpoint = try Endpoint(settings.address, option: "endpoint", key: key)
    }

    /// The model's answer to a conversation.
    ///
    /// - Parameter messages: objects with `role` and `content`.
    /// - Throws: `VerifierFailure` when there is none, after as many repetitions as are allowed for what may pass.
    public func answer(_ messages: [JSON]) async throws(VerifierFailure) -> Reply {
        var body: [String: JSON] = [
            "model": .string(settings.model), "messages": .array(messages), "max_tokens": .integer(settings.maxTokens),
            "temperature": .number(settings.temperature),
        ]
        if settings.topP < 1 { body["top_p"] = .number(settings.topP) }
        if !settings.stop.isEmpty { body["stop"] = .array(settings.stop.map { .string($0) }) }
        let request = JSON.object(.init(uniqueKeysWithValues: body.sorted { $0.key < $1.key }))
        var attempt = 0
        while true {
            let start = ContinuousClock.now
            do throws(VerifierFailure) {
                let answer = try await endpoint.post(
                    request, path: "chat/completions", deadline: start + settings.timeout)
                return try reply(answer, seconds: (ContinuousClock.now - start) / .seconds(1))
            } catch {
                guard error.kind == .infrastructure || error.kind == .timeout, attempt < settings.retries,
                    !Task.isCancelled
                else { throw error }
                // What the service asks for, or longer each time.
                let pause = error.retryAfter ?? Self.pauses[min(attempt, Self.pauses.count - 1)]
                attempt += 1
                try? await Task.sleep(for: min(pause, .seconds(60)))
            }
        }
    }

    private func reply(_ answer: JSON, seconds: Double) throws(VerifierFailure) -> Reply {
        guard let choice = answer["choices"]?.array?.first, let message = choice["message"] else {
            throw VerifierFailure(
                .invalidValue, "the endpoint's answer has no message: \(answer.text().clipped(to: 200))")
        }
        let used = answer["usage"]
        let (read, written) = (used?["prompt_tokens"]?.int, used?["completion_tokens"]?.int)
        let cost =
            (Double(read ?? 0) * settings.inputPrice + Double(written ?? 0) * settings.outputPrice) / 1_000_000
        return Reply(
            text: message["content"]?.string ?? "", promptTokens: read, completionTokens: written,
            stopped: choice["finish_reason"]?.string != "length", seconds: seconds, cost: cost)
    }
}
