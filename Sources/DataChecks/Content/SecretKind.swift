/// What kind of secret or personal data a text holds.
enum SecretKind: String, CaseIterable, Sendable {
    case privateKey = "private_key"
    case apiKey = "api_key"
    case webToken = "web_token"
    case card
    case bankAccount = "iban"
    case socialSecurity = "social_security"
    case email
    case phone
    case address = "ip_address"

    /// How bad it is to train on it.
    var severity: Finding.Severity {
        switch self {
        case .privateKey, .apiKey, .webToken, .card, .bankAccount, .socialSecurity: .error
        case .email, .phone: .warning
        case .address: .note
        }
    }

    /// What one of them is called.
    var name: String {
        switch self {
        case .privateKey: "private key"
        case .apiKey: "access key"
        case .webToken: "web token (JWT)"
        case .card: "payment card number"
        case .bankAccount: "bank account number (IBAN)"
        case .socialSecurity: "social security number"
        case .email: "e-mail address"
        case .phone: "phone number"
        case .address: "public IP address"
        }
    }

    /// Why it matters.
    var why: String {
        switch self {
        case .privateKey, .apiKey, .webToken:
            "A model repeats keys that it was trained on to whoever asks, and this file may be read by many"
        case .address: "An address can identify a person, and the model may repeat it"
        default: "A model repeats personal data that it was trained on, and people can ask to have theirs deleted"
        }
    }

    /// The edit that mends it.
    var edit: String {
        switch self {
        case .privateKey, .apiKey, .webToken:
            "Revoke the key where it was issued, and replace it by a placeholder such as <KEY> in these rows"
        default: "Replace it by a placeholder such as <\(rawValue.uppercased())> in these rows, or delete them"
        }
    }
}

/// Access keys of known shapes.
struct KeyShape: Sendable {
    /// What it begins with.
    let prefix: [UInt8]
    /// How many characters follow.
    let length: ClosedRange<Int>
    /// Whether `-`, `_` and `.` may be among them.
    let hasMarks: Bool

    private init(_ prefix: String, _ length: ClosedRange<Int>, marks: Bool = false) {
        self.prefix = Array(prefix.utf8)
        self.length = length
        hasMarks = marks
    }

    /// The shapes that issuers have published.
    static let all: [KeyShape] = [
        KeyShape("AKIA", 16...16), KeyShape("ASIA", 16...16),
        KeyShape("ghp_", 36...36), KeyShape("gho_", 36...36), KeyShape("ghu_", 36...36), KeyShape("ghs_", 36...36),
        KeyShape("ghr_", 36...36), KeyShape("github_pat_", 50...120, marks: true),
        KeyShape("glpat-", 20...40, marks: true),
        KeyShape("xoxb-", 20...120, marks: true), KeyShape("xoxp-", 20...120, marks: true),
        KeyShape("xoxa-", 20...120, marks: true), KeyShape("xoxs-", 20...120, marks: true),
        KeyShape("sk-ant-", 30...160, marks: true), KeyShape("sk-proj-", 30...220, marks: true),
        KeyShape("sk_live_", 20...120), KeyShape("rk_live_", 20...120), KeyShape("sk-", 32...64),
        KeyShape("AIza", 35...35, marks: true), KeyShape("hf_", 34...40), KeyShape("npm_", 36...36),
        KeyShape("SG.", 60...80, marks: true),
    ]
}
