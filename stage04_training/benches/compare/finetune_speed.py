"""Fine-tuning with LoRA: our program beside peft, on the same rows of tokens, one after the other.

    pip install torch==2.11.0 transformers==4.57.3 peft==0.21.2
    cargo build -p stage04_training --features chat
    python stage04_training/benches/compare/finetune_speed.py --model DIR

DIR: a model of the Llama family or a GPT-2 in Hugging Face's layout, such as SmolLM2-135M-Instruct.
Both sides train adapters of rank 8 on all linear layers of the blocks, in f32, on the CPU, with as many
threads, and take steps of `--batch` rows of `--length` tokens. The rows are those of our program: several
conversations in each, without padding between them. peft reads the same number of tokens as plain
rows, without the masks that keep the conversations apart, which would only slow it down; padding each
conversation to the longest, as is usual, would cost it more. The logits: peft computes those of all
tokens, ours those of the tokens that are learned.

Printed: seconds per step (median of the steps after the first two) and the largest memory of the
process. With --full all weights are trained, on both sides.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def ours(settings, directory):
    """Seconds per step and peak memory of our program, from its log and from the kernel."""
    out = Path(directory) / "tuned"
    command = [settings.ours, "finetune", "--init-from", settings.model, "--out-dir", out]
    command += ["--threads", settings.threads, "--batch-size", settings.batch]
    command += ["--block-size", settings.length, "--epochs", settings.epochs]
    command += ["--eval-interval", 10**6, "--device", "cpu", "--precision", "f32"]
    command += ["--full"] if settings.full else []
    done = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(done.pid, 0)
    if status:
        sys.exit("our program failed; it said why above")
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    speeds = [line["tokens_per_second"] for line in lines if "tokens_per_second" in line]
    seconds = [settings.batch * settings.length / speed for speed in speeds]
    return statistics.median(seconds[2:]), usage.ru_maxrss / 1e6, len(seconds)


PEFT = """
import json, resource, sys, time
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

model, threads, batch, length, steps, full = json.loads(sys.argv[1])
torch.set_num_threads(threads)
torch.manual_seed(1)
model = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
if not full:
    model = get_peft_model(model, LoraConfig(
        r=8, lora_alpha=16, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"))
model.train()
trained = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(trained, lr=1e-4, weight_decay=0.0)
vocabulary = model.config.vocab_size
seconds = []
for step in range(steps):
    tokens = torch.randint(0, vocabulary, (batch, length))
    labels = tokens.clone()
    labels[torch.rand(tokens.shape) < 0.57] = -100
    start = time.perf_counter()
    loss = model(input_ids=tokens, labels=labels).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(trained, 1.0)
    optimizer.step()
    optimizer.zero_grad()
    seconds.append(time.perf_counter() - start)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([seconds, peak, sum(p.numel() for p in trained)]))
"""


def peft(settings, steps):
    """The same of peft, in a process of its own."""
    numbers = [str(settings.model), settings.threads, settings.batch, settings.length, steps]
    command = [sys.executable, "-c", PEFT, json.dumps([*numbers, settings.full])]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    seconds, memory, trained = json.loads(done.stdout.splitlines()[-1])
    return statistics.median(seconds[2:]), memory / 1e6, trained


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--ours", default=ROOT / "target" / "debug" / "stage04_training")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--epochs", type=float, default=0.2, help="of the course's data, for our side")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--full", action="store_true")
    settings = parser.parse_args()
    print("round  side  s/step  peak GB", flush=True)
    ratios = []
    for number in range(1, settings.rounds + 1):
        with tempfile.TemporaryDirectory() as directory:
            our, our_memory, steps = ours(settings, directory)
        print(f"{number:>5}  ours  {our:>6.2f}  {our_memory:>7.2f}", flush=True)
        their, their_memory, trained = peft(settings, steps)
        print(f"{number:>5}  peft  {their:>6.2f}  {their_memory:>7.2f}", flush=True)
        ratios.append((their / our, their_memory / our_memory))
    speed, memory = (statistics.median(ratio) for ratio in zip(*ratios))
    print(f"{trained:,} weights trained; steps of {settings.batch * settings.length} tokens")
    print(f"ours is {speed:.2f} times as fast, and peft takes {memory:.2f} times the memory")


if __name__ == "__main__":
    main()
