"""The rungs of the experiment `gpu_ladder` in Python: the same model, the same steps, in PyTorch.

    .venv/bin/python stage04_training/benches/compare/gpu_ladder.py

`run_gpu_ladder.sh` runs both sides and prints one table. The model is that of
`tests/parity/train_like_nanogpt.py`. Two rungs are Python's own: torch.compile makes one program
of model and loss; it is measured with the padded vocabulary, and with the larger batch.

Without a GPU a tiny model runs all rungs on the CPU, as a test of the script.
"""

import argparse
import contextlib
import importlib.util
import json
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
WARM_UP = 3


def reference():
    """The project's one GPT in PyTorch, imported by its path."""
    path = ROOT / "tests" / "parity" / "train_like_nanogpt.py"
    spec = importlib.util.spec_from_file_location("train_like_nanogpt", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # torch.compile looks the model's module up by its name
    spec.loader.exec_module(module)
    return module


def rungs(gpu, batch_size):
    """All rungs from the bottom: (name, options, batch size). The Rust side has the same names."""
    plain = dict(
        precision="f32", attention="plain", adamw="one by one", padded=False, compile=False
    )
    half = {**plain, "precision": "bf16" if gpu else "f32"}
    fused = {**half, "attention": "fused"}
    adamw = {**fused, "adamw": "fused"}
    padded = {**adamw, "padded": True}
    compiled = {**padded, "compile": True}
    n = batch_size
    every = [("f32", plain, n)]
    if gpu:
        every += [("TF32", {**plain, "precision": "tf32"}, n), ("bf16", half, n)]
    every += [("fused attention", fused, n), ("fused AdamW", adamw, n)]
    every += [("padded vocabulary", padded, n), ("larger batch", padded, 4 * n)]
    every += [("compiled", compiled, n), ("compiled, larger batch", compiled, 4 * n)]
    return every


def measure(how, batch_size, shape, device, seconds):
    """Trains for some seconds; the median time of a step, the speed and the peak memory."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    gpt = reference()
    torch.set_default_device(device)
    torch.backends.cuda.matmul.allow_tf32 = how["precision"] == "tf32"
    torch.manual_seed(1337)
    if how["padded"]:
        shape = {**shape, "vocab_size": -(-shape["vocab_size"] // 64) * 64}
    model = gpt.Gpt(**shape)
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    groups = [
        {"params": matrices, "weight_decay": 0.1},
        {"params": vectors, "weight_decay": 0.0},
    ]
    kind = {"fused": True} if how["adamw"] == "fused" else {"foreach": False}
    optimizer = torch.optim.AdamW(groups, lr=6e-4, betas=(0.9, 0.95), eps=1e-8, **kind)

    def loss(inputs, targets):
        return gpt.cross_entropy(model(inputs), targets)

    if how["compile"]:
        torch._dynamo.reset()
        loss = torch.compile(loss)
    size = (2, batch_size, shape["block_size"])
    synchronize = torch.cuda.synchronize if device == "cuda" else lambda: None

    def attention():
        # Plain attention: the matrix of all attention weights is in memory.
        plain = how["attention"] == "plain"
        return sdpa_kernel(SDPBackend.MATH) if plain else contextlib.nullcontext()

    def step():
        inputs, targets = torch.randint(shape["vocab_size"], size)
        half = torch.autocast(device, dtype=torch.bfloat16, enabled=how["precision"] == "bf16")
        with attention():
            with half:
                value = loss(inputs, targets)
            value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return value.item()  # our side reads the loss of every step, too

    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    for _ in range(WARM_UP):
        step()
    times, begin = [], time.perf_counter()
    while len(times) < 5 or time.perf_counter() - begin < seconds:
        synchronize()
        began = time.perf_counter()
        step()
        synchronize()
        times.append(time.perf_counter() - began)
    median = statistics.median(times)
    return {
        "ms_per_step": 1e3 * median,
        "tokens_per_second": batch_size * shape["block_size"] / median,
        "n_params": sum(p.numel() for p in model.parameters()),
        "memory": torch.cuda.max_memory_allocated() if device == "cuda" else None,
    }


def run(arguments):
    """Measures all rungs."""
    import torch

    gpu = torch.cuda.is_available()
    shape = dict(vocab_size=250, block_size=64, n_layer=2, n_head=2, n_embd=64)
    if gpu:
        shape = dict(vocab_size=50257, block_size=1024, n_layer=12, n_head=12, n_embd=768)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    results = []
    for name, how, batch_size in rungs(gpu, arguments.batch_size):
        if how["compile"] and arguments.no_compile:
            continue
        try:
            result = measure(
                how, batch_size, shape, "cuda" if gpu else "cpu", arguments.seconds
            )
        except torch.OutOfMemoryError:
            result = {}
        results.append({"name": name, **result})
        print(json.dumps(results[-1]), file=sys.stderr, flush=True)
    return {"device": torch.cuda.get_device_name() if gpu else "cpu", "rungs": results}


def table(ours, theirs):
    """Prints both sides in one table."""
    first = next((r for r in ours["rungs"] if "ms_per_step" in r), None)
    mine = {rung["name"]: rung for rung in ours["rungs"]}
    names = [rung["name"] for rung in theirs["rungs"]]
    names += [name for name in mine if name not in names]
    other = {rung["name"]: rung for rung in theirs["rungs"]}

    def rate(rung):
        return f"{rung['tokens_per_second']:,.0f}" if "tokens_per_second" in rung else "-"

    def gigabytes(rung):
        return f"{rung['memory'] / 1e9:.1f}" if rung.get("memory") else "-"

    print(f"{theirs['device']}; tokens per second, GB of memory\n")
    head = f"{'rung':24}{'ours':>10}{'x first':>9}{'MFU':>7}{'GB':>7}{'PyTorch':>11}{'GB':>7}"
    print(f"{head}{'ratio':>8}")
    for name in names:
        a, b = mine.get(name, {}), other.get(name, {})
        factor = mfu = ratio = "-"
        if "ms_per_step" in a:
            factor = f"{a['tokens_per_second'] / first['tokens_per_second']:.2f}"
            mfu = f"{100 * a['utilisation']:.0f} %" if a.get("utilisation") else "-"
        if "ms_per_step" in a and "ms_per_step" in b:
            ratio = f"{a['tokens_per_second'] / b['tokens_per_second']:.2f}"
        line = f"{name:24}{rate(a):>10}{factor:>9}{mfu:>7}{gigabytes(a):>7}"
        print(f"{line}{rate(b):>11}{gigabytes(b):>7}{ratio:>8}")
    print("\nMFU: of the device's own speed in matrix products of this precision")
    print("ratio: our tokens per second / PyTorch's; above 1 we are faster")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="time of each rung")
    parser.add_argument("--batch-size", type=int, default=8, help="batch size of all but the last rungs")
    parser.add_argument("--threads", type=int, help="number of CPU threads")
    parser.add_argument("--no-compile", action="store_true", help="without torch.compile")
    parser.add_argument("--table", nargs=2, metavar=("OURS", "THEIRS"), help="only print these two files as a table")
    arguments = parser.parse_args()
    if arguments.table:
        table(*(json.loads(Path(path).read_text(encoding="utf-8")) for path in arguments.table))
    else:
        print(json.dumps(run(arguments)))


if __name__ == "__main__":
    main()
