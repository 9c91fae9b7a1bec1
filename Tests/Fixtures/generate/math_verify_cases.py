"""Writes Tests/Fixtures/verifiers/math-verify.jsonl: what Math-Verify says of the pairs in MathTests.swift.

Run from the package root with Python 3 and math-verify (0.9.0 with latex2sympy2_extended 1.11.0 and sympy 1.14.0 when the
file was made):  python3 Tests/Fixtures/generate/math_verify_cases.py
The reference is parsed from `$reference$`, the answer from `so $\\boxed{answer}$, as asked`. Where `math` decides
otherwise, `why` says what the page of the verifier asks for.
"""

import json
import pathlib
import re

from math_verify import parse, verify

tests = pathlib.Path(__file__).resolve().parents[2]
source = (tests / "VerifiersTests/MathTests.swift").read_text(encoding="utf-8")
source = source[: source.index("private func judge")]
LITERAL = r'(#"(?:.*?)"#|"(?:[^"\\]|\\.)*")'
CASE = re.compile(r"\.init\(\s*" + LITERAL + r",\s*" + LITERAL + r",\s*(nil|\d)\s*\)", re.S)

DECIMAL = "a decimal reference may be a rounded one, and every other must be met exactly"
DIGITS = "an answer with few digits is no exact constant"
PLAIN = "plain text and signs of Unicode are read as well as LaTeX"
COMPLEX = "i is the imaginary unit, and an odd root of a negative number is real"
UNITS = "units and bases that are known and differ make answers differ"
INTERVAL = "an inequality in one variable is an interval"
WHY = {
    "18|18.": "a full stop ends a sentence",
    "1800000|1.8\\text{ million dollars}": "a word for a power of ten multiplies",
    "24|2 dozen": "a dozen multiplies",
    "x|X": "small and capital letters name different variables",
    "east|seat": "words are no products of their letters",
    "64|2^{2^{2}} 4": "a number cannot stand behind another value",
    "2\\frac{3}{2}|3": "only a proper fraction makes a mixed number",
    "\\ln x^2|2 \\ln x": "expressions are the same when they agree wherever both have a real value",
    "\\sqrt{x}\\sqrt{x}|x": "expressions are the same when they agree wherever both have a real value",
    "\\sin 30^\\circ|1/2": "degrees are degrees inside trigonometric functions",
    "\\langle 1,2\\rangle|(1,2)": "both brackets hold a tuple",
    "1:2:3|1/6": "a ratio of three parts is no quotient",
    "9^{9^{9^9}}|9^9^9^9": "two spellings of one tower are alike as written",
    "10^{-20}|10^{-21}": DECIMAL,
    "e^{-40}|e^{-41}": DECIMAL,
    "1/3|0.\\overline{3}": "digits under a line go on for ever",
    "0.1666666666|0.1\\overline{6}": "digits under a line go on for ever",
}
for reason, pairs in {
    PLAIN: ["\\sqrt{2}|√2", "x^2|x²", "2 1/2|5/2", "2½|5/2", "33\\frac13\\%|100/3", "30|30°", "1e3|1000", "1500|1.5e3",
            "0.00015|1.5e-4", "512|2^3^2", "2^{1/2}|√2"],
    DECIMAL: ["3.14|\\pi", "1.41421|√2", "0.33|1/3", "0.17|1/6", "1.5|1.500001", "1/2|0.5000001", "1/3|0.333333",
              "-1.7|-\\sqrt3", "2.5|249/100"],
    DIGITS: ["\\pi|3.14159265358979", "\\ln 2|0.693147", "\\ln 2|0.693147180559945"],
    COMPLEX: ["\\sqrt[3]{-8}|-2", "\\sqrt{-4}|2i", "i^2|-1", "(1+i)^2|2i", "\\frac{1}{i}|-i", "e^{i\\pi}|-1"],
    UNITS: ["5\\text{ cm}|5 centimeters", "5 km|5 m", "101_2|101_3"],
    INTERVAL: ["(-\\infty, 3)|x < 3", "[3,\\infty)|x \\ge 3", "(1,2]|1 < x \\le 2",
               "(-\\infty,1)\\cup(3,\\infty)|x<1 or x>3"],
}.items():
    for pair in pairs:
        WHY[pair] = reason


def text(literal):
    return literal[2:-2] if literal.startswith("#") else json.loads(literal)


cases = [(text(a), text(b), tier) for a, b, tier in CASE.findall(source)]
assert len(cases) == source.count(".init("), "a case is written in a way that this script does not read"
lines = []
for gold, answer, tier in cases:
    reference = parse(f"${gold}$")
    same = bool(reference) and bool(verify(reference, parse(f"so $\\boxed{{{answer}}}$, as asked"), timeout_seconds=30))
    line = {"reference": gold, "answer": answer, "math_verify": same}
    if same != (tier != "nil"):
        why = WHY.get(f"{gold}|{answer}")
        if why:
            line["why"] = why
        else:
            print("no reason is given for", gold, "|", answer, same)
    lines.append(json.dumps(line, ensure_ascii=False))
(tests / "Fixtures/verifiers/math-verify.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
print(len(lines), "pairs,", sum('"why"' in line for line in lines), "decided otherwise")
