"""The part of hostile.py that writes data files, and what runs write and read again."""

import hashlib
import json
import struct

GOOD = '{"prompt": "a", "completion": "b"}'


def jsonl(Corpus):
    c = Corpus("jsonl", ".jsonl")
    c.accept("ok", GOOD + "\n" + GOOD + "\n")
    c.accept("ok-no-newline-at-the-end", GOOD)
    c.accept("ok-windows-lines", GOOD + "\r\n" + GOOD + "\r\n")
    c.accept("ok-byte-order-mark", b"\xef\xbb\xbf" + GOOD.encode() + b"\n")
    c.accept("ok-blank-lines", "\n\n" + GOOD + "\n  \n\t\n" + GOOD + "\n\n\n")
    c.accept("ok-pair-of-surrogates", '{"prompt": "\\ud83d\\ude00", "completion": "b"}\n')
    c.accept("ok-escaped-zero", '{"prompt": "a\\u0000b", "completion": "b"}\n')
    c.accept("ok-large-whole-number", '{"prompt": "a", "completion": "b", "n": 9223372036854775807}\n')
    c.accept("ok-other-columns", '{"prompt": "a", "completion": "b", "meta": {"deep": [[[[1]]]]}}\n')
    c.add("empty", "", "the file is empty")
    c.add("blank", "\n\n  \n", "there is no row in the file")
    c.add("only-a-mark", b"\xef\xbb\xbf", "there is no row in the file")
    c.add("cut-in-the-last-line", GOOD + "\n" + GOOD[:20], ":2:17", "byte 51", "a string that never ends")
    c.add("cut-in-a-text", GOOD + '\n{"prompt": "a', ":2:12", "a string that never ends")
    c.add("cut-in-an-escape", GOOD + '\n{"prompt": "a\\u00', ":2:", "broken JSON")
    c.add("cut-in-a-character", GOOD.encode() + b'\n{"prompt": "\xe2\x82"}', ":2:13", "not valid UTF-8")
    c.add("top-level-list", "[" + GOOD + "]\n", ":1:1", "a row is an array", "name the file .json")
    c.add("top-level-text", '"abc"\n', ":1:1", "a row is a string")
    c.add("top-level-number", "1\n", "a row is an integer")
    c.add("top-level-null", GOOD + "\nnull\n", ":2:1", "a row is null")
    c.add("two-on-a-line", GOOD + GOOD + "\n", ":1:35", "text after the value")
    c.add("comma-behind", GOOD + ",\n" + GOOD, ":1:35", "text after the value")
    c.add("comma-inside", '{"prompt": "a", "completion": "b",}\n', ":1:35", "a comma before `}`")
    c.add("comment", "// rows\n" + GOOD + "\n", ":1:1", "a value is expected")
    c.add("single-quotes", "{'prompt': 'a'}\n", ":1:2", "a key in quotes")
    c.add("python", '{"prompt": None, "completion": True}\n', ":1:12", "a value is expected")
    c.add("nan", '{"prompt": "a", "completion": "b", "score": NaN}\n', ":1:45", "a value is expected")
    c.add("infinity", '{"prompt": "a", "completion": "b", "score": -Infinity}\n', ":1:46", "a digit is expected")
    c.add("number-too-large", '{"prompt": "a", "completion": "b", "score": 1e999}\n', ":1:45", "out of range")
    c.add("number-with-zero-first", '{"n": 007}\n', ":1:7", "does not start with 0")
    c.add("number-with-plus", '{"n": +1}\n', ":1:7", "a value is expected")
    c.add("number-with-dot-first", '{"n": .5}\n', ":1:7", "a value is expected")
    c.add("number-with-dot-last", '{"n": 5.}\n', ":1:9", "a digit is expected")
    c.add("number-in-hex", '{"n": 0x10}\n', ":1:8", "`,` or `}`")
    c.add("half-a-surrogate", GOOD + '\n{"prompt": "\\ud800"}\n', ":2:13", "lone surrogate")
    c.add("other-half-first", '{"prompt": "\\udc00\\ud800"}\n', ":1:13", "surrogate")
    c.add("bad-escape", '{"prompt": "\\x41"}\n', ":1:13", "escape")
    c.add("bad-unicode-escape", '{"prompt": "\\u12G4"}\n', ":1:", "broken JSON")
    c.add("invalid-byte", GOOD.encode() + b'\n{"prompt": "\xff"}\n', ":2:13", "byte 47", "not valid UTF-8")
    c.add("overlong", b'{"prompt": "\xc0\xaf"}\n', ":1:13", "not valid UTF-8")
    c.add("surrogate-in-utf8", b'{"prompt": "\xed\xa0\x80"}\n', ":1:13", "not valid UTF-8")
    c.add("latin1", '{"prompt": "über"}\n'.encode("latin-1"), ":1:13", "not valid UTF-8")
    c.add("utf16", (GOOD + "\n").encode("utf-16"), ":1:1", "broken JSON")
    c.add("zero-byte-in-text", b'{"prompt": "a\0b"}\n', ":1:14", "control character")
    c.add("zero-bytes", bytes(40), ":1:1", "broken JSON")
    c.add("newline-in-text", '{"prompt": "a\nb"}\n', ":1:", "broken JSON")
    c.add("tab-in-text", '{"prompt": "a\tb"}\n', ":1:14", "control character")
    c.add("key-twice", '{"prompt": "a", "completion": "b", "prompt": "c"}\n', ":1:36", 'key "prompt" is written twice')
    c.add("key-twice-by-escape", '{"prompt": "a", "\\u0070rompt": "c"}\n', 'key "prompt" is written twice')
    c.add("deep", '{"prompt": ' + "[" * 5000 + "\n", "nested deeper than 64")
    c.add("deep-and-closed", '{"a": ' + '{"a":' * 70 + "1" + "}" * 71 + "\n", "nested deeper than 64")
    c.accept("ok-mark-in-the-middle", GOOD.encode() + b"\n\xef\xbb\xbf" + GOOD.encode() + b"\n")
    c.add("another-type-later", GOOD + '\n{"prompt": 3, "completion": "b"}\n', ":2", "prompt")
    c.add("column-missing-later", GOOD + '\n{"prompt": "a"}\n', ":2")
    c.accept("ok-role-unknown", '{"messages": [{"role": "wizard", "content": "a"}]}\n')
    c.add("role-missing", '{"messages": [{"content": "a"}]}\n', ":1", "no format fits")
    c.add("messages-empty", '{"messages": []}\n', ":1", "messages")
    c.add("messages-is-a-text", '{"messages": "hello"}\n', ":1", "messages")
    c.add("rejected-missing", '{"prompt": "a", "chosen": "b"}\n', ":1")
    c.add("weight-negative", '{"prompt": "a", "completion": "b", "weight": -1}\n', ":1", "weight")
    c.add("no-format", '{"foo": 1}\n', "foo")
    c.end()


