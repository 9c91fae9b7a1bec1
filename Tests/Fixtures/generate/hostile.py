"""Writes the damaged and hostile files of Tests/Fixtures/hostile, and beside them what a reader says of each.

    python3 Tests/Fixtures/generate/hostile.py

Nothing in them is drawn: the same files come out every time. `cases.json` of a folder lists each file with whether
it is refused or accepted and with parts of the message. Inputs too large for a repository are made by the tests.
"""

import json
import pathlib
import struct

ROOT = pathlib.Path(__file__).resolve().parent.parent / "hostile"


class Corpus:
    def __init__(self, name, ending):
        self.folder = ROOT / name
        self.folder.mkdir(parents=True, exist_ok=True)
        for old in self.folder.iterdir():
            old.unlink()
        self.ending, self.cases = ending, []

    def add(self, name, content, *says, expect="refused"):
        if isinstance(content, str):
            content = content.encode()
        file = name + self.ending
        assert file not in [case["file"] for case in self.cases], file
        (self.folder / file).write_bytes(content)
        self.cases.append({"file": file, "expect": expect, "says": list(says)})

    def accept(self, name, content):
        self.add(name, content, expect="accepted")

    def end(self):
        lines = ",\n".join("  " + json.dumps(case, ensure_ascii=False) for case in self.cases)
        (self.folder / "cases.json").write_text("[\n" + lines + "\n]\n")
        print(f"{self.folder.name}: {len(self.cases)} files")


ONE = '{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'


def tensors(header, data=8, length=None):
    header = header if isinstance(header, bytes) else header.encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + bytes(data)


def entry(dtype='"F32"', shape="[2]", offsets="[0,8]", more=""):
    return '{"a":{"dtype":%s,"shape":%s,"data_offsets":%s%s}}' % (dtype, shape, offsets, more)


def two(first, second, data):
    return tensors(
        '{"a":{"dtype":"U8","shape":[%d],"data_offsets":[%d,%d]},"b":{"dtype":"U8","shape":[%d],"data_offsets":[%d,%d]}}'
        % (first[1] - first[0], *first, second[1] - second[0], *second), data)


