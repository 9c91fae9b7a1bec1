import DataChecks
import Decisions
public import Foundation
public import Reports
import Training

extension RunReport {
    /// Reads a run folder with everything that Hone writes there.
    ///
    /// - Parameters:
    ///   - folder: the run folder.
    ///   - pricePerHour: what an hour of the machine costs; `nil` where money is left out.
    ///   - currency: what stands before an amount.
    public init(folder: URL, pricePerHour: Double? = nil, currency: String = "$") {
        self.init(folder: folder, sections: Self.sections, pricePerHour: pricePerHour, currency: currency)
    }

    /// The files of a run that other parts of Hone know how to show.
    private static let sections: [Section] = [
        Section(file: RunFolder.gate, heading: "The gate", place: .verdict) { try GateVerdict(json: $0).blocks },
        Section(file: RunFolder.dataCheck, heading: "What the checks found", place: .data) {
            try DataCheckReport(json: $0).blocks
        },
    ]
}
