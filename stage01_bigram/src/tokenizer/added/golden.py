"""Prints golden.json: what the `tokenizers` library makes of texts with added tokens.

    pip install tokenizers==0.23.*
    python golden.py > golden.json

Each case has its own added tokens with attributes drawn by chance: s(ingle_word), l(strip),
r(strip), n(ormalized), and S(pecial). Each text has its tokens, its tokens with special tokens
spelled out, and what the tokens decode to, with and without special tokens.
"""

import json
import random

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

LEARNED = "the cat sat on the mat and the cat sat\n"
POOL = ["<a>", "<ab>", "<a", "a>", "ab", "  ", " ", "\n", " x", "<x y>", "_k", "<|endoftext|>"]
POOL += ["<mask>", "</s>", "aa", "\u3000", "'s", "a b", "<a><a>", "日本"]
LETTERS = ["a", "b", "<", ">", " ", "  ", "\n", "_", "é", "日", "x", "1", "\u3000", "\u200d", "."]
LETTERS += ["'s", "the", " cat"]


def tokenizer():
    new = Tokenizer(models.BPE())
    new.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    new.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=262,
        min_frequency=2,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    new.train_from_iterator([LEARNED], trainer)
    return new


chance = random.Random(1)
cases = []
for _ in range(24):
    library = tokenizer()
    spellings = chance.sample(POOL, chance.randint(1, 6))
    added = []
    for spelling in spellings:
        attributes = "".join(letter for letter in "slrnS" if chance.random() < 0.35)
        added.append([spelling, attributes])
        token = AddedToken(
            spelling,
            single_word="s" in attributes,
            lstrip="l" in attributes,
            rstrip="r" in attributes,
            normalized="n" in attributes,
        )
        if "S" in attributes:
            library.add_special_tokens([token])
        else:
            library.add_tokens([token])
    texts = []
    while len(texts) < 6:
        pieces = [
            chance.choice(spellings if chance.random() < 0.5 else LETTERS)
            for _ in range(chance.randint(1, 9))
        ]
        text = "".join(pieces)
        try:
            library.encode_special_tokens = False
            ids = library.encode(text).ids
            library.encode_special_tokens = True
            ordinary = library.encode(text).ids
        except BaseException:  # the library panics where one token took along all of the next
            continue
        whole = library.decode(ids, skip_special_tokens=False)
        texts.append([text, ids, ordinary, whole, library.decode(ids)])
    cases.append({"added": added, "texts": texts})
print("[\n" + ",\n".join(json.dumps(case, ensure_ascii=True) for case in cases) + "\n]")