def json_array(Corpus):
    c = Corpus("json-array", ".json")
    c.accept("ok", "[" + GOOD + ",\n " + GOOD + "]\n")
    c.add("lines", GOOD + "\n" + GOOD, ":1:1", "starts with `[`")
    c.add("never-ends", "[" + GOOD + ",\n" + GOOD, "the file ends inside the array")
    c.add("cut-in-a-text", "[" + GOOD + ',\n{"prompt": "]', ":2:1", "the file ends inside the array")
    c.add("comma-at-the-end", "[" + GOOD + ",]", "a comma before `]`")
    c.add("no-comma", "[" + GOOD + GOOD + "]", "`,` or `]` is expected")
    c.add("two", "[" + GOOD + "][" + GOOD + "]", "text after the end of the array")
    c.add("brackets-crossed", '[{"a": [}]]', "broken JSON")
    c.add("deep", "[" * 30000, "nested deeper than 64", "the file ends inside")
    c.cases[-1]["says"] = ["the file ends inside the array"]
    c.add("numbers", "[1, 2]", ":1:2", "a row is an integer")
    c.add("empty", "[]", "there is no row")
    c.end()


def delimited(Corpus):
    c = Corpus("csv", ".csv")
    c.accept("ok", "prompt,completion\na,b\n")
    c.accept("ok-mark-and-windows", b"\xef\xbb\xbfprompt,completion\r\na,b\r\n")
    c.accept("ok-quotes", 'prompt,completion\n"a ""b"", c\nd",e\n')
    c.accept("ok-formula", "prompt,completion\n=1+1,@b\n")
    c.accept("ok-spaces", "prompt,completion\n  a  , b\n")
    c.add("empty", "", "the file is empty")
    c.add("header-only", "prompt,completion\n", "there is no row")
    c.add("header-twice", "prompt,prompt\na,b\n", ":1", "names column 'prompt' twice")
    c.add("header-empty", "prompt,\na,b\n", ":1", "column 2 of the header has no name")
    c.add("row-short", "prompt,completion\na,b\nc\n", ":3", "1 fields and the header 2", "byte 22")
    c.add("row-long", "prompt,completion\na,b,c\n", ":2", "3 fields and the header 2", "byte 18")
    c.add("quote-open-at-the-end", 'prompt,completion\na,b\nc,"d\ne,f\n', ":3:3", "never closed", "line 5")
    c.add("quote-open-at-once", '"prompt,completion\na,b\n', ":1:1", "never closed")
    c.add("quote-in-the-middle", 'prompt,completion\na "b",c\n', ":2:3", "a quote inside a field")
    c.add("text-behind-quote", 'prompt,completion\n"a"b,c\n', ":2:4", "text after a closing quote")
    c.add("old-mac-lines", "prompt,completion\ra,b\r", ":1:18", "a carriage return without a line feed")
    c.add("return-in-the-middle", "prompt,completion\na\rb,c\n", ":2:2", "a carriage return without a line feed")
    c.add("semicolons", "prompt;completion\na;b\n", "prompt;completion")
    c.add("tabs", "prompt\tcompletion\na\tb\n", "prompt\tcompletion")
    c.add("invalid-byte", b"prompt,completion\na,\xff\n", ":2:3", "byte 20", "not valid UTF-8")
    c.add("invalid-byte-in-quotes", b'prompt,completion\na,"x\n\xc3\x28"\n', ":3:1", "not valid UTF-8")
    c.add("latin1-header", "prömpt,completion\na,b\n".encode("latin-1"), ":1:3", "not valid UTF-8")
    c.add("utf16", "prompt,completion\na,b\n".encode("utf-16"), ":1", "not valid UTF-8")
    c.add("zero-bytes", bytes(64), "header")
    c.cases[-1]["says"] = ["there is no row"]
    c.end()


