"""Checks that a model of this project gives the same results in llama.cpp.

    pip install llama-cpp-python==0.3.36 gguf==0.19.0
    python check_llama_cpp.py                     small models of random weights
    python check_llama_cpp.py MODEL ...           these too: directories, or GGUF files

The small models cover what a file can say: GPT-2 with biases or without, Llama with grouped queries,
an output layer of its own, biases, scaled frequencies; characters or byte pairs. The program
`examples/gguf.rs` writes each as a GGUF file, in f32 and in float16, with our numbers beside it.
Then, for each:

1. `gguf.GGUFReader` opens it, and its tensors lie where llama.cpp expects them;
2. llama.cpp opens it, and has our tokens for a text;
3. its logits differ from ours by at most 1e-5 of the largest in f32, with a cache in f32; for GPT-2
   by 1e-3, because llama.cpp looks GELU up in a table of float16 numbers;
4. its greedy continuation is ours.

A MODEL that is a GGUF file with quantised tensors is compared as it is, too: with our numbers in full
precision, and with those of the quantised blocks, as `sample` computes. llama.cpp rounds activations to
8 bits, so the logits may differ by 5 % of the largest, and the texts are shown.

It exits with 1 if a check fails.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import gguf
import llama_cpp
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
F32 = 0
failures = []


def report(good, what):
    print(f"{'ok  ' if good else 'FAIL'}  {what}", flush=True)
    if not good:
        failures.append(what)


def reader(path):
    """The offsets, as llama.cpp wants them: one tensor after another, without gaps."""
    file, expected = gguf.GGUFReader(path), 0
    for tensor in file.tensors:
        if tensor.data_offset - file.data_offset != expected:
            return f"{tensor.name} begins at {tensor.data_offset}"
        expected += -(-tensor.n_bytes // file.alignment) * file.alignment
    return None


def compare(path, ours, limit):
    """A file against our numbers. limit: of the difference, as a part of the largest logit."""
    name = path.stem
    model = llama_cpp.Llama(
        str(path), n_ctx=128, logits_all=True, verbose=False, type_k=F32, type_v=F32,
        flash_attn=False, n_threads=2)
    tokens = model.tokenize(ours["text"].encode(), add_bos=False, special=True)
    report(tokens == ours["tokens"], f"{name}: {len(tokens)} tokens")
    model.eval(ours["tokens"])
    rows, columns = ours["shape"]
    expected = np.array(ours["logits"]).reshape(rows, columns)
    found = np.array(model.scores[:rows])
    if found.shape[1] == columns + 1:  # the token that ends a text, which was added
        report(bool((found[:, -1] == 0).all()), f"{name}: the logit of the added token is 0")
        found = found[:, :-1]
    difference = np.abs(found - expected).max() / np.abs(expected).max()
    report(difference <= limit, f"{name}: logits differ by {difference:.1e}")
    model.reset()
    model.eval(ours["prompt"])
    greedy = []
    for _ in ours["greedy"]:
        token = int(np.argmax(model.scores[model.n_tokens - 1][:columns]))
        greedy.append(token)
        model.eval([token])
    if limit < 0.01:
        report(greedy == ours["greedy"], f"{name}: greedy continuation")
    else:
        print(f"      {name}\n      theirs {model.detokenize(greedy).decode(errors='replace')!r}")
        print(f"      ours   {ours['greedy_text']!r}")


def main():
    given = [Path(path).resolve() for path in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as directory:
        directory = Path(directory)
        command = ["cargo", "run", "-q", "-p", "parity", "--example", "gguf", "--", directory, *given]
        subprocess.run(command, cwd=ROOT, check=True)
        for json_file in sorted(directory.glob("*.json")):
            ours = json.loads(json_file.read_text())
            exact = 1e-3 if json_file.stem.startswith("gpt2") else 1e-5
            for ending, limit in [("", exact), ("-f16", 0.05)]:
                path = directory / f"{json_file.stem}{ending}.gguf"
                wrong = reader(path)
                report(wrong is None, f"{path.stem}: GGUFReader" + (f": {wrong}" if wrong else ""))
                compare(path, ours, limit)
        for path in given:
            if path.suffix == ".gguf":
                for ending, arithmetic in [("json", "full precision"), ("blocks", "blocks")]:
                    print(f"      {path.name} as it is; ours in {arithmetic}")
                    ours = json.loads((directory / f"{path.stem}.{ending}").read_text())
                    compare(path, ours, 0.05)
    if failures:
        sys.exit(f"{len(failures)} checks failed")


main()
