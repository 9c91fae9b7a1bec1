public import TextCore

/// The F1 of the fields of a JSON answer against those of a reference.
///
/// The leaves of a value are its texts, numbers, truth values, nulls, and its empty lists and objects, each with its path
/// and the weight w of its field. Leaves at the same path match by likeness s, [0, 1]; with M = Σ w·s over the matched
/// pairs, A = Σ w over the answer's leaves and R = Σ w over the reference's: precision = M/A, recall = M/R and
///
///     F1 = 2 · M / (A + R)
///
/// which is 0 when nothing matches and 1 for equal values. With `average: macro` it is the mean of the F1 of each field
/// (a path without the positions of elements) that occurs on either side, weighted by the field's weight.
///
/// Lists are paired element by element: `index` by position; `key` by the value of the member `list_key` (texts and
/// numbers by themselves; equal ones, and those without a key, in their order); `assignment` so that the sum of the pairs' F1 is greatest, for the
/// first `max_items` elements. Values are equal when their numbers are, and when their texts are after `normalize`. A
/// null is a value unless `null_is_absent`. An answer that is not one JSON value is worth 0, and so is one so large that
/// its lists cannot be paired within a million comparisons.
public struct JSONF1: ImmediateVerifier, SelfTesting {
    /// How fields are put together.
    public enum Average: String, NamedChoice {
        /// All leaves together.
        case micro
        /// The mean of the fields.
        case macro
    }

    /// How elements of lists are paired.
    public enum ListMode: String, NamedChoice {
        /// By position.
        case index
        /// By a member of theirs.
        case key
        /// As fits best.
        case assignment

        var comparison: JSONComparison.ListMode {
            switch self {
            case .index: .index
            case .key: .key
            case .assignment: .assignment
            }
        }
    }

    public struct Configuration: VerifierConfiguration {
        /// How fields are put together.
        public var average = Average.micro
        /// How elements of lists are paired.
        public var listMode = ListMode.index
        /// The member that names an object of a list, for `key`.
        public var listKey = "id"
        /// Elements of a list that are paired under `assignment`.
        public var maxItems = 100
        /// How single fields are compared, and how much they count.
        public var fields = JSONFieldRules()
        /// How all other fields are.
        public var fallback = FieldRule()
        /// Fields that do not count.
        public var ignore: [JSONFieldPath] = []
        /// Whether a member that is null counts as not there.
        public var nullIsAbsent = false
        /// What is done to texts before they are compared, in this order.
        public var normalize: [Normalizer] = [.nfc]
        /// The least F1 that passes.
        public var passAt = 1.0
        /// Where the answer is.
        public var extract = Extraction.answer
        /// Arrays and objects inside each other in an answer, at most.
        public var maxDepth = 64
        public init() {}

        public static let options: [ConfigurationOption<Self>] = [
            .init("average", \.average, "All leaves together (micro), or the mean of the fields (macro)."),
            .init(
                "list_mode", \.listMode, "Whether elements are paired by index, by a member (key), or by assignment."),
            .init("list_key", \.listKey, "The member that names an element, for list_mode key."),
            .init(
                "max_items", \.maxItems, "Elements of a list that are paired under assignment; more are wrong.",
                allowed: ("a whole number from 1 to 256", { (1...256).contains($0) })),
            .init("fields", \.fields, "How single fields are compared: `items[].price: {compare: numeric}`."),
            .init("default", \.fallback, "How all other fields are compared."),
            .init("ignore", \.ignore, "Fields that do not count, such as `meta` or `items[].id`."),
            .init("null_is_absent", \.nullIsAbsent, "Whether a member that is null counts as not there."),
            .init("normalize", \.normalize, "What is done to texts before they are compared, in this order."),
            .init(
                "pass_at", \.passAt, "The least F1 that passes.",
                allowed: ("a number above 0, at most 1", { $0 > 0 && $0 <= 1 })),
            .init("extract", \.extract, "Where the answer is; `json` also finds a value in a fence or among words."),
            .init(
                "max_depth", \.maxDepth, "Arrays and objects inside each other in an answer, at most.",
                allowed: ("a whole number from 1 to 128", { (1...128).contains($0) })),
        ]

        var comparison: JSONComparison.Settings {
            JSONComparison.Settings(
                listMode: listMode.comparison, listKey: listKey, maxItems: maxItems, fallback: fallback, rules: fields,
                ignored: ignore, nullIsAbsent: nullIsAbsent, normalizers: normalize)
        }
    }

    /// What the answer should be.
    public struct Reference: JSONReadable, Hashable {
        public static let expectation = "a JSON object or array, or a text that is one"
        /// An object or an array.
        public var value: JSON

        public init?(json: JSON) {
            guard let value = json.string.map({ try? JSON(parsing: $0) }) ?? json,
                value.object != nil || value.array != nil
            else { return nil }
            self.value = value
        }
    }

    public static let name = "json_f1"
    public static let summary = "the F1 of the fields of a JSON answer"
    private let configuration: Configuration
    private let settings: JSONComparison.Settings

    public init(_ configuration: Configuration) {
        self.configuration = configuration
        settings = configuration.comparison
    }

    public func check(_ reference: Reference) throws(VerifierFailure) {
        var comparison = JSONComparison(settings)
        if let problem = comparison.problem(in: reference.value) { throw VerifierFailure(.item, problem) }
        do throws(JSONComparison.TooLarge) {
            _ = try comparison.tally(reference.value, against: reference.value)
        } catch {
            throw VerifierFailure(.item, "the lists of the reference are too long to be paired by assignment")
        }
    }

    public func verify(_ rollout: Rollout, against reference: Reference) throws(VerifierFailure) -> Verdict {
        let value: JSON
        do throws(NoJSON) {
            value = try configuration.extract.json(in: rollout, depth: configuration.maxDepth)
        } catch {
            return .fail(note: error.note)
        }
        do throws(JSONComparison.TooLarge) {
            var comparison = JSONComparison(settings)
            let tally: JSONComparison.Tally
            let f1: Double
            if configuration.average == .macro {
                (tally, f1) = try comparison.fields(value, against: reference.value)
            } else {
                tally = try comparison.tally(value, against: reference.value)
                f1 = tally.f1
            }
            return .score(
                Score(
                    f1, passed: f1 >= configuration.passAt,
                    parts: ["precision": tally.precision, "recall": tally.recall], extracted: value.text()))
        } catch {
            return .fail(note: "the lists of the answer are too long to be paired")
        }
    }

    public func probes(for reference: Reference) -> [VerifierProbe] {
        let gold = reference.value.text()
        var probes = TextProbes.probes(gold: [gold], extract: configuration.extract, refusesMore: true)
        for empty in ["{}", "[]", "null"] where empty != gold {
            guard let answer = configuration.extract.written(empty) else { continue }
            probes.append(VerifierProbe("\(empty) for everything", answer: answer, passes: false))
        }
        return probes
    }
}
