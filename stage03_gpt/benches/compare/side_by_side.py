"""Helpers of both comparisons: they run one side in a process of its own, and print tables.

A side is a command that prints one JSON object and ends. Each runs in a process of its own, so
that the operating system can tell its peak memory, and so that no side finds memory, threads or
caches that the other one left behind. This module, and the scripts that import it, must not import
PyTorch before a side begins: on Linux a process inherits the peak memory of the one that
started it.

What this file leaves out: what is measured.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BUILD = "cargo build -p stage03_gpt"
# How many lines of a failed side's output are shown: a traceback's last lines matter.
LAST_LINES = 30
# What getrusage counts in: bytes on macOS, kilobytes elsewhere.
BYTES_PER_UNIT = 1 if sys.platform == "darwin" else 1024


def run(name, command, hint=""):
    """The JSON object that a command prints, with its peak memory in MB as `peak_mb`."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        except OSError as error:
            sys.exit(f"{name}: {command[0]} does not start: {error.strerror}{hint}")
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        stdout, stderr = (file.read().decode(errors="replace").strip() for file in (out, err))
    line = " ".join(map(str, command))
    if process.returncode != 0:
        end = f"exit status {process.returncode}"
        if process.returncode < 0:
            end = f"killed by signal {-process.returncode}"
            if process.returncode == -9:
                end += ", perhaps because memory ran out"
        said = "\n".join((stderr or stdout).splitlines()[-LAST_LINES:])
        sys.exit(f"{name} failed ({end}):\n    {line}\n{said}{hint}")
    try:
        result = json.loads(stdout)
        if not isinstance(result, dict):
            raise ValueError
    except ValueError:
        sys.exit(
            f"{name} did not print exactly one JSON object:\n    {line}\n"
            f"{stdout[:500] or '(nothing)'}{hint}"
        )
    result["peak_mb"] = usage.ru_maxrss * BYTES_PER_UNIT / 1e6
    return result


def succeed(name, command):
    """Runs a command whose output is of no interest, and stops where it fails."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{name} failed:\n    {' '.join(map(str, command))}\n{done.stderr.strip()}")


def ours(binary, flags, needed):
    """One run of our `bench --json`, which must print at least the numbers `needed`."""
    hint = f"\nIf the program is older than this script, build it again: {BUILD}"
    result = run("ours", [str(binary), "bench", "--json", *flags], hint)
    missing = [key for key in needed if not isinstance(result.get(key), (int, float))]
    if missing:
        sys.exit(f"ours printed no number called {', '.join(missing)}{hint}")
    return result


def require_binary(path):
    """Stops where our program is not there."""
    if not Path(path).is_file():
        sys.exit(f"there is no program {path}; build it with `{BUILD}`, or say --ours PATH")


def require_package(name):
    """Stops where a package is missing, without the cost in memory of importing it. Returns its
    version."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        requirements = Path(__file__).with_name("requirements.txt")
        if requirements.is_relative_to(Path.cwd()):
            requirements = requirements.relative_to(Path.cwd())
        sys.exit(
            f"this Python has no package {name}; install what the comparison needs:\n"
            f"    {sys.executable} -m pip install -r {requirements}"
        )


def cores():
    """How many threads can run at once here, which is also what our program takes."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def processor():
    """The processor's name, as far as the system tells it."""
    try:
        for line in open("/proc/cpuinfo", encoding="utf-8"):
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def add_options(parser):
    """The options that both comparisons have."""
    binary = ROOT / "target" / "debug" / "stage03_gpt"
    parser.add_argument(
        "--rounds", type=at_least_one, default=3, metavar="N", help="how often each side is run"
    )
    parser.add_argument(
        "--seconds", type=above_zero, default=5.0, metavar="S", help="how long one run measures"
    )
    parser.add_argument(
        "--threads", type=at_least_one, default=cores(), metavar="N", help="of every side"
    )
    parser.add_argument("--json", metavar="FILE", help="write every number of every round")
    parser.add_argument(
        "--ours", default=binary, type=Path, metavar="PATH", help=f"our program; `{BUILD}` makes it"
    )


def at_least_one(text):
    """An argument that counts something."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def above_zero(text):
    """An argument in seconds."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0, like 5")
    return number


def warn_if_busy():
    """Warns where other programs use more than a quarter of the machine, because they change the
    result. Returns the load: the mean number of threads that could run in the last minute."""
    load = os.getloadavg()[0]
    if load > cores() / 4:
        tell(
            f"the machine is busy: {load:.1f} threads ran in the last minute on {cores()} cores. "
            f"Wait until it is idle, or do not trust the result"
        )
    return load


def median_seconds(call, budget):
    """The median time of one call, over as many as fit into `budget` seconds, at least five,
    after two to warm up: as our own `bench` counts."""
    call()
    call()
    times, start = [], time.perf_counter()
    while len(times) < 5 or time.perf_counter() - start < budget:
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def peak_mb():
    """The peak memory of this process up to now, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * BYTES_PER_UNIT / 1e6


def tell(text):
    """Prints progress, which is not part of the result."""
    print(text, file=sys.stderr, flush=True)


def medians(results):
    """The median over the rounds of every numeric entry."""
    keys = [k for k, v in results[0].items() if isinstance(v, (int, float))]
    return {k: statistics.median(result[k] for result in results) for k in keys}


def table(header, lines):
    """Prints aligned columns: the first to the left, numbers to the right. In the header, a
    `|` breaks the line."""
    heads = [cell.split("|") for cell in header]
    depth = max(map(len, heads))
    rows = [[head[i] if i < len(head) else "" for head in heads] for i in range(depth)] + lines
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row, widths)]
        cells[0] = row[0].ljust(widths[0])
        print("  ".join(cells).rstrip())


def write_json(path, result):
    """Writes everything that was measured."""
    try:
        Path(path).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        sys.exit(f"--json {path}: cannot be written: {error.strerror}")
