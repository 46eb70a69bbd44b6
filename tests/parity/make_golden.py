"""Makes the reference numbers in golden/ for the Rust tests of this directory.

    python3 -m venv .venv && .venv/bin/pip install -r tests/parity/requirements.txt
    .venv/bin/python tests/parity/make_golden.py            # writes golden/
    .venv/bin/python tests/parity/make_golden.py --check    # compares with golden/, changes nothing

Made with torch 2.11.0, transformers 5.23.0, safetensors 0.8.0, Python 3.11.

All numbers are computed in float64 by PyTorch (layers) or by Hugging Face's GPT-2 (models), never
by this project; two lists of the trajectory are in float32, as their names say. All inputs and
weights are exact in float32, so an f64 engine can be compared at 1e-9 and an f32 engine, with the
same inputs, at 1e-5. Random numbers come from Python's own generator, whose stream is the same on
every platform.

    gpt2_tiny/                          a directory as transformers saves it, weights in float32
    gpt2_tiny_expected.safetensors      its logits, loss, every gradient, greedy continuations
    adamw_steps.safetensors             ten training steps from it: losses, norms, final weights
    adamw_steps_no_bias.safetensors     the same without biases
    trajectory.safetensors              ten steps of a smaller version of nanoGPT's CPU setting
    layers.safetensors                  single layers, forward and backward
    llama_tiny/ …                       models of today: see golden_llama.py
    llama_norm_and_mlp.safetensors      RMSNorm and SwiGLU, forward and backward (llama_layers.py)
    rotary.safetensors                  rotary positions, and Llama's attention with grouped queries
    evaluation.safetensors …            texts in windows, and endings: see golden_evaluation.py

The README beside this script lists every tensor. The models are also run through the
independent GPT in train_like_nanogpt.py; the script stops if the two disagree.
"""

import argparse
import math
import random
import sys
import tempfile
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file
from torch.nn import functional as F
from transformers.models.llama import modeling_llama as llama

import golden_evaluation
import golden_llama
import llama_layers
from train_like_nanogpt import (
    Gpt,
    adamw,
    cross_entropy,
    from_gpt2,
    learning_rate,
    read_text,
    step,
    to_gpt2,
)

F64, I64 = torch.float64, torch.int64
GPT2_TINY = dict(n_layer=2, n_head=2, n_embd=16, n_positions=12, vocab_size=29)

# ---------------------------------------------------------------------- random numbers


def normal(generator, *shape, mean=0.0, std=1.0):
    """Normal numbers, rounded to float32 and held as float64."""
    count = math.prod(shape)
    values = [generator.gauss(mean, std) for _ in range(count)]
    return torch.tensor(values, dtype=torch.float32).reshape(shape).to(F64)


def integers(generator, below, *shape):
    values = [generator.randrange(below) for _ in range(math.prod(shape))]
    return torch.tensor(values, dtype=I64).reshape(shape)


# ------------------------------------------------------------------------------- the model


def gpt2_tiny(seed=2019):
    """A GPT-2 in which every tensor is random, also gammas, betas and biases.

    With the usual ones and zeros, swapping gamma and beta or omitting a bias would change nothing.
    The weights are ten times larger than in a new GPT-2, so that attention is far from uniform and
    the GELU far from linear.
    """
    config = transformers.GPT2Config(
        **GPT2_TINY,
        activation_function="gelu_new",
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=None,
        eos_token_id=None,
        attn_implementation="eager",
    )
    model = transformers.GPT2LMHeadModel(config)
    generator = random.Random(seed)
    with torch.no_grad():
        for name, p in sorted(model.named_parameters()):
            if ".ln_" in name and name.endswith("weight"):
                p.copy_(normal(generator, *p.shape, mean=1.0, std=0.3))
            else:
                p.copy_(normal(generator, *p.shape, std=0.2))
    return model


