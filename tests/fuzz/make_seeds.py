#!/usr/bin/env python3
"""Makes the seeds: a few small files for each fuzz target, from which libFuzzer finds others.

    cargo build -p stage03_gpt -p stage04_training
    python3 tests/fuzz/make_seeds.py [DIRECTORY OF THE PROGRAMS]

Valid files are written by the course's own programs, with the flags below. Hostile files are
those files after a change that an earlier version did not notice. Only Parquet files, GGUF files and
adapters are written here, byte by byte. Python's standard library is enough.
"""

import copy, gzip, io, json, lzma, shutil, struct, subprocess, sys, tarfile, tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAMS = Path(sys.argv[1] if len(sys.argv) > 1 else HERE / "../../target/debug").resolve()
SEEDS = HERE / "seeds"
LARGEST = 1 << 64
# Small files with the rules of today's tokenizers.
GOLDEN = HERE / "../../stage01_bigram/src/tokenizer/bpe/json/golden.json"


def seed(target, name, content):
    if isinstance(content, str):
        content = content.encode()
    (SEEDS / target).mkdir(parents=True, exist_ok=True)
    (SEEDS / target / name).write_bytes(content)


def run(work, program, *flags):
    """Runs a program of the course; it may end with an error where the seed is what it leaves."""
    subprocess.run([PROGRAMS / program, *flags], cwd=work, capture_output=True)


def altered(value, *changes):
    """A copy of a JSON value with other values at some paths."""
    value = copy.deepcopy(value)
    for path, new in changes:
        *path, last = path
        place = value
        for entry in path:
            place = place[entry]
        place[last] = new
    return value


def dumps(value):
    return json.dumps(value, indent=1)


def safetensors(head, numbers):
    head = json.dumps(head).encode()
    return struct.pack("<Q", len(head)) + head + numbers


def opened(content):
    """The head and the numbers of a safetensors file."""
    end = 8 + struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8:end]), content[end:]


