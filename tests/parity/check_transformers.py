"""Checks that a model of this project gives the same results in Hugging Face's transformers.

    python check_transformers.py --train            six small models, trained for the check
    python check_transformers.py DIR [--text FILE]  a model of your own

The models of `--train` (`cargo run -p stage03_gpt`, a second each) cover the cases of transformers:
characters, byte pairs or GPT-2's vocabulary, with an end-of-text token or without, with biases or
without, and Llama's parts. Each directory is loaded by transformers, which shares no code with ours:

1. `AutoModelForCausalLM`: no tensor may be missing or left over;
2. the tokenizer in the three usual loaders (`tokenizers`, `PreTrainedTokenizerFast`,
   `AutoTokenizer`): our token numbers for the text, and the text again from the numbers, with spaces
   at both ends and before commas and n't;
3. `truncation=True` leaves as many tokens as the model has positions, and `model_max_length` says it;
4. `pad_token = eos_token` pads, where the model has an end-of-text token; the token is known as
   `bos_token` and `eos_token`, and is one token where it is spelled in a text. There is no pad token
   of its own, as in GPT-2;
5. the logits, for everything that the tokenizer returns, differ from ours by at most 1e-5 of the largest;
6. greedy `generate` gives the text of our `sample --temperature 0`, and stops at the same place, the
   end-of-text token, without a warning;
7. a model with a chat template, in either of its two places, and with special tokens and defaults of
   generation of its own, has all of them after our program trained it further.

It exits with 1 if a check fails. `check_all_versions.sh` runs it in several versions.
"""

import argparse
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import tokenizers
import torch
import transformers
from safetensors.torch import load_file

LIMIT = 1e-5
ROOT = Path(__file__).resolve().parents[2]
# The argument of `from_pretrained` that was renamed with version 5.
DTYPE = "dtype" if int(transformers.__version__.split(".")[0]) >= 5 else "torch_dtype"
failures = []


def report(good, what):
    print(f"{'ok  ' if good else 'FAIL'}  {what}")
    if not good:
        failures.append(what)


def attempt(what, function):
    """The function's result, or None after reporting its failure."""
    try:
        return function()
    except Exception as error:  # any exception of a library is a failed check
        line = (str(error).splitlines() or [""])[0][:200]
        report(False, f"{what}: {type(error).__name__}: {line}")


def ours(*arguments, stage=3):
    """The output of our own program."""
    package = {3: "stage03_gpt --features gpt2", 4: "stage04_training"}[stage]
    command = os.environ.get(f"STAGE{stage}", f"cargo run -q -p {package} --").split()
    command += [str(argument) for argument in arguments]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stderr.decode()}")
    return done.stdout.decode()


def check_tokenizers(directory, ids, text):
    file = str(directory / "tokenizer.json")

    def plain():
        loaded = tokenizers.Tokenizer.from_file(file)
        return lambda s: loaded.encode(s).ids, lambda i: loaded.decode(i, skip_special_tokens=False)

    def wrapped(loaded, **settings):
        return (
            lambda s: loaded(s, verbose=False)["input_ids"],
            lambda i: loaded.decode(i, **settings),
        )

    loaders = {
        "tokenizers.Tokenizer": plain,
        # It reads only one file, which does not have this setting.
        "PreTrainedTokenizerFast": lambda: wrapped(
            transformers.PreTrainedTokenizerFast(tokenizer_file=file),
            clean_up_tokenization_spaces=False,
        ),
        "AutoTokenizer": lambda: wrapped(transformers.AutoTokenizer.from_pretrained(directory)),
    }
    for name, load in loaders.items():
        loaded = attempt(name, load)
        if not loaded:
            continue
        encode, decode = loaded
        # Without a text, that of the ids: a window can begin within a character or a word, so this
        # tests less than --text does.
        given = text if text is not None else decode(ids)
        found = attempt(f"{name} encodes", lambda: encode(given))
        if found is None:
            continue
        same = found[: len(ids)] == ids
        what = f"{name}: {len(found)} tokens, the first {len(ids)} are ours"
        if not same:
            at = next((i for i, (a, b) in enumerate(zip(found, ids)) if a != b), len(found))
            what += f"; at {at} it has {found[at : at + 5]}, we {ids[at : at + 5]}"
        report(same, what)
        for sample in [given, *SAMPLES]:
            back = attempt(f"{name}, {sample[:40]!r}", lambda: decode(encode(sample)))
            if back != sample:
                report(False, f"{name}: {sample[:40]!r} comes back as {str(back)[:40]!r}")
                break
        else:
            report(True, f"{name}: texts come back from their tokens")