def own_gpt(model, bias=True):
    """The same weights in the GPT of train_like_nanogpt.py."""
    c = model.config
    own = Gpt(c.vocab_size, c.n_layer, c.n_head, c.n_embd, c.n_positions, bias=bias).to(F64)
    from_gpt2(own, {name: p.detach() for name, p in model.named_parameters()})
    return own


def parameters(model):
    """GPT-2's own names: `wte.weight`, `h.0.ln_1.weight`, …; the tied output layer only once."""
    return {
        name.removeprefix("transformer."): p
        for name, p in model.named_parameters()
        if p.requires_grad
    }


def agree(what, a, b, tolerance=1e-12):
    difference = (a - b).abs().max() / b.abs().max()
    if not difference <= tolerance:
        sys.exit(f"{what}: two independent programs differ by {difference:.1e}")


def forward_backward(model, ids, targets):
    """Logits, mean loss, and the gradient of every parameter."""
    model.zero_grad(set_to_none=True)
    logits = model(ids).logits
    loss = cross_entropy(logits, targets)  # transformers' own loss would round to float32
    loss.backward()
    agree("logits", logits, own_gpt(model)(ids))
    tensors = {"input_ids": ids, "targets": targets, "logits": logits.detach()}
    tensors["loss"] = loss.detach().reshape(1)
    for name, p in parameters(model).items():
        assert p.grad.abs().max() > 0, f"{name} has no gradient"
        tensors[f"grad.{name}"] = p.grad.clone()
    return tensors


@torch.no_grad()
def greedy(model, prompt, length):
    """Greedy decoding, each token from a full forward pass over the last n_positions tokens.

    No KV cache is used here: the tests show that a cache gives the same.
    """
    ids = prompt.tolist()
    while len(ids) < length:
        window = torch.tensor([ids[-model.config.n_positions :]])
        best = model(window).logits[0, -1].topk(2)
        if best.values[0] - best.values[1] < 1e-2:
            sys.exit("two tokens are nearly equally likely, so rounding could decide; change the prompt")
        ids.append(best.indices[0].item())
    return torch.tensor(ids)


def expected(model, generator):
    tensors = {}
    for part, (batch, length) in {"full": (3, 12), "short": (2, 5)}.items():
        ids = integers(generator, 29, batch, length)
        targets = integers(generator, 29, batch, length)
        for name, tensor in forward_backward(model, ids, targets).items():
            tensors[f"{part}.{name}"] = tensor
    prompt = torch.tensor([3, 14, 15, 9])
    tensors["generate.prompt"] = prompt
    tensors["generate.greedy"] = greedy(model, prompt, 12)
    tensors["generate.greedy_sliding"] = greedy(model, prompt, 20)
    theirs = model.generate(
        prompt[None],
        attention_mask=torch.ones(1, 4, dtype=I64),
        do_sample=False,
        max_new_tokens=8,
        pad_token_id=0,
    )
    assert theirs[0].tolist() == tensors["generate.greedy"].tolist()
    return tensors


# ------------------------------------------------------------------------ ten AdamW steps


