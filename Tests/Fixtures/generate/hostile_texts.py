"""The part of hostile.py that writes texts: tokenizers, templates, recipes, JSON, patterns, answers."""

import json


def tokenizer(Corpus):
    c = Corpus("tokenizer", ".json")
    vocabulary = '{"<s>":0,"a":1,"b":2,"ab":3,"▁":4}'

    def file(vocab=vocabulary, merges='["a b"]', model="", top=""):
        return '{"version":"1.0",%s"model":{"type":"BPE",%s"vocab":%s,"merges":%s}}' % (top, model, vocab, merges)

    def part(key, value):
        return file(top='"%s":%s,' % (key, json.dumps(value, ensure_ascii=False)))

    def chain(*parts):
        return {"type": "Sequence", "normalizers": list(parts)}

    def replace(old, new):
        return {"type": "Replace", "pattern": {"String": old}, "content": new}

    c.accept("ok", file())
    c.accept("ok-pairs", file(merges='[["a","b"]]'))
    # What made another reader end the process.
    c.add("merge-of-unknown-pieces", file(merges='["x y"]'), "merges[0]", '"x"', "which the vocabulary has not")
    c.add("merge-makes-an-unknown-piece", file(merges='["b a"]'), "merges[0]", '"ba"', "which the vocabulary has not")
    c.add("merge-longer-than-any-piece", file(merges='["' + "a" * 3000 + ' b"]'), "merges[0]", "…")
    c.add("merge-of-three", file(merges='["a b c"]'), "merges[0]", "a merge is two pieces")
    c.add("merge-of-one", file(merges='["ab"]'), "merges[0]", "a merge is two pieces")
    c.add("merge-of-nothing", file(merges='[" "]'), "merges[0]", "a merge is two pieces")
    c.add("merge-is-a-number", file(merges="[1]"), "merges[0]", "a merge is two pieces")
    c.add("merges-are-an-object", file(merges="{}"), "an array is expected")
    c.add("merges-missing", '{"model":{"type":"BPE","vocab":{"a":0}}}', "the key `merges` is missing")
    c.add("vocab-missing", '{"model":{"type":"BPE","merges":[]}}', "the key `vocab` is missing")
    c.add("vocab-is-a-list", file(vocab='[["a",0]]'), "the key `vocab` is missing")
    c.add("id-2-to-31", file(vocab='{"a":2147483647}', merges="[]"), "1:", "2147483647", "not below 4194304")
    c.add("id-2-to-64", file(vocab='{"a":18446744073709551616}', merges="[]"), "a whole number from 0 to 4194303")
    c.add("id-negative", file(vocab='{"a":-1}', merges="[]"), "a whole number from 0")
    c.add("id-is-a-fraction", file(vocab='{"a":1.5}', merges="[]"), "a whole number from 0")
    c.add("id-is-a-text", file(vocab='{"a":"1"}', merges="[]"), "a whole number from 0")
    c.add("id-twice", file(vocab='{"a":1,"b":1}', merges="[]"), "number 1 is given to")
    c.add("piece-twice", file(vocab='{"a":1,"a":2}', merges="[]"), "a piece has one number")
    c.add("piece-of-70-KB", file(vocab='{"' + "a" * 70000 + '":1}', merges="[]"), "a piece of 70000 bytes", "65536")
    c.add("piece-is-no-utf8", file(merges="[]").encode().replace(b'"ab"', b'"\xff"'), "not valid UTF-8")
    c.add("piece-is-half-a-pair", file(vocab='{"\\ud800":1}', merges="[]"), "lone surrogate")
    c.add("cut-in-the-vocabulary", file()[:70], "the file ends inside the vocabulary")
    c.add("cut-behind-it", file()[:-6], "1:", "not JSON")
    c.add("another-model", '{"model":{"type":"Unigram","vocab":{"a":0},"merges":[]}}', "`Unigram` is not supported")
    c.add("model-is-a-text", '{"model":"BPE"}', "an object is expected here")
    c.add("dropout", file(model='"dropout":0.1,'), "tokens of a text random")
    c.add("unknown-token-missing", file(model='"unk_token":"<unk>",'), "is not in the vocabulary")
    c.add("unknown-key", file(model='"byte_falback":true,'), "byte_falback", "is `byte_fallback` meant?")
    c.add("template-of-a-missing-token", part("post_processor", {
        "type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<x>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [], "special_tokens": {}}), "the template names `<x>`")
    c.add("template-of-a-missing-number", part("post_processor", {
        "type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<x>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [], "special_tokens": {"<x>": {"id": "<x>", "ids": [99], "tokens": ["<x>"]}}}), "a number that no piece has")
    c.add("template-without-text", part("post_processor", {
        "type": "TemplateProcessing", "single": [], "pair": [], "special_tokens": {}}), "holds the text once, not 0 times")
    c.add("fixed-length-0", part("pre_tokenizer", {"type": "FixedLength", "length": 0}), "a whole number from 1 to 1000000")
    c.add("strip-below-0", part("decoder", {"type": "Strip", "content": " ", "start": -1, "stop": 0}), "a whole number from 0")
    c.add("strip-of-a-billion", part("decoder", {"type": "Strip", "content": " ", "start": 1000000000, "stop": 0}), "a whole number from 0 to 1000000")
    c.add("strip-of-nothing", part("decoder", {"type": "Strip", "content": "", "start": 1, "stop": 0}), "one character is expected, not 0")
    c.add("precompiled-map", part("normalizer", {"type": "Precompiled", "precompiled_charsmap": "////AAAA"}), "`Precompiled` is not supported")
    c.add("normalizer-is-a-list", part("normalizer", []), "an object is expected here")
    c.add("regex-bomb", part("pre_tokenizer", {"type": "Split", "pattern": {"Regex": "(((a{1000}){1000}){1000}){1000}"}, "behavior": "Isolated", "invert": False}), "pattern")
    c.accept("ok-regex-that-backtracks", part("pre_tokenizer", {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False}))
    c.add("regex-open", part("pre_tokenizer", {"type": "Split", "pattern": {"Regex": "(a"}, "behavior": "Isolated", "invert": False}), "never closed")
    c.add("regex-that-looks-behind", part("pre_tokenizer", {"type": "Split", "pattern": {"Regex": "(?<=a)b"}, "behavior": "Isolated", "invert": False}), "lookbehind")
    c.add("regex-deep", part("pre_tokenizer", {"type": "Split", "pattern": {"Regex": "(" * 9000}, "behavior": "Isolated", "invert": False}), "nested deeper")
    c.add("regex-long", part("pre_tokenizer", {"type": "Split", "pattern": {"Regex": "a" * 70000}, "behavior": "Isolated", "invert": False}), "65536")
    deep = '{"type":"Sequence","normalizers":[' * 10000
    c.add("sequence-10000-deep", file(top='"normalizer":' + deep + "]}" * 10000 + ","), "nested deeper than 64")
    deep = '{"type":"Sequence","normalizers":[' * 20
    c.accept("ok-sequence-20-deep", file(top='"normalizer":' + deep + "]}" * 20 + ","))
    c.add("sequence-10000-wide", part("normalizer", chain(*[{"type": "Lowercase"}] * 10000)), "more than 32 steps")
    c.add("text-that-doubles", part("normalizer", chain(*[replace("a", "aa")] * 30)), "makes up to 1024 bytes of one", "512")
    c.add("text-that-explodes", part("normalizer", replace("a", "b" * 5000)), "makes up to 5000 bytes of one")
    c.add("prefix-that-explodes", part("normalizer", {"type": "Prepend", "prepend": "b" * 5000}), "makes up to 5001 bytes of one")
    c.add("metaspace-that-explodes", part("pre_tokenizer", {"type": "Metaspace", "replacement": "▁" * 300, "prepend_scheme": "always"}), "bytes of one")
    c.add("bytes-that-explode", part("pre_tokenizer", {"type": "Sequence", "pretokenizers": [{"type": "ByteLevel"}] * 9}), "bytes of one")
    c.add("decoder-that-explodes", part("decoder", {"type": "Sequence", "decoders": [replace("a", "aaa")] * 12}), "bytes of one")
    c.accept("ok-llama", part("normalizer", chain({"type": "Prepend", "prepend": "▁"}, replace(" ", "▁"))))
    c.add("added-token-long", part("added_tokens", [{"id": 9, "content": "x" * 2000}]), "an added token of 2000 bytes", "1024")
    c.add("added-token-without-id", part("added_tokens", [{"content": "x"}]), "added_tokens[0]", "`id` is missing")
    c.add("added-token-2-to-31", part("added_tokens", [{"id": 2147483648, "content": "x"}]), "a whole number from 0 to 4194303")
    c.add("added-token-takes-a-number", part("added_tokens", [{"id": 1, "content": "x"}]), "one number cannot mean both")
    c.add("added-tokens-share", part("added_tokens", [{"id": 9, "content": "x"}, {"id": 9, "content": "y"}]), "share number 9")
    c.add("metaspace-of-nothing", part("decoder", {"type": "Metaspace", "replacement": ""}), "one character is expected")
    c.add("empty", "", "not JSON")
    c.add("is-a-list", "[]", "an object is expected here")
    c.add("is-binary", bytes(range(256)), "not JSON")
    c.end()

    c = Corpus("tokenizer-config", ".json")
    c.add("cut", '{"bos_token": "<s', "not JSON")
    c.add("name-is-a-number", '{"bos_token": 1}', "bos_token", "a string is expected")
    c.add("name-without-content", '{"bos_token": {}}', "bos_token", "`content` is missing")
    c.add("token-number-is-no-number", '{"added_tokens_decoder": {"x": {"content": "y"}}}', "the key of an added token is its number")
    c.add("token-number-too-large", '{"added_tokens_decoder": {"4194304": {"content": "y"}}}', "the key of an added token is its number")
    c.add("template-is-a-number", '{"chat_template": 1}', "chat_template", "a string is expected")
    c.add("templates-without-name", '{"chat_template": [{"template": ""}]}', "`name` is missing")
    c.add("flag-is-a-text", '{"add_bos_token": "yes"}', "true or false is expected")
    c.end()


def templates(Corpus):
    c = Corpus("templates", ".jinja")

    def bomb(name, text, *says):
        c.add("bomb-" + name, text, *says)

    c.accept("ok", "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}")
    bomb("macro-calls-itself", "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}", "deeper than 128")
    bomb("macros-call-each-other", "{% macro f() %}{{ g() }}{% endmacro %}{% macro g() %}{{ f() }}{% endmacro %}{{ f() }}", "deeper than 128")
    bomb("macro-calls-itself-twice", "{% macro f(n) %}{% if n > 0 %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(40) }}", "the limit")
    bomb("caller-calls-itself", "{% macro g() %}{{ caller() }}{% call g() %}{% endcall %}{% endmacro %}{% call g() %}{% endcall %}", "deeper than 128")
    bomb("loop-recurses", "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}", "deeper than 128")
    bomb("5000-parentheses", "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", ":1:", "deeper than 128")
    bomb("5000-brackets", "{{ " + "[" * 5000 + "1" + "]" * 5000 + " }}", "deeper than 128")
    bomb("5000-minuses", "{{ " + "-" * 5000 + "1 }}", "deeper than 128")
    bomb("5000-nots", "{{ " + "not " * 5000 + "1 }}", "deeper than 128")
    bomb("5000-ifs", "{% if true %}" * 5000, "deeper than 128")
    bomb("5000-filters", "{{ 'a'" + "|upper" * 5000 + " }}", "deeper than 128")
    bomb("5000-attributes", "{{ a" + ".b" * 5000 + " }}", "deeper than 128")
    bomb("5000-calls", "{{ a" + "()" * 5000 + " }}", "deeper than 128")
    bomb("5000-tests", "{{ 1" + " is odd" * 5000 + " }}", "the limit")
    c.cases[-1]["says"] = []
    bomb("5000-conditions", "{{ " + "1 if 1 else " * 5000 + "1 }}", "deeper than 128")
    bomb("range-of-a-billion", "a\n{% for i in range(1000000000) %}{% endfor %}", ":2:", "range", "100000")
    bomb("range-step-overflows", "{{ range(0, 9223372036854775807, 2) | length }}", "range", "100000")
    bomb("range-backwards", "{{ range(9223372036854775807, -9223372036854775807, -1) | list }}", "100000")
    bomb("repeated-text", "{{ 'x' * 10000000000 }}", "1048576 bytes")
    bomb("repeated-text-overflows", "{{ 'xx' * 9223372036854775807 }}", "1048576 bytes")
    bomb("repeated-list", "{{ [0] * 10000000000 }}", "100000 elements")
    bomb("list-of-lists", "{% set ns = namespace(x=[0]) %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}", "the limit")
    bomb("text-that-doubles", "{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}", "the limit")
    bomb("dictionary-that-doubles", "{% set ns = namespace(x={}) %}{% for i in range(60) %}{% set ns.x = {'a': ns.x, 'b': ns.x} %}{% endfor %}{{ ns.x }}", "the limit")
    bomb("dictionary-that-doubles-to-json", "{% set ns = namespace(x=1) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x | tojson }}", "the limit")
    bomb("equal-trees", "{% set ns = namespace(x=1, y=1) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ ns.x == ns.y }}", "the limit")
    bomb("sorted-trees", "{% set ns = namespace(x=1) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ [ns.x, ns.x, ns.x] | sort }}", "the limit")
    bomb("joined", "{{ ('x' * 100000).join(range(100000) | map('string')) }}", "the limit")
    bomb("joined-by-filter", "{{ range(100000) | join('x' * 100000) }}", "the limit")
    bomb("replaced", "{{ ('x' * 1000000) | replace('x', 'y' * 1000) }}", "the limit")
    bomb("replaced-nothing", "{{ ('x' * 1000000) | replace('', 'y' * 1000) }}", "the limit")
    bomb("indented", "{{ ('\\n' * 1000000) | indent(1000) }}", "the limit")
    bomb("indented-by-a-billion", "{{ 'a\\nb' | indent(1000000000) }}", "the limit")
    bomb("json-indented", "{{ range(100000) | list | tojson(indent=1000000) }}", "the limit")
    bomb("format-width", "{{ '%1000000000s' % 'x' }}", "the limit")
    bomb("format-precision", "{{ '%.1000000000f' % 1.5 }}", "the limit")
    bomb("format-width-of-all", "{{ '%99999999999999999999d' % 1 }}", "too large")
    bomb("format-method-width", "{{ '{:1000000000}'.format(1) }}", "the limit")
    bomb("centered", "{{ 'x' | center(10000000000) }}", "the limit")
    bomb("filled", "{{ 'x'.ljust(10000000000) }}", "the limit")
    c.cases[-1]["says"] = []
    bomb("tabs", "{{ ('\\t' * 1000000).expandtabs(1000000) }}", "the limit")
    c.cases[-1]["says"] = []
    bomb("split", "{% for i in range(100000) %}{{ ('a ' * 500000).split() | length }}{% endfor %}", "the limit")
    bomb("loops-in-loops", "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}", "the limit")
    bomb("output", "{% for a in range(100000) %}{{ 'x' * 1000000 }}{% endfor %}", "16777216 bytes")
    bomb("captured", "{% for a in range(100000) %}{% set x %}{{ 'x' * 1000000 }}{% endset %}{% endfor %}", "the limit")
    bomb("power", "{{ 10 ** 1000000000 }}", "does not fit 64 bits")
    bomb("minus-overflows", "{{ -9223372036854775807 - 2 }}", "does not fit 64 bits")
    bomb("divided-overflows", "{{ (-9223372036854775807 - 1) // -1 }}", "does not fit 64 bits")
    bomb("remainder-by-zero", "{{ 5 % 0 }}", "zero")
    bomb("whole-number-of-infinity", "{{ (1e308 * 10) | int }}", "")
    c.cases[-1].update(expect="accepted", says=[])
    bomb("rounded", "{{ 1.5 | round(1000000000) }}", "over 300")
    bomb("slice-step-overflows", "{{ [1, 2, 3][::9223372036854775807] }}")
    c.cases[-1].update(expect="accepted")
    bomb("slice-step-0", "{{ [1][::0] }}", "slice step cannot be zero")
    bomb("batch-0", "{{ [1] | batch(0) | list }}", "batch takes a count from 1")
    bomb("cycle", "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns.x }}")
    c.cases[-1].update(expect="accepted")
    c.add("reads-a-file", "{% include '/etc/passwd' %}", "reads other templates")
    c.add("imports", "{% import 'x' as y %}", "reads other templates")
    c.add("extends", "{% extends 'x' %}", "reads other templates")
    c.add("climbs-to-the-class", "{{ ''.__class__.__mro__ }}", "unsafe")
    c.add("climbs-by-attr", "{{ ''|attr('__class__')|attr('x') }}", "unsafe")
    c.add("calls-a-text", "{{ 'x'() }}", "not callable")
    c.add("changes-a-list", "{% set x = [] %}{{ x.append(1) }}", "append")
    c.add("open-tag", "a\n{{ 'x'", ":2:1", "never closed")
    c.add("open-text", "{{ 'x }}", "never closed")
    c.add("open-comment", "{# x", "never closed")
    c.add("open-raw", "{% raw %}x", "never closed")
    c.add("open-if", "{% if x %}", "endif")
    c.add("crossed-brackets", "{{ (] }}", "unexpected ']'")
    c.add("unknown-tag", "{% fro x in y %}", "unknown or misplaced tag 'fro'")
    c.add("unknown-filter", "{{ 1|uper }}", "did you mean 'upper'?")
    c.add("zero-byte", b"{{ 'a' \0 }}", "unexpected character")
    c.add("raises-much", "{{ raise_exception('no ' * 300000) }}", "no no no", "…")
    c.end()


def recipes(Corpus):
    c = Corpus("recipes", ".yaml")
    base = "schema: 1\nmodel: m\ndata:\n  train: rows.jsonl\ntrain:\n  max_steps: 3\n"
    c.accept("ok", base)
    levels = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        "a%d: &a%d [%s]\n" % (level, level, ", ".join(["*a%d" % (level - 1)] * 9)) for level in range(1, 12))
    alias = "aliases"
    c.add("alias-bomb", levels, ":2:10", "repeats an anchored value", "no")
    c.cases[-1]["says"] = [":2:", "*a0", "repeats an anchored value"]
    c.add("alias-bomb-as-key", levels + "? *a11\n: 1\n", "repeats an anchored value")
    c.add("alias-to-itself", "a: &a\n  b: *a\n", ":2:6", "repeats an anchored value")
    c.add("merge-key", "a: &x {b: 1}\nc:\n  <<: *x\n", ":3:7", "repeats an anchored value")
    c.add("anchor", base + "name: &x run\n", ":7:7", "anchor")
    c.add("key-twice", base + "model: other\n", ":7:1", "'model' is written twice")
    c.add("key-twice-inside", base + "  max_steps: 4\n", ":7:3", "'max_steps' is written twice")
    c.add("key-twice-in-quotes", base + '"model": other\n', "'model' is written twice")
    c.add("key-unknown", base + "lerning_rate: 1\n", ":7:1", "unknown key 'lerning_rate'")
    c.add("key-unknown-inside", base + "  learning_rat: 1\n", ":7:3", "unknown key 'learning_rat'", "learning_rate")
    c.add("key-is-a-list", base + "? [a]\n: 1\n", "a list, a mapping or empty")
    c.add("key-is-long", base + "k" * 5000 + ": 1\n", "broken YAML")
    c.cases[-1]["says"] = []
    c.add("many-unknown-keys", base + "".join("key%d: 1\n" % number for number in range(3000)), "unknown key 'key0'")
    c.add("tag-python", base + "name: !!python/object/apply:os.system ['id']\n", ":7:7", "tag")
    c.add("tag-binary", base + "name: !!binary aGk=\n", ":7:7", "tag")
    c.add("tag-own", base + "name: !run x\n", ":7:7", "tag")
    c.add("two-documents", base + "---\n" + base, "document")
    c.add("is-a-list", "- a\n- b\n", ":1:1", "a block of keys")
    c.add("is-a-text", "hello\n", ":1:1", "a block of keys")
    c.add("is-json-lines", '{"a": 1}\n{"b": 2}\n', ":2:1")
    c.add("is-binary", bytes(range(256)), "UTF-8")
    c.cases[-1].update(expect="accepted", says=[])  # the fuzzer's reader takes text only
    c.add("zero-byte", base + "name: a\0b\n", "character")
    c.add("tabs", "schema: 1\ndata:\n\ttrain: x\n", ":3:1", "tabs")
    c.add("bracket-open", "schema: 1\nmodel: [\n", ":3:1", "brackets and quotes")
    c.add("quote-open", "schema: 1\nmodel: 'm\n", "quote")
    c.cases[-1]["says"] = ["broken YAML"]
    c.add("nest-of-brackets", "a: " + "[" * 20000, "nest")
    c.cases[-1]["says"] = []
    c.add("nest-of-braces", "a: " + "{a: " * 5000, "nest")
    c.cases[-1]["says"] = []
    c.add("nest-of-dashes", "- " * 5000 + "x\n")
    c.add("nest-of-questions", "? " * 5000 + "x\n")
    c.add("nest-of-40", "a: " + "[" * 40 + "]" * 40 + "\n", "nested more than 32 levels")
    c.add("number-too-large", base.replace("3\n", "99999999999999999999\n"), "train.max_steps", "an integer")
    c.add("number-infinite", base.replace("3\n", ".inf\n"), "train.max_steps")
    c.add("number-is-a-text", base.replace("3\n", "'3'\n"), "train.max_steps must be an integer")
    c.add("yes-is-no-truth", base + "  packing: yes\n")
    c.add("variable-unknown", base + "name: ${nothing}\n", ":7:", "nothing")
    c.add("variable-of-itself", base + "name: ${name}\n", ":7:")
    c.add("variables-in-a-circle", base + "name: ${output_dir}\noutput_dir: ${name}\n", "circle")
    c.cases[-1]["says"] = []
    c.add("environment-missing", base + "name: ${env:HONE_NO_SUCH_VARIABLE}\n", "HONE_NO_SUCH_VARIABLE")
    c.add("extends-nothing", base + "extends: nowhere.yaml\n", "nowhere.yaml")
    c.add("extends-a-device", base + "extends: /dev/zero\n", "/dev/zero", "is no file")
    c.add("extends-a-list", base + "extends: [a]\n", "extends must be a path")
    c.add("directive", "%YAML 9.9\n---\n" + base)
    c.add("escape-to-the-terminal", base + "\"\\e[2J\": 1\n", "unknown key")
    c.end()


def others(Corpus):
    c = Corpus("json", ".json")
    c.accept("ok", '{"a": [1, -2.5e3, "\\u00e9", true, null]}')
    c.accept("ok-deepest", "[" * 64 + "]" * 64)
    c.add("too-deep", "[" * 65 + "]" * 65, "nested deeper than 64")
    c.add("very-deep", "[" * 60000, "nested deeper than 64")
    c.add("very-deep-objects", '{"a":' * 30000, "nested deeper than 64")
    c.add("digits", "1" * 60000, "out of range")
    c.accept("ok-digits-behind-the-dot", "0." + "1" * 60000)
    c.add("key-of-60-KB-twice", '{"%s":1,"%s":2}' % ("k" * 30000, "k" * 30000), "is written twice", "…")
    c.accept("ok-marks", json.dumps("e" + "\u0301" * 20000, ensure_ascii=False))
    c.end()

    c = Corpus("regex", ".txt")
    aaa = "\n" + "a" * 5000 + "!"
    c.accept("backtracks", "(a+)+$" + aaa)
    c.accept("backtracks-alternatives", "(a|a)*b" + aaa)
    c.accept("backtracks-nested", "((a*)*)*b" + aaa)
    c.accept("many-optionals", "a?" * 500 + "a" * 500 + aaa)
    c.accept("empty-loops", "(()*)*()+(a?)*" + aaa)
    c.add("repeated-repetition", "((((a{1000}){1000}){1000}){1000}){1000}" + aaa, "instructions")
    c.cases[-1]["says"] = []
    c.add("repetition-of-100000", "a{100000}" + aaa, "1000")
    c.add("repetition-backwards", "a{3,1}" + aaa, "below its minimum")
    c.add("groups-deep", "(" * 5000 + ")" * 5000, "nested deeper than 100")
    c.add("classes-deep", "[" * 5000, "")
    c.cases[-1]["says"] = []
    c.add("range-backwards", "[z-a]", "z")
    c.cases[-1]["says"] = []
    c.add("reference-back", "(a)\\1", "reference")
    c.cases[-1]["says"] = []
    c.add("looks-behind", "(?<=a)b", "lookbehind")
    c.cases[-1]["says"] = []
    c.add("escape-at-the-end", "a\\", "")
    c.cases[-1]["says"] = []
    c.add("property-unknown", "\\p{Klingon}", "Klingon")
    c.add("scalar-beyond", "\\x{110000}", "")
    c.cases[-1]["says"] = []
    c.end()

    c = Corpus("adapter", ".json")

    def adapter(**changes):
        return json.dumps({
            "peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 2, "lora_alpha": 4, "bias": "none",
            "target_modules": ["q_proj"], **changes})

    c.add("ok-without-weights", adapter(), "is missing")
    c.add("rank-zero", adapter(r=0), "`r` must be a whole number from 1")
    c.add("rank-huge", adapter(r=1 << 62), "`r` must be a whole number from 1")
    c.add("alpha-negative", adapter(lora_alpha=-1), "`lora_alpha` must be above 0")
    c.add("targets-missing", json.dumps({"peft_type": "LORA", "r": 2}), "`target_modules` is missing")
    c.add("targets-unknown", adapter(target_modules=["nothing"]), "nothing")
    c.add("pattern-open", adapter(target_modules="(q"), "(q")
    c.add("pattern-bomb", adapter(target_modules="(((a{1000}){1000}){1000}){1000}"))
    c.add("layer-beyond", adapter(layers_to_transform=[99]), "99")
    c.add("layer-negative", adapter(layers_to_transform=-1), "-1")
    c.add("another-kind", adapter(peft_type="IA3"), "IA3")
    c.add("needs-code", adapter(auto_mapping={"base_model_class": "x"}), "is missing")
    c.cases[-1]["says"] = []
    c.end()

    c = Corpus("verifiers", ".json")

    def case(name, answer, reference, **options):
        return json.dumps({"verifier": name, "answer": answer, "reference": reference, "options": options})

    c.accept("math-deep-braces", case("math", "\\boxed{" + "{" * 5000 + "1" + "}" * 5001, "1"))
    c.accept("math-deep-fractions", case("math", "\\frac{1}{" * 2000 + "1" + "}" * 2000, "1"))
    c.accept("math-deep-powers", case("math", "2^{" * 2000 + "2" + "}" * 2000, "4"))
    c.accept("math-tower", case("math", "9^9^9^9^9", "1"))
    c.accept("math-factorial", case("math", "99999999!", "1"))
    c.accept("math-large-number", case("math", "9" * 20000, "1"))
    c.accept("math-division-by-zero", case("math", "\\frac{1}{0}", "0"))
    c.accept("math-many-terms", case("math", "+".join(["x"] * 5000), "x"))
    c.accept("math-matrix", case("math", "\\begin{pmatrix}" + "1&" * 5000 + "\\end{pmatrix}", "1"))
    c.accept("numeric-large-power", case("numeric", "1e999999999", 1))
    c.accept("numeric-many-digits", case("numeric", "9" * 50000, 1))
    c.accept("numeric-fraction-of-zero", case("numeric", "1/0", 1))
    c.accept("json-deep", case("json_valid", "[" * 50000, None))
    c.accept("json-schema-of-itself", case("json_schema", "{\"a\":" * 60 + "1" + "}" * 60, None, schema={"additionalProperties": {"$ref": "#"}}))
    c.add("json-schema-in-a-circle", case("json_schema", "1", None, schema={"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}))
    c.accept("json-schema-pattern", case("json_schema", json.dumps("a" * 5000), None, schema={"type": "string", "pattern": "^(a+)+$"}))
    c.accept("json-schema-multiple", case("json_schema", "1e308", None, schema={"multipleOf": 1e-308}))
    c.accept("edit-of-long-texts", case("edit_similarity", "ab" * 3000, "ba" * 3000))
    c.accept("sequence-of-long-texts", case("sequence_matcher", "ab" * 3000, "ba" * 3000))
    c.accept("bleu-of-marks", case("bleu", "e" + "\u0301" * 5000, "e"))
    c.accept("repetition-of-one-word", case("repetition", "a " * 20000, None, unit="words"))
    c.add("regex-bomb", case("regex", "a", None, pattern="(((a{1000}){1000}){1000}){1000}"))
    c.accept("regex-backtracks", case("regex", "a" * 5000 + "!", None, pattern="(a+)+$"))
    c.add("formula-deep", case("composite", "1", "1", formula="(" * 5000, parts={"a": {"verifier": "exact"}}))
    c.end()


def write(Corpus):
    tokenizer(Corpus)
    templates(Corpus)
    recipes(Corpus)
    others(Corpus)
