import ArgumentParser

/// `hone data`: making data sets and looking into them.
struct DataCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "data", abstract: "Make data sets and look into them.",
        subcommands: [
            DataBuildCommand.self, DataVerifyCommand.self, DataStatCommand.self, DataHeadCommand.self,
            DataCheckCommand.self, DataSplitCommand.self, DataDedupCommand.self, DataTicketsCommand.self,
        ])
}