def ten_steps(model, bias, generator):
    """Training as in nanoGPT, through warm-up, decay and the constant end of the schedule.

    grad_clip is not nanoGPT's 1.0, so that a missing factor is detected, and so that some steps are
    clipped and others are not.
    """
    settings = dict(
        learning_rate=1e-2,
        min_lr=1e-3,
        warmup_iters=3,
        lr_decay_iters=8,
        weight_decay=0.1,
        beta1=0.9,
        beta2=0.95,
        grad_clip=1.8,
    )
    s = argparse.Namespace(**settings)
    # A text with a pattern (the next token depends on the last), so that the loss can fall and the
    # later gradients are small enough not to be clipped.
    text = [1]
    for _ in range(400):
        text.append((3 * text[-1] + generator.choice([1, 2])) % 29)
    text = torch.tensor(text)
    starts = integers(generator, 400 - 12, 10, 3)
    at = starts[..., None] + torch.arange(12)
    inputs, targets = text[at], text[at + 1]

    if not bias:
        for name, p in model.named_parameters():
            if name.endswith("bias"):
                p.requires_grad_(False).zero_()
    own = own_gpt(model, bias)

    def train(model, logits):
        optimizer = adamw(model.parameters(), s.weight_decay, (s.beta1, s.beta2))
        rows = []
        for iter, (x, y) in enumerate(zip(inputs, targets)):
            lr = learning_rate(iter, s.learning_rate, s.min_lr, s.warmup_iters, s.lr_decay_iters)
            loss = cross_entropy(logits(x), y)
            norm = step(optimizer, loss, lr, s.grad_clip)
            rows.append([loss.item(), norm, lr])
        return torch.tensor(rows, dtype=F64)

    rows = train(model, lambda x: model(x).logits)
    agree("ten steps", train(own, own), rows, 1e-9)
    loss, norm, lr = rows.T.contiguous()
    clipped = norm > s.grad_clip
    if clipped.all() or not clipped.any() or ((norm / s.grad_clip - 1).abs() < 0.02).any():
        sys.exit(f"gradient norms {norm.tolist()} do not cross {s.grad_clip} clearly")
    tensors = {f"setting.{k}": torch.tensor([v], dtype=F64) for k, v in settings.items()}
    tensors |= {"inputs": inputs, "targets": targets, "loss": loss, "grad_norm": norm, "lr": lr}
    for name, p in parameters(model).items():
        tensors[f"param.{name}"] = p.detach().clone()
    return tensors


# ---------------------------------------------------------------- the trajectory on a text


def trajectory(generator):
    """nanoGPT's setting for a CPU, about four times smaller, on one poem.

    Initial weights are distributed as in nanoGPT, but from Python's generator. Only the first
    positions of the windows are saved, not their tokens: to get the batches, a program must number
    the characters in the same way.
    """
    vocab_size, train, val = read_text(Path(__file__).parent / "sonnet_18.txt")
    text = torch.cat([train, val])
    n_layer, n_embd, block_size = 2, 32, 16
    settings = dict(
        learning_rate=1e-2,
        min_lr=1e-3,
        warmup_iters=2,
        lr_decay_iters=10,
        weight_decay=0.1,
        beta1=0.9,
        beta2=0.99,
        grad_clip=1.0,
    )
    s = argparse.Namespace(**settings)
    starts = integers(generator, len(text) - block_size, 10, 4)
    at = starts[..., None] + torch.arange(block_size)

    first = Gpt(vocab_size, n_layer, 4, n_embd, block_size)
    start = {}
    for name, p in sorted(to_gpt2(first).items()):
        if name.endswith("c_proj.weight"):
            start[name] = normal(generator, *p.shape, std=0.02 / math.sqrt(2 * n_layer)).float()
        elif p.dim() == 2:
            start[name] = normal(generator, *p.shape, std=0.02).float()
        elif name.endswith("weight"):
            start[name] = torch.ones(p.shape)

    def train_in(dtype):
        model = Gpt(vocab_size, n_layer, 4, n_embd, block_size)
        from_gpt2(model, start)
        model.to(dtype)
        optimizer = adamw(model.parameters(), s.weight_decay, (s.beta1, s.beta2))
        rows = []
        for iter, window in enumerate(at):
            lr = learning_rate(iter, s.learning_rate, s.min_lr, s.warmup_iters, s.lr_decay_iters)
            loss = cross_entropy(model(text[window]), text[window + 1])
            norm = step(optimizer, loss, lr, s.grad_clip)
            rows.append([loss.item(), norm, lr])
        return torch.tensor(rows, dtype=F64).T.contiguous()

    tensors = {f"setting.{k}": torch.tensor([v], dtype=F64) for k, v in settings.items()}
    tensors |= {f"start.{name}": tensor for name, tensor in start.items()}
    tensors["starts"] = starts
    tensors["loss"], tensors["grad_norm"], tensors["lr"] = train_in(F64)
    tensors["float32.loss"], tensors["float32.grad_norm"], _ = train_in(torch.float32)
    if not tensors["loss"][-1] < tensors["loss"][0] - 0.5:
        sys.exit(f"the loss falls too little: {tensors['loss'].tolist()}")
    return tensors


