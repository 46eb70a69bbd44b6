#!/usr/bin/env python3
"""Makes the golden files of GGUF, with llama.cpp's Python package:

    pip install gguf==0.19.0
    python3 make_golden.py [SmolLM2-135M-Instruct.Q4_1.gguf]

blocks.gguf: for each type a tensor of random blocks, and beside it, named `TYPE.expected`, its
numbers in f32 by `gguf.quants.dequantize`; and metadata of every type of values.

quantised.gguf: a tensor `weights` in f32, and the same weights in each type that is written here, by
`gguf.quants.quantize`.

smollm2.txt, where that file is given: a line for each tensor with its name, type, dimensions and a
checksum over its dequantised numbers.
"""

import sys
from pathlib import Path

import gguf
import numpy as np
from gguf.quants import dequantize

HERE = Path(__file__).resolve().parent
TYPES = ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q4_K", "Q6_K"]
# Where in a block float16 numbers are.
HALVES = {"Q8_0": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q4_K": [0, 2], "Q6_K": [208]}


def blocks(rng, name):
    """Two rows of random bytes in which no number is NaN or infinite."""
    kind = gguf.GGMLQuantizationType[name]
    if name in ("F32", "F16", "BF16"):
        numbers = (rng.standard_normal((2, 16)) * 10.0 ** rng.integers(-7, 4, (2, 16)))
        numbers = numbers.astype(np.float32)
        if name == "BF16":
            return kind, gguf.quants.quantize(numbers, kind)
        return kind, numbers.astype(np.float16 if name == "F16" else np.float32)
    length, size = gguf.GGML_QUANT_SIZES[kind]
    per_row = 2 if length == 32 else 1
    data = rng.integers(0, 256, (2, per_row, size), dtype=np.uint8)
    # Scales of both signs, one of them zero, one subnormal.
    scales = rng.standard_normal((2, per_row, len(HALVES[name]))) * 0.05
    scales[0, 0, 0] = 3e-7
    if per_row > 1:
        scales[1, 1, 0] = 0.0
    for place, scale in zip(HALVES[name], np.moveaxis(scales.astype(np.float16), -1, 0)):
        data[..., place : place + 2] = scale[..., None].view(np.uint8)
    return kind, data.reshape(2, per_row * size)


def all_values(writer):
    """Metadata of every type."""
    for kind, value in [("uint8", 200), ("int8", -100), ("uint16", 60000), ("int16", -30000),
                        ("uint32", 4_000_000_000), ("int32", -2_000_000_000),
                        ("uint64", 1 << 63), ("int64", -(1 << 62)), ("float32", 0.1),
                        ("float64", 0.1), ("bool", True), ("string", "Gr\u00fc\u00dfe")]:
        getattr(writer, f"add_{kind}")(f"test.{kind}", value)
    writer.add_array("test.strings", ["a", "", "\u0120b"])
    writer.add_array("test.numbers", [1, -2, 3])
    writer.add_array("test.floats", [0.5, -1.5])
    writer.add_array("test.bools", [True, False])


def small():
    rng = np.random.default_rng(1)
    writer = gguf.GGUFWriter(HERE / "blocks.gguf", "llama")
    all_values(writer)
    for name in TYPES:
        kind, data = blocks(rng, name)
        expected = dequantize(data, kind)
        assert np.isfinite(expected).all(), name
        writer.add_tensor(name, data, raw_dtype=kind)
        writer.add_tensor(f"{name}.expected", expected)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def quantised():
    rng = np.random.default_rng(2)
    weights = (rng.standard_normal((32, 64)) * 10.0 ** rng.integers(-5, 3, (32, 1))).astype(np.float32)
    weights[0, :32] = 0
    weights[1, :32] = 0.5
    weights[2, :32] = np.arange(-16, 16)  # halves between steps of Q4_0
    weights[3, :32] = -weights[2, :32]
    weights[4, :32] = np.arange(32) * 4 - 63.5
    weights[5, 1:32] = 0
    weights[6, :32] *= 1e-8
    writer = gguf.GGUFWriter(HERE / "quantised.gguf", "llama")
    writer.add_tensor("weights", weights)
    for name in ["F16", "Q8_0", "Q4_0", "Q4_1"]:
        kind = gguf.GGMLQuantizationType[name]
        writer.add_tensor(name, gguf.quants.quantize(weights, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def checksum(numbers):
    """The sum of all bits times a weight for each place, modulo 2^64."""
    bits = numbers.astype(np.float32).reshape(-1).view(np.uint32).astype(np.uint64)
    place = np.arange(len(bits), dtype=np.uint64) % np.uint64(65_521) + np.uint64(1)
    return int((bits * place).sum(dtype=np.uint64))


def large(path):
    lines = []
    for tensor in gguf.GGUFReader(path).tensors:
        numbers = dequantize(tensor.data, tensor.tensor_type)
        dims = "x".join(map(str, tensor.shape.tolist()))
        lines.append(f"{tensor.name} {tensor.tensor_type.name} {dims} {checksum(numbers):016x}\n")
    (HERE / "smollm2.txt").write_text("".join(lines))


small()
quantised()
if len(sys.argv) > 1:
    large(sys.argv[1])
