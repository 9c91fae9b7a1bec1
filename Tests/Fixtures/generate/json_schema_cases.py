"""Schemas, values, and what the Python package `jsonschema` says about them.

Writes Tests/Fixtures/verifiers/json_schema.jsonl: {"schema": …, "value": …, "valid": …} on each line. Needs
`pip install jsonschema==4.26.0`; run it from the package's root. All schemas and values were made up here. Units of
`multipleOf` are binary fractions: the package divides in floating point, where Hone counts in decimals.
"""

import json
import pathlib
import random

from jsonschema import Draft202012Validator

WORDS = ["", "a", "ab", "abc", "é", "e\u0301", "😀😀", "x1", "12", "red", "green", "A-7", "line\nbreak"]
NUMBERS = [0, 1, -1, 2, 3, 5, 10, 1.0, 2.5, -0.5, 0.25, 3.75, 1e3, 65536, 1e20]
PATTERNS = ["^a", "b$", "[0-9]+", "^[a-z]{2,3}$", "^(red|green)$", "^[A-Z]-[0-9]$", "a.c", ""]


def value(random, depth=0):
    kind = random.choice(["null", "bool", "number", "word", "array", "object"] if depth < 3 else ["bool", "number", "word"])
    if kind == "null":
        return None
    if kind == "bool":
        return random.choice([True, False])
    if kind == "number":
        return random.choice(NUMBERS)
    if kind == "word":
        return random.choice(WORDS)
    if kind == "array":
        return [value(random, depth + 1) for _ in range(random.randrange(4))]
    return {random.choice("abcd"): value(random, depth + 1) for _ in range(random.randrange(4))}


def schema(random, depth=0):
    if random.random() < 0.05:
        return random.choice([True, False])
    made = {}
    kind = random.choice(["any", "string", "number", "integer", "array", "object", "enum", "logic"])
    if kind in ("string", "number", "integer", "array", "object") and random.random() < 0.8:
        made["type"] = kind if random.random() < 0.8 else [kind, random.choice(["null", "boolean"])]
    if kind == "string":
        for name, low, high in [("minLength", 0, 3), ("maxLength", 1, 4)]:
            if random.random() < 0.5:
                made[name] = random.randint(low, high)
        if random.random() < 0.5:
            made["pattern"] = random.choice(PATTERNS)
    if kind in ("number", "integer"):
        for name in ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]:
            if random.random() < 0.3:
                made[name] = random.choice([-1, 0, 0.25, 1, 2, 2.5, 5])
        if random.random() < 0.3:
            made["multipleOf"] = random.choice([1, 2, 0.5, 0.25, 1.25])
    if kind == "array" and depth < 3:
        if random.random() < 0.4:
            made["prefixItems"] = [schema(random, depth + 1) for _ in range(random.randint(1, 2))]
        if random.random() < 0.6:
            made["items"] = schema(random, depth + 1)
        if random.random() < 0.3:
            made["uniqueItems"] = True
        if random.random() < 0.3:
            made["minItems"] = random.randint(0, 2)
        if random.random() < 0.3:
            made["maxItems"] = random.randint(1, 3)
    if kind == "object" and depth < 3:
        made["properties"] = {k: schema(random, depth + 1) for k in random.sample("abcd", random.randint(0, 3))}
        if random.random() < 0.5:
            made["required"] = random.sample("abcd", random.randint(0, 2))
        if random.random() < 0.5:
            made["additionalProperties"] = random.choice([False, True, schema(random, depth + 1)])
        if random.random() < 0.2:
            made["minProperties"] = 1
        if random.random() < 0.2:
            made["maxProperties"] = 2
    if kind == "enum":
        if random.random() < 0.5:
            made["enum"] = [value(random, 1) for _ in range(random.randint(1, 4))]
        else:
            made["const"] = value(random, 1)
    if kind == "logic" and depth < 3:
        name = random.choice(["anyOf", "oneOf", "allOf", "not"])
        made[name] = schema(random, depth + 1) if name == "not" else [schema(random, depth + 1) for _ in range(random.randint(1, 3))]
    return made


def near(random, schema, depth=0):
    """A value that has a fair chance to meet a schema."""
    if not isinstance(schema, dict) or depth > 4 or random.random() < 0.12:
        return value(random, min(depth, 3))
    if "enum" in schema:
        return random.choice(schema["enum"])
    if "const" in schema:
        return schema["const"]
    for name in ["anyOf", "oneOf", "allOf"]:
        if name in schema:
            return near(random, random.choice(schema[name]), depth + 1)
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "string":
        return random.choice(WORDS)
    if kind in ("number", "integer"):
        return random.choice(NUMBERS)
    if kind == "array":
        prefix = [near(random, s, depth + 1) for s in schema.get("prefixItems", [])]
        return prefix + [near(random, schema.get("items", True), depth + 1) for _ in range(random.randrange(3))]
    if kind == "object":
        names = set(schema.get("required", [])) | {k for k in schema.get("properties", {}) if random.random() < 0.8}
        return {k: near(random, schema.get("properties", {}).get(k, True), depth + 1) for k in sorted(names)}
    return value(random, min(depth, 3))


