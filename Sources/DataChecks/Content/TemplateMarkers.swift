/// Finds texts that mean something to a tokenizer or a chat template where they stand in a row.
struct TemplateMarkers {
    /// What a marker is to the model.
    enum Kind {
        /// Ends the model's turn.
        case stop
        /// Another token of the model's own with a meaning.
        case special
        /// Belongs to another model's template.
        case foreign
    }

    private let markers: [(bytes: [UInt8], kind: Kind)]
    /// The markers that begin with a byte.
    private let byFirst: [[Int]]
    /// Whether there are such.
    private let isFirst: [Bool]

    /// Markers of the templates in common use.
    private static let known = [
        "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>",
        "<|eom_id|>",
        "<|start_header_id|>", "<|end_header_id|>", "<start_of_turn>", "<end_of_turn>", "<|user|>", "<|assistant|>",
        "<|system|>", "<|end|>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "<bos>", "<eos>", "</s>", "<pad>",
        "### Instruction:", "### Response:", "\nHuman:", "\nAssistant:", "\nUSER:", "\nASSISTANT:",
    ]

    init(_ settings: DataCheckSettings) {
        var seen: Set<String> = []
        var markers: [(bytes: [UInt8], kind: Kind)] = []
        // A special token of one or two characters is a word like any other in most texts.
        for (texts, kind) in [
            (settings.stopTexts, Kind.stop), (settings.specialTexts, .special), (Self.known, .foreign),
        ] {
            for text in texts where text.utf8.count > 2 && seen.insert(text).inserted {
                markers.append((Array(text.utf8), kind))
            }
        }
        self.markers = markers
        var byFirst = [[Int]](repeating: [], count: 256)
        for (index, marker) in markers.enumerated() { byFirst[Int(marker.bytes[0])].append(index) }
        self.byFirst = byFirst
        isFirst = byFirst.map { !$0.isEmpty }
    }

    /// The markers in a text, each kind once: the first of its kind.
    func found(in text: String) -> [(kind: Kind, marker: String)] {
        var found: [(kind: Kind, marker: String)] = []
        var text = text
        text.withUTF8 { bytes in
            isFirst.withUnsafeBufferPointer { isFirst in
                for index in 0..<bytes.count where isFirst[Int(bytes[index])] {
                    for number in byFirst[Int(bytes[index])] {
                        let marker = markers[number]
                        guard index + marker.bytes.count <= bytes.count,
                            bytes[index..<(index + marker.bytes.count)].elementsEqual(marker.bytes),
                            !found.contains(where: { $0.kind == marker.kind })
                        else { continue }
                        found.append((marker.kind, String(decoding: marker.bytes, as: UTF8.self).trimmed))
                    }
                }
            }
        }
        return found
    }
}
