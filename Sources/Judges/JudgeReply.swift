import TextCore
package import Verifiers

/// What is read of an endpoint's answer, for those who try what it does with any.
package enum JudgeReply {
    /// Reads an answer as a judge does.
    ///
    /// - Throws: `VerifierFailure` of kind `invalidValue` when it is no JSON.
    package static func read(_ bytes: [UInt8]) throws(VerifierFailure) {
        let answer = try Endpoint.json(bytes, from: "the endpoint")
        let budget = CallBudget(calls: nil, tokens: nil)
        for _ in 0..<2 { budget.add(tokens: Judge.tokens(of: answer)) }
        let reply = Judge.reply(answer)
        _ = JudgeLabel.label(in: reply, among: ["good", "bad"])
        _ = try HTTPGrader.verdict(answer)
    }
}
