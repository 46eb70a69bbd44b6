#!/bin/sh
# Checks that the models of this project give the same numbers and texts in the common versions of
# transformers.
#
#     tests/parity/check_all_versions.sh            all versions
#     tests/parity/check_all_versions.sh 5.24.0     this one
#
# Needs a Python with torch: .venv/bin/python of stage04_training/install-libtorch.sh, or the one in
# the variable PYTHON. torch takes 5 GB, so it is installed once; each version of transformers has its
# own virtual environment of 0.3 GB in .venv/versions, which finds torch through a .pth file. Missing
# environments are created; to undo, delete them.
#
# transformers 4.44, of 2024, can be installed with Python 3.10 to 3.12.
#
# Adapters are checked with peft 0.21.2, which needs transformers 4.57 or later.
#
# The models that are checked are made here, each in a second: see check_transformers.py,
# check_evaluation.py and check_peft.py.
set -eu
cd "$(dirname "$0")/../.."

versions=${*:-4.44.2 4.57.3 5.24.0}
python=${PYTHON:-.venv/bin/python}
place=${PARITY_ENVS:-.venv/versions}
"$python" -c 'import torch' 2>/dev/null || {
    echo "error: $python has no torch; run stage04_training/install-libtorch.sh, or set PYTHON" >&2
    exit 1
}
torch=$("$python" -W ignore -c 'import os, torch; print(os.path.dirname(os.path.dirname(torch.__file__)))')

# A model that others have trained, where stage03_gpt/fetch-smollm2.sh has brought it.
smollm2=models/SmolLM2-135M-Instruct.Q4_1.gguf
[ -e "$smollm2" ] || smollm2=

failed=
for version in $versions; do
    env=$place/transformers-$version
    if [ ! -e "$env/done" ]; then
        echo "Installing transformers $version into $env"
        rm -rf "$env"
        "$python" -m venv "$env"
        case $version in
        4.4*) numpy='numpy<2' ;; # the last version that it supports
        *) numpy=numpy ;;
        esac
        "$env/bin/python" -m pip install -q --disable-pip-version-check \
            "transformers==$version" "$numpy" safetensors
        # Only now, so that pip does not install into torch's environment.
        "$env/bin/python" - "$torch" <<'PTH'
import sys, sysconfig, pathlib
(pathlib.Path(sysconfig.get_paths()["purelib"]) / "torch.pth").write_text(sys.argv[1] + "\n")
PTH
        touch "$env/done"
    fi
    case $version in
    4.4*) adapters=true ;;
    *)
        if [ ! -e "$env/peft-0.21.2" ]; then
            # What else it needs is there; pip would install torch a second time.
            "$env/bin/python" -m pip install -q --disable-pip-version-check --no-deps \
                peft==0.21.2 accelerate==1.15.0 psutil==7.2.2
            touch "$env/peft-0.21.2"
        fi
        adapters="$env/bin/python -W ignore tests/parity/check_peft.py"
        ;;
    esac
    echo
    echo "transformers $version"
    { "$env/bin/python" -W ignore tests/parity/check_transformers.py --train \
        && "$env/bin/python" -W ignore tests/parity/check_evaluation.py $smollm2 \
        && $adapters; } \
        || failed="$failed $version"
done
[ -z "$failed" ] || {
    echo "error: differences in transformers$failed" >&2
    exit 1
}
