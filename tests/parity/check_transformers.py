"""Does a folder trained by this project open in Hugging Face, and compute the same numbers?

    cargo run -p stage03_gpt -- eval --model DIR --text FILE --logits DIR/expected_logits.safetensors
    python check_transformers.py DIR [--text FILE]

The first command writes what our own engine computes: `input_ids` (1, T), the tokens of the
beginning of FILE, and `logits` (T, vocab_size). The second one, which shares no code with it,

1. loads the model with `AutoModelForCausalLM`; no tensor may be missing or left over;
2. loads the tokenizer in the three ways people do: `tokenizers`, `PreTrainedTokenizerFast`,
   `AutoTokenizer`; each must give our ids for the text, and the text again for the ids;
3. computes the logits and prints the largest difference, divided by the largest logit.

It exits with 1 where anything fails or the logits differ by more than 1e-5.
"""

import argparse
import sys
from pathlib import Path

import tokenizers
import torch
import transformers
from safetensors.torch import load_file

LIMIT = 1e-5
failures = []


def report(good, what):
    print(f"{'ok  ' if good else 'FAIL'}  {what}")
    if not good:
        failures.append(what)


def attempt(what, function):
    """The function's result, or None after reporting how it failed."""
    try:
        return function()
    except Exception as error:  # whatever a library throws at a bad file is the answer sought
        report(False, f"{what}: {type(error).__name__}: {str(error).splitlines()[0][:200]}")


def check_tokenizers(folder, ids, text):
    file = str(folder / "tokenizer.json")

    def plain():
        loaded = tokenizers.Tokenizer.from_file(file)
        return lambda s: loaded.encode(s).ids, lambda i: loaded.decode(i, skip_special_tokens=False)

    def wrapped(loaded):
        return (
            lambda s: loaded(s, verbose=False)["input_ids"],
            lambda i: loaded.decode(i, clean_up_tokenization_spaces=False),
        )

    ways = {
        "tokenizers.Tokenizer": plain,
        "PreTrainedTokenizerFast": lambda: wrapped(
            transformers.PreTrainedTokenizerFast(tokenizer_file=file)
        ),
        "AutoTokenizer": lambda: wrapped(transformers.AutoTokenizer.from_pretrained(folder)),
    }
    for name, load in ways.items():
        loaded = attempt(name, load)
        if not loaded:
            continue
        encode, decode = loaded
        # Without a text, the ids' own: cutting a text into windows can split a character or
        # a word, so this says less than --text does.
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
        back = attempt(f"{name} decodes", lambda: decode(found))
        if back is not None:
            report(back == given, f"{name}: the ids give the text back")


@torch.no_grad()
def check_logits(model, ids, ours):
    ids = torch.tensor([ids])
    # ANCHOR: check_logits
    for dtype, judged in [(torch.float32, True), (torch.float64, False)]:
        theirs = model.to(dtype)(ids).logits[0].double()
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


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("folder", type=Path)
    p.add_argument("--text", type=Path, metavar="FILE", help="the text that `eval` was given")
    p.add_argument("--logits", type=Path, metavar="FILE", help="if elsewhere")
    s = p.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    logits = s.logits or s.folder / "expected_logits.safetensors"
    for needed in [s.folder / "config.json", s.folder / "model.safetensors", logits]:
        if not needed.is_file():
            sys.exit(f"{needed} is missing; the head of this script says how to make it")
    expected = load_file(logits)
    ids = expected["input_ids"].flatten().tolist()

    loaded = attempt(
        "AutoModelForCausalLM",
        lambda: transformers.AutoModelForCausalLM.from_pretrained(
            s.folder, output_loading_info=True, dtype=torch.float32
        ),
    )
    if loaded:
        model, info = loaded
        wrong = {kind: sorted(map(str, names)) for kind, names in info.items() if names}
        count = sum(p.numel() for p in model.parameters())
        name = type(model).__name__
        report(not wrong, f"{name} with {count} parameters; not as expected: {wrong or 'nothing'}")
    text = s.text.read_bytes().decode("utf-8") if s.text else None
    check_tokenizers(s.folder, ids, text)
    if loaded:
        check_logits(model.eval(), ids, expected["logits"].flatten(0, -2))
    print(f"transformers {transformers.__version__}, tokenizers {tokenizers.__version__}")
    if failures:
        sys.exit(f"{len(failures)} of the checks failed")


if __name__ == "__main__":
    main()