def models(work):
    """A model of 5 tokens and 4 dimensions: the target `trainer_state` has the same sizes."""
    (work / "letters.txt").write_text("abcd\n" * 60)
    sizes = "--n-layer 1 --n-head 1 --n-embd 4 --block-size 4 --batch-size 1 --threads 1"
    run(work, "stage04_training", "train", "--text", "letters.txt", "--tokenizer", "char",
        *sizes.split(), "--max-iters", "3", "--eval-iters", "1", "--device", "cpu",
        "--out-dir", "model")
    model = work / "model"
    config = json.loads((model / "config.json").read_text())
    weights = (model / "model.safetensors").read_bytes()
    head, numbers = opened(weights)
    pair = lambda config, weights: json.dumps(config).encode() + b"\0" + weights
    seed("model_directory", "trained", pair(config, weights))
    seed("model_directory", "biases", pair({**config, "bias": True}, weights))
    halves = {name: entry for name, entry in copy.deepcopy(head).items()}
    for entry in halves.values():
        if "dtype" in entry:
            entry.update(dtype="BF16", data_offsets=[at // 2 for at in entry["data_offsets"]])
    halved = b"".join(numbers[at + 2 : at + 4] for at in range(0, len(numbers), 4))
    seed("model_directory", "bf16", pair(config, safetensors(halves, halved)))
    wte = head["transformer.wte.weight"]
    tied = {**head, "lm_head.weight": wte}
    del tied["transformer.wte.weight"]
    seed("model_directory", "output-layer", pair(config, safetensors(tied, numbers)))
    layers = {**config, "n_layer": 10_000_000}
    seed("model_directory", "ten-million-layers", pair(layers, weights))
    wide = {**config, "n_embd": 1 << 62, "n_head": 1 << 62}
    seed("model_directory", "wide", pair(wide, weights))
    evil = {**head, "evil\nname\x1b[31m": wte}
    seed("model_directory", "name-with-line-break", pair(config, safetensors(evil, numbers)))
    nan = numbers[:-4] + struct.pack("<f", float("nan"))
    seed("model_directory", "nan", pair(config, safetensors(head, nan)))
    past = altered(head, (("transformer.wte.weight", "data_offsets"), [0, LARGEST - 1]))
    seed("model_directory", "past-the-end", pair(config, safetensors(past, numbers)))

    state = (model / "trainer.safetensors").read_bytes()
    head, numbers = opened(state)
    note = json.loads(head["__metadata__"]["run"])
    noted = lambda note: {**head, "__metadata__": {"run": json.dumps(note)}}
    # Without a checksum, as the first version wrote it: so that all else can be changed.
    free = {"iter": note["iter"], "run": {"settings": {"seed": 7}}}
    seed("trainer_state", "saved", state)
    seed("trainer_state", "without-checksum", safetensors(noted(free), numbers))
    late = {**free, "iter": 1 << 63}
    seed("trainer_state", "step-too-large", safetensors(noted(late), numbers))
    below = numbers[:-4] + struct.pack("<f", -1.0)
    seed("trainer_state", "negative-square", safetensors(noted(free), below))
    empty = altered(noted(free), (("weights.wte.weight", "shape"), []))
    seed("trainer_state", "no-rows", safetensors(empty, numbers))

    seed("tokenizer_json", "char", (model / "tokenizer.json").read_bytes())
    log = (model / "log.jsonl").read_text()
    seed("metrics_log", "of-a-run", log)
    line = {"iter": 7, "elapsed_s": 1.5, "train_loss": 4.1, "val_loss": 4.2, "lr": 1e-3,
            "grad_norm": 0.5, "tokens_per_second": 2e4, "mfu": 0.1, "memory_bytes": 1 << 30,
            "sample": "<script src=\"x\">&amp;\x1b[31m\u202e caf\u00e9\n\n"}
    lines = lambda *lines: "".join(json.dumps(line) + "\n" for line in lines)
    seed("metrics_log", "markup", lines(line, {**line, "iter": 8}))
    huge = {name: 1e308 for name in ("elapsed_s", "train_loss", "val_loss", "lr", "mfu")}
    seed("metrics_log", "huge", lines({**line, **huge}, {**line, "train_loss": -1e308}))
    most = {"iter": LARGEST - 1, "memory_bytes": LARGEST - 1, "elapsed_s": -1}
    seed("metrics_log", "largest", lines({**line, **most}, line))
    seed("metrics_log", "cut", lines(line).encode() + '{"sample": "\u00e9'.encode()[:-1])


def shard_lists():
    index = lambda *pairs: '{"metadata": {"total_size": 1}, "weight_map": {%s}}' % ", ".join(
        f"{json.dumps(tensor)}: {json.dumps(file)}" for tensor, file in pairs)
    name = "model-0000{}-of-00002.safetensors".format
    seed("shard_index", "two", index(("wte.weight", name(1)), ("h.0.ln_1.bias", name(2))))
    for number, file in enumerate(["../secret", "/etc/passwd", "a/b", ".", "", "a/", "./a", "a\\b"]):
        seed("shard_index", f"path-{number}", index(("wte.weight", file)))
    seed("shard_index", "twice", index(("a", name(1)), ("a", name(2))))
    seed("shard_index", "list", '{"weight_map": [["a", "b"]]}')


def adapters():
    """Of the base in the target: 2 blocks of 8 dimensions, 12 inside, one head of 4 for keys and values."""
    sizes = {"self_attn.q_proj": (8, 8), "self_attn.k_proj": (8, 4), "self_attn.v_proj": (8, 4),
             "self_attn.o_proj": (8, 8), "mlp.gate_proj": (8, 12), "mlp.up_proj": (8, 12),
             "mlp.down_proj": (12, 8)}
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": "../base",
              "r": 2, "lora_alpha": 3, "lora_dropout": 0.1, "target_modules": ["q_proj", "v_proj"],
              "bias": "none", "fan_in_fan_out": False, "use_rslora": False, "use_dora": False,
              "modules_to_save": None, "rank_pattern": {}, "alpha_pattern": {},
              "layers_to_transform": None, "init_lora_weights": True}

    def weights(names, kind="F32", rank=2):
        head, numbers = {}, b""
        number = struct.pack("<f", 0.3)[0 if kind == "F32" else 2 :]
        for block in range(2):
            for path in [path for path in sizes if path.split(".")[1] in names]:
                n_in, n_out = sizes[path]
                for part, shape in [("A", [rank, n_in]), ("B", [n_out, rank])]:
                    start = len(numbers)
                    numbers += number * (shape[0] * shape[1])
                    name = f"base_model.model.model.layers.{block}.{path}.lora_{part}.weight"
                    head[name] = {"dtype": kind, "shape": shape, "data_offsets": [start, len(numbers)]}
        return safetensors(head, numbers)

    some, every = ["q_proj", "v_proj"], [path.split(".")[1] for path in sizes]
    pair = lambda config, weights: json.dumps(config).encode() + b"\0" + weights
    with_entry = lambda **entries: pair({**config, **entries}, weights(some))
    seed("adapters", "two-layers", with_entry())
    seed("adapters", "bf16", pair(config, weights(some, "BF16")))
    seed("adapters", "all-linear", pair({**config, "target_modules": "all-linear"}, weights(every)))
    seed("adapters", "rslora", with_entry(use_rslora=True))
    seed("adapters", "expression", with_entry(target_modules=".*[qv]_proj"))
    paths = [f"model.layers.{i}.self_attn.{name}" for i in range(2) for name in some]
    seed("adapters", "paths", with_entry(target_modules=paths))
    seed("adapters", "one-block", with_entry(target_modules=paths[:2]))
    seed("adapters", "rank-too-large", with_entry(r=LARGEST - 1))
    seed("adapters", "alpha-too-large", with_entry(lora_alpha=1e308, use_rslora=True))
    seed("adapters", "rank-of-pattern", with_entry(rank_pattern={"q_proj": 4}))
    wide = {**config, "r": 16, "target_modules": ["k_proj"]}
    seed("adapters", "rank-above-sizes", pair(wide, weights(["k_proj"], rank=16)))


def recipes():
    for file in (HERE / "../../stage04_training/recipes").glob("*.toml"):
        seed("recipe", file.stem, file.read_bytes())
    for number, line in enumerate([
        'n_layer = 18446744073709551615', 'learning_rate = 1e999', 'beta2 = nan', 'n_head = -1',
        'text = ["a", 3]', 'dtype = "bfloat16"', '"n_layer\\n\\u001b[31m" = 3', 'n_layer.x = 3',
        'vocab_multiple = 0', 'save_minutes = -0.0', 'out_dir = "\\u0000"', 'min_lr = 0xffff',
        'data = "' + "a" * 3000 + '"', 'a' * 3000 + ' = 1', 'device = "cuda:99999999999999999999"',
    ]):
        seed("recipe", f"line-{number:02}", line + "\n")


def tokens(work):
    """Directories of tokens: one that is finished, and one that a fault interrupted."""
    texts = [f"document {n} of twenty\n" for n in range(20)]
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    (work / "good.jsonl").write_text(lines)
    (work / "bad.jsonl").write_text(lines + '{"text": 3}\n')
    prepare = lambda *flags: run(work, "stage04_training", "prepare", *flags)
    some = "--shard-tokens 100 --validation 0.3".split()
    prepare("--input", "bad.jsonl", "--tokenizer", "bpe:258", "--on-error", "skip", *some, "--out",
            "done")
    prepare("--input", "bad.jsonl", "--tokenizer", "done/tokenizer.json", *some, "--out", "half")
    prepare("--input", "letters.txt", "--tokenizer", "char", "--out", "tail")
    manifest = json.loads((work / "done/manifest.json").read_text())
    first = ("train", "shards", 0)
    seed("manifest", "documents", dumps(manifest))
    seed("manifest", "tail", (work / "tail/manifest.json").read_bytes())
    seed("manifest", "escape", dumps(altered(manifest, ((*first, "file"), "../victim.txt"))))
    seed("manifest", "largest", dumps(altered(
        manifest, ((*first, "tokens"), LARGEST - 1), (("train", "tokens"), LARGEST - 1))))
    seed("manifest", "bytes", dumps(altered(manifest, (("token_bytes",), 1 << 63))))

    plan = json.loads((work / "half/plan.json").read_text())
    begun = json.loads((work / "half/journal.json").read_text())
    pair = lambda plan, journal: dumps(plan) + "\0" + dumps(journal)
    parts = {part: manifest[part] for part in ("train", "validation")}
    position = {"job": 3, "file": 0, "items": 9}
    far = {**begun, **parts, "position": position}
    seed("journal", "begun", (work / "half/plan.json").read_text() + "\0"
         + (work / "half/journal.json").read_text())
    seed("journal", "far", pair(plan, far))
    seed("journal", "escape", pair(plan, altered(far, ((*first, "file"), "../victim.txt"))))
    seed("journal", "file-nine", pair(plan, altered(far, (("position", "file"), 9))))
    seed("journal", "largest", pair(plan, altered(
        far, ((*first, "tokens"), LARGEST - 1), (("position", "job"), LARGEST - 1))))
    tail = {"job": 2, "characters": 5}
    seed("journal", "tail", pair(plan, altered(
        far, (("tail",), tail), (("split", "by"), "tail"))))

    bpe = json.loads((work / "done/tokenizer.json").read_text())
    seed("tokenizer_json", "bpe", dumps(bpe))
    added = bpe["added_tokens"]
    again = [*added, {**added[0], "id": added[0]["id"] + 1}]
    seed("tokenizer_json", "end-of-text-twice", dumps({**bpe, "added_tokens": again}))
    far_away = [{**added[0], "id": LARGEST - 1}]
    seed("tokenizer_json", "number-too-large", dumps({**bpe, "added_tokens": far_away}))
    strip = [*added, {**added[0], "id": added[0]["id"] + 1, "content": " x", "lstrip": True}]
    seed("tokenizer_json", "strip", dumps({**bpe, "added_tokens": strip}))
    golden = json.loads(GOLDEN.read_text())
    for case in golden["cases"]:
        file = case["file"]
        file["model"] |= golden["vocabularies"][case["vocabulary"]]
        name = case["name"].lower().replace(", ", "-").replace(" ", "-")
        seed("tokenizer_json", f"rules-of-{name}", dumps(file))
    seed("tokenizer_json", "merge-of-nothing", dumps(altered(bpe, (("model", "merges"), [["", ""]]))))


# The names of the target `documents`, in its order.
NAMES = ["a", "a.txt", "a.jsonl", "a.json", "a.tar", "a.gz", "a.xz", "a.zst"]


def tar(*members):
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in members:
            about = tarfile.TarInfo(name)
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
    return held.getvalue()


def documents():
    def file(name, title, content):
        seed("documents", title, bytes([NAMES.index(name)]) + content)

    packed = lambda content: gzip.compress(content, mtime=0)
    lines = b'{"text": "one"}\n{"text": "caf\\u00e9 \\ud83d\\ude00\\n", "n": [{}]}\n'
    file("a.txt", "text", "one\n<|endoftext|>caf\u00e9\n".encode())
    file("a.txt", "mark", b"\xef\xbb\xbftext\r\n")
    file("a.txt", "not-utf8", b"caf\xe9 au lait\n")
    file("a.jsonl", "lines", lines)
    file("a.json", "list", b'[\n{"text": "one"},\n{"text": "two", "text": "three"}\n]\n')
    file("a.json", "faults", b'{"text": 3}\n{"text": "\\ud800"}\n{"text": NaN}\n{"text": "last"}')
    file("a.gz", "gzip", packed(lines) + packed(b"\n") + bytes(9))
    file("a.xz", "xz", lzma.compress(lines))
    # A frame with one raw block, and an empty skippable one.
    frame = b"\x28\xb5\x2f\xfd\x20" + bytes([len(lines)])
    block = (len(lines) << 3 | 1).to_bytes(3, "little") + lines
    file("a.zst", "zstd", frame + block + b"\x50\x2a\x4d\x18\0\0\0\0")
    inner = tar(("d.txt", b"three"))
    archive = tar(("a.txt", b"one"), ("b.jsonl.gz", packed(lines)), ("c.tar", inner),
                  ("n" * 200 + ".txt", b"two"))
    file("a.tar", "tar", archive)
    file("a.gz", "tar-gzip", packed(archive))
    file("a", "gzip-in-gzip", packed(packed(packed(lines))))
    file("a.gz", "long-line", packed(packed(b"word " * (1 << 20))))
    file("a.gz", "long-string", packed(b'{"text": "' + b"a" * (1 << 20) + b'"}'))
    # A long name of 6 GiB, with a right checksum.
    header = bytearray(tar(("a.txt", b""))[:512])
    header[156:157], header[124:136] = b"L", b"\x80\0\0\0\0\0\0\x01\x80\0\0\0"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    file("a.tar", "name-of-6-GiB", bytes(header) + b"n" * 1024)
    # A window of 2 GiB.
    file("a.zst", "window-2-GiB", b"\x28\xb5\x2f\xfd\0\xa8" + b"\x21\0\0text")


def conversations():
    say = lambda role, content: {"role": role, "content": content}
    one = [say("user", "What is a token?"), say("assistant", "A piece of text.")]
    two = [say("system", "Be brief."), *one, say("user", "And?"), say("assistant", "No more.")]
    for name, line in {
        "messages": {"messages": one},
        "two-answers": {"messages": two},
        "instruction": {"instruction": "Add.", "input": "1, 2", "output": "3"},
        "prompt": {"prompt": "Say <|endoftext|>", "completion": " \u00e9\u001b[31m"},
        "no-answer": {"messages": one[:1]},
        "empty-answer": {"prompt": "?", "completion": " "},
        "long": {"prompt": "?", "completion": "a" * 300},
        "two-forms": {"messages": one, "prompt": "?", "completion": "!"},
    }.items():
        seed("conversation", name, dumps(line))


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out + bytes([number]))