def zstd_frame(blocks, descriptor=0x00, window=b"\x58", size=b"", magic=b"\x28\xb5\x2f\xfd", tail=b"", dictionary=b""):
    return magic + bytes([descriptor]) + window + dictionary + size + b"".join(blocks) + tail


def raw(content, last=True):
    return struct.pack("<I", (1 if last else 0) | len(content) << 3)[:3] + content


def repeated(byte, count, last=True):
    return struct.pack("<I", (1 if last else 0) | 1 << 1 | count << 3)[:3] + byte


def zstd(Corpus):
    c = Corpus("zstd", ".jsonl.zst")
    rows = (GOOD + "\n").encode()
    whole = zstd_frame([raw(rows)])
    skippable = struct.pack("<II", 0x184D2A50, 5) + b"hello"
    c.accept("ok-raw-block", whole)
    c.accept("ok-two-frames", whole + whole)
    c.accept("ok-skippable-between", skippable + whole + skippable + whole + skippable)
    c.accept("ok-empty-frames", zstd_frame([raw(b"")]) * 3 + whole + zstd_frame([raw(b"")]) * 3)
    c.accept("ok-many-blocks", zstd_frame([raw(bytes([byte]), last=False) for byte in rows] + [raw(b"")]))
    c.accept("ok-size-in-header", zstd_frame([raw(rows)], descriptor=0x20, window=b"", size=bytes([len(rows)])))
    c.add("empty", b"", "the file is empty")
    c.add("magic-only", b"\x28\xb5\x2f\xfd", "cut off")
    c.add("three-bytes", b"\x28\xb5\x2f", "no zstd file")
    c.add("is-gzip", b"\x1f\x8b\x08\x00" + bytes(20), "no zstd file")
    c.add("is-text", rows, "no zstd file")
    c.add("cut-in-block", whole[:-10], "cut off inside frame 1")
    c.add("cut-at-block-end", zstd_frame([raw(rows, last=False)]), "cut off inside frame 1", "1 whole row comes before")
    c.add("cut-in-second-header", whole + whole[:5], "cut off in the header of frame 2")
    c.add("cut-in-skippable", whole + skippable[:-2], "cut off in a skippable frame")
    c.add("skippable-of-4-GiB", struct.pack("<II", 0x184D2A5F, 0xFFFFFFFF) + whole, "cut off in a skippable frame")
    c.add("nothing-but-skippable", skippable * 3, "there is no row")
    c.add("garbage-behind", whole + b"garbage", "what follows frame 1 is no zstd frame")
    c.add("zeros-behind", whole + bytes(16), "what follows frame 1 is no zstd frame")
    c.add("reserved-bit", zstd_frame([raw(rows)], descriptor=0x08), "no zstd file")
    c.add("reserved-block", zstd_frame([struct.pack("<I", 1 | 3 << 1 | 5 << 3)[:3] + b"hello"]), "frame 1 cannot be decoded")
    c.add("block-over-the-limit", zstd_frame([struct.pack("<I", 1 | (1 << 20) << 3)[:3] + bytes(64)]), "frame 1 cannot be decoded")
    c.add("window-of-2-to-31", zstd_frame([raw(rows)], window=bytes([21 << 3])), "asks for a window of 2147483648", "128 MiB")
    c.add("window-of-2-to-41", zstd_frame([raw(rows)], window=bytes([31 << 3 | 7])), "frame 1", "window")
    c.cases[-1]["says"] = []
    c.add("needs-a-dictionary", zstd_frame([raw(rows)], descriptor=0x01, dictionary=b"\x07"), "with a dictionary")
    c.add("size-too-small", zstd_frame([raw(rows)], descriptor=0x20, window=b"", size=b"\x05"), "frame 1 cannot be decoded")
    c.add("size-too-large", zstd_frame([raw(rows)], descriptor=0x20, window=b"", size=b"\xff"), "frame 1 cannot be decoded")
    # All ones is how the library says that the size is unknown.
    c.accept("ok-size-of-all", zstd_frame([raw(rows)], descriptor=0xC0, size=b"\xff" * 8))
    c.add("checksum-wrong", zstd_frame([raw(rows)], descriptor=0x04, tail=b"\1\2\3\4"), "does not fit its checksum")
    c.add("checksum-missing", zstd_frame([raw(rows)], descriptor=0x04), "cut off inside frame 1")
    c.add("literals-lie", zstd_frame([struct.pack("<I", 1 | 2 << 1 | 4 << 3)[:3] + b"\xff\xff\xff\xff"]), "frame 1 cannot be decoded")
    c.add("bomb-of-64-MiB", zstd_frame([repeated(b"x", 1 << 17, last=False)] * 520 + [repeated(b"x", 1)]), "longer than 1048576 bytes")
    c.add("row-broken", zstd_frame([raw(rows + b'{"prompt": \n')]), ":2:12", "a value is expected")
    c.end()


