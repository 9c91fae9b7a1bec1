// swift-tools-version: 6.1
import PackageDescription

// Layers, lowest first; a target imports lower layers only (README.md has the map).
//
//   0  CKernels, COpenBLAS, TextCore      1  TensorCore, Tokenization, ShardIO, Verifiers
//   2  LanguageModels                     3  Training
//   4  SFT, Evaluation                    5  Recipes                     6  HoneCLI (the executable `hone`)
let package = Package(
    name: "Hone",
    products: [
        .library(name: "LanguageModels", targets: ["LanguageModels"]),
        .library(name: "TensorCore", targets: ["TensorCore"]),
        .library(name: "TextCore", targets: ["TextCore"]),
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
        .target(
            name: "TextCore",
            dependencies: [.product(name: "OrderedCollections", package: "swift-collections")]),
        .testTarget(
            name: "TextCoreTests",
            dependencies: ["TextCore", .product(name: "OrderedCollections", package: "swift-collections")]),
        .target(name: "TensorCore", dependencies: ["CKernels", "COpenBLAS"]),
        .testTarget(name: "TensorCoreTests", dependencies: ["TensorCore", "CKernels"]),
        .target(
            name: "LanguageModels",
            dependencies: [
                "TensorCore", "TextCore", .product(name: "OrderedCollections", package: "swift-collections"),
            ]),
        .testTarget(
            name: "LanguageModelsTests",
            dependencies: [
                "LanguageModels", "TensorCore", "TextCore", "TestSupport",
                .product(name: "OrderedCollections", package: "swift-collections"),
            ]),
        .target(name: "TestSupport", path: "Tests/TestSupport"),
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
}
