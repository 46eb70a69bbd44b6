"""The layers of a Llama that GPT-2 does not have, for make_golden.py: RMSNorm and SwiGLU.

The module LlamaRMSNorm of transformers computes in float32 whatever it is given, so the numbers are
those of PyTorch's own rms_norm, in float64. make_golden.py stops if the module's result or one of
its gradients is further from them than float32 explains.

The matrices of LlamaMLP are stored as (out, in). They are written as (in, out) here, as everywhere in
this project: y = x W.
"""

import torch
import transformers
from torch.nn import functional as F
from transformers.models.llama.modeling_llama import LlamaMLP, LlamaRMSNorm


def rms_norm(g, normal, backward, agree):
    """Rows: ordinary ones; a mean far from zero; a mean square near eps; large; zeros."""
    x = normal(g, 6, 7, std=2.0)
    x[1] += 100.0
    x[2] *= 1e-3
    x[3] *= 1e4
    x[4] = 0.0
    tensors = backward(
        "rms_norm",
        lambda x, gamma: F.rms_norm(x, (7,), gamma, eps=1e-5),
        g,
        x=x.float().double(),
        gamma=normal(g, 7, mean=1.0, std=0.5),
    )

    module = LlamaRMSNorm(7, eps=1e-5)
    module.weight.data = tensors["rms_norm.gamma"].float()
    x = tensors["rms_norm.x"].float().requires_grad_()
    y = module(x)
    y.backward(tensors["rms_norm.dy"].float())
    found = {"y": y.detach(), "dx": x.grad, "dgamma": module.weight.grad}
    for name, tensor in found.items():
        agree(f"LlamaRMSNorm {name}", tensor.double(), tensors[f"rms_norm.{name}"], 1e-6)
    return tensors


def swiglu(g, normal, backward):
    """A LlamaMLP from 6 numbers to 16 hidden units and back; one row far from zero, one of zeros."""
    names = {"w_gate": "gate_proj.weight", "w_up": "up_proj.weight", "w_down": "down_proj.weight"}
    config = transformers.LlamaConfig(hidden_size=6, intermediate_size=16, num_attention_heads=1)
    module = LlamaMLP(config)

    def layer(x, **weights):
        transposed = {names[name]: weight.T for name, weight in weights.items()}
        return torch.func.functional_call(module, transposed, (x,))

    x = normal(g, 5, 6)
    x[1] *= 20.0
    x[2] = 0.0
    weights = {"w_gate": normal(g, 6, 16), "w_up": normal(g, 6, 16), "w_down": normal(g, 16, 6)}
    return backward("swiglu", layer, g, x=x.float().double(), **weights)
