"""Reference numbers for the evaluation of texts and of questions, for make_golden.py.

    evaluation.safetensors      for gpt2_tiny and llama_tiny: the log-probability of each token of a
                                text in windows of several lengths and strides, and the scores of
                                endings of a context
    questions_expected.json     the texts of questions.jsonl as EleutherAI's harness prepares them

The windows are those of the loop in the documentation of transformers, "Perplexity of fixed-length
models", with `max_length` = context + 1. The last token of a window is only a target, so the model
need not read it.
"""

import json
import random
import re
from pathlib import Path

import torch
import transformers

import golden_llama

F64 = torch.float64
QUESTIONS = Path(__file__).parent / "questions.jsonl"
CONTEXTS = [(12, 12), (12, 5), (12, 1), (5, 5), (5, 3), (5, 1), (1, 1)]


def log_probabilities(model, ids, start):
    """ln p of each token of `ids` from `start` on, given those before it."""
    logits = model(torch.tensor([ids[:-1]])).logits[0].to(F64)
    targets = torch.tensor(ids[1:])[:, None]
    return logits.log_softmax(-1).gather(1, targets)[start - 1 :, 0].detach()


def windows(model, ids, context, stride):
    """ln p of every token but the first."""
    max_length, previous_end, found = context + 1, 0, []
    for begin in range(0, len(ids), stride):
        end = min(begin + max_length, len(ids))
        first = max(previous_end - begin, 1)
        found.append(log_probabilities(model, ids[begin:end], first))
        previous_end = end
        if end == len(ids):
            break
    return torch.cat(found)


def preprocess(text):
    """As lm_eval/tasks/hellaswag/utils.py defines it."""
    text = text.strip().replace(" [title]", ". ")
    return re.sub(r"\[.*?\]", "", text).replace("  ", " ")


def texts(line):
    """Context and endings of a line, in the same way."""
    line = json.loads(line)
    if line.get("ctx_a") is not None and line.get("ctx_b") is not None:
        context = line["ctx_a"] + " " + line["ctx_b"].capitalize()
    else:
        context = line["ctx"]
    if line.get("activity_label") is not None:
        context = line["activity_label"] + ": " + context
    endings = [preprocess(ending) for ending in line["endings"]]
    return {"context": preprocess(context), "endings": endings, "label": int(line["label"])}


def read_questions(path=QUESTIONS):
    lines = path.read_text(encoding="utf-8-sig").split("\n")
    return [texts(line) for line in lines if line.strip()]


def make(directory, save, integers):
    tensors = {}
    for seed, name in enumerate(["gpt2_tiny", "llama_tiny"]):
        model = transformers.AutoModelForCausalLM.from_pretrained(directory / name).to(F64)
        if name == "llama_tiny":
            golden_llama.in_float64(model)
        generator = random.Random(100 + seed)
        ids = integers(generator, 29, 40)
        tensors[f"{name}.input_ids"] = ids
        for context, stride in CONTEXTS:
            tensors[f"{name}.windows.{context}.{stride}"] = windows(
                model, ids.tolist(), context, stride)
        context = integers(generator, 29, 8)
        tensors[f"{name}.context"] = context
        # The last is too long for the model behind its context: of that, the oldest tokens go.
        for i, length in enumerate([1, 3, 5, 7]):
            ending = integers(generator, 29, length)
            whole = torch.cat([context, ending]).tolist()[-13:]
            score = log_probabilities(model, whole, len(whole) - length).sum()
            tensors[f"{name}.ending.{i}"] = ending
            tensors[f"{name}.score.{i}"] = score.reshape(1)
    save("evaluation.safetensors", tensors)
    expected = json.dumps(read_questions(), ensure_ascii=False, indent=1)
    (directory / "questions_expected.json").write_text(expected + "\n", encoding="utf-8")
