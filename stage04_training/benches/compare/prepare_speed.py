"""`prepare` with GPT-2's vocabulary compared with Python's tiktoken, on the same documents.

    pip install "tiktoken==0.14.*" numpy
    cargo build -p stage04_training --features gpt2
    cargo build -p experiments --features gpt2
    python stage04_training/benches/compare/prepare_speed.py TEXT_FILE ... [--megabytes N]

The texts, any UTF-8 files, are cut into documents of a few kilobytes at empty lines and repeated
until there are N megabytes. Two comparisons, each on one thread and on two:

- whole: from JSON lines to a file of tokens. Our command includes its start; the Python script
  (read, parse, `encode_ordinary_batch`, write with numpy) excludes imports and vocabulary;
- encode: only the encoding of texts in memory, without reading or writing a file.

Both sides run in turn, so that other programs slow both; the table shows medians. All ids must be
equal. tiktoken's vocabulary is read from the tokenizer.json that our command writes,
so nothing is downloaded. Run it from the root of the repository.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy
import tiktoken

# tiktoken's own spelling of GPT-2's pattern, the one that is faster in its engine.
PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"
END_OF_TEXT = 50256


def documents_of(files, megabytes):
    """Documents of at least two kilobytes, cut at empty lines, and their bytes in all."""
    once = []
    for name in files:
        gathered = ""
        for paragraph in open(name, encoding="utf-8", newline="").read().split("\n\n"):
            gathered += paragraph + "\n\n"
            if len(gathered) > 2000:
                once.append(gathered)
                gathered = ""
        if gathered.strip():
            once.append(gathered)
    documents, size = [], 0
    while size < megabytes * 1e6:
        for text in once:
            documents.append(text)
            size += len(text.encode())
    return documents, size


def gpt2_from(tokenizer_json):
    """tiktoken's GPT-2, from the vocabulary of a tokenizer.json."""
    # GPT-2 spells bytes without a visible character with the characters from U+0100 on.
    seen = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letter = {chr(byte): byte for byte in seen}
    hidden = [byte for byte in range(256) if byte not in seen]
    letter.update({chr(256 + place): byte for place, byte in enumerate(hidden)})
    vocab = json.load(open(tokenizer_json, encoding="utf-8"))["model"]["vocab"]
    ranks = {
        bytes(letter[c] for c in token): rank
        for token, rank in vocab.items()
        if rank != END_OF_TEXT
    }
    special = {"<|endoftext|>": END_OF_TEXT}
    return tiktoken.Encoding("gpt2", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens=special)


# The peak memory of a process begins with that of the one it was forked from, so a small one
# starts ours.
STARTER = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
run = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps([run.returncode, run.stderr, seconds, peak]))
"""


def ours_whole(binary, lines, out, threads):
    """Seconds and peak memory, in bytes, of our command."""
    command = [binary, "prepare", "--input", lines, "--out", out, "--tokenizer", "gpt2"]
    command += ["--split", "document", "--validation", "0", "--threads", str(threads), "--restart"]
    starter = [sys.executable, "-c", STARTER, *command]
    status, errors, seconds, peak = json.loads(subprocess.check_output(starter))
    if status != 0:
        raise SystemExit(errors)
    return seconds, peak * (1 if sys.platform == "darwin" else 1024)


def theirs_whole(encoding, lines, out, threads):
    """Seconds of the same work in Python."""
    start = time.perf_counter()
    texts = [json.loads(line)["text"] for line in open(lines, encoding="utf-8")]
    with open(out, "wb") as file:
        for tokens in encoding.encode_ordinary_batch(texts, num_threads=threads):
            tokens.append(END_OF_TEXT)
            file.write(numpy.array(tokens, dtype=numpy.uint16).tobytes())
        file.flush()
        os.fsync(file.fileno())
    return time.perf_counter() - start


def ours_encode(binary, text_file, threads):
    """Median seconds of our encoder, timed by itself, without its start and without files."""
    environment = {**os.environ, "RAYON_NUM_THREADS": str(threads)}
    command = [binary, "tokenizer_speed", "encode", "gpt2", text_file]
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    if run.returncode != 0:
        raise SystemExit(run.stderr)
    return statistics.median(json.loads(run.stdout)["seconds"])


def theirs_encode(encoding, documents, threads):
    """Seconds of tiktoken's encoding."""
    start = time.perf_counter()
    if threads == 1:
        for text in documents:
            encoding.encode_ordinary(text)
    else:
        encoding.encode_ordinary_batch(documents, num_threads=threads)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("text_files", nargs="+")
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--binary", default="target/debug/stage04_training")
    parser.add_argument("--encoder", default="target/debug/experiments")
    arguments = parser.parse_args()
    documents, size = documents_of(arguments.text_files, arguments.megabytes)
    print(f"{len(documents)} documents, {size / 1e6:.0f} MB")

    with tempfile.TemporaryDirectory() as directory:
        lines = os.path.join(directory, "corpus.jsonl")
        with open(lines, "w", encoding="utf-8") as file:
            for text in documents:
                file.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
        text_file = os.path.join(directory, "corpus.txt")
        open(text_file, "w", encoding="utf-8", newline="").write("".join(documents))
        ours, theirs = os.path.join(directory, "tokens"), os.path.join(directory, "theirs.bin")
        ours_whole(arguments.binary, lines, ours, 1)
        encoding = gpt2_from(os.path.join(ours, "tokenizer.json"))

        rows = []
        for threads in (1, 2):
            times = {"whole": ([], []), "encode": ([], [])}
            for _ in range(arguments.rounds):
                seconds, peak = ours_whole(arguments.binary, lines, ours, threads)
                times["whole"][0].append(seconds)
                times["whole"][1].append(theirs_whole(encoding, lines, theirs, threads))
                times["encode"][0].append(ours_encode(arguments.encoder, text_file, threads))
                times["encode"][1].append(theirs_encode(encoding, documents, threads))
            for what, both in times.items():
                a, b = (statistics.median(rounds) for rounds in both)
                rows.append((what, threads, a, b, peak if what == "whole" else None))

        manifest = json.load(open(os.path.join(ours, "manifest.json")))
        shards = [shard["file"] for shard in manifest["train"]["shards"]]
        tokens = numpy.concatenate(
            [numpy.fromfile(os.path.join(ours, file), dtype="<u2") for file in shards]
        )
        same = numpy.array_equal(tokens, numpy.fromfile(theirs, dtype="<u2"))
        print(f"{len(tokens)} tokens; ids equal: {same}")
        print("what    threads      ours              tiktoken          ratio   our peak memory")
        for what, threads, a, b, peak in rows:
            memory = f"{peak / 1e6:8.0f} MB" if peak else ""
            speed = f"{a:7.3f} s {size / 1e6 / a:6.1f} MB/s {b:7.3f} s {size / 1e6 / b:6.1f} MB/s"
            print(f"{what:8}{threads:4}   {speed} {b / a:8.2f} {memory}")
        if not same:
            raise SystemExit("the ids differ")


main()
