import DataChecks
import Decisions
import Foundation
import LanguageModels
import ShardIO
import TextCore
import Tokenization
import Training
import Verifiers

extension CommandFailure {
    /// Any error of a command, with the exit status that its kind has.
    init(describing error: any Error) {
        switch error {
        case let failure as CommandFailure: self = failure
        case let error as RecipeError:
            let isMissing = error.problems.allSatisfy(\.isMissingFile)
            self.init(message: error.description, status: isMissing ? .missing : .configuration, json: error.json)
        case let error as DataError:
            let status: ExitStatus =
                switch error.kind {
                case .missing: .missing
                case .unwritable: .inputOutput
                default: .data
                }
            self.init(message: error.description, status: status)
        case let error as ReleaseLogError:
            let status: ExitStatus =
                switch error.kind {
                case .missing: .missing
                case .unreadable: .inputOutput
                case .malformed: .data
                }
            self.init(message: error.message, status: status)
        case let error as FileError: self.init(message: error.description, status: .inputOutput)
        case let error as TextStoreError: self.init(message: error.description, status: .inputOutput)
        case let error as DataCheckError: self.init(message: error.description, status: .data)
        case let error as VerifierFailure: self.init(message: "\(error)", status: .configuration)
        case is EncodingError, is TokenizationError, is TemplateError, is ModelError, is TrainingError:
            self.init(message: "\(error)", status: .data)
        case is CancellationError:
            self.init(message: "stopped", status: ExitStatus(rawValue: ExitStatus.stopped) ?? .interrupted)
        case let error as CocoaError where error.code == .fileReadNoSuchFile || error.code == .fileNoSuchFile:
            self.init(message: error.filePath.map { "\($0): no such file" } ?? "no such file", status: .missing)
        case is CocoaError: self.init(message: error.localizedDescription, status: .inputOutput)
        default: self.init(message: "\(error)", status: .software)
        }
    }
}