# What is easily got wrong, by hand.
CHOSEN = [
    ({"type": "integer"}, [1, 1.0, 1.5, True, "1", 1e20]),
    ({"type": "number"}, [1, False, None]),
    ({"const": 1}, [1, 1.0, True, "1"]),
    ({"const": 0}, [0, -0.0, False]),
    ({"const": {"a": 1, "b": [False]}}, [{"b": [False], "a": 1.0}, {"a": 1, "b": [0]}]),
    ({"enum": [[1], "é", None]}, [[1.0], [True], "é", "e\u0301", None, 0]),
    ({"uniqueItems": True}, [[1, True], [1, 1.0], [[1], [True]], [{"a": 1, "b": 2}, {"b": 2, "a": 1}], ["é", "e\u0301"], "aa"]),
    ({"minLength": 2, "maxLength": 2}, ["😀😀", "e\u0301", "é", "ab", 12]),
    ({"pattern": "b"}, ["abc", "ac", 7]),
    ({"required": ["a"]}, [{"a": None}, {}, [], "a"]),
    ({"properties": {"a": False}}, [{"b": 1}, {"a": 1}, {}]),
    ({"properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "integer"}}, [{"a": "x", "b": 1}, {"a": "x", "b": "y"}, {"a": 1}]),
    ({"allOf": [{"properties": {"a": {}}}], "additionalProperties": False}, [{"a": 1}, {}]),
    ({"prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False}, [[1, "a"], [1], [1, "a", None], ["a"], []]),
    ({"prefixItems": [{"type": "integer"}], "items": {"type": "null"}}, [[1, None, None], [1, 2], [None]]),
    ({"oneOf": [{"multipleOf": 2}, {"multipleOf": 5}]}, [2, 5, 10, 3, "x"]),
    ({"not": {"type": ["object", "null"]}}, [{}, None, 1]),
    ({"minimum": 5, "exclusiveMaximum": 7}, [5, 6.5, 7, 4.75, "a"]),
    ({"multipleOf": 0.25}, [1.75, 1.8, 0, -0.5]),
    ({"$defs": {"tree": {"type": "object", "properties": {"left": {"$ref": "#/$defs/tree"}, "value": {"type": "integer"}},
                         "required": ["value"], "additionalProperties": False}}, "$ref": "#/$defs/tree"},
     [{"value": 1}, {"value": 1, "left": {"value": 2, "left": {"value": 3}}}, {"value": 1, "left": {"left": {"value": 3}}}, {"value": 1, "right": 1}]),
    ({"$defs": {"a/b~c%": {"type": "string"}}, "items": {"$ref": "#/$defs/a~1b~0c%25"}}, [["x"], [1]]),
    ({"properties": {"a": {"type": "integer"}, "b": {"$ref": "#/properties/a"}}}, [{"b": 1}, {"b": "x"}]),
    ({"$ref": "#/$defs/p", "maximum": 5, "$defs": {"p": {"minimum": 1}}}, [3, 6, 0]),
    ({"type": "array", "items": {"$ref": "#"}}, [[], [[], [[]]], [[1]]]),
    (True, [None, {}]),
    (False, [None, {}]),
    ({}, [None, {}]),
]


def main():
    rng = random.Random(20261121)
    pairs = [(s, v) for s, values in CHOSEN for v in values]
    kept = {True: 0, False: 0}
    while sum(kept.values()) < 240:
        made = schema(rng)
        Draft202012Validator.check_schema(made)
        instance = near(rng, made)
        valid = Draft202012Validator(made).is_valid(instance)
        # Half of each, and nothing that is settled at once.
        if made in ({}, True, False) or kept[valid] >= 120:
            continue
        kept[valid] += 1
        pairs.append((made, instance))
    path = pathlib.Path("Tests/Fixtures/verifiers/json_schema.jsonl")
    with path.open("w", encoding="utf-8") as file:
        for made, instance in pairs:
            Draft202012Validator.check_schema(made)
            valid = Draft202012Validator(made).is_valid(instance)
            file.write(json.dumps({"schema": made, "value": instance, "valid": valid}, ensure_ascii=False) + "\n")


main()
