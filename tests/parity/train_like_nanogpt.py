"""A GPT in PyTorch with the training loop of nanoGPT: the reference for our own training.

It serves two comparisons:

1. The losses of both programs on the same weights and batches. `--weights FILE` and
   `--batches FILE` read them; `--save-weights`, `--save-batches` and `--save-final` write those of
   this script, for the other program to read.
2. The final loss and the speed of both programs with the same settings and text. Run it with only
   `--text`: every default is nanoGPT's setting for its character-level model on a CPU.

The model is GPT-2's (Radford et al. 2019): pre-norm blocks, learned positions, GELU in its tanh
form, output layer tied to the token embedding. The training loop follows nanoGPT's `train.py`:
uniformly drawn windows, AdamW with weight decay on matrices only, linear warm-up and cosine decay,
clipping by the gradient norm, losses estimated on random batches before each step whose number is
a multiple of `--eval-interval`.

It differs intentionally from nanoGPT in three places. `--gelu erf` gives the exact GELU, which
nanoGPT uses where GPT-2 has the tanh form. Evaluation has its own random generator, so
`--eval-interval` does not change the training batches. It does exactly `--max-iters` steps;
nanoGPT does one more after its last evaluation. At the end it also computes the loss over the
whole validation text, in windows that do not overlap.

Not here: GPUs, mixed precision, torch.compile, gradient accumulation, resuming.

    python train_like_nanogpt.py --text input.txt --log log.jsonl

`--log` gets one JSON object per line: iter, train_loss (of the batch, before the step), lr,
grad_norm (before clipping), elapsed_s; where evaluated also eval_train_loss and val_loss. The
last line is a summary: val_loss_full, ms_per_step (median), tokens_per_second.
"""

import argparse
import json
import math
import statistics
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

# ------------------------------------------------------------------------------ the model


class Norm(nn.Module):
    """Layer norm; without `bias` it has no beta, as in nanoGPT."""

    def __init__(self, n_embd, bias):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n_embd))
        self.bias = nn.Parameter(torch.zeros(n_embd)) if bias else None

    def forward(self, x):
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, eps=1e-5)


class Attention(nn.Module):
    def __init__(self, n_embd, n_head, bias, dropout):
        super().__init__()
        self.n_head, self.dropout = n_head, dropout
        self.c_attn = nn.Linear(n_embd, 3 * n_embd, bias=bias)
        self.c_proj = nn.Linear(n_embd, n_embd, bias=bias)

    def forward(self, x):  # (B, T, C)
        b, t, c = x.shape
        # (B, T, 3C) -> three of (B, n_head, T, C / n_head)
        qkv = self.c_attn(x).view(b, t, 3, self.n_head, c // self.n_head)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        p = self.dropout if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, dropout_p=p, is_causal=True)
        y = self.c_proj(y.transpose(1, 2).reshape(b, t, c))
        return F.dropout(y, self.dropout, self.training)


class Mlp(nn.Module):
    def __init__(self, n_embd, bias, dropout, gelu):
        super().__init__()
        self.dropout, self.approximate = dropout, "tanh" if gelu == "tanh" else "none"
        self.c_fc = nn.Linear(n_embd, 4 * n_embd, bias=bias)
        self.c_proj = nn.Linear(4 * n_embd, n_embd, bias=bias)

    def forward(self, x):
        x = self.c_proj(F.gelu(self.c_fc(x), approximate=self.approximate))
        return F.dropout(x, self.dropout, self.training)


class Block(nn.Module):
    def __init__(self, n_embd, n_head, bias, dropout, gelu):
        super().__init__()
        self.ln_1 = Norm(n_embd, bias)
        self.attn = Attention(n_embd, n_head, bias, dropout)
        self.ln_2 = Norm(n_embd, bias)
        self.mlp = Mlp(n_embd, bias, dropout, gelu)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Gpt(nn.Module):
    """Parameter names are GPT-2's. Matrices are (out, in) here and (in, out) in files."""

    def __init__(
        self, vocab_size, n_layer, n_head, n_embd, block_size, bias=False, dropout=0.0, gelu="tanh"
    ):
        super().__init__()
        if n_embd % n_head != 0:
            sys.exit(f"--n-embd {n_embd} is not divisible by --n-head {n_head}")
        self.block_size, self.dropout = block_size, dropout
        self.wte = nn.Embedding(vocab_size, n_embd)
        self.wpe = nn.Embedding(block_size, n_embd)
        self.h = nn.ModuleList(Block(n_embd, n_head, bias, dropout, gelu) for _ in range(n_layer))
        self.ln_f = Norm(n_embd, bias)
        for name, p in self.named_parameters():
            if name.endswith("c_proj.weight"):
                # Each block adds twice to the residual stream; this keeps its variance constant.
                nn.init.normal_(p, std=0.02 / math.sqrt(2 * n_layer))
            elif p.dim() >= 2:
                nn.init.normal_(p, std=0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(p)

    def forward(self, ids):  # (B, T) -> logits (B, T, vocab_size)
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1]))
        x = F.dropout(x, self.dropout, self.training)
        for block in self.h:
            x = block(x)
        return F.linear(self.ln_f(x), self.wte.weight)