# All their characters are in the training text of the models of `--train`.
SAMPLES = ["Hello there , you .", "I do n't know", "  two spaces, at both ends  ", " one ", "a\n\n b"]


def check_settings(directory, config):
    """The settings of `tokenizer_config.json`: truncation and padding."""
    loaded = attempt("AutoTokenizer", lambda: transformers.AutoTokenizer.from_pretrained(directory))
    if not loaded:
        return
    long = loaded("no " * 500, truncation=True)["input_ids"]
    positions = config.max_position_embeddings
    report(len(long) == positions, f"truncation=True leaves {len(long)} tokens")
    most = loaded.model_max_length
    report(most == positions, f"model_max_length is {most}")
    report(loaded.pad_token is None, f"pad_token is {loaded.pad_token}")
    end = config.eos_token_id
    if end is None:
        report(loaded.eos_token is None, f"no end-of-text token: eos_token {loaded.eos_token}")
        return
    report(loaded.eos_token_id == end, f"eos_token {loaded.eos_token} is token {end}")
    begin = config.bos_token_id
    report(loaded.bos_token_id == begin, f"bos_token {loaded.bos_token} is token {begin}")
    spelled = loaded(f"a{loaded.eos_token}b")["input_ids"]
    report(spelled.count(end) == 1, "eos_token in a text is one token")
    loaded.pad_token = loaded.eos_token
    rows = attempt("padding", lambda: loaded(["a b c", "d"], padding=True, return_tensors="pt"))
    if rows is not None:
        report(rows["input_ids"][1, -1].item() == end, "pad_token = eos_token pads with it")


@torch.no_grad()
def check_logits(model, directory, ids, text, ours):
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    if text is None:
        inputs = {"input_ids": torch.tensor([ids])}
    else:
        # Everything that the tokenizer returns, as in `model(**tokenizer(text))`.
        inputs = dict(tokenizer(text, return_tensors="pt", verbose=False))
        inputs = {name: rows[:, : len(ids)] for name, rows in inputs.items()}
    # ANCHOR: check_logits
    for dtype, judged in [(torch.float32, True), (torch.float64, False)]:
        theirs = model.to(dtype)(**inputs).logits[0].double()
        if theirs.shape != ours.shape:
            report(False, f"logits: ours {tuple(ours.shape)}, theirs {tuple(theirs.shape)}")
            return
        error = ((ours.double() - theirs).abs().max() / theirs.abs().max()).item()
    # ANCHOR_END: check_logits
        line = f"logits {tuple(ours.shape)}: largest relative error {error:.2e} against {dtype}"
        if judged:
            report(error <= LIMIT, f"{line}, allowed {LIMIT:.0e}")
        else:
            print(f"      {line}")


