"""How fast does a training step run: this project beside PyTorch, on the same settings.

    pip install -r stage03_gpt/benches/compare/requirements.txt
    cargo build -p stage03_gpt
    python stage03_gpt/benches/compare/train_speed.py

A step is forward, backward, clipping at 1.0 and AdamW, on random tokens, in f32, without biases
and without dropout. PyTorch's model and step are those of `tests/parity/train_like_nanogpt.py`,
with which our losses agree. The sides take turns; each table entry is the median over the
rounds of a median over steps. The README beside this file says how to read the table.
"""

import argparse
import importlib.util
import json
import sys

import side_by_side
from side_by_side import ROOT, tell

# The names are the flags of our program and the settings of the PyTorch model.
ROWS = {
    1: dict(n_layer=4, n_head=4, n_embd=128, block_size=64, batch_size=12, vocab_size=65),
    2: dict(n_layer=6, n_head=6, n_embd=384, block_size=256, batch_size=8, vocab_size=65),
    3: dict(n_layer=12, n_head=12, n_embd=768, block_size=64, batch_size=4, vocab_size=50304),
    4: dict(n_layer=12, n_head=12, n_embd=768, block_size=256, batch_size=2, vocab_size=50304),
}
LEARNING_RATE = 1e-3


# ------------------------------------------------------------------------------- one side


def reference():
    """The project's one GPT in PyTorch, imported by its path."""
    path = ROOT / "tests" / "parity" / "train_like_nanogpt.py"
    spec = importlib.util.spec_from_file_location("train_like_nanogpt", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # torch.compile looks the model's module up by its name
    spec.loader.exec_module(module)
    return module


def torch_row(row, way, products, threads, seconds):
    """Trains in PyTorch and returns the report of one side.

    way: eager, as PyTorch comes; fused, where one call of AdamW updates everything; compile,
    where torch.compile makes one program of model and loss (and AdamW is fused).
    """
    import torch

    gpt = reference()
    libraries_mb = side_by_side.peak_mb()
    torch.set_num_threads(threads)
    torch.manual_seed(1337)
    batch_size, shape = row["batch_size"], {k: v for k, v in row.items() if k != "batch_size"}
    model = gpt.Gpt(**shape)
    optimizer = gpt.adamw(model.parameters(), weight_decay=0.1, betas=(0.9, 0.99))
    if way != "eager":
        groups = [
            {"params": group["params"], "weight_decay": group["weight_decay"]}
            for group in optimizer.param_groups
        ]
        optimizer = torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.99), eps=1e-8, fused=True)

    def loss(inputs, targets):
        return gpt.cross_entropy(model(inputs), targets)

    if way == "compile":
        loss = torch.compile(loss)
    size = (2, batch_size, row["block_size"])

    def step():
        inputs, targets = torch.randint(row["vocab_size"], size)  # others each time, as our `bench`
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=products == "bf16"):
            value = loss(inputs, targets)
        gpt.step(optimizer, value, LEARNING_RATE, grad_clip=1.0)

    median = side_by_side.median_seconds(step, seconds / 2)  # as our `bench`
    return {
        "n_params": sum(p.numel() for p in model.parameters()),
        "ms_per_step": 1e3 * median,
        "tokens_per_second": batch_size * row["block_size"] / median,
        "libraries_mb": libraries_mb,
    }


def our_row(row, products, settings):
    """One run of our `bench`."""
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in row.items()]
    flags += ["--gradient-accumulation-steps=1", "--dropout=0", "--grad-clip=1", "--bias=false"]
    flags += [f"--seconds={settings.seconds}", f"--threads={settings.threads}"]
    if products != "f32":
        flags.append("--dtype=bfloat16")
    numbers = ["n_params", "ms_per_step", "tokens_per_second", "machine_gflops", "utilisation"]
    return side_by_side.ours(settings.ours, flags, numbers)


def their_row(row, way, products, settings):
    """One run of PyTorch: this file again, in a process of its own."""
    task = [row, way, products, settings.threads, settings.seconds]
    command = [sys.executable, __file__, "--torch-row", json.dumps(task)]
    return side_by_side.run(f"PyTorch ({way})", command)


# ------------------------------------------------------------------------- the comparison


def measure(number, products, ways, settings):
    """All rounds of one row: {"ours": [...], "eager": [...], ...}."""
    row, results = ROWS[number], {}
    for turn in range(1, settings.rounds + 1):
        for side in ["ours", *ways]:
            if side == "ours":
                result = our_row(row, products, settings)
            else:
                result = their_row(row, side, products, settings)
            results.setdefault(side, []).append(result)
            tell(
                f"row {number} {products}, round {turn} of {settings.rounds}: {side} "
                f"{result['ms_per_step']:.1f} ms per step, {result['peak_mb']:.0f} MB"
            )
            mine = results["ours"][0]["n_params"]
            if result["n_params"] != mine:
                sys.exit(
                    f"row {number}: our model has {mine:.0f} parameters and PyTorch's "
                    f"{result['n_params']}: these are different models, and their times say "
                    f"nothing about each other"
                )
    return results


