"""What fewer bits cost and bring: every format of weights, beside llama.cpp on the same files.

    pip install llama-cpp-python==0.3.36 gguf==0.19.0 numpy
    cargo build -p stage03_gpt
    python stage03_gpt/benches/compare/quantised_speed.py --model FILE.gguf

Two models: GPT-2's smallest shape (124 million weights, random), and the one of `--model`, such as
SmolLM2-135M-Instruct (stage03_gpt/fetch-smollm2.sh brings it). Each in f32, q8_0, q4_1 and q4_0; our
program converts the second. Speeds are those of `bench --generation`: a prompt of 512 tokens is
read at once, and 256 more are read one by one, as in writing. The sides take turns on each file. llama.cpp
runs as it is installed, with keys and values in float16; ours are float16 beside quantised weights.

The perplexity of `--model` is that of our `eval` over a text that no model was trained on, this
project's own book, in windows of 512 tokens, with the arithmetic that the speeds are measured with.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import side_by_side
from generation_speed import llama_side, write_gguf
from side_by_side import ROOT, tell

TYPES = ("F32", "Q8_0", "Q4_1", "Q4_0")
# What the perplexity is measured on: the chapters of part 3.
TEXT = sorted((ROOT / "book" / "text" / "part3").glob("*.md"))
WINDOW = 512


def convert(binary, model, kind, file):
    """The file of a model in a type, by our own program."""
    if kind == "F32":
        command = [binary, "export", "--model", model, "--gguf", file]
    else:
        command = [binary, "quantize", "--model", model, "--to", kind.lower(), "--out", file]
    side_by_side.succeed("the conversion", command)


def our_speed(settings, file):
    flags = ["--generation", f"--model={file}", f"--seconds={settings.seconds}"]
    flags += [f"--threads={settings.threads}"]
    numbers = ["prompt_tokens_per_second", "decode_tokens_per_second"]
    numbers += ["bandwidth_gb_per_second", "decode_utilisation", "weight_bytes_per_token"]
    return side_by_side.ours(settings.ours, flags, numbers)


def perplexity(settings, file):
    command = [settings.ours, "eval", "--json", "--model", file, "--context", WINDOW, "--text", *TEXT]
    return side_by_side.run("eval", list(map(str, command)))["perplexity"]


def rows(settings, directory):
    """All measurements: one row for each model and type."""
    models = [("GPT-2 124M", None)]
    if settings.model:
        models.append((Path(settings.model).stem.split(".")[0], settings.model))
    for name, model in models:
        for kind in TYPES:
            file = Path(directory) / "model.gguf"
            if model:
                convert(settings.ours, model, kind, file)
            else:
                write_gguf(file, kind)
            ours, llama = [], []
            for turn in range(1, settings.rounds + 1):
                ours.append(our_speed(settings, file))
                command = [sys.executable, __file__, "--side", file, settings.threads, settings.seconds]
                llama.append(side_by_side.run("llama.cpp", list(map(str, command))))
                tell(
                    f"{name} {kind}, round {turn} of {settings.rounds}: "
                    f"ours {ours[-1]['prompt_tokens_per_second']:.0f} and "
                    f"{ours[-1]['decode_tokens_per_second']:.1f}, llama.cpp "
                    f"{llama[-1]['prompt_tokens_per_second']:.0f} and "
                    f"{llama[-1]['decode_tokens_per_second']:.1f} tokens per second"
                )
            yield {
                "model": name,
                "type": kind.lower(),
                "mb": file.stat().st_size / 1e6,
                "perplexity": perplexity(settings, file) if model else None,
                "ours": side_by_side.medians(ours),
                "llama.cpp": side_by_side.medians(llama),
                "rounds": {"ours": ours, "llama.cpp": llama},
            }
            file.unlink()


def print_table(results):
    header = ["model", "type", "MB", "perplexity", "prompt|tokens/s", "llama.cpp|", "ours /|llama.cpp"]
    header += ["writing|tokens/s", "llama.cpp|", "ours /|llama.cpp", "bandwidth|utilisation"]
    lines = []
    for row in results:
        line = [row["model"], row["type"], f"{row['mb']:.0f}"]
        line.append(f"{row['perplexity']:.2f}" if row["perplexity"] else "")
        for kind in ("prompt", "decode"):
            ours, llama = (row[side][f"{kind}_tokens_per_second"] for side in ("ours", "llama.cpp"))
            line += [f"{ours:,.0f}", f"{llama:,.0f}", f"{ours / llama:.2f}"]
        line.append(f"{100 * row['ours']['decode_utilisation']:.0f} %")
        lines.append(line)
    side_by_side.table(header, lines)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    side_by_side.add_options(parser)
    parser.add_argument("--model", metavar="FILE", help="a model to measure besides")
    parser.add_argument("--side", nargs=3, help=argparse.SUPPRESS)
    settings = parser.parse_args()
    if settings.side:
        path, threads, seconds = settings.side
        print(json.dumps(llama_side(path, int(threads), float(seconds), full_cache=False)))
        return
    side_by_side.require_binary(settings.ours)
    versions = {
        name: side_by_side.require_package(name) for name in ("llama-cpp-python", "gguf", "numpy")
    }
    load = side_by_side.warn_if_busy()
    with tempfile.TemporaryDirectory() as directory:
        results = list(rows(settings, directory))
    machine = side_by_side.processor()
    print(f"{machine}, {settings.threads} threads, rounds: {settings.rounds}")
    print(", ".join(f"{name} {version}" for name, version in versions.items()))
    bandwidth = [row["ours"]["bandwidth_gb_per_second"] for row in results]
    print(f"memory bandwidth: {min(bandwidth):.1f} to {max(bandwidth):.1f} GB/s\n")
    print_table(results)
    print("\nours / llama.cpp: above 1 we are faster")
    if settings.json:
        result = {"processor": machine, "load_before": load, "versions": versions, "rows": results}
        side_by_side.write_json(settings.json, result)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
