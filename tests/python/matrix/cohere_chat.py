"""The official Cohere package, version 2 of its API."""

import base64
import json

import cohere
from cohere.core.api_error import ApiError

import scenarios
from scenarios import Answer, Application, Call, raises, same

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": scenarios.TOOL,
            "description": scenarios.TOOL_TEXT,
            "parameters": scenarios.TOOL_SCHEMA,
        },
    }
]
FINISHES = {"COMPLETE": "stop", "TOOL_CALL": "tools"}


def messages(content) -> list[dict]:
    return [{"role": "system", "content": scenarios.SYSTEM}, {"role": "user", "content": content}]


def tokens(usage) -> tuple[int, int]:
    return int(usage.tokens.input_tokens), int(usage.tokens.output_tokens)


def read(answer) -> Answer:
    message = answer.message
    same(message.role, "assistant")
    told = "".join(part.text for part in message.content or [] if part.type == "text")
    calls = [
        Call(call.id, call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls or []
    ]
    return Answer(told, calls, FINISHES[answer.finish_reason], tokens(answer.usage), message)


class CohereChat(Application):
    def __init__(self, url: str, key: str, authority: str) -> None:
        super().__init__(url, key, authority)
        self.client = cohere.ClientV2(api_key=key, base_url=url, timeout=20, max_retries=0)

    def text(self, model, prompt):
        return read(self.client.chat(model=model, messages=messages(prompt)))

    def stream(self, model, prompt, with_tools):
        extra = {"tools": TOOLS} if with_tools else {}
        answer, calls, last = Answer(), {}, None
        for event in self.client.chat_stream(model=model, messages=messages(prompt), **extra):
            if event.type == "content-delta":
                answer.text += event.delta.message.content.text or ""
            elif event.type == "tool-call-start":
                call = event.delta.message.tool_calls
                calls[event.index] = [call.id, call.function.name, call.function.arguments or ""]
            elif event.type == "tool-call-delta":
                calls[event.index][2] += event.delta.message.tool_calls.function.arguments
            last = event
        same(last.type, "message-end")
        if last.delta.finish_reason not in FINISHES:
            raise RuntimeError(f"the stream failed: {last}")
        answer.calls = [Call(id, name, json.loads(arguments)) for id, name, arguments in calls.values()]
        answer.finish, answer.usage = FINISHES[last.delta.finish_reason], tokens(last.delta.usage)
        return answer

    def tools(self, model):
        return read(self.client.chat(model=model, messages=messages(scenarios.PROMPT), tools=TOOLS))

    def results(self, model, before):
        results = [
            {"role": "tool", "tool_call_id": call.id, "content": scenarios.WEATHER[call.arguments["city"]]}
            for call in before.calls
        ]
        # As Cohere's own guide has it.
        turn = {
            "role": "assistant",
            "tool_calls": before.turn.tool_calls,
            "tool_plan": before.turn.tool_plan or "I will look it up.",
        }
        return read(
            self.client.chat(model=model, messages=[*messages(scenarios.PROMPT), turn, *results], tools=TOOLS)
        )

    def image(self, model, prompt):
        url = f"data:image/png;base64,{base64.b64encode(scenarios.IMAGE).decode()}"
        parts = [{"type": "text", "text": prompt}, {"type": "image_url", "image_url": {"url": url}}]
        return read(self.client.chat(model=model, messages=messages(parts)))

    def schema(self, model):
        held = {"type": "json_object", "json_schema": scenarios.ANSWER_SCHEMA}
        answer = read(self.client.chat(model=model, messages=messages(scenarios.PROMPT), response_format=held))
        same((answer.finish, answer.calls), ("stop", []))
        return json.loads(answer.text)

    def refused(self, model, prompt, status):
        kind = {400: cohere.BadRequestError, 404: cohere.NotFoundError}[status]
        error = raises(kind, lambda: self.text(model, prompt))
        assert isinstance(error, ApiError)
        same(error.status_code, status)
        return error.body["message"]

    def broken(self, model, prompt):
        raises((ApiError, RuntimeError), lambda: self.stream(model, prompt, with_tools=False))

    def leave(self, model, prompt):
        events = self.client.chat_stream(model=model, messages=messages(prompt))
        read = ""
        for event in events:
            if event.type == "content-delta":
                read += event.delta.message.content.text or ""
            if len(read) > 20:
                break
        events.close()
        return read


if __name__ == "__main__":
    scenarios.run(CohereChat)
