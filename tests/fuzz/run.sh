#!/usr/bin/env bash
# Runs fuzz targets, one after another, each for so many seconds, and stops at the first finding.
#
#     tests/fuzz/run.sh SECONDS [TARGET ...]
#
# Without names: every target. It needs cargo-fuzz and a C++ compiler. For each target one line:
# how many inputs were run, in how many seconds, and how many are kept in `corpus/TARGET`.
set -euo pipefail
cd "$(dirname "$0")"

seconds=${1:?"usage: run.sh SECONDS [TARGET ...]"}
shift
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    while read -r target; do targets+=("$target"); done < <(cargo fuzz list --fuzz-dir .)
fi

# The sanitizer is a flag of nightly compilers. A stable one takes it with this variable.
if ! rustc --version | grep -q nightly; then
    export RUSTC_BOOTSTRAP=1
fi

# More than any target needs; an input that takes more of either is a finding.
memory_mb=2048
seconds_per_input=20

# What the targets write, and what they print, goes away at the end.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export TMPDIR=$scratch

dictionary() {
    case $1 in
        tokenizer_json | shard_index | metrics_log | manifest | journal | conversation) echo json ;;
        model_directory | adapters | trainer_state) echo safetensors ;;
        recipe | documents | book_path | gguf) echo "$1" ;;
    esac
}

printf '%-16s %10s %8s %8s\n' target runs seconds corpus
for target in "${targets[@]}"; do
    mkdir -p "corpus/$target"
    words=$(dictionary "$target")
    flags=(-max_total_time="$seconds" -rss_limit_mb=$memory_mb -timeout=$seconds_per_input
        -print_final_stats=1)
    if [ -n "$words" ]; then
        flags+=(-dict="dictionaries/$words.dict")
    fi
    log=$scratch/$target.log
    if ! cargo fuzz run --fuzz-dir . "$target" "corpus/$target" "seeds/$target" \
        -- "${flags[@]}" > "$log" 2>&1; then
        tail -n 60 "$log"
        echo "$target: a finding; the input is in $PWD/artifacts/$target"
        exit 1
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    took=$(sed -n 's/^Done [0-9]* runs in \([0-9]*\) second.*/\1/p' "$log")
    kept=$(find "corpus/$target" -type f | wc -l)
    printf '%-16s %10s %8s %8s\n' "$target" "$runs" "$took" "$kept"
done
