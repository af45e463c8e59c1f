"""The official OpenAI package, by responses."""

import base64
import json

import openai

import scenarios
from scenarios import Answer, Application, Call, raises, same

TOOLS = [
    {
        "type": "function",
        "name": scenarios.TOOL,
        "description": scenarios.TOOL_TEXT,
        "parameters": scenarios.TOOL_SCHEMA,
        "strict": True,
    }
]


def read(response) -> Answer:
    same((response.object, response.status), ("response", "completed"))
    calls = [
        Call(item.call_id, item.name, json.loads(item.arguments))
        for item in response.output
        if item.type == "function_call"
    ]
    usage = response.usage
    same(usage.total_tokens, usage.input_tokens + usage.output_tokens)
    tokens = (usage.input_tokens, usage.output_tokens)
    return Answer(response.output_text, calls, "tools" if calls else "stop", tokens, response.output)


class OpenAiResponses(Application):
    def __init__(self, url: str, key: str, authority: str) -> None:
        super().__init__(url, key, authority)
        self.responses = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=20).responses

    def ask(self, model, input, **others):
        return self.responses.create(model=model, input=input, instructions=scenarios.SYSTEM, store=False, **others)

    def text(self, model, prompt):
        return read(self.ask(model, prompt))

    def stream(self, model, prompt, with_tools):
        extra = {"tools": TOOLS} if with_tools else {}
        told, arguments, last, numbers = "", {}, None, []
        for event in self.ask(model, prompt, stream=True, **extra):
            numbers.append(event.sequence_number)
            if event.type == "response.output_text.delta":
                told += event.delta
            elif event.type == "response.function_call_arguments.delta":
                arguments[event.output_index] = arguments.get(event.output_index, "") + event.delta
            elif event.type in ("response.failed", "error"):
                raise RuntimeError(f"the stream failed: {event}")
            last = event
        same(last.type, "response.completed")
        same(numbers, list(range(len(numbers))))
        answer = read(last.response)
        # What came in pieces is what the end says.
        same(told, answer.text)
        same([json.loads(one) for one in arguments.values()], [call.arguments for call in answer.calls])
        return answer

    def tools(self, model):
        return read(self.ask(model, scenarios.PROMPT, tools=TOOLS, parallel_tool_calls=True))

    def results(self, model, before):
        results = [
            {
                "type": "function_call_output",
                "call_id": call.id,
                "output": scenarios.WEATHER[call.arguments["city"]],
            }
            for call in before.calls
        ]
        conversation = [{"role": "user", "content": scenarios.PROMPT}, *before.turn, *results]
        return read(self.ask(model, conversation, tools=TOOLS))

    def image(self, model, prompt):
        url = f"data:image/png;base64,{base64.b64encode(scenarios.IMAGE).decode()}"
        parts = [
            {"type": "input_text", "text": prompt},
            {"type": "input_image", "image_url": url, "detail": "auto"},
        ]
        return read(self.ask(model, [{"role": "user", "content": parts}]))

    def schema(self, model):
        held = {"type": "json_schema", "name": "place", "schema": scenarios.ANSWER_SCHEMA, "strict": True}
        answer = read(self.ask(model, scenarios.PROMPT, text={"format": held}))
        same((answer.finish, answer.calls), ("stop", []))
        return json.loads(answer.text)

    def refused(self, model, prompt, status):
        kind = {400: openai.BadRequestError, 404: openai.NotFoundError}[status]
        return raises(kind, lambda: self.text(model, prompt)).message

    def broken(self, model, prompt):
        raises((openai.APIError, RuntimeError), lambda: self.stream(model, prompt, with_tools=False))

    def leave(self, model, prompt):
        events = self.ask(model, prompt, stream=True)
        read = ""
        for event in events:
            if event.type == "response.output_text.delta":
                read += event.delta
            if len(read) > 20:
                break
        events.close()
        return read


if __name__ == "__main__":
    scenarios.run(OpenAiResponses)
