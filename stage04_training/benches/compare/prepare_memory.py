"""The peak memory of `prepare` on any amount of text in the layout of OpenWebText.

    cargo build -p stage04_training --features gpt2
    python stage04_training/benches/compare/prepare_memory.py TEXT_FILE ... --gigabytes 45 --kill 100

Lines of the texts, any UTF-8 files, are drawn into documents of a few kilobytes; an xz archive
holds a thousand of them. 24 such archives are repeated in one tar until it holds the requested
gigabytes of text: 45 take 8 GB of disk, and the tokens 25 GB more. (Real text is slower, because
these words repeat; the memory does not depend on that.) With --kill S the run is killed after S
seconds by SIGKILL, which no program can catch, and resumed. The peak is what Linux counted for the
process (VmHWM). Needs only Python. Run it from the root of the repository.
"""

import argparse
import io
import lzma
import random
import signal
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path

ARCHIVES, DOCUMENTS = 24, 1000


def add(tar, name, content):
    """Adds a file to an archive."""
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))


def archive(lines, number):
    """A compressed archive of documents, and the number of bytes of their text."""
    draw, packed, size = random.Random(number), io.BytesIO(), 0
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for i in range(DOCUMENTS):
            n = min(draw.randint(10, 80), len(lines) - 1)
            start = draw.randrange(len(lines) - n)
            chosen = lines[start : start + n] + draw.choices(lines, k=n // 2)
            title = f"Page {number}/{i}, seen {draw.randrange(10**9)} times"
            text = "\n".join([title, *chosen, ""]).encode()
            add(tar, f"{number:07}-{i:04}.txt", text)
            size += len(text)
    return lzma.compress(packed.getvalue()), size


def collection(path, lines, size):
    """Writes a tar of archives with at least `size` bytes of text.

    Returns the number of archives and of bytes.
    """
    packed, written, count = [archive(lines, n) for n in range(ARCHIVES)], 0, 0
    with tarfile.open(path, "w") as tar:
        while written < size:
            content, text = packed[count % ARCHIVES]
            add(tar, f"openwebtext/subset{count:05}_data.xz", content)
            written, count = written + text, count + 1
    return count, written


def run(command, kill):
    """Runs a command to its end, or kills it after `kill` seconds.

    Returns the seconds, and the peak memory in bytes.
    """
    process, began, peak = subprocess.Popen(command), time.time(), 0
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
            peak = max([peak] + [int(s.split()[1]) for s in status.splitlines() if "VmHWM" in s])
        except OSError:
            pass  # it has just ended
        if kill and time.time() - began > kill:
            process.send_signal(signal.SIGKILL)
        time.sleep(0.05)
    if process.returncode not in (0, -signal.SIGKILL):
        raise SystemExit(f"prepare failed: {process.returncode}")
    return time.time() - began, 1024 * peak


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("texts", nargs="+", type=Path)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--kill", type=float, metavar="S")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--ours", default="target/debug/stage04_training")
    settings = parser.parse_args()
    texts = (path.read_text().splitlines() for path in settings.texts)
    lines = [line for text in texts for line in text if line.strip()]
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory) / "openwebtext.tar"
        count, size = collection(source, lines, 1e9 * settings.gigabytes)
        command = [settings.ours, "prepare", "--tokenizer", "gpt2", "--input", str(source)]
        command += ["--out", f"{directory}/tokens", "--threads", str(settings.threads)]
        runs = [run(command, kill) for kill in ([settings.kill] if settings.kill else []) + [None]]
    seconds, peak = sum(s for s, _ in runs), max(p for _, p in runs)
    print(f"\n{size:,} bytes of text in {count:,} archives, {count * DOCUMENTS:,} documents")
    print(f"{settings.threads} threads, {seconds:.0f} s, peak {peak / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