def safetensors():
    c = Corpus("safetensors", ".safetensors")
    # Legal, however odd.
    c.accept("ok-plain", tensors('{"__metadata__":{"format":"pt"},"a":%s}' % ONE))
    c.accept("ok-spaces-behind-header", tensors('{"a":%s}   ' % ONE))
    c.accept("ok-scalar", tensors(entry('"I64"', "[]", "[0,8]")))
    c.accept("ok-empty-tensor", tensors('{"e":{"dtype":"F32","shape":[0,3],"data_offsets":[0,0]},"a":%s}' % ONE))
    c.accept("ok-empty-and-vast", tensors(entry(shape="[0,4611686018427387904]", offsets="[0,0]"), 0))
    c.accept("ok-nothing", tensors("{}", 0))
    c.accept("ok-metadata-only", tensors('{"__metadata__":{"a":"b"}}', 0))
    c.accept("ok-not-a-number", tensors(entry(), 0) + struct.pack("<ff", float("nan"), float("inf")))
    c.accept("ok-unsorted", tensors(
        '{"b":{"dtype":"F16","shape":[2],"data_offsets":[4,8]},"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}'))
    c.accept("ok-name-is-a-path", tensors('{"../../x":%s}' % ONE))
    types = [
        ("F64", 0, 8), ("I64", 8, 8), ("U64", 16, 8), ("F32", 24, 4), ("I32", 28, 4), ("U32", 32, 4), ("F16", 36, 2),
        ("BF16", 38, 2), ("I16", 40, 2), ("U16", 42, 2), ("U8", 44, 1), ("I8", 45, 1), ("BOOL", 46, 1),
        ("F8_E4M3", 47, 1), ("F8_E5M2", 48, 1),
    ]
    c.accept("ok-every-type", tensors("{" + ",".join(
        '"%s":{"dtype":"%s","shape":[1],"data_offsets":[%d,%d]}' % (name, name, at, at + size)
        for name, at, size in types) + "}", 49))
    # The file around the header.
    c.add("empty", b"", "0 bytes are no safetensors file", "truncated")
    c.add("seven-bytes", b"\x08" + bytes(6), "7 bytes are no safetensors file")
    c.add("length-is-all-ones", b"\xff" * 8 + b"{}", "claims 18446744073709551615 bytes", "16777216")
    c.add("length-is-the-sign", struct.pack("<Q", 1 << 63) + b"{}", "claims 9223372036854775808 bytes")
    c.add("length-over-the-limit", struct.pack("<Q", (16 << 20) + 1) + b"{}", "claims 16777217 bytes", "16777216")
    c.add("length-over-the-file", tensors("{}", 0, length=100), "claims 100 bytes", "has 2 more", "truncated")
    c.add("length-big-endian", struct.pack(">Q", 2) + b"{}", "claims 144115188075855872 bytes")
    c.add("length-zero", tensors("", 8), "does not begin with `{`")
    c.add("header-cut", tensors('{"a":{"dtype":"F32"', 0), "not JSON", "1:20", "ends inside an object")
    c.add("header-and-more", tensors('{"a":%s}{}' % ONE), "not JSON", "text after the value")
    c.add("header-and-zeros", tensors(('{"a":%s}' % ONE).encode() + b"\0\0"), "not JSON", "text after the value")
    c.add("header-is-a-list", tensors("[1]"), "an array, not an object")
    c.add("header-is-a-text", tensors('"abc"'), "does not begin with `{`")
    c.add("header-is-a-number", tensors("12"), "does not begin with `{`")
    c.add("header-after-space", tensors(' {"a":%s}' % ONE), "does not begin with `{`")
    c.add("header-after-mark", tensors(b"\xef\xbb\xbf" + ('{"a":%s}' % ONE).encode()), "does not begin with `{`")
    c.add("header-in-utf16", tensors(('{"a":%s}' % ONE).encode("utf-16-le")), "not JSON", "1:2")
    c.add("name-is-no-utf8", tensors(b'{"\xff\xfe":' + ONE.encode() + b"}"), "not JSON", "not valid UTF-8")
    c.add("name-has-a-zero", tensors(b'{"a\0b":' + ONE.encode() + b"}"), "not JSON", "control character")
    c.add("name-is-half-a-pair", tensors('{"\\ud800":%s}' % ONE), "not JSON", "surrogate")
    c.add("name-twice", tensors('{"a":%s,"a":%s}' % (ONE, ONE)), 'key "a" is written twice')
    c.add("metadata-twice", tensors('{"__metadata__":{},"__metadata__":{}}', 0), '"__metadata__" is written twice')
    c.add("comma-at-the-end", tensors('{"a":%s,}' % ONE), "a comma before `}`")
    c.add("no-comma", tensors('{"a":%s"b":1}' % ONE), "`,` or `}` is expected")
    c.add("single-quotes", tensors("{'a':1}"), "a key in quotes is expected")
    c.add("metadata-is-a-list", tensors('{"__metadata__":[]}', 0), "`__metadata__` is an array")
    c.add("metadata-holds-a-number", tensors('{"__metadata__":{"format":1}}', 0), "`__metadata__.format` is an integer")
    c.add("metadata-is-nested", tensors('{"__metadata__":{"a":{"b":"c"}}}', 0), "`__metadata__.a` is an object")
    c.add("deep", tensors('{"a":' + "[" * 10 + "1" + "]" * 10 + "}"), "nested deeper than 8")
    c.add("very-deep", tensors('{"a":' + "[" * 30000, 0), "nested deeper than 8")
    c.add("deep-in-metadata", tensors('{"__metadata__":{"a":' + '{"b":' * 30 + "1" + "}" * 32), "nested deeper than 8")
    c.add("many-values", tensors('{"a":[' + "1," * 5000 + "1]}"), "more than 1024 values")
    # A tensor's own entry.
    c.add("entry-is-a-number", tensors('{"a":1}'), "tensor a", "`dtype` is missing")
    c.add("entry-is-a-list", tensors('{"a":["F32"]}'), "tensor a", "`dtype` is missing")
    c.add("no-type", tensors('{"a":{"shape":[2],"data_offsets":[0,8]}}'), "tensor a", "`dtype` is missing")
    c.add("type-is-a-number", tensors(entry("32")), "`dtype` is missing or no string")
    c.add("type-unknown", tensors(entry('"Q4_K"')), "type Q4_K is unknown", "BF16")
    c.add("type-in-small-letters", tensors(entry('"f32"')), "type f32 is unknown")
    c.add("type-is-long", tensors(entry('"' + "F" * 5000 + '"')), "type FFFF", "…")
    c.add("no-shape", tensors('{"a":{"dtype":"F32","data_offsets":[0,8]}}'), "tensor a", "`shape` must be a list")
    c.add("shape-is-a-number", tensors(entry(shape="2")), "`shape` must be a list")
    c.add("shape-negative", tensors(entry(shape="[-2]")), "none below 0")
    c.add("shape-two-negatives", tensors(entry(shape="[-1,-2]")), "none below 0")
    c.add("shape-is-a-fraction", tensors(entry(shape="[2.5]")), "whole numbers")
    c.add("shape-is-huge", tensors(entry(shape="[1e300]")), "whole numbers")
    c.add("shape-holds-a-text", tensors(entry(shape='["2"]')), "whole numbers")
    c.add("shape-holds-null", tensors(entry(shape="[null]")), "whole numbers")
    c.add("shape-with-nan", tensors(entry(shape="[NaN]")), "not JSON", "a value is expected")
    c.add("shape-with-leading-zero", tensors(entry(shape="[02]")), "does not start with 0")
    c.add("shape-overflows", tensors(entry(shape="[4611686018427387904,4]")), "more numbers than can be counted")
    c.add("shape-overflows-before-zero", tensors(entry(shape="[4611686018427387904,4,0]", offsets="[0,0]"), 0),
          "more numbers than can be counted")
    c.add("shape-wraps-to-size", tensors(entry('"U8"', "[4294967296,4294967296,8]")), "more numbers than can be counted")
    c.add("shape-of-65", tensors(entry(shape="[" + "1," * 64 + "2]")), "65 dimensions")
    c.add("shape-too-small", tensors(entry(shape="[1]")), "shape [1] of F32 takes 4 bytes, and it has 8")
    c.add("shape-too-large", tensors(entry(shape="[3]")), "shape [3] of F32 takes 12 bytes, and it has 8")
    c.add("no-offsets", tensors('{"a":{"dtype":"F32","shape":[2]}}'), "`data_offsets` must be two whole numbers")
    c.add("offsets-one", tensors(entry(offsets="[8]")), "`data_offsets` must be two")
    c.add("offsets-three", tensors(entry(offsets="[0,8,8]")), "`data_offsets` must be two")
    c.add("offsets-backwards", tensors(entry(offsets="[8,0]")), "the second not below the first")
    c.add("offsets-negative", tensors(entry(offsets="[-8,0]")), "`data_offsets` must be two")
    c.add("offsets-wrap", tensors(entry(offsets="[18446744073709551608,18446744073709551616]")),
          "`data_offsets` must be two")
    c.add("offsets-are-texts", tensors(entry(offsets='["0","8"]')), "`data_offsets` must be two")
    c.add("offsets-beyond", tensors(entry(offsets="[0,8]"), 4), "tensor a", "ends at byte 8 of 4", "truncated")
    c.add("offsets-far-beyond", tensors(entry('"U8"', "[1099511627776]", "[0,1099511627776]")),
          "ends at byte 1099511627776 of 8")
    c.add("another-key", tensors(entry(more=',"strides":[1]')), "`strides` is not a key")
    # Tensors together.
    c.add("overlap", two((0, 8), (4, 12), 12), "tensor b: overlaps tensor a")
    c.add("overlap-whole", two((0, 8), (0, 8), 8), "overlaps tensor")
    c.add("overlap-inside", two((0, 8), (2, 4), 8), "tensor b: overlaps tensor a")
    c.add("gap-between", two((0, 4), (8, 12), 12), "tensor b: leaves a gap after tensor a")
    c.add("gap-before", two((4, 8), (8, 12), 12), "tensor a: leaves a gap after the header")
    c.add("bytes-behind", tensors('{"a":%s}' % ONE, 9), "1 bytes after tensor a belong to no tensor")
    c.add("a-zip-behind", tensors('{"a":%s}' % ONE) + b"PK\x05\x06" + bytes(18), "22 bytes after tensor a")
    c.add("bytes-behind-nothing", tensors("{}", 3), "3 bytes after the header belong to no tensor")
    c.add("a-thousand-on-one-place", tensors("{" + ",".join(
        '"t%d":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}' % number for number in range(1000)) + "}"),
        "overlaps tensor")
    # Other formats under this name.
    c.add("is-a-zip", b"PK\x03\x04" + bytes(60), "PyTorch", "save_pretrained")
    c.add("is-a-pickle", b"\x80\x02}q\x00." + bytes(20), "PyTorch", "can run any program")
    c.add("is-json", '{"model_type": "llama", "hidden_size": 64}', "claims")
    c.end()


