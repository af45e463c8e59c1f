"""The official OpenAI package, by chat completions."""

import base64
import json

import openai

import scenarios
from scenarios import Answer, Application, Ask, Call, raises, same

FINISHES = {"stop": "stop", "tool_calls": "tools"}


def tool(name: str) -> dict:
    function = {
        "name": name,
        "description": scenarios.TOOL_TEXT,
        "parameters": scenarios.TOOL_SCHEMA,
        "strict": True,
    }
    return {"type": "function", "function": function}


def messages(content) -> list[dict]:
    return [{"role": "system", "content": scenarios.SYSTEM}, {"role": "user", "content": content}]


def usage(given) -> tuple[int, int]:
    same(given.total_tokens, given.prompt_tokens + given.completion_tokens)
    return given.prompt_tokens, given.completion_tokens


def thoughts(message) -> str:
    """No field of the package, which keeps what it does not know."""
    extra = message.model_extra or {}
    return extra.get("reasoning_content") or extra.get("reasoning") or ""


def read(completion) -> Answer:
    same(completion.object, "chat.completion")
    (choice,) = completion.choices
    message = choice.message
    calls = [Call(call.id, call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls or []]
    finish = FINISHES[choice.finish_reason]
    return Answer(message.content or "", calls, finish, usage(completion.usage), message, thoughts(message))


def read_stream(events) -> Answer:
    answer, calls, extra = Answer(), {}, {}
    for event in events:
        same(event.object or "chat.completion.chunk", "chat.completion.chunk")
        if event.usage:
            answer.usage = usage(event.usage)
        for choice in event.choices:
            answer.text += choice.delta.content or ""
            for name in ["reasoning_content", "reasoning"]:
                told = (choice.delta.model_extra or {}).get(name)
                if told:
                    extra[name] = extra.get(name, "") + told
            for call in choice.delta.tool_calls or []:
                if call.index not in calls:
                    calls[call.index] = [call.id, call.function.name, ""]
                calls[call.index][2] += call.function.arguments or ""
            if choice.finish_reason:
                answer.finish = FINISHES[choice.finish_reason]
    same(sorted(calls), list(range(len(calls))))
    answer.calls = [Call(id, name, json.loads(arguments)) for id, name, arguments in calls.values()]
    answer.reasoning = "".join(extra.values())
    called = [
        {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}
        for id, name, arguments in calls.values()
    ]
    answer.turn = {"role": "assistant", "content": answer.text or None, "tool_calls": called, **extra}
    return answer


class OpenAiChat(Application):
    bad_request = openai.BadRequestError
    own = {"openai-chat", "azure", "gateway", "gpt-5-4", "gpt-5-6", "mistral", "groq", "deepseek", "my-deployment"}

    def __init__(self, url: str, key: str, authority: str) -> None:
        super().__init__(url, key, authority)
        hooks = {"response": [lambda answer: self.hear(answer.headers)]}
        http = openai.DefaultHttpxClient(event_hooks=hooks)
        client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=20, http_client=http)
        self.chat = client.chat.completions

    def ask(self, model, ask: Ask):
        others = {}
        if ask.tools:
            others["tools"] = [tool(name) for name in ask.tools]
        if ask.choice:
            named = {"type": "function", "function": {"name": ask.choice}}
            others["tool_choice"] = named if ask.choice in ask.tools else ask.choice
        if ask.schema:
            held = {"name": "place", "schema": scenarios.ANSWER_SCHEMA, "strict": True}
            others["response_format"] = {"type": "json_schema", "json_schema": held}
        if self.thinks(ask, model):
            others["reasoning_effort"] = "low"
        if ask.sampled:
            others |= {name: scenarios.SAMPLING[name] for name in self.samples(model)}
            others["max_tokens"] = scenarios.SAMPLING["limit"]
        conversation = messages(ask.prompt)
        for before in ask.before:
            results = [
                {"role": "tool", "tool_call_id": call.id, "content": scenarios.WEATHER[call.arguments["city"]]}
                for call in before.calls
            ]
            conversation += [before.turn, *results]
        if ask.stream:
            options = {"stream": True}
            # There usage comes unasked.
            if model != "mistral":
                options["stream_options"] = {"include_usage": True}
            return read_stream(self.chat.create(model=model, messages=conversation, **options, **others))
        return read(self.chat.create(model=model, messages=conversation, **others))

    def image(self, model, prompt):
        url = f"data:image/png;base64,{base64.b64encode(scenarios.IMAGE).decode()}"
        parts = [{"type": "text", "text": prompt}, {"type": "image_url", "image_url": {"url": url}}]
        return read(self.chat.create(model=model, messages=messages(parts)))

    def refused(self, model, prompt, status):
        kind = {400: openai.BadRequestError, 404: openai.NotFoundError}[status]
        return raises(kind, lambda: self.ask(model, Ask(prompt))).message

    def samples(self, model):
        return {"temperature", "top_p"}

    def is_broken(self, error):
        # Those for answers that are no streams are its subclasses.
        return type(error) is openai.APIError

    def pieces(self, model, prompt):
        with self.chat.create(model=model, messages=messages(prompt), stream=True) as events:
            for event in events:
                yield "".join(choice.delta.content or "" for choice in event.choices)


if __name__ == "__main__":
    scenarios.run(OpenAiChat)
