"""The speed of our use of libtorch: the same model in Rust and in Python, on the CPU.

    stage04_training/install-libtorch.sh
    .venv/bin/pip install -r stage03_gpt/benches/compare/requirements.txt
    cargo build -p experiments --features torch
    .venv/bin/python stage04_training/benches/compare/torch_speed.py

Both sides do the same arithmetic with the same libtorch, so the ratio says what the two languages
add. A step is forward, backward, clipping at 1.0 and AdamW on random tokens, in f32, without
biases and without dropout. PyTorch's model and step are those of stage 3's comparison
(`train_speed.py`), in its two eager variants: PyTorch's defaults, and the fused AdamW. The sides
run in turn, each in its own process; each entry is the median over rounds of the median over
steps.
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
STAGE_3 = ROOT / "stage03_gpt" / "benches" / "compare"
sys.path.insert(0, str(STAGE_3))

import side_by_side  # noqa: E402
from side_by_side import tell  # noqa: E402

ROWS = {
    "small": dict(
        n_layer=4, n_head=4, n_embd=128, block_size=64, batch_size=12, vocab_size=65
    ),
    "medium": dict(
        n_layer=6, n_head=6, n_embd=384, block_size=256, batch_size=8, vocab_size=65
    ),
    "gpt-2": dict(
        n_layer=12, n_head=12, n_embd=768, block_size=256, batch_size=2, vocab_size=50304
    ),
}
VARIANTS = ["eager", "fused"]
BUILD = "cargo build -p experiments --features torch"


def our_row(row, settings):
    """One run of one rung of our ladder."""
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in row.items()]
    flags += [f"--seconds={settings.seconds / 2}", f"--threads={settings.threads}"]
    command = [str(settings.ours), "gpu_ladder", "--device=torch-cpu", "--only=fused AdamW"]
    command += ["--json", *flags]
    result = side_by_side.run("ours", command, f"\nBuild it again: {BUILD}")
    return {**result["rungs"][0], "peak_mb": result["peak_mb"]}


def their_row(row, variant, settings):
    """One run of PyTorch, by stage 3's script."""
    task = json.dumps([row, variant, "f32", settings.threads, settings.seconds])
    command = [sys.executable, str(STAGE_3 / "train_speed.py"), "--torch-row", task]
    return side_by_side.run(f"PyTorch ({variant})", command)


def measure(name, settings):
    """All rounds of one row: {"ours": [...], "eager": [...], "fused": [...]}."""
    row, results = ROWS[name], {}
    for turn in range(1, settings.rounds + 1):
        for side in ["ours", *VARIANTS]:
            result = our_row(row, settings) if side == "ours" else their_row(row, side, settings)
            results.setdefault(side, []).append(result)
            if result["n_params"] != results["ours"][0]["n_params"]:
                sys.exit(f"{name}: {side} has another number of parameters than ours")
            tell(f"{name}, round {turn}: {side} {result['ms_per_step']:.1f} ms per step")
    return results


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--rows", default=",".join(ROWS), help="rows to measure, such as small,gpt-2")
    side_by_side.add_options(parser)
    binary = ROOT / "target" / "debug" / "experiments"
    parser.set_defaults(ours=binary)
    settings = parser.parse_args()
    names = settings.rows.split(",")
    if unknown := [name for name in names if name not in ROWS]:
        parser.error(f"--rows {','.join(unknown)}: the rows are {', '.join(ROWS)}")
    if not Path(settings.ours).is_file():
        sys.exit(f"there is no program {settings.ours}; build it with `{BUILD}`")
    torch = side_by_side.require_package("torch")
    side_by_side.require_package("safetensors")

    load = side_by_side.warn_if_busy()
    every = {name: measure(name, settings) for name in names}
    print(f"{side_by_side.processor()}, {settings.threads} threads, torch {torch}\n")
    lines = []
    for name, results in every.items():
        middle = {side: side_by_side.medians(rounds) for side, rounds in results.items()}
        ms = {side: middle[side]["ms_per_step"] for side in middle}
        line = [name, f"{ms['ours']:.1f}", *(f"{ms[way]:.1f}" for way in VARIANTS)]
        line += [f"{ms[way] / ms['ours']:.2f}" for way in VARIANTS]
        # The fastest round of each side is the one that other programs slowed least.
        best = {side: min(r["ms_per_step"] for r in rounds) for side, rounds in results.items()}
        line += [f"{best[way] / best['ours']:.2f}" for way in VARIANTS]
        line += [f"{middle[side]['peak_mb']:,.0f}" for side in ("ours", "eager")]
        lines.append(line)
    header = ["row", "ours|ms", "eager|ms", "fused|ms", "ratio|eager", "ratio|fused"]
    header += ["fastest|eager", "fastest|fused"]
    side_by_side.table([*header, "ours|MB", "eager|MB"], lines)
    print("\nratio: PyTorch's ms / ours; above 1 we are faster")
    print("fastest: the same of the fastest round of each side")
    if settings.json:
        result = {"load_before": load, "threads": settings.threads, "torch": torch}
        side_by_side.write_json(settings.json, {**result, "rows": ROWS, "rounds": every})


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