def own_hash(members, key):
    members = {name: value for name, value in members.items() if name != key}
    text = json.dumps(members, separators=(",", ":"), ensure_ascii=False)
    return {**members, key: hashlib.sha256(text.encode()).hexdigest()}


def manifest(Corpus):
    c = Corpus("manifest", ".json")
    shard = {"name": "data-00000.jsonl.zst", "bytes": 10, "sha256": "0", "records": 1, "frames": 1, "raw_bytes": 5, "index_xxh64": "0"}

    def folder(version="1.0", **changes):
        content = {
            "format": "hone dataset", "version": version, "schema": "pref/1", "hone": "0", "shuffle_seed": None,
            "totals": {}, "shards": [{**shard, **changes}], "sources": [],
        }
        return json.dumps(own_hash(content, "sha256"), separators=(",", ":"))

    field = "a field of the manifest is missing or of a wrong type"
    c.add("cut", folder()[:50], "broken JSON at line 1")
    c.add("is-a-list", "[]", "no manifest of a data set")
    c.add("another-format", '{"format": "tar"}', "no manifest of a data set")
    c.add("version-2", folder(version="2.0"), "version 2.0", "reads version 1")
    c.add("version-is-no-number", folder(version="x"), "version x")
    c.add("changed-by-hand", folder().replace('"hone":"0"', '"hone":"1"'), "does not fit its own hash")
    c.add("no-shards", json.dumps(own_hash({"format": "hone dataset", "version": "1.0", "schema": "", "hone": "", "shards": [], "sources": []}, "sha256")), field)
    c.add("name-is-above", folder(name="../data-00000.jsonl.zst"), field)
    c.add("name-is-absolute", folder(name="/etc/passwd"), field)
    c.add("name-is-the-folder", folder(name=".."), field)
    c.add("name-is-empty", folder(name=""), field)
    c.add("name-is-missing", folder(name="data-00009.jsonl.zst"), "data-00009.jsonl.zst", "this shard is missing")
    c.add("records-negative", folder(records=-1), field)
    c.add("records-are-many", folder(records=1 << 62), field)
    c.add("bytes-are-a-fraction", folder(bytes=1.5), field)
    c.add("size-differs", folder(), "the manifest says 10")
    c.end()