# --------------------------------------------------------------------------- single layers


def backward(part, function, generator, **inputs):
    """y = function(inputs), then the gradients of sum(y * dy) for a random dy."""
    for tensor in inputs.values():
        if tensor.is_floating_point():
            tensor.requires_grad_()
    y = function(**inputs)
    dy = normal(generator, *y.shape)
    y.backward(dy)
    tensors = {f"{part}.y": y.detach(), f"{part}.dy": dy}
    for name, tensor in inputs.items():
        tensors[f"{part}.{name}"] = tensor.detach()
        if tensor.is_floating_point():
            tensors[f"{part}.d{name}"] = tensor.grad
    return tensors


def layer_norm(g):
    x = normal(g, 6, 7, std=2.0)
    x[1] += 100.0  # a mean far from zero
    x[2] *= 1e-3  # a variance near eps
    x[3] = 0.5  # no variance at all
    gamma, beta = normal(g, 7, mean=1.0, std=0.5), normal(g, 7)
    return backward(
        "layer_norm",
        lambda x, gamma, beta: F.layer_norm(x, (7,), gamma, beta, eps=1e-5),
        g,
        x=x.float().to(F64),
        gamma=gamma,
        beta=beta,
    )


def gelu(g):
    x = torch.cat([torch.linspace(-6, 6, 49), torch.tensor([-1e3, -50.0, 0.0, 50.0, 1e3])])
    return backward("gelu", lambda x: F.gelu(x, approximate="tanh"), g, x=x.to(F64))


def softmax_cross_entropy(g):
    """Rows: ordinary; huge with the largest logit at the target; huge with the smallest at the
    target; all equal; one far below the others; all huge and close to each other."""
    logits = normal(g, 6, 11, std=2.0)
    logits[1] = logits[1] * 1e4
    logits[2] = logits[2] * 1e4
    logits[3] = 0.25
    logits[4, 7] = -1e4
    logits[5] += 8192.0
    logits = logits.float().to(F64)
    targets = integers(g, 11, 6)
    targets[1], targets[2], targets[4] = logits[1].argmax(), logits[2].argmin(), 7
    logits.requires_grad_()
    losses = F.cross_entropy(logits, targets, reduction="none")
    loss = losses.mean()
    loss.backward()
    part = "softmax_cross_entropy"
    return {
        f"{part}.logits": logits.detach(),
        f"{part}.targets": targets,
        f"{part}.probabilities": logits.detach().softmax(-1),
        f"{part}.losses": losses.detach(),
        f"{part}.loss": loss.detach().reshape(1),
        f"{part}.dlogits": logits.grad,
    }


def attention(part, g, rows, columns, causal):
    """Scaled dot-product attention without projections. q, k, v: (batch, head, row, 4)."""
    q, k, v = normal(g, 2, 3, rows, 4), normal(g, 2, 3, columns, 4), normal(g, 2, 3, columns, 4)
    scores = q @ k.transpose(-1, -2) / math.sqrt(4)
    if causal:
        scores = scores.masked_fill(torch.ones(rows, columns).tril() == 0, -math.inf)
    weights = scores.softmax(-1)
    tensors = backward(
        part,
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=causal),
        g,
        q=q,
        k=k,
        v=v,
    )
    agree(part, weights @ v.detach(), tensors[f"{part}.y"])
    return tensors | {f"{part}.weights": weights.detach()}


