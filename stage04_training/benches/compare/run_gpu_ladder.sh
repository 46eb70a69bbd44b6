#!/bin/sh
# The GPU ladder in Rust and in Python, in one table. Runs unattended for about eight minutes:
#
#     stage04_training/benches/compare/run_gpu_ladder.sh [SECONDS OF EACH RUNG]
#
# Needs stage04_training/install-libtorch.sh, and for Python's side
# `.venv/bin/pip install -r stage03_gpt/benches/compare/requirements.txt`. Without a GPU it runs
# a tiny model on the CPU, as a test of the scripts.
set -eu

cd "$(dirname "$0")/../../.."
seconds=${1:-20}
python=${PYTHON:-.venv/bin/python}
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT

[ -x "$python" ] || { echo "error: $python is missing; run stage04_training/install-libtorch.sh" >&2; exit 1; }
cargo build -q -p experiments --features torch
echo "Rust …" >&2
target/debug/experiments gpu_ladder --json --seconds "$seconds" >"$directory/ours.json"
echo "Python …" >&2
"$python" stage04_training/benches/compare/gpu_ladder.py --seconds "$seconds" >"$directory/theirs.json"
"$python" stage04_training/benches/compare/gpu_ladder.py --table "$directory/ours.json" "$directory/theirs.json"