def gguf():
    def text(value):
        return struct.pack("<Q", len(value)) + value.encode()

    def header(version=3, tensors=0, keys=0):
        return b"GGUF" + struct.pack("<IQQ", version, tensors, keys)

    def tensor(sizes, kind=0, offset=0):
        dimensions = b"".join(struct.pack("<q", size) for size in sizes)
        return text("t") + struct.pack("<I", len(sizes)) + dimensions + struct.pack("<IQ", kind, offset)

    c = Corpus("gguf", ".gguf")
    reason = ("GGUF", "safetensors", "made from")
    c.add("empty", header(), *reason)
    c.add("magic-only", b"GGUF", "4 bytes are no safetensors file")
    c.add("big-endian", b"FUGG" + struct.pack(">IQQ", 3, 0, 0), *reason)
    c.add("version-0", header(version=0), *reason)
    c.add("version-of-the-future", header(version=0xFFFFFFFF), *reason)
    c.add("many-tensors", header(tensors=(1 << 63) - 1), *reason)
    c.add("many-keys", header(keys=(1 << 64) - 1), *reason)
    c.add("long-key", header(keys=1) + struct.pack("<Q", (1 << 64) - 1) + b"a", *reason)
    c.add("empty-key", header(keys=1) + text("") + struct.pack("<If", 6, 1.0), *reason)
    c.add("long-text", header(keys=1) + text("general.name") + struct.pack("<IQ", 8, 1 << 62), *reason)
    c.add("long-array", header(keys=1) + text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 1 << 62), *reason)
    c.add("array-of-arrays", header(keys=1) + text("a") + struct.pack("<IIQ", 9, 9, 1 << 20), *reason)
    # 32-bit numbers where a reader expects texts.
    c.add("array-of-another-type", header(keys=1) + text("tokenizer.ggml.merges")
          + struct.pack("<IIQIII", 9, 4, 3, 1, 2, 3), *reason)
    c.add("alignment-is-a-text", header(keys=1) + text("general.alignment") + struct.pack("<I", 8) + text("32"), *reason)
    c.add("alignment-0", header(keys=1) + text("general.alignment") + struct.pack("<II", 4, 0), *reason)
    c.add("token-is-no-byte", header(keys=1) + text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 1)
          + text("<0x-1>"), *reason)
    c.add("dimension-0", (header(tensors=1) + tensor([0, 0, 0, 0])).ljust(88, b"\0")[:88], *reason)
    c.add("dimension-of-all", header(tensors=1) + tensor([(1 << 63) - 1, 2]), *reason)
    c.add("dimension-negative", header(tensors=1) + tensor([-1]), *reason)
    c.add("many-dimensions", header(tensors=1) + text("t") + struct.pack("<I", 0xFFFFFFFF), *reason)
    c.add("unknown-kind", header(tensors=1) + tensor([32], kind=0xFFFF), *reason)
    c.add("offset-beyond", header(tensors=1) + tensor([32], offset=(1 << 64) - 32), *reason)
    c.end()


