"""How fast does a model of GPT-2's size read and write: this project beside others.

    pip install -r stage03_gpt/benches/compare/requirements.txt
    cargo build -p stage03_gpt
    python stage03_gpt/benches/compare/generation_speed.py

The model is the smallest GPT-2 (12 layers, 12 heads, 768 wide, 1024 positions, biases) with
50,304 tokens and random weights, in f32, and writes one text. Two things are measured, as our own
`bench --generation` measures them: reading a prompt of 512 tokens at once, and writing 256 after
it, one after another with a KV cache. The others are Hugging Face's `transformers` and, where the
package llama-cpp-python is installed, llama.cpp. The sides take turns; each table entry is the
median over the rounds. The README beside this file says how to read the table.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import side_by_side
from side_by_side import tell

N_LAYER, N_HEAD, N_EMBD, BLOCK_SIZE, VOCAB_SIZE = 12, 12, 768, 1024, 50304
PROMPT, WRITTEN = 512, 256
LLAMA_PACKAGES = ("llama-cpp-python", "gguf", "numpy")


# ------------------------------------------------------------------------------ the sides


def reading_and_writing(read, write, seconds, vocab_size=VOCAB_SIZE):
    """The two speeds of one side, from the median times of a prompt and of a token.

    read(tokens) clears the KV cache, reads the tokens and computes the logits of the last;
    write(token) reads one more and computes the logits after it. The tokens are random, so that
    no sampling is measured.
    """
    numbers = random.Random(1337)
    tokens = [numbers.randrange(vocab_size) for _ in range(PROMPT + WRITTEN)]
    prompt, rest = tokens[:PROMPT], tokens[PROMPT:]
    reading = side_by_side.median_seconds(lambda: read(prompt), seconds / 4)
    times, start = [], time.perf_counter()
    while not times or time.perf_counter() - start < seconds / 2:
        read(prompt)
        for token in rest:
            began = time.perf_counter()
            write(token)
            times.append(time.perf_counter() - began)
    return {
        "prompt_tokens_per_second": PROMPT / reading,
        "decode_tokens_per_second": 1.0 / statistics.median(times),
    }


def transformers_side(threads, seconds):
    """GPT-2 as Hugging Face has it, with PyTorch's own attention kernel."""
    import torch
    from transformers import AutoModelForCausalLM, GPT2Config

    libraries_mb = side_by_side.peak_mb()
    torch.set_num_threads(threads)
    torch.manual_seed(1337)
    config = GPT2Config(
        vocab_size=VOCAB_SIZE,
        n_positions=BLOCK_SIZE,
        n_embd=N_EMBD,
        n_layer=N_LAYER,
        n_head=N_HEAD,
        bos_token_id=0,
        eos_token_id=0,
    )
    model = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").eval()
    state = None

    @torch.inference_mode()
    def forward(ids, cache):
        nonlocal state
        # Of the prompt, too, only the last token's logits are needed.
        state = model(ids, past_key_values=cache, use_cache=True, logits_to_keep=1)

    speeds = reading_and_writing(
        lambda tokens: forward(torch.tensor([tokens]), None),
        lambda token: forward(torch.tensor([[token]]), state.past_key_values),
        seconds,
    )
    n_params = sum(p.numel() for p in model.parameters())
    return speeds | {"n_params": n_params, "libraries_mb": libraries_mb}


