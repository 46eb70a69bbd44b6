"""Holds the server to the client that most programs use: the package openai.

    cargo run -p stage03_gpt --features serve -- serve --model MODEL
    pip install -r requirements.txt
    python check.py http://127.0.0.1:8000

It works with every model; where it has a chat template, the answers are longer. What is checked is
what a client sees: the types that it makes of the answers, streams, usage, errors by their classes.
`.ci/run` runs it with a small model, and SmolLM2 where that is at hand.
"""

import asyncio
import sys

import openai

address = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000"
# No second try: an error is to be seen at once.
options = {"base_url": f"{address}/v1", "api_key": "none", "max_retries": 0, "timeout": 120}
client = openai.OpenAI(**options)

models = client.models.list().data
assert len(models) == 1, models
model = models[0].id
assert client.models.retrieve(model).id == model
question = [{"role": "user", "content": "What is gravity?"}]
usual = {"model": model, "messages": question, "max_tokens": 24, "seed": 7}


def refused(kind, **request):
    """The error of a request, which must be of this class."""
    try:
        client.chat.completions.create(**{**usual, **request})
    except kind as error:
        assert type(error) is kind, type(error)
        return error
    raise AssertionError(f"{request} was not refused")


# A whole answer.
whole = client.chat.completions.create(**usual)
text = whole.choices[0].message.content
print("answer:", text)
assert whole.id.startswith("chatcmpl-") and whole.object == "chat.completion"
assert whole.choices[0].message.role == "assistant"
assert whole.choices[0].finish_reason in ("stop", "length")
usage = whole.usage
assert 0 < usage.completion_tokens <= 24 and usage.prompt_tokens > 0
assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens

# The same seed gives the same answer, also as a stream, whose last piece has the usage.
assert client.chat.completions.create(**usual).choices[0].message.content == text
pieces = list(client.chat.completions.create(**usual, stream=True, stream_options={"include_usage": True}))
assert "".join(p.choices[0].delta.content or "" for p in pieces if p.choices) == text
assert pieces[0].choices[0].delta.role == "assistant"
assert pieces[-2].choices[0].finish_reason == whole.choices[0].finish_reason
assert pieces[-1].usage.completion_tokens == usage.completion_tokens
# The client's own reader of streams puts the answer together.
with client.chat.completions.stream(**usual) as stream:
    for _ in stream:
        pass
    try:
        final = stream.get_final_completion()
    except openai.LengthFinishReasonError as error:  # its word for an answer that was cut
        final = error.completion
    assert final.choices[0].message.content == text

# Parts of text, a system text, the newer name of the limit, a setting that is not OpenAI's.
parts = [{"role": "developer", "content": "Be brief."},
         {"role": "user", "content": [{"type": "text", "text": "What is "}, {"type": "text", "text": "gravity?"}]}]
short = client.chat.completions.create(
    model=model, messages=parts, max_completion_tokens=5, temperature=0,
    extra_body={"top_k": 20, "repetition_penalty": 1.1})
assert short.usage.completion_tokens <= 5

# The answer of the client itself, sent back as it is; what was read for it is not read again.
client.chat.completions.create(**usual)
turns = [*question, whole.choices[0].message, {"role": "user", "content": "Why?"}]
second = client.chat.completions.create(model=model, messages=turns, max_tokens=5)
assert second.usage.prompt_tokens_details.cached_tokens >= usage.prompt_tokens - 1

# A stop sequence is not part of the answer.
if len(text) > 12:
    stop = text[8:12]
    stopped = client.chat.completions.create(**usual, stop=[stop])
    assert stopped.choices[0].message.content == text.split(stop)[0], stopped
    assert stopped.choices[0].finish_reason == "stop"

# Texts are continued: one, several, as a stream.
one = client.completions.create(model=model, prompt="The", max_tokens=8, seed=1)
two = client.completions.create(model=model, prompt=["The", "And"], max_tokens=8, seed=1)
assert len(two.choices) == 2 and two.choices[0].text == one.choices[0].text
stream = client.completions.create(model=model, prompt="The", max_tokens=8, seed=1, stream=True)
assert "".join(piece.choices[0].text for piece in stream) == one.choices[0].text

# Errors have their classes, and name what is wrong.
assert refused(openai.NotFoundError, model="gpt-4o").code == "model_not_found"
assert refused(openai.BadRequestError, temperature=3).param == "temperature"
for name, value in [("n", 2), ("frequency_penalty", 1), ("logprobs", True),
                    ("response_format", {"type": "json_object"}), ("tools", [
                        {"type": "function", "function": {"name": "f", "parameters": {}}}])]:
    error = refused(openai.BadRequestError, **{name: value})
    assert error.param == name and error.code == "unsupported_parameter", error
long = [{"role": "user", "content": "the user asks " * 50_000}]
assert refused(openai.BadRequestError, messages=long).code == "context_length_exceeded"
try:
    client.embeddings.create(model=model, input="x")
    raise AssertionError("there are no embeddings")
except openai.NotFoundError:
    pass

# A stream that is closed early is dropped, and the next request is answered.
stream = client.chat.completions.create(**{**usual, "max_tokens": 100}, stream=True)
next(iter(stream))
stream.close()
assert client.chat.completions.create(**usual).choices[0].message.content == text


async def at_once():
    """Several clients at once: each gets what it would get alone."""
    async with openai.AsyncOpenAI(**options) as client:
        answers = [client.chat.completions.create(**usual) for _ in range(8)]
        return [answer.choices[0].message.content for answer in await asyncio.gather(*answers)]


assert asyncio.run(at_once()) == [text] * 8
print(f"The package openai {openai.__version__} understands this server.")
