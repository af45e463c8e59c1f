"""The official OpenAI package, by chat completions."""

import base64
import json

import openai

import scenarios
from scenarios import Answer, Application, Call, raises, same

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": scenarios.TOOL,
            "description": scenarios.TOOL_TEXT,
            "parameters": scenarios.TOOL_SCHEMA,
            "strict": True,
        },
    }
]
FINISHES = {"stop": "stop", "tool_calls": "tools"}


def messages(content) -> list[dict]:
    return [{"role": "system", "content": scenarios.SYSTEM}, {"role": "user", "content": content}]


def usage(given) -> tuple[int, int]:
    same(given.total_tokens, given.prompt_tokens + given.completion_tokens)
    return given.prompt_tokens, given.completion_tokens


def read(completion) -> Answer:
    same(completion.object, "chat.completion")
    (choice,) = completion.choices
    calls = [
        Call(call.id, call.function.name, json.loads(call.function.arguments))
        for call in choice.message.tool_calls or []
    ]
    return Answer(
        choice.message.content or "", calls, FINISHES[choice.finish_reason], usage(completion.usage), choice.message
    )


class OpenAiChat(Application):
    def __init__(self, url: str, key: str, authority: str) -> None:
        super().__init__(url, key, authority)
        self.chat = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=20).chat.completions

    def text(self, model, prompt):
        return read(self.chat.create(model=model, messages=messages(prompt)))

    def stream(self, model, prompt, with_tools):
        answer, calls = Answer(), {}
        extra = {"tools": TOOLS} if with_tools else {}
        events = self.chat.create(
            model=model, messages=messages(prompt), stream=True, stream_options={"include_usage": True}, **extra
        )
        for event in events:
            same(event.object or "chat.completion.chunk", "chat.completion.chunk")
            if event.usage:
                answer.usage = usage(event.usage)
            for choice in event.choices:
                answer.text += choice.delta.content or ""
                for call in choice.delta.tool_calls or []:
                    if call.index not in calls:
                        calls[call.index] = [call.id, call.function.name, ""]
                    calls[call.index][2] += call.function.arguments or ""
                if choice.finish_reason:
                    answer.finish = FINISHES[choice.finish_reason]
        same(sorted(calls), list(range(len(calls))))
        answer.calls = [Call(id, name, json.loads(arguments)) for id, name, arguments in calls.values()]
        return answer

    def tools(self, model):
        return read(self.chat.create(model=model, messages=messages(scenarios.PROMPT), tools=TOOLS, max_tokens=500))

    def results(self, model, before):
        results = [
            {"role": "tool", "tool_call_id": call.id, "content": scenarios.WEATHER[call.arguments["city"]]}
            for call in before.calls
        ]
        conversation = [*messages(scenarios.PROMPT), before.turn, *results]
        return read(self.chat.create(model=model, messages=conversation, tools=TOOLS))

    def image(self, model, prompt):
        url = f"data:image/png;base64,{base64.b64encode(scenarios.IMAGE).decode()}"
        parts = [{"type": "text", "text": prompt}, {"type": "image_url", "image_url": {"url": url}}]
        return read(self.chat.create(model=model, messages=messages(parts)))

    def schema(self, model):
        held = {"name": "place", "schema": scenarios.ANSWER_SCHEMA, "strict": True}
        answer = read(
            self.chat.create(
                model=model,
                messages=messages(scenarios.PROMPT),
                response_format={"type": "json_schema", "json_schema": held},
            )
        )
        same((answer.finish, answer.calls), ("stop", []))
        return json.loads(answer.text)

    def refused(self, model, prompt, status):
        kind = {400: openai.BadRequestError, 404: openai.NotFoundError}[status]
        return raises(kind, lambda: self.text(model, prompt)).message

    def broken(self, model, prompt):
        raises(openai.APIError, lambda: self.stream(model, prompt, with_tools=False))

    def leave(self, model, prompt):
        events = self.chat.create(model=model, messages=messages(prompt), stream=True)
        read = ""
        for event in events:
            read += "".join(choice.delta.content or "" for choice in event.choices)
            if len(read) > 20:
                break
        events.close()
        return read


if __name__ == "__main__":
    scenarios.run(OpenAiChat)
