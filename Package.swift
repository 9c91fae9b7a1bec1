// swift-tools-version: 6.2
import PackageDescription

// Layers, lowest first; a target imports lower layers only (README.md has the map).
//
//   0  CHashes, CKernels, COpenBLAS, CSandbox, CSpawn, CStacks, CZstd, Statistics, TextCore
//   1  TensorCore, Tokenization, ShardIO, Verifiers, Sandbox, Judges, Datasets, Reports
//   2  LanguageModels, DataChecks, Decisions            3  Training
//   4  SFT, DPO, RFT, Evaluation                  5  Recipes                     6  HoneCLI (the executable `hone`)
let package = Package(
    name: "Hone",
    products: [
        .executable(name: "hone", targets: ["HoneCLI"]),
        .executable(name: "hone-bench", targets: ["HoneBenchmarks"]),
        .executable(name: "hone-fuzz", targets: ["HoneFuzz"]),
        .library(name: "TextCore", targets: ["TextCore"]),
        .library(name: "TensorCore", targets: ["TensorCore"]),
        .library(name: "Tokenization", targets: ["Tokenization"]),
        .library(name: "ShardIO", targets: ["ShardIO"]),
        .library(name: "Verifiers", targets: ["Verifiers"]),
        .library(name: "Sandbox", targets: ["Sandbox"]),
        .library(name: "Statistics", targets: ["Statistics"]),
        .library(name: "Reports", targets: ["Reports"]),
        .library(name: "DataChecks", targets: ["DataChecks"]),
        .library(name: "Decisions", targets: ["Decisions"]),
        .library(name: "LanguageModels", targets: ["LanguageModels"]),
        .library(name: "Training", targets: ["Training"]),
        .library(name: "SFT", targets: ["SFT"]),
        .library(name: "DPO", targets: ["DPO"]),
        .library(name: "RFT", targets: ["RFT"]),
        .library(name: "Evaluation", targets: ["Evaluation"]),
        .library(name: "Recipes", targets: ["Recipes"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        .target(name: "CKernels"),
        .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .target(name: "CHashes"),
        .target(name: "CSpawn"),
        .target(name: "CStacks"),
        .target(name: "CSandbox"),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .target(
            name: "TextCore",
            dependencies: ["CHashes", .product(name: "OrderedCollections", package: "swift-collections")]),
        .target(name: "Statistics"),
        .target(name: "TensorCore", dependencies: ["CKernels"]),
        .target(
            name: "Tokenization",
            dependencies: ["TextCore", .product(name: "OrderedCollections", package: "swift-collections")]),
        .target(
            name: "ShardIO",
            dependencies: ["CZstd", "TextCore", .product(name: "OrderedCollections", package: "swift-collections")]),
        .target(
            name: "Verifiers",
            dependencies: ["CSpawn", "TextCore", .product(name: "OrderedCollections", package: "swift-collections")]),
        .target(
            name: "Judges",
            dependencies: ["TextCore", "Verifiers", .product(name: "OrderedCollections", package: "swift-collections")]),
        .target(
            name: "Sandbox",
            dependencies: [
                "CSandbox", "TextCore", "Verifiers", .product(name: "OrderedCollections", package: "swift-collections"),
            ]),
        .target(
            name: "Reports",
            dependencies: ["TextCore", .product(name: "OrderedCollections", package: "swift-collections")]),
        .target(
            name: "Datasets",
            dependencies: [
                "Statistics", "TextCore", "Verifiers",
                .product(name: "OrderedCollections", package: "swift-collections"),
            ]),
        .target(
            name: "DataChecks",
            dependencies: [
                "Reports", "ShardIO", "Statistics", "TextCore",
                .product(name: "OrderedCollections", package: "swift-collections"),
            ]),
        .target(
            name: "Decisions",
            dependencies: [
                "Reports", "Statistics", "TextCore", .product(name: "OrderedCollections", package: "swift-collections"),
            ]),
        .target(
            name: "LanguageModels",
            dependencies: [
                "TensorCore", "TextCore", .product(name: "OrderedCollections", package: "swift-collections"),
            ]),
        .target(
            name: "Training",
            dependencies: [
                "CStacks", "LanguageModels", "ShardIO", "TensorCore", "TextCore", "Tokenization",
                .product(name: "OrderedCollections", package: "swift-collections"),
            ]),
        .target(
            name: "SFT",
            dependencies: [
                "LanguageModels", "ShardIO", "TensorCore", "TextCore", "Tokenization", "Training",
                .product(name: "OrderedCollections", package: "swift-collections"),
            ]),
        .target(
            name: "DPO",
            dependencies: [
                "LanguageModels", "ShardIO", "TensorCore", "TextCore", "Tokenization", "Training",
                .product(name: "OrderedCollections", package: "swift-collections"),
            ]),
        .target(
            name: "RFT",
            dependencies: [
                "LanguageModels", "ShardIO", "TensorCore", "TextCore", "Tokenization", "Training", "Verifiers",
                .product(name: "OrderedCollections", package: "swift-collections"),
            ]),
        .target(
            name: "Evaluation",
            dependencies: [
                "LanguageModels", "ShardIO", "SFT", "Statistics", "TensorCore", "TextCore", "Tokenization", "Training",
                "Verifiers", .product(name: "OrderedCollections", package: "swift-collections"),
            ]),
        .target(
            name: "Recipes",
            dependencies: [
                "DPO", "DataChecks", "Datasets", "Decisions", "Evaluation", "Judges", "LanguageModels", "RFT",
                "Reports", "SFT", "Sandbox", "ShardIO", "Statistics", "TensorCore", "TextCore", "Tokenization",
                "Training", "Verifiers", .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "OrderedCollections", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"), .product(name: "Yams", package: "Yams"),
            ]),
        .executableTarget(name: "HoneCLI", dependencies: ["Recipes"]),
        .target(name: "TestSupport", path: "Tests/TestSupport"),
        .executableTarget(
            name: "HoneBenchmarks",
            dependencies: [
                "COpenBLAS", "CZstd", "DataChecks", "DPO", "LanguageModels", "RFT", "SFT", "Verifiers", "ShardIO",
                "TensorCore", "TextCore", "Tokenization", "Training",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], path: "Tests/Benchmarks"),
        .executableTarget(
            name: "HoneFuzz",
            dependencies: [
                "Judges", "LanguageModels", "Recipes", "ShardIO", "TextCore", "Tokenization", "Training", "Verifiers",
                .product(name: "OrderedCollections", package: "swift-collections"),
            ], path: "Tests/Fuzzing"),
        .testTarget(
            name: "TextCoreTests",
            dependencies: ["TextCore", .product(name: "OrderedCollections", package: "swift-collections")]),
        .testTarget(name: "TensorCoreTests", dependencies: ["CKernels", "TensorCore"]),
        .testTarget(
            name: "TokenizationTests",
            dependencies: [
                "TextCore", "Tokenization", "TestSupport",
                .product(name: "OrderedCollections", package: "swift-collections"),
            ]),
        .testTarget(
            name: "ShardIOTests",
            dependencies: [
                "CZstd", "ShardIO", "TestSupport", "TextCore",
                .product(name: "OrderedCollections", package: "swift-collections"),
            ]),
        .testTarget(
            name: "VerifiersTests",
            dependencies: [
                "TestSupport", "TextCore", "Verifiers",
                .product(name: "OrderedCollections", package: "swift-collections"),
            ]),
        .testTarget(
            name: "SandboxTests",
            dependencies: [
                "Sandbox", "TestSupport", "TextCore", "Verifiers",
                .product(name: "OrderedCollections", package: "swift-collections"),
            ]),
        .testTarget(
            name: "JudgesTests",
            dependencies: [
                "Judges", "TextCore", "Verifiers", .product(name: "OrderedCollections", package: "swift-collections"),
            ]),
        .testTarget(
            name: "DatasetsTests",
            dependencies: [
                "Datasets", "Statistics", "TextCore", "Verifiers",
                .product(name: "OrderedCollections", package: "swift-collections"),
            ]),
        .testTarget(
            name: "LanguageModelsTests",
            dependencies: [
                "LanguageModels", "TensorCore", "TestSupport", "TextCore",
                .product(name: "OrderedCollections", package: "swift-collections"),
            ]),
        .testTarget(
            name: "TrainingTests",
            dependencies: [
                "LanguageModels", "ShardIO", "TensorCore", "TestSupport", "TextCore", "Training",
                .product(name: "OrderedCollections", package: "swift-collections"),
            ]),
        .testTarget(
            name: "SFTTests",
            dependencies: [
                "LanguageModels", "SFT", "ShardIO", "TensorCore", "TestSupport", "TextCore", "Tokenization", "Training",
                .product(name: "OrderedCollections", package: "swift-collections"),
            ]),
        .testTarget(
            name: "DPOTests",
            dependencies: [
                "DPO", "LanguageModels", "ShardIO", "TensorCore", "TestSupport", "TextCore", "Tokenization", "Training",
                .product(name: "OrderedCollections", package: "swift-collections"),
            ]),
        .testTarget(
            name: "RFTTests",
            dependencies: [
                "LanguageModels", "RFT", "ShardIO", "TensorCore", "TestSupport", "TextCore", "Tokenization", "Training",
                "Verifiers", .product(name: "OrderedCollections", package: "swift-collections"),
            ]),
        .testTarget(
            name: "EvaluationTests",
            dependencies: [
                "Evaluation", "LanguageModels", "Statistics", "TensorCore", "TextCore", "Tokenization", "Training",
                "Verifiers", "TestSupport", .product(name: "OrderedCollections", package: "swift-collections"),
            ]),
        .testTarget(name: "StatisticsTests", dependencies: ["Statistics", "TestSupport"]),
        .testTarget(
            name: "ReportsTests",
            dependencies: [
                "Reports", "TestSupport", "TextCore",
                .product(name: "OrderedCollections", package: "swift-collections"),
            ]),
        .testTarget(
            name: "DataChecksTests",
            dependencies: [
                "DataChecks", "Reports", "ShardIO", "Statistics", "TestSupport", "TextCore",
                .product(name: "OrderedCollections", package: "swift-collections"),
            ]),
        .testTarget(
            name: "DecisionsTests",
            dependencies: [
                "Decisions", "Reports", "Statistics", "TestSupport", "TextCore",
                .product(name: "OrderedCollections", package: "swift-collections"),
            ]),
        .testTarget(
            name: "RecipesTests",
            dependencies: [
                "DPO", "DataChecks", "Decisions", "Evaluation", "RFT", "Reports", "Statistics", "Recipes", "Verifiers",
                "ShardIO", "TestSupport", "TextCore", "LanguageModels", "SFT", "TensorCore", "Tokenization", "Training",
                .product(name: "OrderedCollections", package: "swift-collections"),
                .product(name: "Yams", package: "Yams"),
            ]),
        .testTarget(
            name: "UntrustedInputTests",
            dependencies: ["HoneFuzz", "LanguageModels", "ShardIO", "TextCore", "Tokenization"]),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "DataChecks", "Decisions", "Reports", "Statistics", "LanguageModels", "Verifiers", "ShardIO", "Recipes",
                "TensorCore", "TestSupport", "TextCore", "Tokenization", "HoneCLI",
                .product(name: "OrderedCollections", package: "swift-collections"),
            ]),
    ],
    swiftLanguageModes: [.v6]
)

// Research scripts and the compiler see the same rules in every target.
for target in package.targets where target.type != .system && target.type != .plugin {
    target.swiftSettings =
        (target.swiftSettings ?? []) + [
            .enableUpcomingFeature("ExistentialAny"),
            .enableUpcomingFeature("InternalImportsByDefault"),
            .enableUpcomingFeature("MemberImportVisibility"),
        ]
    // CI sets this; a warning must not stop somebody in the middle of a change.
    if Context.environment["HONE_WARNINGS_AS_ERRORS"] != nil {
        target.swiftSettings?.append(.treatAllWarnings(as: .error))
    }
}
