"""Reference numbers for models of today: Hugging Face's Llama and Qwen2, for make_golden.py.

    llama_tiny/     grouped queries (4 heads over 2), tied output layer, RoPE without scaling
    llama3_tiny/    Llama 3.1's scaling of the rotation, an output layer of its own
    qwen2_tiny/     biases of queries, keys and values, another eps

Each is a directory as transformers saves it, and NAME_expected.safetensors has the tensors of
gpt2_tiny_expected.safetensors. Gradients have the names and orientations of this project: every
matrix (in, out), and queries, keys and values beside each other in `attn.c_attn`.

transformers computes the angles of the rotation and the norms in float32 whatever the type of the
model. Here both are computed in float64, from the definition; the script stops if the logits of
transformers' own differ by more than float32 explains.
"""

import math
import random

import torch
import transformers

F64 = torch.float64
SIZES = dict(
    vocab_size=29,
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=12,
    bos_token_id=None,
    eos_token_id=None,
    attn_implementation="sdpa",
)
SCALING = dict(
    rope_type="llama3",
    factor=4.0,
    low_freq_factor=1.0,
    high_freq_factor=4.0,
    original_max_position_embeddings=8,
)


def tiny(name):
    if name == "llama_tiny":
        config = transformers.LlamaConfig(
            **SIZES, intermediate_size=24, rms_norm_eps=1e-5, tie_word_embeddings=True
        )
        return transformers.LlamaForCausalLM(config)
    if name == "llama3_tiny":
        config = transformers.LlamaConfig(
            **SIZES, intermediate_size=48, rms_norm_eps=1e-5, tie_word_embeddings=False,
            rope_theta=100.0, rope_scaling=SCALING,
        )
        return transformers.LlamaForCausalLM(config)
    config = transformers.Qwen2Config(
        **SIZES, intermediate_size=40, rms_norm_eps=1e-6, tie_word_embeddings=False
    )
    return transformers.Qwen2ForCausalLM(config)


def randomise(model, normal, seed):
    """Every tensor random, as in gpt2_tiny."""
    generator = random.Random(seed)
    with torch.no_grad():
        for name, p in sorted(model.named_parameters()):
            if "norm" in name:
                p.copy_(normal(generator, *p.shape, mean=1.0, std=0.3))
            else:
                p.copy_(normal(generator, *p.shape, std=0.25))


def frequencies(config):
    """theta^(-2 j / d), and Llama 3.1's scaling as its paper's code defines it."""
    rules = config.rope_parameters
    half = config.hidden_size // config.num_attention_heads // 2
    result = []
    for j in range(half):
        frequency = rules["rope_theta"] ** (-j / half)
        if rules["rope_type"] == "llama3":
            wavelength = 2 * math.pi / frequency
            original, factor = rules["original_max_position_embeddings"], rules["factor"]
            low, high = rules["low_freq_factor"], rules["high_freq_factor"]
            if wavelength > original / low:
                frequency /= factor
            elif wavelength >= original / high:
                smooth = (original / wavelength - low) / (high - low)
                frequency = (1 - smooth) * frequency / factor + smooth * frequency
        result.append(frequency)
    return torch.tensor(result, dtype=F64)


class Rotation(torch.nn.Module):
    """The cosines and sines of LlamaRotaryEmbedding, in float64."""

    def __init__(self, config):
        super().__init__()
        self.frequencies = frequencies(config)

    def forward(self, x, position_ids):
        angles = position_ids[..., None].to(F64) * self.frequencies
        angles = torch.cat((angles, angles), dim=-1)
        return angles.cos(), angles.sin()


def in_float64(model):
    """Replaces what transformers computes in float32."""
    model.model.rotary_emb = Rotation(model.config)
    for module in model.modules():
        if type(module).__name__.endswith("RMSNorm"):
            def forward(x, m=module):
                return m.weight * x * torch.rsqrt(x.square().mean(-1, keepdim=True) + m.variance_epsilon)

            module.forward = forward


