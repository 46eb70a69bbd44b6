"""Writes chats.json: what the templates beside this script make of conversations, by transformers.

    python make_golden.py          (transformers 4.57.3; 4.44.2 and 5.24.0 give the same but for
                                    `generation`, which 4.44.2 does not know)

The templates are written in the manner of those of SmolLM2, Llama 3, Mistral, Qwen and Gemma; the last
one uses as many parts of the language as possible.
"""

import json
from pathlib import Path

import transformers
from jinja2.exceptions import TemplateError
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

PLACE = Path(__file__).parent

user = lambda content: {"role": "user", "content": content}
assistant = lambda content: {"role": "assistant", "content": content}
system = lambda content: {"role": "system", "content": content}

CONVERSATIONS = {
    "one question": [user("What is gravity?")],
    "system text": [system("Answer in one sentence.\n"), user("What is gravity?")],
    "empty system text": [system(""), user("Hello")],
    "turns": [user("Hi"), assistant("  Hello! \n"), user("\n two\nlines \n"), assistant("Yes."), user("more")],
    "system text and turns": [system(" Be brief. "), user("Hi"), assistant("Hello!"), user("And?")],
    "unicode": [user("日本語 und Grüße 🦀\u00a0\u2003 e\u0301"), assistant("🇺🇳 ok"), user("\u200bإ")],
    "signs": [user("{{ bos_token }} {% raw %} <|im_end|> </s> <&>'\" \\n"), assistant("<b>"), user("%d")],
    "thoughts": [user("1+1"), assistant("<think>\nadd them\n</think>\n\n2"), user("</think> 2+2")],
    "two questions": [user("one"), user("two")],
    "ends with an answer": [user("one"), assistant("<think>\nx\n</think>\n1")],
    "begins with an answer": [assistant("one"), user("two")],
    "system text in the middle": [user("one"), system("two"), user("three")],
    "empty": [user("")],
}


def main():
    chats = []
    for path in sorted((PLACE / "templates").glob("*.jinja")):
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=Tokenizer(models.BPE()), bos_token="<s>", eos_token="</s>"
        )
        tokenizer.chat_template = path.read_text()
        for name, messages in CONVERSATIONS.items():
            for ask in [True, False]:
                chat = {"template": path.stem, "name": name, "messages": messages, "ask": ask}
                try:
                    chat["text"] = tokenizer.apply_chat_template(
                        messages, tokenize=False, add_generation_prompt=ask
                    )
                except TemplateError as error:
                    chat["refused"] = str(error)
                chats.append(chat)
    text = json.dumps(chats, ensure_ascii=False, indent=0)
    (PLACE / "chats.json").write_text(text + "\n")
    refused = sum("refused" in chat for chat in chats)
    print(f"transformers {transformers.__version__}: {len(chats)} texts, {refused} of them refused")


main()