def write_gguf(path, kind="F32"):
    """A GPT-2 of random weights in llama.cpp's format, without a tokenizer.

    Matrices are (out, in), as llama.cpp reads them; the output layer is the token embedding. kind: the
    type of the matrices. Beside 4 bits the output layer has 8, as in the files of this project.
    """
    import gguf
    import numpy

    numbers = numpy.random.default_rng(1337)
    writer = gguf.GGUFWriter(path, "gpt2")
    writer.add_context_length(BLOCK_SIZE)
    writer.add_embedding_length(N_EMBD)
    writer.add_feed_forward_length(4 * N_EMBD)
    writer.add_block_count(N_LAYER)
    writer.add_head_count(N_HEAD)
    writer.add_layer_norm_eps(1e-5)
    writer.add_vocab_size(VOCAB_SIZE)
    writer.add_tokenizer_model("none")
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)

    def matrix(name, out, into, kind=kind):
        values = numbers.standard_normal((out, into), dtype=numpy.float32) * numpy.float32(0.02)
        kind = gguf.GGMLQuantizationType[kind]
        if kind == gguf.GGMLQuantizationType.F32:
            writer.add_tensor(f"{name}.weight", values)
        else:
            blocks = gguf.quants.quantize(values, kind)
            writer.add_tensor(f"{name}.weight", blocks, raw_dtype=kind)

    def linear(name, out, into):
        matrix(name, out, into)
        writer.add_tensor(f"{name}.bias", numpy.zeros(out, numpy.float32))

    def norm(name):
        writer.add_tensor(f"{name}.weight", numpy.ones(N_EMBD, numpy.float32))
        writer.add_tensor(f"{name}.bias", numpy.zeros(N_EMBD, numpy.float32))

    matrix("token_embd", VOCAB_SIZE, N_EMBD, "Q8_0" if kind.startswith("Q4") else kind)
    matrix("position_embd", BLOCK_SIZE, N_EMBD, "F32")
    for i in range(N_LAYER):
        norm(f"blk.{i}.attn_norm")
        linear(f"blk.{i}.attn_qkv", 3 * N_EMBD, N_EMBD)
        linear(f"blk.{i}.attn_output", N_EMBD, N_EMBD)
        norm(f"blk.{i}.ffn_norm")
        linear(f"blk.{i}.ffn_up", 4 * N_EMBD, N_EMBD)
        linear(f"blk.{i}.ffn_down", N_EMBD, 4 * N_EMBD)
    norm("output_norm")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return {"bytes": Path(path).stat().st_size}


def llama_side(path, threads, seconds, full_cache=True):
    """A file in llama.cpp, through its C interface.

    full_cache: whether keys and values are f32, as ours are. Otherwise they are what llama.cpp takes by
    itself, float16.
    """
    import llama_cpp

    libraries_mb = side_by_side.peak_mb()
    llama_cpp.llama_backend_init()
    model = llama_cpp.llama_model_load_from_file(
        path.encode(), llama_cpp.llama_model_default_params()
    )
    if not model:
        sys.exit("llama.cpp does not load the model")
    settings = llama_cpp.llama_context_default_params()
    settings.n_ctx, settings.n_batch, settings.n_ubatch = BLOCK_SIZE, PROMPT, PROMPT
    settings.n_seq_max = 1
    settings.n_threads = settings.n_threads_batch = threads
    if full_cache:
        settings.type_k = settings.type_v = llama_cpp.GGML_TYPE_F32
    context = llama_cpp.llama_init_from_model(model, settings)
    if not context:
        sys.exit("llama.cpp does not make a context")
    memory = llama_cpp.llama_get_memory(context)

    def decode(tokens):
        array = (llama_cpp.llama_token * len(tokens))(*tokens)
        status = llama_cpp.llama_decode(
            context, llama_cpp.llama_batch_get_one(array, len(tokens))
        )
        if status != 0:
            sys.exit(f"llama_decode gave {status}")
        llama_cpp.llama_synchronize(context)

    def read(tokens):
        llama_cpp.llama_memory_clear(memory, True)
        decode(tokens)

    vocab_size = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
    speeds = reading_and_writing(read, lambda token: decode([token]), seconds, vocab_size)
    n_params = llama_cpp.llama_model_n_params(model)
    return speeds | {"n_params": n_params, "libraries_mb": libraries_mb}


def our_side(settings):
    """One run of our `bench --generation`."""
    flags = ["--generation", "--preset=gpt2-124m", f"--vocab-size={VOCAB_SIZE}", "--bias=true"]
    flags += [f"--seconds={settings.seconds}", f"--threads={settings.threads}"]
    numbers = ["prompt_tokens_per_second", "decode_tokens_per_second"]
    numbers += ["bandwidth_gb_per_second", "decode_utilisation"]
    result = side_by_side.ours(settings.ours, flags, [*numbers, "prompt_tokens"])
    if result["prompt_tokens"] != PROMPT:
        sys.exit(f"ours read {result['prompt_tokens']} tokens, and the others would read {PROMPT}")
    return result


# ------------------------------------------------------------------------- the comparison


def llama_versions(python):
    """The versions of the packages for llama.cpp in a Python, or the reason why it cannot run
    llama.cpp."""
    versions = (
        "import sys, json, importlib.metadata as m; "
        "print(json.dumps({name: m.version(name) for name in sys.argv[1:]}))"
    )
    try:
        found = subprocess.run(
            [python, "-c", versions, *LLAMA_PACKAGES], capture_output=True, text=True
        )
    except OSError as error:
        return f"{python} does not start: {error.strerror}"
    if found.returncode != 0:
        return f"{python} has not all of the packages {', '.join(LLAMA_PACKAGES)}"
    return json.loads(found.stdout)