def cross_entropy(logits, targets):
    """Mean over every position of every sequence, in nats."""
    return F.cross_entropy(logits.flatten(0, -2), targets.flatten())


# ------------------------------------------------------------------------ weights in files


def is_matrix(name):
    """The four matrices that GPT-2's files store as (in, out)."""
    return name.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight"))


def to_gpt2(model):
    """The weights under GPT-2's names and orientations. Missing biases are written as zeros,
    so that the file also fits programs which always have them."""
    tensors = {}
    for name, p in model.named_parameters():
        tensors[name] = (p.detach().t() if is_matrix(name) else p.detach()).contiguous().clone()
        bias = name.replace(".weight", ".bias")
        if name not in ("wte.weight", "wpe.weight") and name.endswith(".weight"):
            n = p.shape[0]  # (out, in) matrices and norms alike
            tensors.setdefault(bias, torch.zeros(n, dtype=p.dtype))
    for name, p in model.named_parameters():
        if name.endswith(".bias"):
            tensors[name] = p.detach().clone()
    return tensors


def from_gpt2(model, tensors):
    """Sets all parameters from tensors with GPT-2's names, prefixed by `transformer.` or not."""
    tensors = {k.removeprefix("transformer."): v for k, v in tensors.items()}
    used = set()
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name not in tensors:
                sys.exit(f"the weights have no tensor {name}")
            value = tensors[name].t() if is_matrix(name) else tensors[name]
            if value.shape != p.shape:
                sys.exit(f"{name} has shape {tuple(value.shape)}, expected {tuple(p.shape)}")
            p.copy_(value)
            used.add(name)
    for name in tensors.keys() - used:
        if name.endswith(".bias") and torch.all(tensors[name] == 0):
            continue  # no bias and a bias of zeros are the same
        if name == "lm_head.weight" and torch.equal(tensors[name], tensors["wte.weight"]):
            continue
        sys.exit(f"the weights have a tensor {name} that these settings do not use (--bias?)")


# --------------------------------------------------------------------------- the training


def learning_rate(iter, peak, minimum, warmup_iters, decay_iters):
    """nanoGPT's schedule: linear warm-up, cosine decay, then constant."""
    if iter < warmup_iters:
        return peak * (iter + 1) / (warmup_iters + 1)
    if iter > decay_iters:
        return minimum
    done = (iter - warmup_iters) / max(1, decay_iters - warmup_iters)
    return minimum + 0.5 * (1.0 + math.cos(math.pi * done)) * (peak - minimum)


def adamw(parameters, weight_decay, betas):
    """AdamW (Loshchilov and Hutter 2019), with decay on tensors of two dimensions or more."""
    parameters = [p for p in parameters if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=0.0, betas=betas, eps=1e-8)


def step(optimizer, loss, lr, grad_clip):
    """One update. Returns the norm of the whole gradient before clipping.

    PyTorch scales by grad_clip / (norm + 1e-6), if that is below one.
    """
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    norm = torch.nn.utils.clip_grad_norm_(parameters, grad_clip or math.inf)
    for group in optimizer.param_groups:
        group["lr"] = lr
    optimizer.step()
    return norm.item()


