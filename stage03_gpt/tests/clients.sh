#!/usr/bin/env bash
# Serves a model, and lets the clients that people use talk to it: the package openai, and Chromium.
#
#     stage03_gpt/tests/clients.sh out/gpt
#     stage03_gpt/tests/clients.sh models/SmolLM2-135M-Instruct.Q4_1.gguf
#
# It installs the package openai into a virtual environment, .venv/openai, and what the check of the
# page needs with npm. What cannot be run is skipped, with the reason.
set -euo pipefail
cd "$(dirname "$0")/../.."
model=${1:?the model: a directory or a GGUF file}
pictures=${2:-}
tests=stage03_gpt/tests

cargo build -q -p stage03_gpt --features serve
said=$(mktemp)
target/debug/stage03_gpt serve --model "$model" --port 0 > "$said" &
server=$!
trap 'kill -INT $server 2> /dev/null || true; rm -f "$said"' EXIT
for _ in $(seq 600); do
    grep -q 'Ctrl-C ends it' "$said" && break
    kill -0 $server || { echo "error: the server did not start" >&2; exit 1; }
    sleep 0.1
done
address=$(sed -n 's/^address *//p' "$said")
echo "$model is served at $address"

env=.venv/openai
if [ ! -e $env/done ] && python3 -c 'import venv' 2> /dev/null; then
    rm -rf $env
    if python3 -m venv $env &&
        $env/bin/python -m pip install -q --disable-pip-version-check -r $tests/openai_client/requirements.txt
    then
        touch $env/done
    fi
fi
if [ -e $env/done ]; then
    $env/bin/python $tests/openai_client/check.py "$address"
else
    echo "skipped: the package openai was not installed"
fi

if [ -z "${CHROMIUM:-}" ]; then
    for name in chromium chromium-browser google-chrome; do
        CHROMIUM=$(command -v $name) && break
    done
fi
if [ -z "${CHROMIUM:-}" ]; then
    echo "skipped: no Chromium; on Debian: apt-get install chromium, or name one in CHROMIUM"
elif ! command -v node > /dev/null || ! (cd $tests/browser && npm install --silent --no-audit --no-fund); then
    echo "skipped: the check of the page needs node and npm"
else
    CHROMIUM=$CHROMIUM node $tests/browser/check.mjs "$address" ${pictures:+"$pictures"}
fi

# It ends as it should, too.
kill -INT $server
wait $server
