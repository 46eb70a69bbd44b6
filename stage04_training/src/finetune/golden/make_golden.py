"""Writes what transformers makes of conversations, to compare with.

    python make_golden.py SmolLM2-135M-Instruct.Q4_1.gguf      (transformers 4.57.3, gguf 0.19)

plain.json      texts, by plain.jinja, which is what PlainTemplate::jinja() gives for a tokenizer whose
                end-of-text token is <|endoftext|>
smollm2.json    tokens, and which of them are the assistant's, by SmolLM2's template and tokenizer, which
                are read from the file that stage03_gpt/fetch-smollm2.sh fetches
"""

import json
import sys
from pathlib import Path

from gguf import GGUFReader
from jinja2.exceptions import TemplateError
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

PLACE = Path(__file__).parent

user = lambda content: {"role": "user", "content": content}
assistant = lambda content: {"role": "assistant", "content": content}
system = lambda content: {"role": "system", "content": content}

PLAIN = [
    [user("What is gravity?")],
    [user(" Hi\n"), assistant("\n\nHello, 'you'! \t"), user("1 + 1"), assistant("2")],
    [system("Be brief.\n"), user("Grüße 🦀"), assistant("日本語")],
    [system(""), user(""), assistant("{{ x }} \\n")],
    [user("<b>&"), assistant("\u00a0no break\u2003")],
    [user("one"), user("two"), assistant("three")],
    [assistant("one")],
    [user("one"), system("two"), assistant("three")],
]

CHATS = [
    [user("What is gravity?"), assistant("Masses attract each other.")],
    [system("Answer in one sentence."), user("Why?"), assistant("Because."), user("And?"), assistant("So.")],
    [user("12345 + 1 =\n"), assistant("12346\n\nThat's it.")],
    [user("日本語 und Grüße 🦀"), assistant("🇺🇳 ok  \n"), user(""), assistant("\tYes")],
    [user("a  b"), assistant(" it's what you'll see"), user("  \n x"), assistant("```rust\nfn main() {}\n```\n")],
    [system(""), user("I"), assistant("1"), user("II"), assistant("2"), user("III"), assistant("3")],
]

# The part of SmolLM2's template that writes a message, and the same with the tags that mark an answer.
MESSAGE = "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
MARKED = """{{'<|im_start|>' + message['role'] + '\n'}}{% if message['role'] == 'assistant' %}\
{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}{% else %}\
{{ message['content'] + '<|im_end|>' }}{% endif %}{{'\n'}}"""


def write(name, value):
    lines = ",\n".join(json.dumps(each, ensure_ascii=False) for each in value)
    (PLACE / name).write_text(f"[\n{lines}\n]\n")


def plain():
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()))
    tokenizer.chat_template = (PLACE / "plain.jinja").read_text().strip()
    chats = []
    for messages in PLAIN:
        for ask in [False, True]:
            chat = {"messages": messages, "ask": ask}
            try:
                chat["text"] = tokenizer.apply_chat_template(
                    messages, tokenize=False, add_generation_prompt=ask
                )
            except TemplateError as error:
                chat["refused"] = str(error)
            chats.append(chat)
    write("plain.json", chats)


def smollm2(path):
    reader = GGUFReader(path)
    entry = lambda name: reader.get_field(f"tokenizer.{name}").contents()
    tokens, merges, types = (entry(f"ggml.{name}") for name in ["tokens", "merges", "token_type"])
    assert entry("ggml.pre") == "smollm"
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocabulary, [tuple(merge.split(" ")) for merge in merges]))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = [token for token, kind in zip(tokens, types) if kind == 3]  # control tokens
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in special])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=tokenizer)

    template = entry("chat_template")
    marked = template.replace(MESSAGE, MARKED)
    assert marked != template, template
    chats = []
    for messages in CHATS:
        ids = tokenizer.apply_chat_template(messages, chat_template=template, tokenize=True)
        made = tokenizer.apply_chat_template(
            messages, chat_template=marked, return_dict=True, return_assistant_tokens_mask=True
        )
        assert made["input_ids"] == ids
        chats.append({"messages": messages, "ids": ids, "assistant_masks": made["assistant_masks"]})
    write("smollm2.json", chats)


if __name__ == "__main__":
    plain()
    smollm2(sys.argv[1])
