"""Our tokenizer beside others, on the same text, on one thread.

    pip install "tokenizers==0.23.*" "tiktoken==0.14.*" "rustbpe==0.1.*" numpy
    cargo build --release -p experiments --features gpt2
    python stage01_bigram/benches/compare/tokenizer_speed.py TEXT_FILE R50K_BASE

TEXT_FILE is any UTF-8 text of a few megabytes. R50K_BASE is GPT-2's list of tokens as
tiktoken publishes it; cargo has it in the directory `assets` of the crate tiktoken-rs, below
`~/.cargo/registry/src`. Run it from the root of the repository.

Three comparisons: training 4,096 tokens; encoding with GPT-2's vocabulary; encoding a
megabyte of one letter. They take turns, five rounds, so that a busy machine is busy for
all; the table shows each one's median and how many times as long as ours it is. Results
are compared, too: the ids must be equal, and the merges must be those of `tokenizers`.
"""

import argparse
import base64
import json
import os
import statistics
import subprocess
import tempfile
import time

# Before the imports: some libraries read these once.
os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy
import rustbpe
import tiktoken
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
VOCAB_SIZE = 4096
ROUNDS = 5


def seconds(task):
    """How long a task takes, and what it returns."""
    start = time.perf_counter()
    result = task()
    return time.perf_counter() - start, result


def ours(binary, task, kind, text_file, out):
    """Our binary times itself, five times without the start of the program."""
    command = [binary, "tokenizer_speed", task, kind, text_file, out]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode != 0:
        raise SystemExit(run.stderr)
    return statistics.median(json.loads(run.stdout)["seconds"])


def train_tokenizers(text):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE,
        min_frequency=2,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([text], trainer)
    return tokenizer


def train_rustbpe(text):
    tokenizer = rustbpe.Tokenizer()
    tokenizer.train_from_iterator([text], VOCAB_SIZE, pattern=PATTERN)
    return tokenizer


def merges(tokenizer_json):
    return [m if isinstance(m, str) else " ".join(m) for m in tokenizer_json["model"]["merges"]]


def table(title, times, note):
    """times: name -> the seconds of each round; ours comes first."""
    print(f"\n{title}  ({note})")
    medians = {name: statistics.median(rounds) for name, rounds in times.items()}
    base = next(iter(medians.values()))
    for name, median in medians.items():
        print(f"  {name:12} {median:9.4f} s   {median / base:6.1f} x")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("text_file")
    parser.add_argument("r50k_base")
    parser.add_argument("--binary", default="target/release/experiments")
    arguments = parser.parse_args()
    binary, text_file = arguments.binary, arguments.text_file

    text = open(text_file, encoding="utf-8", newline="").read()
    megabytes = len(text.encode()) / 1e6
    print(f"{text_file}: {megabytes:.2f} MB, one thread")
    ranks = {}
    for line in open(arguments.r50k_base, "rb"):
        token, rank = line.split()
        ranks[base64.b64decode(token)] = int(rank)
    # tiktoken's own spelling of the pattern, which is faster for it.
    possessive = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"
    gpt2 = tiktoken.Encoding(
        "gpt2", pat_str=possessive, mergeable_ranks=ranks, special_tokens={"<|endoftext|>": 50256}
    )

    with tempfile.TemporaryDirectory() as directory:
        out = os.path.join(directory, "out")

        times = {"ours": [], "rustbpe": [], "tokenizers": []}
        for _ in range(ROUNDS):
            times["ours"].append(ours(binary, "train", f"bpe:{VOCAB_SIZE}", text_file, out))
            times["rustbpe"].append(seconds(lambda: train_rustbpe(text))[0])
            taken, theirs = seconds(lambda: train_tokenizers(text))
            times["tokenizers"].append(taken)
        same = merges(json.load(open(out))) == merges(json.loads(theirs.to_str()))
        table(f"train {VOCAB_SIZE} tokens", times, f"merges equal to tokenizers': {same}")

        letter_file = os.path.join(directory, "letter.txt")
        open(letter_file, "w").write("a" * (1 << 20))
        ours(binary, "train", "gpt2", letter_file, out)
        library = Tokenizer.from_file(out)
        for title, file in [("encode", text_file), ("encode 1 MiB of one letter", letter_file)]:
            content = open(file, encoding="utf-8", newline="").read()
            times = {"ours": [], "tiktoken": [], "tokenizers": []}
            for _ in range(ROUNDS):
                times["ours"].append(ours(binary, "encode", "gpt2", file, out))
                taken, ids = seconds(lambda: gpt2.encode_ordinary(content))
                times["tiktoken"].append(taken)
                taken, library_ids = seconds(lambda: library.encode(content))
                times["tokenizers"].append(taken)
            same = numpy.fromfile(out, dtype="<u4").tolist() == ids == library_ids.ids
            speed = len(content) / 1e6 / statistics.median(times["ours"])
            table(f"{title}, GPT-2's vocabulary", times, f"ours {speed:.0f} MB/s; ids equal: {same}")


main()
