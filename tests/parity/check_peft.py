"""Checks that adapters of this project give the same results in Hugging Face's peft.

    pip install transformers==4.57.3 peft==0.21.2
    pip install gguf==0.19.0 accelerate            where the base is a GGUF file
    python check_peft.py                                small models of random weights
    python check_peft.py ADAPTER LOGITS ...             these: a directory, and a file with our logits

The small models are GPT-2 with biases or without, a Llama with grouped queries and a tied output
layer, and a Qwen2; with adapters beside all linear layers, or some. The program `examples/adapters.rs`
writes each base, its adapters, the merged model and our logits. Then, for each:

1. `AutoPeftModelForCausalLM` opens the adapters on their base, and no tensor is missing or left over;
2. its logits differ from ours by at most 1e-5 of the largest, and from those of the base by more;
3. the logits of our merged model, opened by transformers, are the same, as are those of peft's
   `merge_and_unload`.

Where the base is a GGUF file, transformers makes full numbers of it, as our program did, and
`PeftModel` puts the adapters beside them. LOGITS is written by `cargo run -p stage03_gpt -- eval --model ADAPTER --text FILE --logits LOGITS`. The
adapters must name their base by a path, absolute or from where this program is started.

It exits with 1 if a check fails.
"""

import json
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import peft  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 1e-5
failures = []


def report(good, what):
    print(f"{'ok  ' if good else 'FAIL'}  {what}", flush=True)
    if not good:
        failures.append(what)


def difference(ours, theirs):
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


def opened(adapter):
    """The adapters on their base."""
    base = json.loads((adapter / "adapter_config.json").read_text())["base_model_name_or_path"]
    if Path(base).suffix != ".gguf":
        return peft.AutoPeftModelForCausalLM.from_pretrained(adapter).float().eval()
    path = Path(base)
    model = transformers.AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name)
    return peft.PeftModel.from_pretrained(model.float(), adapter).eval()


def check(name, adapter, logits, merged):
    """Adapters against our logits. merged: the directory of our merged model, or none."""
    ours = load_file(logits)
    ids = ours["input_ids"].to(torch.int64)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        model = opened(adapter)
    about = [str(one.message) for one in warned if "adapter keys" in str(one.message)]
    report(not about, f"{name}: every tensor has its place" + "".join(about)[:200])
    held = set(load_file(adapter / "adapter_model.safetensors"))
    theirs = {key for key in model.state_dict() if ".lora_" in key}
    theirs = {key.replace(".default.", ".") for key in theirs}
    report(held == theirs, f"{name}: {len(held)} tensors, {len(held ^ theirs)} of them elsewhere")
    with torch.no_grad():
        adapted = model(ids).logits[0]
        with model.disable_adapter():
            base = model(ids).logits[0]
        apart = difference(ours["logits"], adapted)
        report(apart <= LIMIT, f"{name}: logits differ by {apart:.1e}")
        report(difference(base, adapted) > 1e-3, f"{name}: the adapters change something")
        if merged:
            whole = transformers.AutoModelForCausalLM.from_pretrained(merged).float().eval()
            apart = difference(whole(ids).logits[0], adapted)
            report(apart <= LIMIT, f"{name}: logits of our merged model differ by {apart:.1e}")
            apart = difference(model.merge_and_unload()(ids).logits[0], adapted)
            report(apart <= LIMIT, f"{name}: logits of peft's merged model differ by {apart:.1e}")


def main():
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    print(f"transformers {transformers.__version__}, peft {peft.__version__}")
    given = [Path(path).resolve() for path in sys.argv[1:]]
    for adapter, logits in zip(given[::2], given[1::2], strict=True):
        check(adapter.name, adapter, logits, None)
    if not given:
        with tempfile.TemporaryDirectory() as directory:
            command = ["cargo", "run", "-q", "-p", "parity", "--example", "adapters", "--", directory]
            subprocess.run(command, cwd=ROOT, check=True)
            for logits in sorted(Path(directory).glob("*.safetensors")):
                parts = [logits.with_name(f"{logits.stem}-{part}") for part in ["adapter", "merged"]]
                check(logits.stem, parts[0], logits, parts[1])
    if failures:
        sys.exit(f"{len(failures)} checks failed")


main()
