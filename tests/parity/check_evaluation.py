"""Checks that `eval` gives the numbers of Hugging Face's transformers for the same model and file.

    python check_evaluation.py                       two small models, trained for the check
    python check_evaluation.py MODEL …               these too: directories, or GGUF files
    python check_evaluation.py MODEL --text FILE --hellaswag FILE --windows 1024:512

The small models are a GPT-2 and a Llama, of byte pairs. A GGUF file, quantised or not, becomes a
directory with weights in f32 first (`examples/directory.rs`). Then, for each model:

1. the loss of a text, in nats per token, in windows of several lengths and strides, differs from that
   of transformers' logits by at most 1e-5 of itself; tokens and bytes are as many;
2. it is that of the loop in transformers' documentation, "Perplexity of fixed-length models", with
   `max_length` = context + 1, where the model has so many positions. (The loop there weights each
   window by one token less than it scores, where windows overlap: with a stride of 1, by nothing.
   Here windows are weighted by the tokens that they score. What the loop gives as it stands is
   printed beside it.)
3. questions with several endings, `questions.jsonl`: the accuracies are those of EleutherAI's rules,
   and the loss of the right endings differs by at most 1e-5. Where the package `lm_eval` is installed,
   its own model class scores the endings, and its own task prepares the texts.

It exits with 1 if a check fails.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import transformers

import golden_evaluation
from check_transformers import TEXT

LIMIT = 1e-5
ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
DTYPE = "dtype" if int(transformers.__version__.split(".")[0]) >= 5 else "torch_dtype"
TINY = (
    "--n-layer 2 --n-head 2 --n-embd 32 --block-size 128 --batch-size 4 --eval-iters 1 "
    "--learning-rate 0.01 --max-iters 60 --tokenizer bpe:300"
).split()
failures = []


def report(good, what):
    print(f"{'ok  ' if good else 'FAIL'}  {what}", flush=True)
    if not good:
        failures.append(what)


def run(command):
    command = [str(part) for part in command]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stderr.decode()}")
    return done.stdout.decode()


def ours(*arguments):
    program = os.environ.get("STAGE3", "cargo run -q -p stage03_gpt --features gpt2 --").split()
    return run(program + list(arguments))


def near(found, expected):
    return abs(found - expected) <= LIMIT * abs(expected)


@torch.no_grad()
def documented(model, ids, max_length, stride):
    """The loop of the documentation, and the same with each window weighted by what it counts."""
    as_it_stands, tokens, right, scored, previous_end = 0.0, 0, 0.0, 0, 0
    for begin in range(0, ids.size(1), stride):
        end = min(begin + max_length, ids.size(1))
        targets = ids[:, begin:end].clone()
        targets[:, : -(end - previous_end)] = -100
        loss = model(ids[:, begin:end], labels=targets).loss.double()
        counted = (targets != -100).sum().item() - 1
        as_it_stands, tokens = as_it_stands + loss * counted, tokens + counted
        counted = (targets[:, 1:] != -100).sum().item()
        right, scored = right + loss * counted, scored + counted
        previous_end = end
        if end == ids.size(1):
            break
    return (as_it_stands / tokens).item(), (right / scored).item()


@torch.no_grad()
def check_text(model, tokenizer, given, file, windows):
    text = file.read_bytes().decode("utf-8-sig")
    ids = tokenizer(text, verbose=False)["input_ids"]
    before = len(ids) - len(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
    first = 0 if before else len(tokenizer.decode(ids[:1]).encode())
    for context, stride in windows:
        found = json.loads(ours("eval", "--dequantise", "--model", given, "--text", file, "--context", context,
                                "--stride", stride, "--json"))
        each = golden_evaluation.windows(model, ids, context, stride)
        expected = -each.mean().item()
        what = f"windows of {context}, moving on by {stride}"
        nats = found["nats_per_token"]
        report(near(nats, expected), f"{what}: {nats:.6f} nats per token, theirs {expected:.6f}")
        counts = found["tokens"], found["bytes"]
        expected = len(ids) - 1, len(text.encode()) - first
        report(counts == expected, f"{what}: tokens and bytes {counts}, theirs {expected}")
        if context < model.config.max_position_embeddings:
            stands, right = documented(model, torch.tensor([ids]), context + 1, stride)
            report(near(nats, right), f"{what}: the loop with max_length {context + 1} {right:.6f} "
                                      f"(as it stands {stands:.6f})")


def pair(tokenizer, context, ending):
    """Tokens of a context and of an ending behind it, as the harness cuts them."""
    whole, context = context + " " + ending, context.rstrip()
    ids = tokenizer(context)["input_ids"]
    return ids, tokenizer(whole)["input_ids"][len(ids):]


def score_all(model, tokenizer, questions):
    """The score of each ending of each question: the harness's own, where it is installed."""
    pairs = [(q["context"], ending) for q in questions for ending in q["endings"]]
    try:
        from lm_eval.api.instance import Instance
        from lm_eval.models.huggingface import HFLM
    except ImportError:
        print("      (lm_eval is not installed: its rules, written down here)")
        flat = []
        for context, ending in pairs:
            context, ending = pair(tokenizer, context, ending)
            whole = (context + ending)[-(model.config.max_position_embeddings + 1):]
            start = len(whole) - len(ending)
            flat.append(golden_evaluation.log_probabilities(model, whole, start).sum().item())
    else:
        # The prefix is for empty contexts, of which there are none; a model without special tokens
        # must have one all the same.
        ends = tokenizer.bos_token_id, tokenizer.eos_token_id, 0
        prefix = next(token for token in ends if token is not None)
        harness = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=1, prefix_token_id=prefix)
        requests = [
            Instance("loglikelihood", {}, (context, " " + ending), i)
            for i, (context, ending) in enumerate(pairs)
        ]
        flat = [score for score, _ in harness.loglikelihood(requests, disable_tqdm=True)]
        print("      (scores of lm_eval)")
    rest = iter(flat)
    return [[next(rest) for _ in q["endings"]] for q in questions]


