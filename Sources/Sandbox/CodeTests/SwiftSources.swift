/// A program in Swift that calls a function that a model wrote.
enum SwiftSources {
    /// - Parameter function: its name, an identifier.
    static func caller(of function: String) -> String {
        // Of any number of arguments: the compiler chooses by the type of the function.
        let overloads = (0...6).map { count in
            let numbers = Array(0..<count)
            let types = numbers.map { "A\($0)" }
            let generics = (types.map { "\($0): Decodable" } + ["R: Encodable"]).joined(separator: ", ")
            let passed = numbers.map { "try argument(\($0))" }.joined(separator: ", ")
            return
                "func callAnswer<\(generics)>(_ function: (\(types.joined(separator: ", "))) throws -> R) throws -> Data {"
                + " try JSONEncoder().encode([\"value\": try function(\(passed))]) }"
        }
        return """
            import Foundation

            struct NoArgument: Error {}
            let question = try JSONSerialization.jsonObject(with: FileHandle.standardInput.readToEnd() ?? Data())
            let arguments = (question as? [String: Any])?["args"] as? [Any] ?? []
            func argument<A: Decodable>(_ index: Int) throws -> A {
                guard index < arguments.count else { throw NoArgument() }
                let data = try JSONSerialization.data(withJSONObject: arguments[index], options: .fragmentsAllowed)
                return try JSONDecoder().decode(A.self, from: data)
            }
            \(overloads.joined(separator: "\n"))

            try FileHandle(fileDescriptor: 3).write(contentsOf: callAnswer(\(function)))
            """
    }
}
