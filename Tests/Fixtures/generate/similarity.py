"""Writes ../verifiers/similarity.json: what the reference implementations say of pairs of texts.

python3 -m venv venv && venv/bin/pip install sacrebleu==2.6.0 rouge-score==0.1.2 rapidfuzz==3.14.6 nltk==3.10.4
venv/bin/python similarity.py
"""
import difflib
import json
import pathlib
import platform
from importlib.metadata import version

import nltk.translate.gleu_score as gleu
from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein
from rouge_score import rouge_scorer
from sacrebleu.metrics import BLEU, CHRF

LONG = " ".join(f"word{i % 37} and, {i * 7}.{i % 10} more-or-less (item {i})" for i in range(60))
PAIRS = [
    ("the cat is on the mat", ["the cat sat on the mat"]),
    ("the the the the the the the", ["the cat is on the mat"]),
    ("It is a guide to action which ensures that the military always obeys the commands of the party",
     ["It is a guide to action that ensures that the military will forever heed Party commands"]),
    ("It is a guide to action which ensures that the military always obeys the commands of the party",
     ["It is a guide to action that ensures that the military will forever heed Party commands",
      "It is the guiding principle which guarantees the military forces always being under the command of the Party",
      "It is the practical guide for the army always to heed the directions of the party"]),
    ("Hello, world! 3.14 is 22/7, isn't it?", ["Hello world: 3.14, or 22/7; isn't it so?"]),
    ("Paris", ["Paris"]),
    ("paris.", ["Paris"]),
    ("London", ["Paris"]),
    ("a b", ["a b c d e f"]),
    ("a b c d e f g h", ["a b"]),
    ("kitten", ["sitting"]),
    ("dlrow olleh", ["hello world"]),
    ("Zürich übt Größe — «naïve» café", ["Zuerich übte Größe, 'naive' Café"]),
    ("日本語のテキスト。短い", ["日本語の文章。短い!"]),
    ("e\u0301te\u0301", ["\u00e9t\u00e9"]),
    ("well-\nknown &quot;fact&quot; <skipped> A&amp;B 5-6 x-1 $3,000.50", ["well known \"fact\" A&B 5 - 6 x-1 $3,000.5"]),
    ("(hi) 'there' ...", ["(hi 'there' ..."]),
    ("word\x1fsplit\u3000wide\u00a0space", ["word split wide space"]),
    (LONG, [LONG.replace("more", "less").replace("7", "8")]),
    (LONG[::-1], [LONG]),
    (LONG[:500] + LONG[:700], [LONG[:900]]),
    ("a" * 300 + "b", ["a" * 250 + "c"]),
    ("x" + "ab" * 150, ["ba" * 150 + "y"]),
]
BLEU_VARIANTS = {
    "bleu4_13a_exp": dict(), "bleu4_13a_floor": dict(smooth_method="floor"), "bleu4_13a_none": dict(smooth_method="none"),
    "bleu4_13a_addk": dict(smooth_method="add-k"), "bleu2_none_exp": dict(tokenize="none", max_ngram_order=2),
    "bleu4_intl_exp": dict(tokenize="intl"), "bleu4_char_exp": dict(tokenize="char"),
}


def best_rouge(kind, answer, references):
    scorer = rouge_scorer.RougeScorer([kind], use_stemmer=False)
    return max((scorer.score(r, answer)[kind] for r in references), key=lambda s: s.fmeasure)


def lone(text):
    # sacreBLEU's tokenizer 13a, which NLTK's GLEU is given the units of.
    return BLEU(tokenize="13a").tokenizer(text.rstrip()).split()


rows = []
for answer, references in PAIRS:
    values = {}
    for name, options in BLEU_VARIANTS.items():
        value = BLEU(effective_order=True, **options).sentence_score(answer, references).score / 100
        values["bleu " + name] = value
    values["bleu lowercase"] = BLEU(effective_order=True, lowercase=True).sentence_score(answer, references).score / 100
    values["gleu"] = gleu.sentence_gleu([lone(r) for r in references], lone(answer))
    for n in (1, 2, 3):
        values[f"rouge_{n}"] = best_rouge(f"rouge{n}", answer, references).fmeasure
    values["rouge_l"] = best_rouge("rougeL", answer, references).fmeasure
    if len(references) == 1:
        values["rouge_l precision"] = best_rouge("rougeL", answer, references).precision
        values["rouge_l recall"] = best_rouge("rougeL", answer, references).recall
    values["chrf"] = CHRF().sentence_score(answer, references).score / 100
    values["chrf++"] = CHRF(word_order=2).sentence_score(answer, references).score / 100
    values["edit"] = max(Levenshtein.normalized_similarity(answer, r) for r in references)
    values["fuzzy"] = max(fuzz.ratio(answer, r) / 100 for r in references)
    values["sequence_matcher"] = max(difflib.SequenceMatcher(None, answer, r).ratio() for r in references)
    values["sequence_matcher without autojunk"] = max(
        difflib.SequenceMatcher(None, answer, r, autojunk=False).ratio() for r in references)
    rows.append({"answer": answer, "references": references, "values": values})

versions = {name: version(name) for name in ("sacrebleu", "rouge-score", "rapidfuzz", "nltk")}
versions["python"] = platform.python_version()
path = pathlib.Path(__file__).parents[1] / "verifiers" / "similarity.json"
path.write_text(json.dumps({"command": "python similarity.py", "versions": versions, "rows": rows}, indent=1) + "\n")
