#!/bin/sh
# Installs libtorch for the feature `torch`, and tells cargo where it is.
#
#     stage04_training/install-libtorch.sh              with CUDA, for an NVIDIA GPU
#     stage04_training/install-libtorch.sh --cpu        for the CPU only (see PyTorch's page for
#                                                       PIP_EXTRA_INDEX_URL)
#     stage04_training/install-libtorch.sh --env DIR    use the one in this virtual environment
#
# What it does:
# 1. makes a Python virtual environment, .venv, beside the project;
# 2. installs the package torch into it, which contains libtorch: 5 GB of disk and two to ten
#    minutes with CUDA, 0.8 GB without (--cpu);
# 3. writes the path into .cargo/config.toml, which cargo reads in this directory and below. So no
#    environment variable has to be set, and another shell does not recompile anything.
#
# It can be run again: it leaves what is already installed. To undo everything, delete .venv and
# .cargo/config.toml.
set -eu

version=2.11.0 # what the crate tch in Cargo.toml is made for
marker='# Written by stage04_training/install-libtorch.sh'

say() { printf '%s\n' "$*"; }
fail() { say "error: $*" >&2; exit 1; }

env= cpu=
while [ $# -gt 0 ]; do
    case $1 in
    --cpu) cpu=yes ;;
    --env)
        [ $# -ge 2 ] || fail "--env needs a directory: a Python virtual environment with torch $version"
        [ -d "$2" ] || fail "--env $2: there is no such directory"
        env=$(cd "$2" && pwd)
        shift ;;
    -h | --help) sed -n '2,/^set -eu/{/^set -eu/!s/^# \{0,1\}//p;}' "$0"; exit ;;
    *) fail "$1 is not an option; --help lists what can be given" ;;
    esac
    shift
done
[ -z "$env" ] || [ -z "$cpu" ] || fail "--env uses an installation, --cpu chooses what to install: give one of them"

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"

# Check what the build needs, and that the file may be written, before the download.
config=.cargo/config.toml
if [ -e $config ] && ! grep -qF "$marker" $config; then
    fail "$config exists and this script did not write it; add to it, under [env]:
    LIBTORCH = \"<the virtual environment>/lib/python3.x/site-packages/torch\""
fi
command -v c++ >/dev/null || command -v g++ >/dev/null || command -v clang++ >/dev/null ||
    fail "there is no C++ compiler, and tch has a part in C++; install one:
    Debian, Ubuntu: sudo apt install g++      Fedora: sudo dnf install gcc-c++
    macOS: xcode-select --install"

if [ -z "$env" ]; then
    env=$root/.venv
    if [ ! -x "$env/bin/python" ]; then
        command -v python3 >/dev/null ||
            fail "there is no python3, whose package installer brings libtorch; install it:
    Debian, Ubuntu: sudo apt install python3-venv      Fedora: sudo dnf install python3"
        python3 -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 14))' ||
            fail "torch $version needs Python 3.10 to 3.14, and this is $(python3 -V);
install one of them and create the environment yourself: python3.12 -m venv .venv"
        say "Making the virtual environment .venv"
        # An incomplete one would be mistaken for a complete one by the next run.
        python3 -m venv "$env" || {
            rm -rf "$env"
            fail "python3 cannot make virtual environments; install the missing part:
    Debian, Ubuntu: sudo apt install python3-venv
or make .venv with another tool, with pip inside: uv venv --seed .venv"
        }
    fi
fi
python=$env/bin/python
[ -x "$python" ] || fail "$env has no bin/python: it is not a virtual environment"

# Without importing torch, which takes seconds.
installed() {
    "$python" -c 'import importlib.metadata as m; print(m.version("torch"))' 2>/dev/null || true
}
found=$(installed)
if [ -n "$found" ] && [ -n "$cpu" ] && [ "${found#*+}" != cpu ]; then
    found= # the installed one has CUDA, and --cpu was given
fi
if [ "${found#*+}" = cpu ] && [ -z "$cpu" ] && [ "$env" = "$root/.venv" ]; then
    say "Removing torch $found, which has no CUDA"
    "$python" -m pip uninstall --yes torch
    found=
fi
if [ "${found%%+*}" != $version ]; then
    [ "$env" = "$root/.venv" ] || fail "$env has torch ${found:-not at all}; $version is needed"
    "$python" -m pip --version >/dev/null 2>&1 || "$python" -m ensurepip >/dev/null 2>&1 ||
        fail "$env has no pip; delete it and run this script again"
    if [ -n "$cpu" ]; then
        say "Installing torch $version for the CPU: 0.8 GB of disk"
        "$python" -m pip install "torch==$version+cpu" ||
            fail "pip did not find the package for the CPU. PyTorch's installation page names the index
that has it; put its address into PIP_EXTRA_INDEX_URL and run this again. Or leave out --cpu: the
package with CUDA works on a CPU as well, and takes 5 GB."
    else
        say "Installing torch $version with CUDA: 5 GB of disk, two to ten minutes"
        "$python" -m pip install "torch==$version"
    fi
    found=$(installed)
fi

torch=$("$python" -c 'import importlib.util as u, os
print(os.path.dirname(u.find_spec("torch").origin))')
[ -d "$torch/lib" ] && [ -d "$torch/include" ] || fail "$torch has no lib and include: not libtorch"

# Inside the project the path is written relative to it, so that the project can be moved.
case $torch in
"$root"/*) line="LIBTORCH = { value = \"${torch#"$root"/}\", relative = true }" ;;
*) line="LIBTORCH = \"$torch\"" ;;
esac
mkdir -p .cargo
printf '%s\n' "$marker; --help says why." '[env]' "$line" >$config.tmp
# An unchanged file keeps its date.
if cmp -s $config.tmp $config; then rm $config.tmp; else mv $config.tmp $config; fi

say "torch ${found:-?} is in $torch
Now build and ask whether a GPU can be used (tch takes five minutes the first time):
    cargo run -p stage04_training --features torch -- doctor"