def attention_layer(part, g, cross):
    """GPT-2's attention layer of transformers, with 3 heads of size 4: causal self-attention, or
    cross-attention from x to `memory`, as in a GPT-2 that is the decoder of an encoder."""
    c = 12
    config = transformers.GPT2Config(
        n_embd=c, n_head=3, attn_pdrop=0.0, resid_pdrop=0.0, attn_implementation="sdpa"
    )
    module = transformers.models.gpt2.modeling_gpt2.GPT2Attention(config, cross, layer_idx=0)
    inputs = {"x": normal(g, 2, 5, c)} | ({"memory": normal(g, 2, 7, c)} if cross else {})
    for name, p in module.named_parameters():
        inputs[name] = normal(g, *p.shape, std=0.4)

    def layer(x, memory=None, **weights):
        memory = {} if memory is None else {"encoder_hidden_states": memory}
        return torch.func.functional_call(module, weights, (x,), memory)[0]

    return backward(part, layer, g, **inputs)


def layers(g):
    tensors = layer_norm(g) | gelu(g) | softmax_cross_entropy(g)
    # GPT-2's files store matrices as (in, out): y = x W + b.
    tensors |= backward(
        "linear",
        lambda x, weight, bias: transformers.pytorch_utils.Conv1D.forward(
            argparse.Namespace(nf=bias.shape[0], weight=weight, bias=bias), x
        ),
        g,
        x=normal(g, 5, 3),
        weight=normal(g, 3, 4),
        bias=normal(g, 4),
    )
    tensors |= backward(  # token 2 comes three times: its three gradients add up
        "embedding",
        lambda ids, weight: F.embedding(ids, weight),
        g,
        ids=torch.tensor([2, 0, 2, 5, 2]),
        weight=normal(g, 6, 3),
    )
    tensors |= attention("attention_causal", g, 5, 5, True)
    tensors |= attention("attention_full", g, 5, 5, False)
    tensors |= attention("attention_cross", g, 5, 7, False)
    tensors |= attention_layer("self_attention_layer", g, cross=False)
    tensors |= attention_layer("cross_attention_layer", g, cross=True)
    return tensors


# ------------------------------------------------------- rotary positions, grouped queries


def llama_config(n_head, n_kv_head, head_dim):
    return transformers.LlamaConfig(
        hidden_size=n_head * head_dim,
        num_attention_heads=n_head,
        num_key_value_heads=n_kv_head,
        head_dim=head_dim,
        rope_parameters={"rope_type": "default", "rope_theta": 100.0},
        attn_implementation="sdpa",
    )


def cos_sin(config, positions):
    """Cosines and sines of all angles, (1, positions, head_dim), in float64.

    transformers computes angles in float32, so they are computed here and compared with its own.
    """
    exponents = torch.arange(0, config.head_dim, 2, dtype=F64) / config.head_dim
    angles = positions.to(F64)[None, :, None] / config.rope_parameters["rope_theta"] ** exponents
    angles = torch.cat((angles, angles), dim=-1)
    embedding = llama.LlamaRotaryEmbedding(config)
    for ours, theirs in zip((angles.cos(), angles.sin()), embedding(angles, positions[None])):
        agree("cosines and sines", ours, theirs, 1e-5)
    return angles.cos(), angles.sin()


def rotary(g):
    """One head of 8 columns, at the positions 7 to 12."""
    cos, sin = cos_sin(llama_config(1, 1, 8), torch.arange(7, 13))

    def turned(x):
        return llama.apply_rotary_pos_emb(x[None, None], x[None, None], cos, sin)[0][0, 0]

    return backward("rotary", turned, g, x=normal(g, 6, 8))


def llama_attention(g):
    """The whole layer: 6 query heads over 2 key/value heads of 4 columns, 2 texts of 5 tokens."""
    config = llama_config(6, 2, 4)
    module = llama.LlamaAttention(config, layer_idx=0)
    inputs = {"x": normal(g, 2, 5, config.hidden_size)}
    for name, p in module.named_parameters():
        inputs[name] = normal(g, *p.shape, std=0.4)
    arguments = {"position_embeddings": cos_sin(config, torch.arange(5)), "attention_mask": None}

    def layer(x, **weights):
        return torch.func.functional_call(module, weights, (x,), arguments)[0]

    return backward("llama_attention", layer, g, **inputs)


