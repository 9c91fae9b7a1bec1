import TextCore

/// A recipe with every default and derived value written out; itself a recipe that runs the same.
public struct ResolvedRecipe: Sendable, Hashable {
    /// YAML, for `resolved.yaml` in the run folder. Paths are absolute, so it can lie anywhere; values from the
    /// environment are written as `${env:NAME}`.
    public let text: String
    /// SHA-256, in hexadecimal, of all that can change the run's result. Names and places of folders, logging and
    /// checkpoints do not count; of data and models only the file's name does, as their content has its own hash.
    public let fingerprint: String
}

extension LoadedRecipe {
    /// This recipe, written out.
    public func resolved() -> ResolvedRecipe {
        let value = recipe.resolved(.file).restoringReferences(of: document.root).hiding(document.secrets)
        let files = document.files.map(Self.commented).joined(separator: ", extending ")
        var header = "# Resolved by hone from \(files).\n"
        header += "# Every default and derived value is written out; this file runs the same.\n"
        for text in document.overrides { header += "# --set \(Self.commented(text))\n" }
        return ResolvedRecipe(text: header + YAMLWriter.text(value), fingerprint: fingerprint)
    }

    /// The hash that resuming compares.
    public var fingerprint: String {
        SHA256.digest(of: recipe.resolved(.fingerprint).json.text(JSONStyle(sortedKeys: true))).hexadecimal
    }

    /// What that hash is of, for people; values from the environment by their names.
    var fingerprintValues: JSON {
        recipe.resolved(.fingerprint).restoringReferences(of: document.root).hiding(document.secrets).json
    }

    /// The text on one line.
    private static func commented(_ text: String) -> String {
        text.unicodeScalars.contains {
            $0.value < 0x20 || (0x7F...0xA0).contains($0.value) || $0.value >= 0x2028 && $0.value <= 0x2029
        }
            ? JSON.string(text).text() : text
    }
}