def weight_index():
    c = Corpus("weight-index", ".json")

    def index(places):
        return json.dumps({"metadata": {"total_size": 1}, "weight_map": places})

    first, embedding = "model-0.safetensors", "model.embed_tokens.weight"
    inside = ("tensor a", "no safetensors file inside")
    c.add("cut", '{"weight_map": {"a": "model-0', "not JSON", "1:22")
    c.add("is-a-list", "[]", "`weight_map` must be an object")
    c.add("no-map", "{}", "`weight_map` must be an object")
    c.add("empty-map", index({}), "`weight_map` must be an object")
    c.add("map-is-a-list", index([first]), "`weight_map` must be an object")
    c.add("place-is-a-number", index({"a": 1}), *inside)
    c.add("place-is-above", index({"a": "../model-0.safetensors"}), *inside)
    c.add("place-is-absolute", index({"a": "/etc/x.safetensors"}), *inside)
    c.add("place-is-a-folder", index({"a": "sub/model-0.safetensors"}), *inside)
    c.add("place-is-a-pickle", index({"a": "pytorch_model.bin"}), *inside)
    c.add("place-has-a-zero", index({"a": "model-0\u0000.safetensors"}), *inside)
    c.add("place-is-missing", index({"a": "model-9.safetensors"}), "model-9.safetensors", "No such file")
    c.add("tensor-unknown", index({"nowhere": first}), "model-0.safetensors", "the index has it nowhere")
    c.add("tensor-in-another", index({embedding: "model-1.safetensors"}), "the index has it nowhere")
    c.add("key-twice", '{"weight_map": {"a": "x.safetensors", "a": "y.safetensors"}}', 'key "a" is written twice')
    c.add("deep", '{"weight_map": ' + "[" * 100, "nested deeper than 64")
    c.end()