def whole(number):
    return varint((number << 1) ^ (number >> 63))


def struct_of(*fields):
    """A struct in Thrift's compact form. fields: their numbers, types and bytes, in order."""
    out, before = b"", 0
    for number, kind, content in fields:
        out += bytes([(number - before) << 4 | kind]) + content
        before = number
    return out + b"\0"


I32, I64, TEXT, LIST, STRUCT = 5, 6, 8, 9, 12
text = lambda words: varint(len(words)) + words
list_of = lambda kind, items: bytes([len(items) << 4 | kind]) + b"".join(items)


def parquet(rows, codec=0, offset=4, values=None):
    """A file with the column `text`, in one page. codec: 0 for none, 2 for gzip."""
    page = b"".join(struct.pack("<I", len(row)) + row for row in rows)
    packed = gzip.compress(page, mtime=0) if codec == 2 else page
    count = len(rows) if values is None else values
    head = struct_of((1, I32, whole(0)), (2, I32, whole(len(page))), (3, I32, whole(len(packed))),
                     (5, STRUCT, struct_of((1, I32, whole(count)), (2, I32, whole(0)),
                                           (3, I32, whole(3)), (4, I32, whole(3)))))
    body = head + packed
    column = struct_of((1, I32, whole(6)), (2, LIST, list_of(I32, [whole(0)])),
                       (3, LIST, list_of(TEXT, [text(b"text")])), (4, I32, whole(codec)),
                       (5, I64, whole(count)), (6, I64, whole(len(head) + len(page))),
                       (7, I64, whole(len(body))), (9, I64, whole(offset)))
    chunk = struct_of((2, I64, whole(4)), (3, STRUCT, column))
    group = struct_of((1, LIST, list_of(STRUCT, [chunk])), (2, I64, whole(len(body))),
                      (3, I64, whole(count)))
    schema = [struct_of((4, TEXT, text(b"root")), (5, I32, whole(1))),
              struct_of((1, I32, whole(6)), (3, I32, whole(0)), (4, TEXT, text(b"text")),
                        (6, I32, whole(0)))]
    foot = struct_of((1, I32, whole(1)), (2, LIST, list_of(STRUCT, schema)),
                     (3, I64, whole(count)), (4, LIST, list_of(STRUCT, [group])))
    return b"PAR1" + body + foot + struct.pack("<I", len(foot)) + b"PAR1"


