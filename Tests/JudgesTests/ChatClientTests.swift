import Foundation
import Judges
import OrderedCollections
import Testing
import TextCore
import Verifiers

/// A model behind an endpoint, asked as a baseline.
@Suite struct ChatClientTests {
    private func client(
        _ server: LoopbackServer, variables: [String: String] = [:],
        _ change: (inout ChatClient.Settings) -> Void = { _ in }
    ) throws -> ChatClient {
        var settings = ChatClient.Settings(address: server.address, model: "m")
        change(&settings)
        return try ChatClient(settings, in: VerifierEnvironment(variables: variables))
    }

    private static func reply(_ text: String, finish: String = "stop") -> LoopbackServer.Response {
        let body: JSON = [
            "choices": [["message": ["content": .string(text)], "finish_reason": .string(finish)]],
            "usage": ["prompt_tokens": 1000, "completion_tokens": 20],
        ]
        return .init(body: body.text())
    }

    @Test func `an answer has its text, its tokens, its price and its time`() async throws {
        let server = try LoopbackServer { _ in
            var response = Self.reply("four")
            response.delay = .milliseconds(30)
            return response
        }
        defer { server.close() }
        let client = try client(server, variables: ["KEY": "a secret of many letters"]) { settings in
            (settings.inputPrice, settings.outputPrice, settings.keyVariable) = (2.5, 10, "KEY")
            (settings.maxTokens, settings.stop, settings.topP) = (7, ["\n"], 0.9)
        }
        let reply = try await client.answer([["role": "user", "content": "two and two?"]])
        #expect(reply.text == "four" && reply.stopped && reply.promptTokens == 1000 && reply.completionTokens == 20)
        #expect(abs(reply.cost - (1000 * 2.5 + 20 * 10) / 1e6) < 1e-15 && reply.seconds >= 0.03)
        let request = try #require(server.requests.first)
        #expect(
            request.path == "/v1/chat/completions"
                && request.headers["authorization"] == "Bearer a secret of many letters")
        #expect(request.body["max_tokens"] == 7 && request.body["stop"] == ["\n"] && request.body["top_p"] == 0.9)
        #expect(request.body["temperature"]?.double == 0 && request.question == "two and two?")
    }

    @Test func `what may pass is asked again, and what will not is not`() async throws {
        let server = try LoopbackServer { request in
            request.index < 2
                ? .init(status: 429, headers: ["Retry-After": "0"], body: "{}") : Self.reply("late", finish: "length")
        }
        defer { server.close() }
        let reply = try await client(server).answer([])
        #expect(reply.text == "late" && !reply.stopped && server.requests.count == 3 && reply.cost == 0)
        let impatient = try LoopbackServer { _ in .init(status: 500, headers: ["Retry-After": "0"], body: "{}") }
        defer { impatient.close() }
        let failure = await #expect(throws: VerifierFailure.self) {
            try await client(impatient) { $0.retries = 2 }.answer([])
        }
        #expect(failure?.kind == .infrastructure && impatient.requests.count == 3)
        let refusing = try LoopbackServer { _ in .init(status: 401, body: #"{"error": "who are you?"}"#) }
        defer { refusing.close() }
        let refusal = await #expect(throws: VerifierFailure.self) { try await client(refusing).answer([]) }
        #expect(refusal?.kind == .configuration && refusing.requests.count == 1)
        #expect(refusal?.message.contains("who are you?") == true)
    }

    @Test func `an answer that is none is refused, whatever it holds`() async throws {
        for body in ["{}", "[]", #"{"choices": []}"#, #"{"choices": [{"message": null}]}"#, #"{"choices": 4}"#] {
            let server = try LoopbackServer { _ in .init(body: body) }
            defer { server.close() }
            let result = try? await client(server).answer([])
            #expect(result == nil || result?.text == "", "\(body)")
        }
        #expect(throws: VerifierFailure.self) { try ChatClient(.init(address: "nowhere", model: "m")) }
        let environment = VerifierEnvironment(variables: [:])
        var settings = ChatClient.Settings(address: "http://localhost:1", model: "m")
        settings.keyVariable = "ABSENT"
        let failure = #expect(throws: VerifierFailure.self) { try ChatClient(settings, in: environment) }
        #expect(failure?.option == "api_key_env")
    }
}