# ----------------------------------------------------------------------------------- files


def make(directory):
    directory.mkdir(parents=True, exist_ok=True)
    about = f"make_golden.py, torch {torch.__version__}, transformers {transformers.__version__}"

    def save(name, tensors):
        for key, tensor in tensors.items():
            if tensor.is_floating_point():
                assert torch.isfinite(tensor).all(), key
                assert tensor.dtype == F64 or key.startswith("start."), key
        tensors = {k: v.contiguous() for k, v in tensors.items()}
        save_file(tensors, directory / name, metadata={"made_by": about})

    model = gpt2_tiny()
    model.save_pretrained(directory / "gpt2_tiny")
    (directory / "gpt2_tiny" / "generation_config.json").unlink(missing_ok=True)
    again = transformers.GPT2LMHeadModel.from_pretrained(
        directory / "gpt2_tiny", attn_implementation="eager"
    ).to(F64)
    save("gpt2_tiny_expected.safetensors", expected(again, random.Random(1)))
    for name, bias in {"adamw_steps": True, "adamw_steps_no_bias": False}.items():
        save(f"{name}.safetensors", ten_steps(gpt2_tiny().to(F64), bias, random.Random(2)))
    save("trajectory.safetensors", trajectory(random.Random(4)))
    save("layers.safetensors", layers(random.Random(3)))
    golden_llama.make(directory, save, normal, integers, cross_entropy, greedy)
    g = random.Random(5)
    norm_and_mlp = llama_layers.rms_norm(g, normal, backward, agree)
    norm_and_mlp |= llama_layers.swiglu(g, normal, backward)
    save("llama_norm_and_mlp.safetensors", norm_and_mlp)
    save("rotary.safetensors", rotary(random.Random(5)) | llama_attention(random.Random(6)))
    golden_evaluation.make(directory, save, integers)


def compare(made, committed):
    """Exits if a tensor differs by more than the rounding of another processor explains.

    The gradient of a key's bias is only rounding (it is zero: a shift of all keys does not change
    attention), and AdamW amplifies it; hence not 1e-12.
    """
    files = [p.relative_to(made) for p in sorted(made.rglob("*.safetensors"))]
    for file in files:
        a, b = load_file(made / file), load_file(committed / file)
        if a.keys() != b.keys():
            sys.exit(f"{file}: other tensors: {sorted(a.keys() ^ b.keys())}")
        worst = 0.0
        for name in a:
            if a[name].dtype != b[name].dtype or a[name].shape != b[name].shape:
                sys.exit(f"{file}: {name} has another type or shape")
            x, y = a[name].to(F64), b[name].to(F64)
            error = ((x - y).abs().max() / y.abs().max().clamp(min=1e-30)).item()
            if not error <= (1e-5 if name.startswith("float32.") else 1e-9):
                sys.exit(f"{file}: {name} differs by {error:.1e}")
            worst = max(worst, error)
        print(f"{file}: {len(a)} tensors, largest relative difference {worst:.1e}")
    for file in made.glob("*.json"):
        if file.read_bytes() != (committed / file.name).read_bytes():
            sys.exit(f"{file.name} differs")
    left = {p.relative_to(committed) for p in committed.rglob("*.safetensors")} - set(files)
    if left:
        sys.exit(f"not made by this script: {sorted(map(str, left))}")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--check", action="store_true", help="compare with golden/ and change nothing")
    golden = Path(__file__).parent / "golden"
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    if p.parse_args().check:
        with tempfile.TemporaryDirectory() as directory:
            make(Path(directory))
            compare(Path(directory), golden)
    else:
        make(golden)
        for path in sorted(golden.rglob("*.*")):
            print(f"{path.stat().st_size:7} bytes  {path.relative_to(golden.parent)}")


if __name__ == "__main__":
    main()