class Warnings(logging.Handler):
    """What transformers logs while it is used."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.messages = []

    def emit(self, record):
        self.messages.append(record.getMessage())

    def __enter__(self):
        transformers.logging.set_verbosity_warning()
        logging.getLogger("transformers").addHandler(self)
        return self

    def __exit__(self, *_):
        logging.getLogger("transformers").removeHandler(self)
        transformers.logging.set_verbosity_error()


@torch.no_grad()
def check_generation(model, directory, prompts):
    """Compares greedy texts, up to the end-of-text token or the last position of the model."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    model, end = model.to(torch.float32), model.config.eos_token_id
    stopped = 0
    # Nothing about tokens is given here: generate must find all of it in the files.
    with Warnings() as log:
        inputs = tokenizer(prompts[0], return_tensors="pt")
        model.generate(**inputs, max_new_tokens=2, do_sample=False)
    report(not log.messages, f"generate warns of {log.messages or 'nothing'}")
    for prompt in prompts:
        inputs = tokenizer(prompt, return_tensors="pt")
        n_prompt = inputs["input_ids"].shape[1]
        n_free = model.config.max_position_embeddings - n_prompt
        ids = model.generate(**inputs, max_new_tokens=n_free, do_sample=False)[0]
        theirs = ids[n_prompt:].tolist()
        if end is not None and end in theirs:
            stopped += 1
            report(theirs.index(end) == len(theirs) - 1, f"{prompt!r}: generate stops at its end")
            theirs = theirs[: theirs.index(end)]
        elif len(theirs) < n_free:
            report(False, f"{prompt!r}: generate stops after {len(theirs)} of {n_free} tokens")
        theirs = prompt + tokenizer.decode(theirs)
        text = ours("sample", "--model", directory, "--prompt", prompt, "--temperature", 0,
                    "--max-new-tokens", n_free)
        # `sample` ends its output with a line break of its own.
        same = text == theirs + "\n"
        report(same, f"{prompt!r}: greedy text is ours" + ("" if same else f": {theirs!r}, {text!r}"))
    return stopped


def check(directory, text, logits, prompts):
    """All checks of one directory. Returns the number of texts that ended with their token."""
    expected = load_file(logits)
    ids = expected["input_ids"].flatten().tolist()
    loaded = attempt(
        "AutoModelForCausalLM",
        lambda: transformers.AutoModelForCausalLM.from_pretrained(
            directory, output_loading_info=True, **{DTYPE: torch.float32}
        ),
    )
    if loaded:
        model, info = loaded
        model.eval()
        wrong = {kind: sorted(map(str, names)) for kind, names in info.items() if names}
        count = sum(p.numel() for p in model.parameters())
        name = type(model).__name__
        report(not wrong, f"{name} with {count} parameters; not as expected: {wrong or 'nothing'}")
    check_tokenizers(directory, ids, text)
    if not loaded:
        return 0
    check_settings(directory, model.config)
    check_logits(model, directory, ids, text, expected["logits"].flatten(0, -2))
    return check_generation(model, directory, prompts) if prompts else 0


TEXT = "".join(
    f"Hello there , you . I do n't know fox {i}, said the two spaces:  \"{i * i} lazy dogs at both ends\".\n\n b"
    for i in range(40)
)
TINY = (
    "--n-layer 2 --n-head 2 --n-embd 16 --block-size 64 --batch-size 8 --eval-iters 1 "
    "--learning-rate 0.01"
).split()
MODELS = {
    "characters": "--tokenizer char".split(),
    "byte pairs": "--tokenizer bpe:300".split(),
    "byte pairs and biases": "--tokenizer bpe:300 --bias true".split(),
    "GPT-2's vocabulary": "--tokenizer gpt2".split(),
    "Llama": "--tokenizer bpe:300 --arch llama".split(),
}


def check_trained(place):
    """Trains and checks the six models."""
    text_file = place / "text.txt"
    text_file.write_text(TEXT, encoding="utf-8")
    models = {}
    for name, flags in MODELS.items():
        directory = place / name.replace(" ", "-").replace("'", "")
        ours("train", "--text", text_file, *TINY, *flags, "--max-iters", 60, "--out-dir", directory)
        models[name] = directory
    models["byte pairs, an end-of-text token and biases"] = with_end_of_text(place)
    for name, directory in models.items():
        print(f"-- {name}")
        logits = place / "logits.safetensors"
        ours("eval", "--model", directory, "--text", text_file, "--logits", logits)
        prompts = ["Hello", " do n't", "a"]
        stopped = check(directory, TEXT, logits, prompts)
        if "end-of-text" in name:
            report(stopped == len(prompts), f"{stopped} of {len(prompts)} texts end with the end-of-text token")
            check_kept(place, directory)


TEMPLATE = (
    "{% for m in messages %}{{ bos_token + m['role'] + ': ' + m['content'] + eos_token }}\n"
    "{% endfor %}{% if add_generation_prompt %}{{ bos_token + 'assistant: ' }}{% endif %}"
)