def model_config():
    base = {
        "model_type": "llama", "vocab_size": 53, "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 3,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 64,
    }

    def config(**changes):
        return json.dumps({**base, **changes})

    c = Corpus("model-config", ".json")
    c.accept("ok", config())
    c.add("cut", config()[:40], "1:41", "ends inside an object")
    c.add("is-a-list", "[]", "`model_type` is missing")
    c.add("no-family", "{}", "`model_type` is missing")
    c.add("family-unknown", config(model_type="lama"), "lama", 'Did you mean "llama"?')
    c.add("family-is-long", config(model_type="l" * 3000), "is not a family")
    c.add("width-missing", json.dumps({k: v for k, v in base.items() if k != "hidden_size"}), "`hidden_size` is missing")
    c.add("width-zero", config(hidden_size=0), "`hidden_size` must be a whole number from 1")
    c.add("width-negative", config(hidden_size=-24), "`hidden_size` must be a whole number from 1")
    c.add("width-is-a-fraction", config(hidden_size=24.5), "`hidden_size` must be a whole number")
    c.add("width-is-a-text", config(hidden_size="24"), "`hidden_size` must be a whole number")
    c.add("width-is-huge", '{"model_type":"llama","hidden_size":1e300,"vocab_size":9223372036854775807}',
          "`hidden_size`", "`vocab_size`")
    c.add("heads-zero", config(num_attention_heads=0), "`num_attention_heads` must be")
    c.add("heads-many", config(num_attention_heads=1 << 40), "`num_attention_heads` must be")
    c.add("heads-do-not-divide", config(num_key_value_heads=3), "not a multiple of `num_key_value_heads` 3")
    c.add("head-of-one", config(head_dim=1), "turns pairs of numbers")
    c.add("layers-many", config(num_hidden_layers=1 << 31), "`num_hidden_layers` must be", "4096")
    c.add("epsilon-zero", config(rms_norm_eps=0), "`rms_norm_eps` must be above 0")
    c.add("theta-negative", config(rope_theta=-1.0), "`rope_theta` must be above 1")
    c.add("rotation-part", config(partial_rotary_factor=1e308), "`partial_rotary_factor` must be above 0 and at most 1")
    c.add("rope-unknown", config(rope_scaling={"rope_type": "yarn", "factor": 4}), "rope_type", "yarn")
    c.add("rope-is-a-list", config(rope_scaling=[1]), "`rope_scaling` must be an object")
    c.add("experts", config(num_local_experts=8), "mixture of experts")
    c.add("flag-is-a-number", config(tie_word_embeddings=1), "`tie_word_embeddings` must be true or false")
    c.add("layer-types-short", config(model_type="smollm3", layer_types=["full_attention"]),
          "`layer_types` must be a list of 3")
    c.add("quantised", config(quantization_config={"quant_method": "gptq"}), "gptq")
    c.add("twice", config()[:-1] + ', "vocab_size": 1}', 'key "vocab_size" is written twice')
    c.end()


if __name__ == "__main__":
    import hostile_data
    import hostile_texts

    safetensors()
    gguf()
    weight_index()
    model_config()
    hostile_texts.write(Corpus)
    hostile_data.write(Corpus)