def parquet_files():
    rows = [b"one", "caf\u00e9\n".encode(), b"<|endoftext|>", b""]
    seed("parquet", "plain", parquet(rows))
    seed("parquet", "gzip", parquet(rows, codec=2))
    seed("parquet", "not-utf8", parquet([b"caf\xe9", b"two"]))
    seed("parquet", "negative-offset", parquet(rows, offset=-4))
    seed("parquet", "past-the-end", parquet(rows, offset=1 << 60))
    seed("parquet", "too-many", parquet(rows, values=1 << 30))
    seed("parquet", "none", parquet([]))


# The numbers of the types that a GGUF file names.
GGUF_U32, GGUF_F32, GGUF_BOOL, GGUF_STRING, GGUF_ARRAY = 4, 6, 7, 8, 9
# Types of tensors: the number, the length of a block, and its bytes.
GGUF_TENSORS = {"F32": (0, 1, 4), "F16": (1, 1, 2), "Q4_0": (2, 32, 18), "Q4_1": (3, 32, 20),
                "Q8_0": (8, 32, 34), "Q4_K": (12, 256, 144), "Q6_K": (14, 256, 210),
                "BF16": (30, 1, 2), "Q5_K": (13, 256, 176)}


def gguf_text(text):
    return struct.pack("<Q", len(text.encode())) + text.encode()