def parameters(model):
    """The gradients' names here: a list of transformers' tensors for each, and whether they are
    matrices of linear layers, which are transposed and set beside each other."""
    theirs = dict(model.named_parameters())
    names = {"wte.weight": (["model.embed_tokens.weight"], False)}
    for i in range(model.config.num_hidden_layers):
        layer, ours = f"model.layers.{i}.", f"h.{i}."
        qkv = [f"{layer}self_attn.{part}_proj" for part in "qkv"]
        names[ours + "ln_1.weight"] = ([layer + "input_layernorm.weight"], False)
        names[ours + "attn.c_attn.weight"] = ([part + ".weight" for part in qkv], True)
        if qkv[0] + ".bias" in theirs:
            names[ours + "attn.c_attn.bias"] = ([part + ".bias" for part in qkv], False)
        names[ours + "attn.c_proj.weight"] = ([layer + "self_attn.o_proj.weight"], True)
        names[ours + "ln_2.weight"] = ([layer + "post_attention_layernorm.weight"], False)
        for part in ["gate_proj", "up_proj", "down_proj"]:
            names[f"{ours}mlp.{part}.weight"] = ([f"{layer}mlp.{part}.weight"], True)
    names["ln_f.weight"] = (["model.norm.weight"], False)
    if not model.config.tie_word_embeddings:
        names["lm_head.weight"] = (["lm_head.weight"], False)
    assert sorted(sum((parts for parts, _ in names.values()), [])) == sorted(theirs)
    return names, theirs


def gradients(model):
    names, theirs = parameters(model)
    result = {}
    for name, (parts, linear) in names.items():
        grads = [theirs[part].grad for part in parts]
        assert all(grad.abs().max() > 0 for grad in grads), f"{name} has no gradient"
        grads = [grad.T for grad in grads] if linear else grads
        result[f"grad.{name}"] = torch.cat(grads, dim=-1) if len(grads) > 1 else grads[0].clone()
    return result


def expected(model, cross_entropy, integers, greedy, generator):
    tensors = {}
    for part, (batch, length) in {"full": (3, 12), "short": (2, 5)}.items():
        ids = integers(generator, 29, batch, length)
        targets = integers(generator, 29, batch, length)
        model.zero_grad(set_to_none=True)
        logits = model(ids).logits
        loss = cross_entropy(logits, targets)
        loss.backward()
        own = {"input_ids": ids, "targets": targets, "logits": logits.detach()}
        own |= {"loss": loss.detach().reshape(1)} | gradients(model)
        tensors |= {f"{part}.{name}": tensor for name, tensor in own.items()}
    model.config.n_positions = model.config.max_position_embeddings  # as `greedy` calls it
    for start in range(200):
        prompt = integers(random.Random(start), 29, 4)
        try:
            near = greedy(model, prompt, 12), greedy(model, prompt, 20)
        except SystemExit:
            continue  # two tokens are nearly equally likely
        tensors["generate.prompt"] = prompt
        tensors["generate.greedy"], tensors["generate.greedy_sliding"] = near
        return tensors
    raise AssertionError("no prompt with clear winners")


def make(directory, save, normal, integers, cross_entropy, greedy):
    for seed, name in enumerate(["llama_tiny", "llama3_tiny", "qwen2_tiny"]):
        model = tiny(name)
        randomise(model, normal, seed)
        model.save_pretrained(directory / name)
        (directory / name / "generation_config.json").unlink(missing_ok=True)
        again = type(model).from_pretrained(directory / name, attn_implementation="sdpa").to(F64)
        ids = integers(random.Random(9), 29, 2, 12)
        theirs = again(ids).logits
        in_float64(again)
        worst = ((again(ids).logits - theirs).abs().max() / theirs.abs().max()).item()
        assert worst < 3e-6, f"{name}: other numbers than transformers': {worst:.1e}"
        numbers = expected(again, cross_entropy, integers, greedy, random.Random(seed))
        save(f"{name}_expected.safetensors", numbers)