STATE = {
    "step": 3, "updates": 3, "epoch": 0.5, "tokens": 96, "refused": 0, "refused_in_a_row": 0, "seed": "42",
    "schedule": None, "position": None, "evaluations_since_best": 0,
}


def runs(Corpus):
    c = Corpus("training-state", ".json")

    def state(**changes):
        return json.dumps({**STATE, **changes})

    number = "should be a whole number from 0"
    c.accept("ok", state())
    c.add("cut", state()[:30], "1:")
    c.add("is-a-list", "[]", "`step`", number)
    c.add("step-missing", json.dumps({k: v for k, v in STATE.items() if k != "step"}), "`step`", number)
    c.add("step-negative", state(step=-1), "`step`", number)
    c.add("step-at-the-end-of-numbers", state(step=9223372036854775807), "`step`", number)
    c.add("tokens-at-the-end-of-numbers", state(tokens=9223372036854775807), "`tokens`", number)
    c.add("step-is-a-fraction", state(step=1.5), "`step`", number)
    c.add("epoch-is-a-text", state(epoch="1"), "`epoch` should be a number")
    c.add("seed-is-a-number", state(seed=42), "`seed` should be a whole number as text")
    c.add("seed-too-large", state(seed="18446744073709551616"), "`seed`")
    c.add("best-is-empty", state(best={}), "`best` should have")
    c.end()

    c = Corpus("position", ".json")
    position = {
        "version": 1, "settings": "00", "sources": [], "epoch": 0, "consumed": "0", "digest": "0",
        "lanes": [], "deficits": [], "accepted_data_changes": 0,
    }

    def place(**changes):
        return json.dumps({**position, **changes})

    c.add("is-a-list", "[]", "'version' is missing")
    c.add("another-order", place(), "data")
    c.cases[-1]["says"] = ["began with 0 data sources"]
    c.add("version-2", place(version=2), "is 2, and this is the reader of version 1")
    c.add("epoch-negative", place(epoch=-1), "'epoch' is no whole number")
    c.add("epoch-at-the-end-of-numbers", place(epoch=9223372036854775807), "'epoch' is no whole number")
    c.add("consumed-is-a-number", place(consumed=3), "'consumed' is no string")
    c.add("consumed-too-large", place(consumed="99999999999999999999"), "'consumed' is no count")
    c.add("digest-is-no-number", place(digest="xyz"), "'digest' is no hexadecimal number")
    c.add("lane-of-three", place(lanes=[[0, 0, 0]]), "'lanes' holds something other")
    c.add("lane-negative", place(lanes=[[0, -1, 0, False]]), "'lanes' holds something other")
    c.add("deficits-are-texts", place(deficits=["1"]), "'deficits' holds something other")
    c.add("deficit-of-all", place(deficits=[-9223372036854775808]), "'deficits' holds something other")
    c.end()

    c = Corpus("rollouts", ".jsonl")
    c.add("cut", '{"step": 1, "text": "a', "line 1")
    c.add("is-a-list", "[]", "line 1", "a rollout with its score")
    c.add("no-text", '{"step": 1}', "line 1")
    c.end()

    c = Corpus("judge-reply", ".json")
    c.add("empty", "", "no JSON")
    c.add("is-html", "<html><body>502 Bad Gateway</body></html>", "no JSON")
    c.add("cut", '{"choices": [{"message": {"content": "goo', "no JSON")
    c.add("invalid-byte", b'{"score": 1, "reason": "\xff"}', "not valid UTF-8")
    c.add("deep", '{"choices":' + "[" * 3000, "nested deeper than 64")
    c.add("score-missing", '{"choices": []}', "gave no `score`")
    c.add("score-is-a-text", '{"score": "1"}', "gave no `score`")
    c.add("score-too-large", '{"score": 1e999}', "out of range")
    c.add("score-of-many-marks", json.dumps({"score": "e" + "\u0301" * 4000}, ensure_ascii=False), "gave no `score`", "…")
    c.add("error", '{"error": "out of memory"}', "the service reports: out of memory")
    c.accept("tokens-at-the-end-of-numbers", '{"score": 1, "usage": {"total_tokens": 9223372036854775807}}')
    c.accept("tokens-negative", '{"score": 1, "usage": {"total_tokens": -9223372036854775808}}')
    c.end()


def write(Corpus):
    jsonl(Corpus)
    json_array(Corpus)
    delimited(Corpus)
    zstd(Corpus)
    manifest(Corpus)
    runs(Corpus)