def summary(results):
    """The numbers of a row for the table."""
    middle = {side: side_by_side.medians(rounds) for side, rounds in results.items()}
    ways = [side for side in results if side != "ours"]
    best = min(ways, key=lambda way: middle[way]["ms_per_step"])
    # Each round by itself: how much does the ratio vary?
    ratios = [
        theirs["ms_per_step"] / mine["ms_per_step"]
        for mine, theirs in zip(results["ours"], results[best])
    ]
    return {
        "n_params": int(middle["ours"]["n_params"]),
        "best": best,
        "ratio": middle[best]["ms_per_step"] / middle["ours"]["ms_per_step"],
        "ratio_lowest": min(ratios),
        "ratio_highest": max(ratios),
        "medians": middle,
    }


def print_table(rows, ways):
    header = ["row", "ours|ms", *(f"{way}|ms" for way in ways), "ratio|", "lowest|", "highest|"]
    header += ["ours|tokens/s", "PyTorch|tokens/s", "ours|MB", "PyTorch|MB"]
    header += ["machine|GFLOP/s", "our|utilisation", "ratio|at 100 %"]
    lines = []
    for number, products, _, row in rows:
        mine, theirs = row["medians"]["ours"], row["medians"][row["best"]]
        line = [f"{number} {products}", f"{mine['ms_per_step']:.1f}"]
        line += [f"{row['medians'][way]['ms_per_step']:.1f}" for way in ways]
        line += [f"{row[key]:.2f}" for key in ("ratio", "ratio_lowest", "ratio_highest")]
        line += [f"{side['tokens_per_second']:,.0f}" for side in (mine, theirs)]
        line += [f"{side['peak_mb']:,.0f}" for side in (mine, theirs)]
        line += [f"{mine['machine_gflops']:.0f}", f"{100 * mine['utilisation']:.0f} %"]
        line += [f"{row['ratio'] / mine['utilisation']:.2f}"]
        lines.append(line)
    side_by_side.table(header, lines)


def row_numbers(text):
    """The argument of --rows: 1,3."""
    parts = text.split(",")
    if not all(part.isdecimal() and int(part) in ROWS for part in parts):
        every = ", ".join(map(str, ROWS))
        raise argparse.ArgumentTypeError(f"{text!r}: the rows are {every}; give them like 1,3")
    return list(dict.fromkeys(map(int, parts)))


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    every = ",".join(map(str, ROWS))
    parser.add_argument("--rows", type=row_numbers, default=every, metavar="1,3", help="which")
    parser.add_argument("--compile", action="store_true", help="torch.compile as well")
    parser.add_argument("--bf16", action="store_true", help="products in bf16 as well, both sides")
    side_by_side.add_options(parser)
    parser.add_argument("--torch-row", help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    settings = arguments()
    if settings.torch_row:
        print(json.dumps(torch_row(*json.loads(settings.torch_row))))
        return
    side_by_side.require_binary(settings.ours)
    torch = side_by_side.require_package("torch")
    side_by_side.require_package("safetensors")

    load = side_by_side.warn_if_busy()
    ways = ["eager", "fused"] + ["compile"] * settings.compile
    machine = side_by_side.processor()
    rows = []
    for number in settings.rows:
        for products in ["f32"] + ["bf16"] * settings.bf16:
            results = measure(number, products, ways, settings)
            rows.append((number, products, results, summary(results)))

    print(f"{machine}, {settings.threads} threads, torch {torch}, rounds: {settings.rounds}\n")
    for number in settings.rows:
        row = ROWS[number]
        n_params = next(r[3]["n_params"] for r in rows if r[0] == number)
        print(
            f"row {number}: {row['n_layer']} layers, {row['n_head']} heads, {row['n_embd']} wide, "
            f"{row['batch_size']} x {row['block_size']} tokens per step, "
            f"{row['vocab_size']:,} in the vocabulary; {n_params:,} parameters"
        )
    print()
    print_table(rows, ways)
    print("\nratio: PyTorch's ms / ours, of its best way; above 1 we are faster")
    print("at 100 %: what it would be if all of a step ran at the machine's own speed")
    if settings.json:
        side_by_side.write_json(
            settings.json,
            {
                "processor": machine,
                "load_before": load,
                "threads": settings.threads,
                "seconds": settings.seconds,
                "torch": torch,
                "rows": [
                    {"row": number, "products": products, **ROWS[number], **row, "rounds": results}
                    for number, products, results, row in rows
                ],
            },
        )


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
