"""Prints golden.json: what the `tokenizers` library makes of texts, with the rules of several models.

    pip install tokenizers==0.23.*
    python golden.py > golden.json

The rules are those of the models' own files; the vocabularies are small ones, trained here on a few
lines. The byte-level ones share a vocabulary, and so do those in the manner of SentencePiece; it
stands once in the list `vocabularies`. Each text has its tokens, its tokens with special tokens
spelled out, and what the tokens decode to, with and without special tokens.
"""

import json
import random

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers import processors, trainers

LEARNED = """\
The cat's hat: "it's 2024," they'll say, isn't it?\n\n    def sat(self, x):\n        return x[10]\n
In 1999 the mats were the cats' and the rats sat; (the) end. naïve café, 日本語 日本 \u00e9t\u00e9 \t\tend
"""
WORDS = ["the", " the", " cat", "'s", "'S", "'Ll", "'\u017f", "1", "12", " 2024", "½", "Ⅷ", " ", "  "]
WORDS += ["    ", "\n", "\n\n", "\r\n", "\t", " \n", "\u00a0", "\u3000", "!", ";\n", "...", "(the", "_x"]
WORDS += ["é", "e\u0301", "日本", "語", "😀", "\u0000", "<s>", "</s>", "<user>", "<|end", "▁", "<0x0A>"]
ADDED = [AddedToken("<s>", special=True), AddedToken("</s>", special=True)]
ADDED += [AddedToken("<user>", lstrip=True, normalized=False)]
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def byte_level(use_regex):
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)


def split(regex):
    parts = [pre_tokenizers.Split(Regex(regex), "isolated"), byte_level(False)]
    return pre_tokenizers.Sequence(parts)


def metaspace(scheme):
    return pre_tokenizers.Metaspace(prepend_scheme=scheme, split=False)


DIGITS = pre_tokenizers.Digits(individual_digits=True)
# Name, pre-tokenizer, normaliser, whether merges are ignored.
KINDS = [
    ("GPT-2", byte_level(True), None, False),
    ("SmolLM2", pre_tokenizers.Sequence([DIGITS, byte_level(True)]), None, False),
    ("Llama 3", split(LLAMA3), None, True),
    ("Qwen2", split(LLAMA3.replace("{1,3}", "")), normalizers.NFC(), False),
    ("Llama 2", None, normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]), False),
    ("Llama 2, newer", metaspace("first"), None, False),
    ("always", metaspace("always"), None, False),
    ("never", metaspace("never"), None, False),
]


def learned(of_bytes):
    """The vocabulary and merges of a tokenizer trained on LEARNED."""
    new = Tokenizer(models.BPE(byte_fallback=not of_bytes))
    if of_bytes:
        new.pre_tokenizer = byte_level(True)
        alphabet, first, size = pre_tokenizers.ByteLevel.alphabet(), [], 320
        # Two bytes have no token: byte 0, and the first of 😀.
        alphabet = [letter for letter in alphabet if letter not in "\u0100\u00f0"]
    else:
        # Here the words are cut, so that no token goes on from one into the next.
        new.normalizer = normalizers.Replace(" ", "▁")
        new.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=True)
        alphabet, first, size = [], [f"<0x{byte:02X}>" for byte in range(256)], 360
    trainer = trainers.BpeTrainer(vocab_size=size, min_frequency=2, initial_alphabet=alphabet,
                                  special_tokens=first, show_progress=False)
    new.train_from_iterator([LEARNED], trainer)
    model = json.loads(new.to_str())["model"]
    if of_bytes:
        # A token that no merges lead to, as Llama 3 has some.
        model["vocab"]["Ġcatsat"] = len(model["vocab"])
    return {"vocab": model["vocab"], "merges": model["merges"]}


vocabularies = [learned(of_bytes=True), learned(of_bytes=False)]
chance = random.Random(1)
cases = []
for name, pre_tokenizer, normalizer, ignore_merges in KINDS:
    of_bytes = "Metaspace" not in str(pre_tokenizer) and pre_tokenizer is not None
    vocabulary = vocabularies[0 if of_bytes else 1]
    file = json.loads(Tokenizer(models.BPE()).to_str())
    file["model"] |= vocabulary
    file["model"] |= {"byte_fallback": not of_bytes, "ignore_merges": ignore_merges}
    library = Tokenizer.from_str(json.dumps(file))
    if pre_tokenizer is not None:
        library.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        library.normalizer = normalizer
    library.decoder = decoders.ByteLevel() if of_bytes else decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
         decoders.Strip(" ", 1, 0)])
    for token in ADDED:
        (library.add_special_tokens if token.special else library.add_tokens)([token])
    begin = ("<s>", library.token_to_id("<s>"))
    template = processors.TemplateProcessing("<s> $A", "<s> $A <s> $B", [begin])
    library.post_processor = template
    texts = ["", " catsat catsats", "It's 12345 <user>the cat\r\n\r\n  x"]
    while len(texts) < 14:
        pool = ADDED + WORDS
        pieces = [str(getattr(p, "content", p)) for p in chance.choices(pool, k=chance.randint(1, 9))]
        texts.append("".join(pieces))
    made = []
    for text in texts:
        library.encode_special_tokens = True
        ordinary = library.encode(text, add_special_tokens=False).ids
        library.encode_special_tokens = False
        ids = library.encode(text, add_special_tokens=False).ids
        assert library.encode(text).ids == [begin[1], *ids]
        whole = library.decode(ids, skip_special_tokens=False)
        made.append([text, ids, ordinary, whole, library.decode(ids)])
    file = json.loads(library.to_str())
    for part in vocabulary:
        del file["model"][part]
    cases.append({"name": name, "vocabulary": 0 if of_bytes else 1, "file": file, "texts": made})
lines = lambda items: "[\n" + ",\n".join(json.dumps(item, ensure_ascii=True) for item in items) + "\n]"
print('{"vocabularies": ' + lines(vocabularies) + ',\n"cases": ' + lines(cases) + "}")