def draw(data, batch_size, block_size, generator):
    """Random windows, and their targets: the same windows one token later."""
    starts = torch.randint(len(data) - block_size, (batch_size,), generator=generator)
    at = starts[:, None] + torch.arange(block_size)
    return data[at], data[at + 1]


@torch.no_grad()
def estimate(model, data, settings, generator):
    """Mean loss over `eval_iters` random batches."""
    model.eval()
    losses = []
    for _ in range(settings.eval_iters):
        x, y = draw(data, settings.batch_size, settings.block_size, generator)
        losses.append(cross_entropy(model(x), y).item())
    model.train()
    return statistics.fmean(losses)


@torch.no_grad()
def evaluate_all(model, data, block_size, batch_size=64):
    """Mean loss over the whole text in windows that do not overlap, the last one shorter.

    Every token but the first is predicted exactly once.
    """
    model.eval()
    n = len(data) - 1
    full = n // block_size * block_size
    inputs, targets = data[:full].view(-1, block_size), data[1 : full + 1].view(-1, block_size)
    windows = list(zip(inputs.split(batch_size), targets.split(batch_size)))
    if full < n:
        windows.append((data[full:n][None], data[full + 1 :][None]))
    total = sum(cross_entropy(model(x), y).item() * y.numel() for x, y in windows)
    model.train()
    return total / n


def read_text(path):
    """Characters as numbers, in the order of their code points; first 90% and last 10%."""
    text = Path(path).read_bytes().decode("utf-8")
    vocabulary = sorted(set(text))
    number = {character: i for i, character in enumerate(vocabulary)}
    data = torch.tensor([number[character] for character in text])
    cut = int(len(data) * 0.9)
    return len(vocabulary), data[:cut], data[cut:]


def main():
    s = arguments()
    torch.set_num_threads(s.threads)
    torch.manual_seed(s.seed)
    torch.set_default_dtype(torch.float64 if s.dtype == "float64" else torch.float32)

    train = val = batches = None
    vocab_size = s.vocab_size
    if s.text:
        size, train, val = read_text(s.text)
        vocab_size = vocab_size or size
    if s.batches:
        batches = load_file(s.batches)
        s.max_iters = min(s.max_iters, len(batches["inputs"]))
        s.batch_size, s.block_size = batches["inputs"].shape[1:]
    if not s.text and not (s.batches and vocab_size):
        sys.exit("give --text FILE, or --batches FILE and --vocab-size N")

    model = Gpt(
        vocab_size, s.n_layer, s.n_head, s.n_embd, s.block_size, s.bias, s.dropout, s.gelu
    )
    if s.weights:
        from_gpt2(model, load_file(s.weights))
    if s.save_weights:
        save_file(to_gpt2(model), s.save_weights)
    parameters = sum(p.numel() for p in model.parameters())
    print(
        f"{parameters} parameters, vocabulary {vocab_size}, {s.max_iters} steps of "
        f"{s.batch_size} x {s.block_size} tokens, {s.dtype}, {s.threads} threads, "
        f"torch {torch.__version__}"
    )

    optimizer = adamw(model.parameters(), s.weight_decay, (s.beta1, s.beta2))
    batch_generator = torch.Generator().manual_seed(s.seed)
    drawn, times = [], []
    began = time.perf_counter()
    log = open(s.log, "w", encoding="utf-8") if s.log else None

    def write(line):
        if log:
            print(json.dumps(line), file=log, flush=True)

    def evaluate(iter):
        """Uses the same windows at every evaluation, so that only the model changes."""
        generator = torch.Generator().manual_seed(s.seed + 1)
        losses = {
            "eval_train_loss": estimate(model, train, s, generator),
            "val_loss": estimate(model, val, s, generator),
        }
        print(
            f"iter {iter:5}  train {losses['eval_train_loss']:.4f}  val {losses['val_loss']:.4f}",
            flush=True,
        )
        return losses

    for iter in range(s.max_iters):
        lr = learning_rate(iter, s.learning_rate, s.min_lr, s.warmup_iters, s.lr_decay_iters)
        line = {"iter": iter}
        if val is not None and s.eval_interval and iter % s.eval_interval == 0:
            line |= evaluate(iter)
        start = time.perf_counter()
        if batches:
            x, y = batches["inputs"][iter].long(), batches["targets"][iter].long()
        else:
            x, y = draw(train, s.batch_size, s.block_size, batch_generator)
        loss = cross_entropy(model(x), y)
        norm = step(optimizer, loss, lr, s.grad_clip)
        times.append(time.perf_counter() - start)
        if s.save_batches:
            drawn.append((x.int(), y.int()))
        line |= {"train_loss": loss.item(), "lr": lr, "grad_norm": norm}
        write(line | {"elapsed_s": time.perf_counter() - began})

    median = statistics.median(times[min(10, len(times) - 1) :])  # without the first steps, which are slower
    summary = {
        "iter": s.max_iters,
        "ms_per_step": 1e3 * median,
        "tokens_per_second": s.batch_size * s.block_size / median,
        "elapsed_s": time.perf_counter() - began,
    }
    if val is not None:
        summary |= evaluate(s.max_iters)
        summary["val_loss_full"] = evaluate_all(model, val, s.block_size)
        print(f"whole validation text: {summary['val_loss_full']:.4f} nats per token")
    write(summary)
    print(
        f"median {summary['ms_per_step']:.2f} ms per step, {summary['tokens_per_second']:.0f} "
        f"tokens per second, {summary['elapsed_s']:.1f} s in all"
    )
    if s.save_batches:
        inputs, targets = (torch.stack(part) for part in zip(*drawn))
        save_file({"inputs": inputs, "targets": targets}, s.save_batches)
    if s.save_final:
        save_file(to_gpt2(model), s.save_final)


