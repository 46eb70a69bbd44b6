"""Makes the adapters in golden/ for tests/peft.rs, as Hugging Face's peft writes them.

    python3 -m venv .venv/peft
    .venv/peft/bin/pip install torch==2.11.0 transformers==4.57.3 peft==0.21.2 safetensors==0.8.0
    .venv/peft/bin/python tests/parity/make_peft_golden.py            # writes golden/
    .venv/peft/bin/python tests/parity/make_peft_golden.py --check    # compares, changes nothing

Made with Python 3.11, torch 2.11.0, transformers 4.57.3, peft 0.21.2, safetensors 0.8.0.

    gpt2_tiny_lora/          all linear layers of golden/gpt2_tiny; c_proj stands for two
    gpt2_tiny_rslora/        attn.c_proj and c_fc, with alpha / sqrt(rank) for alpha / rank
    llama_tiny_lora/         all linear layers of golden/llama_tiny, which has grouped queries
    llama_tiny_qv_lora/      q_proj and v_proj, in bfloat16

Each has rank 3 and alpha 7, and numbers in A and B that are not zero. The base is named by its
path from the adapter's directory. peft_expected.safetensors holds for each of them

    NAME.input_ids           I64 (2, 9)
    NAME.logits              F64 (2, 9, 29), in float64; of a Llama, transformers computes norms and
                             rotations in float32
"""

import argparse
import json
import random
import tempfile
from pathlib import Path

import peft
import torch
import transformers
from safetensors.torch import load_file, save_file

GOLDEN = Path(__file__).parent / "golden"
ADAPTERS = {
    "gpt2_tiny_lora": ("gpt2_tiny", "all-linear", False, torch.float32),
    "gpt2_tiny_rslora": ("gpt2_tiny", ["attn.c_proj", "c_fc"], True, torch.float32),
    "llama_tiny_lora": ("llama_tiny", "all-linear", False, torch.float32),
    "llama_tiny_qv_lora": ("llama_tiny", ["q_proj", "v_proj"], False, torch.bfloat16),
}


def adapted(base, targets, rslora, dtype, seed):
    """A base with adapters of random numbers, exact in `dtype`."""
    model = transformers.AutoModelForCausalLM.from_pretrained(
        GOLDEN / base, dtype=torch.float32, attn_implementation="sdpa")
    config = peft.LoraConfig(
        task_type="CAUSAL_LM", r=3, lora_alpha=7, lora_dropout=0.05, target_modules=targets,
        fan_in_fan_out=base.startswith("gpt2"), use_rslora=rslora)
    model = peft.get_peft_model(model, config)
    generator = random.Random(seed)
    for name, p in sorted(model.named_parameters()):
        if "lora_" in name:
            numbers = [generator.gauss(0, 0.4) for _ in range(p.numel())]
            p.data = torch.tensor(numbers).reshape(p.shape).to(dtype)
    return model


def make(directory):
    expected = {}
    for seed, (name, (base, targets, rslora, dtype)) in enumerate(ADAPTERS.items()):
        model = adapted(base, targets, rslora, dtype, seed)
        place = directory / name
        # Without a look at the hub for a vocabulary of another size.
        model.save_pretrained(place, save_embedding_layers=False)
        (place / "README.md").unlink(missing_ok=True)
        path = place / "adapter_config.json"
        config = json.loads(path.read_text()) | {"base_model_name_or_path": f"../{base}"}
        config["target_modules"] = sorted(config["target_modules"])
        path.write_text(json.dumps(config, indent=2) + "\n")
        generator = random.Random(seed)
        ids = torch.tensor([[generator.randrange(29) for _ in range(9)] for _ in range(2)])
        model = model.to(torch.float64).eval()
        with torch.no_grad():
            logits = model(ids).logits
            with model.disable_adapter():
                before = model(ids).logits
        assert (logits - before).abs().max() > 0.1, "the adapter changes nothing"
        expected |= {f"{name}.input_ids": ids, f"{name}.logits": logits}
    save_file(expected, directory / "peft_expected.safetensors")


def compare(made, golden):
    """Stops where what was made differs from golden/ by more than rounding."""
    files = [f"{name}/adapter_model.safetensors" for name in ADAPTERS]
    for file in [*files, "peft_expected.safetensors"]:
        ours, theirs = load_file(made / file), load_file(golden / file)
        assert ours.keys() == theirs.keys(), file
        for name, tensor in ours.items():
            assert torch.allclose(tensor.double(), theirs[name].double(), 0, 1e-9), (file, name)
    for name in ADAPTERS:
        file = f"{name}/adapter_config.json"
        assert (made / file).read_text() == (golden / file).read_text(), file
    print(f"{len(files) + 1} files are as in {golden}")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--check", action="store_true", help="compare with golden/ and change nothing")
    torch.set_num_threads(1)
    if p.parse_args().check:
        with tempfile.TemporaryDirectory() as directory:
            make(Path(directory))
            compare(Path(directory), GOLDEN)
    else:
        make(GOLDEN)


main()
