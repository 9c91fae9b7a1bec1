import Foundation
import Testing
import TextCore

/// A verifier in a SwiftPM package of its own, which depends on Hone by its path.
///
/// All of Hone is compiled for that package: minutes the first time, seconds later, for what was compiled is kept in
/// `.build/verifier-package`. `HONE_TEST_PACKAGES=1` asks for it.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["HONE_TEST_PACKAGES"] != nil, "set HONE_TEST_PACKAGES=1"))
struct VerifierPackageTests {
    private let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private func manifest() -> String {
        """
        // swift-tools-version: 6.2
        import PackageDescription

        let package = Package(
            name: "Rewards",
            dependencies: [.package(path: "\(root.path)")],
            targets: [
                .executableTarget(
                    name: "trainer",
                    dependencies: ["Recipes", "TextCore", "Verifiers"].map {
                        .product(name: $0, package: "\(root.lastPathComponent)")
                    })
            ],
            swiftLanguageModes: [.v6]
        )

        """
    }

    private let main = """
        import Recipes

        var registry = Registry()
        registry.verifiers.register(HostileVerifier.self)
        await Hone.run(registry)

        """

    @Test func `an executable of three lines trains with its own verifier, which may crash`() throws {
        guard let workspace = try VerifierRunTests.workspace(verifier: "hostile") else { return }
        try workspace.write(manifest(), to: "package/Package.swift")
        try workspace.write(main, to: "package/Sources/trainer/main.swift")
        try workspace.write(VerifierRunTests.hostile, to: "package/Sources/trainer/HostileVerifier.swift")
        // The same versions of what Hone depends on, so that nothing is fetched.
        let pins = root.appending(path: "Package.resolved")
        if let bytes = try? Data(contentsOf: pins) {
            try bytes.write(to: workspace.url("package/Package.resolved"))
        }
        let scratch = root.appending(path: ".build/verifier-package")
        let build = try HoneProcess(
            shell: """
                swift build -c release --package-path package --scratch-path '\(scratch.path)' --skip-update >&2 \
                && cp '\(scratch.path)/release/trainer' .
                """, in: workspace.folder
        ).result(timeLimit: 3600)
        #expect(build.status == 0, "\(build)")
        let run = try HoneProcess(shell: "./trainer train recipe.yaml", in: workspace.folder).result(timeLimit: 180)
        #expect(run.status == 0, "\(run)")
        try VerifierRunTests.expectTold(workspace)
        let list = try HoneProcess(shell: "./trainer verifier list", in: workspace.folder).result()
        #expect(list.output.contains("hostile "), "\(list)")
    }
}