@torch.no_grad()
def check_questions(model, tokenizer, given, file):
    found = json.loads(ours("eval", "--dequantise", "--model", given, "--hellaswag", file, "--json"))
    questions = golden_evaluation.read_questions(file)
    report(found["number"] == len(questions), f"{found['number']} questions")
    right, nats, tokens = {}, 0.0, 0
    for q, scores in zip(questions, score_all(model, tokenizer, questions)):
        ids = [pair(tokenizer, q["context"], ending)[1] for ending in q["endings"]]
        lengths = {
            "acc": [1] * len(ids),
            "acc_norm": [len(ending) for ending in q["endings"]],
            "acc_bytes": [len(ending.encode()) for ending in q["endings"]],
            "acc_tokens": [len(ending) for ending in ids],
        }
        for name, length in lengths.items():
            by = [score / n for score, n in zip(scores, length)]
            right.setdefault(name, []).append(float(by.index(max(by)) == q["label"]))
        nats, tokens = nats - scores[q["label"]], tokens + len(ids[q["label"]])
    for name, each in right.items():
        each = torch.tensor(each, dtype=torch.float64)
        mean, error = each.mean().item(), (each.std() / len(each) ** 0.5).item()
        both = found[name], found[f"{name}_stderr"]
        report(abs(both[0] - mean) < 1e-9 and abs(both[1] - error) < 1e-9,
               f"{name}: {both[0]:.4f} ± {both[1]:.4f}, theirs {mean:.4f} ± {error:.4f}")
    mean = found["nats_per_token"]
    report(near(mean, nats / tokens) and found["tokens"] == tokens,
           f"right endings: {mean:.6f} nats per token over {found['tokens']}, theirs "
           f"{nats / tokens:.6f} over {tokens}")


def check(given, directory, text, questions, windows):
    print(f"-- {given.name}")
    if given.suffix == ".gguf":
        run(["cargo", "run", "-q", "-p", "parity", "--example", "directory", "--", given, directory])
    else:
        directory = given
    model = transformers.AutoModelForCausalLM.from_pretrained(directory, **{DTYPE: torch.float32})
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    model.eval()
    check_text(model, tokenizer, given, text, windows)
    check_questions(model, tokenizer, given, questions)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("models", type=Path, nargs="*", metavar="MODEL")
    p.add_argument("--text", type=Path, metavar="FILE", default=HERE / "sonnet_18.txt")
    p.add_argument("--hellaswag", type=Path, metavar="FILE", default=HERE / "questions.jsonl")
    p.add_argument("--windows", default="64:64 64:16 10:1", help="CONTEXT:STRIDE, separated by spaces")
    s = p.parse_args()
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    windows = [tuple(map(int, each.split(":"))) for each in s.windows.split()]
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        (place / "text.txt").write_text(TEXT, encoding="utf-8")
        (place / "part.txt").write_text(TEXT[:1500], encoding="utf-8")
        for name, arch in [("GPT-2", ["--bias", "true"]), ("Llama", ["--arch", "llama"])]:
            directory = place / name
            ours("train", "--text", place / "text.txt", *TINY, *arch, "--out-dir", directory)
            both = [(128, 128), (128, 32), (127, 40), (10, 3), (5, 1)]
            check(directory, directory, place / "part.txt", HERE / "questions.jsonl", both)
        for i, given in enumerate(s.models):
            check(given.resolve(), place / str(i), s.text.resolve(), s.hellaswag.resolve(), windows)
    print(f"transformers {transformers.__version__}")
    if failures:
        sys.exit(f"{len(failures)} of the checks failed")


if __name__ == "__main__":
    main()