def check_kept(place, directory):
    """What the files say about texts is there after our program has trained the model further."""
    for name in ["tokenizer_config.json", "chat_template.jinja"]:
        print(f"-- a chat template in {name}")
        before, after = place / f"before-{name}", place / f"after-{name}"
        shutil.copytree(directory, before)
        change(before / "tokenizer_config.json", {"pad_token": "<|endoftext|>", "padding_side": "left"})
        change(before / "generation_config.json", {"repetition_penalty": 1.25})
        if name.endswith(".jinja"):
            (before / name).write_text(TEMPLATE, encoding="utf-8")
        else:
            change(before / name, {"chat_template": TEMPLATE})
        ours("train", "--data", place / "data", "--init-from", before, "--max-iters", 1, "--eval-iters",
             1, "--device", "cpu", "--out-dir", after, stage=4)
        loaded = attempt("AutoTokenizer", lambda: transformers.AutoTokenizer.from_pretrained(after))
        if not loaded:
            continue
        turns = [{"role": "user", "content": "Hello there"}]
        text = attempt("apply_chat_template", lambda: loaded.apply_chat_template(
            turns, tokenize=False, add_generation_prompt=True))
        end = "<|endoftext|>"
        report(text == f"{end}user: Hello there{end}\n{end}assistant: ", f"the turns become {text!r}")
        ids = loaded(text or "")["input_ids"]
        special = [i for i in ids if i == loaded.eos_token_id]
        report(len(special) == 3 and loaded.decode(ids) == text, "and the text comes back from its tokens")
        kept = loaded.pad_token, loaded.padding_side
        report(kept == (end, "left"), f"pad_token and its side are kept: {kept}")
        defaults = transformers.GenerationConfig.from_pretrained(after)
        kept = defaults.repetition_penalty, defaults.eos_token_id
        report(kept == (1.25, loaded.eos_token_id), f"defaults of generation are kept: {kept}")


def change(path, entries):
    """Adds entries to a file of JSON."""
    path.write_text(json.dumps(json.loads(path.read_text()) | entries), encoding="utf-8")


def with_end_of_text(place):
    """A model trained on short documents, which stage 4 separates with the end-of-text token."""
    documents, data, directory = place / "documents.jsonl", place / "data", place / "end-of-text"
    lines = [json.dumps({"text": text}) for text in TEXT.split("\n\n b") * 5 if text]
    documents.write_text("\n".join(lines), encoding="utf-8")
    ours("prepare", "--input", documents, "--tokenizer", "bpe:300", "--validation", 0.1,
         "--out", data, stage=4)
    ours("train", "--data", data, *TINY, "--bias", "true", "--max-iters", 400, "--device", "cpu",
         "--out-dir", directory, stage=4)
    return directory


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("directory", type=Path, nargs="?")
    p.add_argument("--train", action="store_true", help="train the four models, and check them")
    p.add_argument("--text", type=Path, metavar="FILE", help="the text given to `eval`")
    p.add_argument("--logits", type=Path, metavar="FILE", help="if not in the directory")
    p.add_argument("--prompt", action="append", default=[], help="also compare greedy texts")
    s = p.parse_args()
    transformers.logging.set_verbosity_error()
    if hasattr(transformers.logging, "disable_progress_bar"):
        transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)
    if s.train:
        with tempfile.TemporaryDirectory() as place:
            check_trained(Path(place))
    elif s.directory:
        logits = s.logits or s.directory / "expected_logits.safetensors"
        for needed in [s.directory / "config.json", s.directory / "model.safetensors", logits]:
            if not needed.is_file():
                sys.exit(f"{needed} is missing: cargo run -p stage03_gpt -- eval --model {s.directory} "
                         f"--text FILE --logits {logits}")
        text = s.text.read_bytes().decode("utf-8") if s.text else None
        check(s.directory, text, logits, s.prompt)
    else:
        p.error("give a directory, or --train")
    print(f"transformers {transformers.__version__}, tokenizers {tokenizers.__version__}")
    if failures:
        sys.exit(f"{len(failures)} of the checks failed")


if __name__ == "__main__":
    main()