def measure(sides, settings):
    """All rounds: {"ours": [...], "transformers": [...], ...}."""
    results = {}
    for turn in range(1, settings.rounds + 1):
        for side, run in sides.items():
            result = run()
            results.setdefault(side, []).append(result)
            tell(
                f"round {turn} of {settings.rounds}: {side} reads "
                f"{result['prompt_tokens_per_second']:.0f} and writes "
                f"{result['decode_tokens_per_second']:.1f} tokens per second, "
                f"{result['peak_mb']:.0f} MB"
            )
            sizes = {s: int(r[0]["n_params"]) for s, r in results.items() if "n_params" in r[0]}
            if len(set(sizes.values())) > 1:
                sys.exit(f"the sides have different numbers of parameters: {sizes}")
    return results


def print_table(middle):
    header = ["", "prompt|tokens/s", "ours /|this", "writing|tokens/s", "ours /|this"]
    header += ["bandwidth|utilisation", "peak|MB"]
    mine, lines = middle["ours"], []
    for side, values in middle.items():
        line = [side]
        ratios = {}
        for kind in ("prompt", "decode"):
            speed = values[f"{kind}_tokens_per_second"]
            ratios[kind] = mine[f"{kind}_tokens_per_second"] / speed
            line += [f"{speed:,.1f}", f"{ratios[kind]:.2f}"]
        # All sides read the same bytes per token, so their utilisations are to each other as
        # their speeds.
        utilisation = mine["decode_utilisation"] / ratios["decode"]
        line += [f"{100 * utilisation:.0f} %", f"{values['peak_mb']:,.0f}"]
        lines.append(line)
    side_by_side.table(header, lines)


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    side_by_side.add_options(parser)
    parser.add_argument(
        "--llama-python",
        metavar="PYTHON",
        help="another Python, which has llama-cpp-python, gguf and numpy",
    )
    parser.add_argument("--side", nargs="+", help=argparse.SUPPRESS)
    return parser.parse_args()


def run_side(task, *rest):
    """Runs one side, or writes the file of llama.cpp, in this process."""
    if task == "transformers":
        return transformers_side(int(rest[0]), float(rest[1]))
    if task == "gguf":
        return write_gguf(rest[0])
    return llama_side(rest[0], int(rest[1]), float(rest[2]))


def main():
    settings = arguments()
    if settings.side:
        print(json.dumps(run_side(*settings.side)))
        return
    side_by_side.require_binary(settings.ours)
    versions = {name: side_by_side.require_package(name) for name in ("torch", "transformers")}
    llama_python = settings.llama_python or sys.executable
    llama = llama_versions(llama_python)
    if isinstance(llama, dict):
        versions |= llama
    elif settings.llama_python:
        sys.exit(f"--llama-python: {llama}")
    else:
        tell("without llama.cpp: its packages are not installed (see the README)")

    load = side_by_side.warn_if_busy()

    def other(name, python, *task):
        command = [python, __file__, "--side", *map(str, task)]
        return side_by_side.run(name, command)

    limits = (settings.threads, settings.seconds)
    with tempfile.TemporaryDirectory() as directory:
        sides = {
            "ours": lambda: our_side(settings),
            "transformers": lambda: other(
                "transformers", sys.executable, "transformers", *limits
            ),
        }
        if isinstance(llama, dict):
            file = Path(directory) / "random.gguf"
            other("the writer of llama.cpp's file", llama_python, "gguf", file)
            sides["llama.cpp"] = lambda: other("llama.cpp", llama_python, "llama", file, *limits)
        results = measure(sides, settings)

    middle = {side: side_by_side.medians(rounds) for side, rounds in results.items()}
    machine = side_by_side.processor()
    print(f"{machine}, {settings.threads} threads, rounds: {settings.rounds}")
    print(", ".join(f"{name} {version}" for name, version in versions.items()))
    print(
        f"{N_LAYER} layers, {N_HEAD} heads, {N_EMBD} wide, {VOCAB_SIZE:,} in the vocabulary; "
        f"f32, one text"
    )
    print(f"memory bandwidth: {middle['ours']['bandwidth_gb_per_second']:.1f} GB/s\n")
    print_table(middle)
    print("\nours / this: above 1 we are faster")
    if settings.json:
        side_by_side.write_json(
            settings.json,
            {
                "processor": machine,
                "load_before": load,
                "threads": settings.threads,
                "seconds": settings.seconds,
                "versions": versions,
                "medians": middle,
                "rounds": results,
            },
        )


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