def gguf_value(value):
    """A value behind its type number: bool, whole number, number, text, or a list of texts."""
    if isinstance(value, bool):
        return struct.pack("<IB", GGUF_BOOL, value)
    if isinstance(value, int):
        return struct.pack("<II", GGUF_U32, value)
    if isinstance(value, float):
        return struct.pack("<If", GGUF_F32, value)
    if isinstance(value, str):
        return struct.pack("<I", GGUF_STRING) + gguf_text(value)
    texts = b"".join(gguf_text(text) for text in value)
    return struct.pack("<IIQ", GGUF_ARRAY, GGUF_STRING, len(value)) + texts


def gguf(metadata, tensors, version=3):
    """A file. tensors: for each name the type, and the dimensions."""
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata))
    head += b"".join(gguf_text(key) + gguf_value(value) for key, value in metadata.items())
    data = b""
    for name, (kind, dims) in tensors.items():
        number, length, size = GGUF_TENSORS[kind]
        count = 1
        for dim in dims:
            count *= dim
        head += gguf_text(name) + struct.pack("<I", len(dims))
        head += b"".join(struct.pack("<Q", dim) for dim in dims)
        head += struct.pack("<IQ", number, len(data))
        # Every byte 0x30: each number of 16 bits is small and finite.
        data += b"\x30" * (count // length * size)
        data += bytes(-len(data) % 32)
    return head + bytes(-len(head) % 32) + data


def gguf_llama(kind):
    """A Llama of 5 tokens, 8 dimensions, 2 heads, of which one has keys and values."""
    sizes = {"vocab_size": 5, "context_length": 4, "embedding_length": 8, "block_count": 1,
             "feed_forward_length": 12, "attention.head_count": 2, "attention.head_count_kv": 1,
             "attention.layer_norm_rms_epsilon": 1e-5, "rope.freq_base": 1e4,
             "rope.dimension_count": 4, "rope.scaling.type": "linear", "rope.scaling.factor": 2.0}
    block = {"attn_norm": [8], "attn_q": [8, 8], "attn_k": [8, 4], "attn_v": [8, 4],
             "attn_output": [8, 8], "ffn_norm": [8], "ffn_gate": [8, 12], "ffn_up": [8, 12],
             "ffn_down": [12, 8]}
    tensors = {"token_embd.weight": [8, 5], "output_norm.weight": [8]}
    tensors |= {f"blk.0.{name}.weight": dims for name, dims in block.items()}
    metadata = {"general.architecture": "llama"} | {f"llama.{k}": v for k, v in sizes.items()}
    return gguf(metadata, {name: (kind, dims) for name, dims in tensors.items()})


def gguf_gpt2(kind):
    """A GPT-2 of 5 tokens and 4 dimensions."""
    sizes = {"context_length": 4, "embedding_length": 4, "block_count": 1,
             "feed_forward_length": 16, "attention.head_count": 2,
             "attention.layer_norm_epsilon": 1e-5}
    block = {"attn_norm": [4], "attn_qkv": [4, 12], "attn_output": [4, 4], "ffn_norm": [4],
             "ffn_up": [4, 16], "ffn_down": [16, 4]}
    tensors = {"token_embd.weight": [4, 5], "position_embd.weight": [4, 4]}
    layers = {"output_norm": [4]} | {f"blk.0.{name}": dims for name, dims in block.items()}
    for name, dims in layers.items():
        tensors |= {f"{name}.weight": dims, f"{name}.bias": dims[-1:]}
    metadata = {"general.architecture": "gpt2"} | {f"gpt2.{k}": v for k, v in sizes.items()}
    return gguf(metadata, {name: (kind, dims) for name, dims in tensors.items()})


def gguf_files():
    metadata = {"general.architecture": "llama", "llama.block_count": 1, "bool": True,
                "llama.rope.freq_base": 1e4, "tokenizer.ggml.tokens": ["a", "", "\u0120b"]}
    for kind in GGUF_TENSORS:
        length = max(GGUF_TENSORS[kind][1], 4)
        seed("gguf", kind, gguf(metadata, {"a.weight": (kind, [length, 2]), "b": (kind, [length])}))
    for kind in ("F32", "F16"):
        seed("gguf", f"llama-{kind}", gguf_llama(kind))
        seed("gguf", f"gpt2-{kind}", gguf_gpt2(kind))
    seed("gguf", "empty", gguf({}, {}))
    seed("gguf", "metadata", gguf(metadata, {}))
    seed("gguf", "aligned", gguf({"general.alignment": 64}, {"a": ("F32", [3])}))
    seed("gguf", "version-2", gguf(metadata, {}, version=2))
    seed("gguf", "big-endian", gguf(metadata, {}, version=3 << 24))
    seed("gguf", "wide", gguf({}, {"a": ("F32", [4])}).replace(b"\x04" + bytes(7), b"\xff" * 8))
    counts = b"GGUF" + struct.pack("<IQQ", 3, LARGEST - 1, LARGEST - 1)
    seed("gguf", "counts", counts + bytes(64))


def paths():
    for number, path in enumerate([
        "/a.txt", "/part/", "/", "/in", "/up/secret", "/out", "/../secret", "/%2e%2e/secret",
        "/..%2fbook2/secret", "/%252e%252e/secret", "//etc/passwd", "/%2fetc%2fpasswd", "/a.txt%00",
        "/part%5c..%5c..%5csecret", "/c:/secret", "/./a.txt", "/part/index.html/", "/%61.txt",
    ]):
        seed("book_path", f"{number:02}", path)


def main():
    shutil.rmtree(SEEDS, ignore_errors=True)
    with tempfile.TemporaryDirectory() as work:
        models(Path(work))
        tokens(Path(work))
    shard_lists()
    adapters()
    recipes()
    documents()
    conversations()
    parquet_files()
    gguf_files()
    paths()
    files = [file for file in SEEDS.rglob("*") if file.is_file()]
    print(f"{len(files)} seeds, {sum(file.stat().st_size for file in files)} bytes")


main()
