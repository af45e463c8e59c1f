"""An application: the official OpenAI package against a proxy.

Arguments: the proxy's URL, a caller key for all models, a caller key that may not ask for `chat`.
"""

import sys

import openai

from checks import checked


def refused(kind: type, code: str, call) -> openai.APIStatusError:
    """A call that has to fail with this class and code."""
    try:
        call()
    except kind as error:
        assert error.code == code, (error.code, code)
        assert error.request_id, "the answer has no request id"
        return error
    raise AssertionError(f"{kind.__name__} was not raised")


def main() -> None:
    url, key, limited = sys.argv[1:]

    def client(api_key: str) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{url}/v1", api_key=api_key, max_retries=0, timeout=20)

    proxy = client(key)
    messages = [{"role": "user", "content": "hello"}]

    answer = proxy.chat.completions.create(model="chat", messages=messages)
    assert answer.choices[0].message.content == "hello" and answer.choices[0].finish_reason == "stop", answer
    assert answer.usage.total_tokens == 2, answer.usage
    checked("a chat is answered")

    pieces, reason = [], None
    for event in proxy.chat.completions.create(model="chat", messages=messages, stream=True):
        for choice in event.choices:
            pieces.append(choice.delta.content or "")
            reason = choice.finish_reason or reason
    assert "".join(pieces) == "0 1 2 " and reason == "stop", (pieces, reason)
    checked("a stream comes whole")

    vectors = proxy.embeddings.create(model="chat", input=["one", "two"])
    assert [list(item.embedding) for item in vectors.data] == [[1.0, 0.0], [1.0, 0.0]], vectors
    checked("embeddings come, in the encoding that the package asks for")

    ids = [model.id for model in proxy.models.list()]
    assert "chat" in ids, ids
    assert proxy.models.retrieve("chat").id == "chat"
    checked("models are listed and found")

    error = refused(
        openai.NotFoundError,
        "model_not_found",
        lambda: proxy.chat.completions.create(model="nobody", messages=messages),
    )
    assert "nobody" in error.message, error.message
    refused(
        openai.AuthenticationError,
        "caller_key_invalid",
        lambda: client("kp_wrong").chat.completions.create(model="chat", messages=messages),
    )
    refused(
        openai.PermissionDeniedError,
        "model_not_allowed",
        lambda: client(limited).chat.completions.create(model="chat", messages=messages),
    )
    checked("errors are the package's own classes, with their codes")


if __name__ == "__main__":
    main()
