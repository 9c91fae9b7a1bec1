"""Writes Tests/Fixtures/chat_templates/jinja.jsonl: small templates and what Jinja makes of them.

Run with Python 3 and jinja2 (3.1.6 when the file was made):  python3 Tests/Fixtures/generate/jinja_cases.py
The environment is the one that transformers renders chat templates in: immutable sandbox, trim_blocks, lstrip_blocks,
loop controls, its own tojson and raise_exception. Generation blocks are not part of it and not used here.
"""

import copy
import json
import pathlib

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


environment = ImmutableSandboxedEnvironment(
    trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
)
environment.filters["tojson"] = tojson
environment.globals["raise_exception"] = raise_exception

VARIABLES = {
    "s": "Hello, World",
    "w": " \t padded  text \n",
    "u": "Ünïcode 👩‍👩‍👧 日本 ß",
    "n": 7,
    "z": 0,
    "f": 2.5,
    "t": True,
    "nul": None,
    "xs": [3, 1, 2],
    "names": ["bob", "Alice", "carol", "alice"],
    "d": {"b": 1, "a": [True, None, 1.5], "items": "shadow"},
    "rows": [
        {"role": "user", "n": 2, "f": {"name": "x"}},
        {"role": "assistant", "n": 1, "f": {"name": "y"}},
        {"role": "user", "n": 3},
    ],
    "deep": {"x": [{"y": {"z": [1, 2, {"k": "v"}]}}], "e": {}, "l": []},
}

ONE_LINERS = (pathlib.Path(__file__).parent / "jinja_expressions.txt").read_text().split("\n")
BLOCKS = (pathlib.Path(__file__).parent / "jinja_blocks.txt").read_text().split("\n====\n")


def main():
    root = pathlib.Path(__file__).parent.parent / "chat_templates"
    root.mkdir(exist_ok=True)
    with open(root / "jinja.jsonl", "w") as out:
        out.write(json.dumps({"variables": VARIABLES}, ensure_ascii=False) + "\n")
        templates = ["{{ " + line + " }}" for line in ONE_LINERS if line] + BLOCKS
        for template in templates:
            case = {"template": template}
            try:
                case["rendered"] = environment.from_string(template).render(**copy.deepcopy(VARIABLES))
            except Exception as error:
                case["error"] = str(error)
            out.write(json.dumps(case, ensure_ascii=False) + "\n")


main()
