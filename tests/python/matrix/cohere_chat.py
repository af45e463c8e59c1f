"""The official Cohere package, version 2 of its API."""

import base64
import contextlib
import json

import cohere
import httpx
from cohere.core.api_error import ApiError

import scenarios
from scenarios import Answer, Application, Ask, Call, StreamFailed, Unsaid, raises, same

FINISHES = {"COMPLETE": "stop", "TOOL_CALL": "tools"}


def tool(name: str) -> dict:
    function = {"name": name, "description": scenarios.TOOL_TEXT, "parameters": scenarios.TOOL_SCHEMA}
    return {"type": "function", "function": function}


def messages(content) -> list[dict]:
    return [{"role": "system", "content": scenarios.SYSTEM}, {"role": "user", "content": content}]


def tokens(usage) -> tuple[int, int]:
    return int(usage.tokens.input_tokens), int(usage.tokens.output_tokens)


def read(answer) -> Answer:
    message = answer.message
    same(message.role, "assistant")
    told = "".join(part.text for part in message.content or [] if part.type == "text")
    thought = "".join(part.thinking for part in message.content or [] if part.type == "thinking")
    calls = [
        Call(call.id, call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls or []
    ]
    # As Cohere's own guide has it, and its thoughts with it.
    turn = {
        "role": "assistant",
        "tool_calls": message.tool_calls,
        "tool_plan": message.tool_plan or "I will look it up.",
    }
    if message.content:
        turn["content"] = message.content
    return Answer(told, calls, FINISHES[answer.finish_reason], tokens(answer.usage), turn, thought)


def failed(event) -> bool:
    return event.type == "message-end" and event.delta.finish_reason not in FINISHES


def read_stream(events) -> Answer:
    answer, calls, plan, last = Answer(), {}, "", None
    for event in events:
        if event.type == "content-delta":
            content = event.delta.message.content
            answer.text += content.text or ""
            answer.reasoning += content.thinking or ""
        elif event.type == "tool-plan-delta":
            plan += event.delta.message.tool_plan
        elif event.type == "tool-call-start":
            call = event.delta.message.tool_calls
            calls[event.index] = [call.id, call.function.name, call.function.arguments or ""]
        elif event.type == "tool-call-delta":
            calls[event.index][2] += event.delta.message.tool_calls.function.arguments
        last = event
    same(last.type, "message-end")
    if failed(last):
        raise StreamFailed(last)
    answer.calls = [Call(id, name, json.loads(arguments)) for id, name, arguments in calls.values()]
    answer.finish, answer.usage = FINISHES[last.delta.finish_reason], tokens(last.delta.usage)
    called = [
        {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}
        for id, name, arguments in calls.values()
    ]
    answer.turn = {"role": "assistant", "tool_calls": called, "tool_plan": plan or "I will look it up."}
    if answer.reasoning:
        answer.turn["content"] = [{"type": "thinking", "thinking": answer.reasoning}]
    return answer


class CohereChat(Application):
    bad_request = cohere.BadRequestError
    own = {"cohere", "command-a"}

    def __init__(self, url: str, key: str, authority: str) -> None:
        super().__init__(url, key, authority)
        http = httpx.Client(timeout=20, event_hooks={"response": [lambda answer: self.hear(answer.headers)]})
        self.client = cohere.ClientV2(api_key=key, base_url=url, timeout=20, max_retries=0, httpx_client=http)

    def ask(self, model, ask: Ask):
        others = {}
        if ask.tools:
            others["tools"] = [tool(name) for name in ask.tools]
        if ask.choice:
            if ask.choice in ask.tools:
                raise Unsaid("a tool_choice is REQUIRED or NONE")
            others["tool_choice"] = ask.choice.upper()
        if ask.schema:
            others["response_format"] = {"type": "json_object", "json_schema": scenarios.ANSWER_SCHEMA}
        if self.thinks(ask, model):
            others["thinking"] = {"type": "enabled", "token_budget": 1024}
        if ask.sampled:
            names = {"temperature": "temperature", "top_p": "p", "top_k": "k", "limit": "max_tokens"}
            others |= {names[name]: value for name, value in scenarios.SAMPLING.items()}
        conversation = messages(ask.prompt)
        for before in ask.before:
            results = [
                {"role": "tool", "tool_call_id": call.id, "content": scenarios.WEATHER[call.arguments["city"]]}
                for call in before.calls
            ]
            conversation += [before.turn, *results]
        if ask.stream:
            return read_stream(self.client.chat_stream(model=model, messages=conversation, **others))
        return read(self.client.chat(model=model, messages=conversation, **others))

    def image(self, model, prompt):
        url = f"data:image/png;base64,{base64.b64encode(scenarios.IMAGE).decode()}"
        parts = [{"type": "text", "text": prompt}, {"type": "image_url", "image_url": {"url": url}}]
        return read(self.client.chat(model=model, messages=messages(parts)))

    def refused(self, model, prompt, status):
        kind = {400: cohere.BadRequestError, 404: cohere.NotFoundError}[status]
        error = raises(kind, lambda: self.ask(model, Ask(prompt)))
        assert isinstance(error, ApiError)
        same(error.status_code, status)
        return error.body["message"]

    def samples(self, model):
        return {"temperature", "top_p", "top_k"}

    def is_broken(self, error):
        return type(error) is StreamFailed

    def pieces(self, model, prompt):
        with contextlib.closing(self.client.chat_stream(model=model, messages=messages(prompt))) as events:
            for event in events:
                if failed(event):
                    raise StreamFailed(event)
                if event.type == "content-delta":
                    yield event.delta.message.content.text or ""


if __name__ == "__main__":
    scenarios.run(CohereChat)
