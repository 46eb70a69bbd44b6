"""Prints the numbers that the tests of the tokenizers expect.

    pip install tokenizers==0.23.* tiktoken==0.14.*
    python golden.py r50k_base.tiktoken

The argument is GPT-2's list of tokens as tiktoken publishes it; the crate tiktoken-rs has
it in its directory `assets`.
"""

import base64
import json
import sys

import tiktoken
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

# GPT-2: bpe/tests.rs

ranks = {}
for line in open(sys.argv[1], "rb"):
    token, rank = line.split()
    ranks[base64.b64decode(token)] = int(rank)
gpt2 = tiktoken.Encoding(
    "gpt2",
    pat_str=r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    mergeable_ranks=ranks,
    special_tokens={"<|endoftext|>": 50256},
)
for text in [
    "In the beginning God created the heaven and the earth.",
    "I'll say they've said it's 1234567 o'clock, DON'T",
    "a  b   c\r\n\r\n\td \u00a0e\n",
    "naïve café über Straße Ελλάδα Москва",
    "日本語 한국어 中文",
    "👩‍👩‍👧 🇩🇪 e\u0301 क्ष",
    "<|endoftext|>",
    "a" * 40,
    "\x00\x7f\u2028",
]:
    print(json.dumps(text, ensure_ascii=True), gpt2.encode_ordinary(text))

# The trainer: bpe/train/tests.rs

text = (
    "How much wood would a woodchuck chuck\nif a woodchuck could chuck wood?\n"
    "He would chuck, he would, as much as he could,\n"
    "and chuck as much wood as a woodchuck would\nif a woodchuck could chuck wood.\n"
)
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
trainer = trainers.BpeTrainer(
    vocab_size=300,
    min_frequency=2,
    initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    show_progress=False,
)
tokenizer.train_from_iterator([text], trainer)
print([" ".join(merge) for merge in json.loads(tokenizer.to_str())["model"]["merges"]])
