"""What libtorch keeps of a transformer block for its backward pass, in bytes per token.

    .venv/bin/python stage04_training/benches/compare/activations.py

The block is that of `src/backend/torch/model.rs`, line by line. PyTorch's hooks for saved tensors
see each tensor that is kept; the memory of each is counted once, without the weights. The numbers
are those of the test in `src/doctor/memory.rs`.

RMSNorm is one operation on a GPU, which keeps its input and a number for each row, and several on
a CPU, which keep more. The memory of a GPU is asked for, so it is one operation here.
"""

import torch
import torch.nn.functional as F
from torch.autograd.graph import saved_tensors_hooks

C, HEADS, BATCH, LENGTH = 64, 8, 2, 32
SIZE = C // HEADS


class RmsNorm(torch.autograd.Function):
    """As the fused kernel: it keeps x and the reciprocal of the root."""

    @staticmethod
    def forward(ctx, x, weight):
        rstd = x.square().mean(-1, keepdim=True).add(1e-5).rsqrt()
        ctx.save_for_backward(x, rstd, weight)
        return x * rstd * weight

    @staticmethod
    def backward(ctx, _):
        raise NotImplementedError


def block(dtype, rms, rotary, swiglu, n_kv_head, n_inner):
    """The bytes per token that the forward pass of one block keeps."""
    linear = lambda n_in, n_out: torch.randn(n_in, n_out, dtype=dtype, requires_grad=True)
    c_attn, c_proj = linear(C, C + 2 * n_kv_head * SIZE), linear(C, C)
    gate, up, down = linear(C, n_inner), linear(C, n_inner), linear(n_inner, C)
    ln_1, ln_2 = (torch.ones(C, requires_grad=True) for _ in range(2))
    cos, sin = torch.randn(2, LENGTH, 1, SIZE // 2)

    def norm(x, weight):
        y = RmsNorm.apply(x, weight) if rms else F.layer_norm(x, (C,), weight)
        return y.to(dtype)

    def rotate(x):
        a, b = x.chunk(2, -1)
        return torch.cat([a * cos - b * sin, a * sin + b * cos], -1).to(x.dtype)

    def attention(x):
        qkv = (x @ c_attn).view(BATCH, LENGTH, HEADS + 2 * n_kv_head, SIZE)
        q, k, v = qkv.split([HEADS, n_kv_head, n_kv_head], 2)
        if rotary:
            q, k, v = rotate(q), rotate(k), v.contiguous()
        q, k, v = (part.transpose(1, 2) for part in (q, k, v))
        shared = n_kv_head < HEADS and dtype == torch.bfloat16
        if not shared and n_kv_head < HEADS:
            k, v = (part.repeat_interleave(HEADS // n_kv_head, 1) for part in (k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=shared)
        return y.transpose(1, 2).reshape(-1, C) @ c_proj

    def mlp(x):
        if swiglu:
            return (F.silu(x @ gate) * (x @ up)) @ down
        return F.gelu(x @ up, approximate="tanh") @ down

    constant = [c_attn, c_proj, gate, up, down, ln_1, ln_2, cos, sin]
    constant = {tensor.untyped_storage().data_ptr() for tensor in constant}
    kept = {}

    def pack(tensor):
        memory = tensor.untyped_storage()
        if memory.data_ptr() not in constant:
            kept[memory.data_ptr()] = memory  # held, so that no other memory gets its address
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        x = torch.randn(BATCH * LENGTH, C, requires_grad=True) * 1.0
        x = x + attention(norm(x, ln_1))
        x = x + mlp(norm(x, ln_2))
    return sum(memory.nbytes() for memory in kept.values()) / (BATCH * LENGTH)


BLOCKS = {
    "gpt2": dict(rms=False, rotary=False, swiglu=False, n_kv_head=8, n_inner=256),
    "rotary": dict(rms=False, rotary=True, swiglu=False, n_kv_head=8, n_inner=256),
    "swiglu": dict(rms=False, rotary=False, swiglu=True, n_kv_head=8, n_inner=176),
    "grouped": dict(rms=False, rotary=False, swiglu=False, n_kv_head=2, n_inner=256),
    "llama": dict(rms=True, rotary=True, swiglu=True, n_kv_head=2, n_inner=160),
}

for name, parts in BLOCKS.items():
    counts = [block(dtype, **parts) for dtype in (torch.float32, torch.bfloat16)]
    print(f"{name:<8} f32 {counts[0]:8,.0f}   bf16 {counts[1]:8,.0f}")