def arguments():
    p = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    p.add_argument("--text", metavar="FILE", help="text: first 90%% trains, last 10%% validates")
    p.add_argument("--n-layer", type=int, default=4)
    p.add_argument("--n-head", type=int, default=4)
    p.add_argument("--n-embd", type=int, default=128)
    p.add_argument("--block-size", type=int, default=64)
    p.add_argument("--dropout", type=float, default=0.0)
    p.add_argument("--bias", action=argparse.BooleanOptionalAction, default=False)
    p.add_argument("--gelu", choices=["tanh", "erf"], default="tanh")
    p.add_argument("--batch-size", type=int, default=12)
    p.add_argument("--max-iters", type=int, default=2000)
    p.add_argument("--learning-rate", type=float, default=1e-3)
    p.add_argument("--min-lr", type=float, default=1e-4)
    p.add_argument("--warmup-iters", type=int, default=100)
    p.add_argument("--lr-decay-iters", type=int, default=2000)
    p.add_argument("--weight-decay", type=float, default=0.1)
    p.add_argument("--beta1", type=float, default=0.9)
    p.add_argument("--beta2", type=float, default=0.99)
    p.add_argument("--grad-clip", type=float, default=1.0, help="maximum gradient norm; 0 for no clipping")
    p.add_argument("--eval-interval", type=int, default=250)
    p.add_argument("--eval-iters", type=int, default=20, help="batches per estimate")
    p.add_argument("--seed", type=int, default=1337)
    p.add_argument("--threads", type=int, default=torch.get_num_threads())
    p.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    p.add_argument("--vocab-size", type=int, help="needed without --text")
    p.add_argument("--weights", metavar="FILE", help="initial weights (GPT-2's names)")
    p.add_argument("--batches", metavar="FILE", help="inputs, targets: (steps, batch, block)")
    p.add_argument("--save-weights", metavar="FILE", help="write the initial weights")
    p.add_argument("--save-batches", metavar="FILE", help="write the batches")
    p.add_argument("--save-final", metavar="FILE", help="write the trained weights")
    p.add_argument("--log", metavar="FILE", help="JSON lines")
    return p.parse_args()


if __name__ == "__main__":
    main()
