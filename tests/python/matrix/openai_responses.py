"""The official OpenAI package, by responses."""

import base64
import json

import openai

import scenarios
from scenarios import Answer, Application, Ask, Call, StreamFailed, raises, same


def tool(name: str) -> dict:
    return {
        "type": "function",
        "name": name,
        "description": scenarios.TOOL_TEXT,
        "parameters": scenarios.TOOL_SCHEMA,
        "strict": True,
    }


def read(response) -> Answer:
    same((response.object, response.status), ("response", "completed"))
    output = response.output
    calls = [Call(item.call_id, item.name, json.loads(item.arguments)) for item in output if item.type == "function_call"]
    told = [part.text for item in output if item.type == "reasoning" for part in [*item.summary, *(item.content or [])]]
    usage = response.usage
    same(usage.total_tokens, usage.input_tokens + usage.output_tokens)
    tokens = (usage.input_tokens, usage.output_tokens)
    return Answer(response.output_text, calls, "tools" if calls else "stop", tokens, output, "".join(told))


def failed(event) -> bool:
    return event.type in ("response.failed", "error")


def read_stream(events) -> Answer:
    told, arguments, last, numbers = "", {}, None, []
    for event in events:
        numbers.append(event.sequence_number)
        if event.type == "response.output_text.delta":
            told += event.delta
        elif event.type == "response.function_call_arguments.delta":
            arguments[event.output_index] = arguments.get(event.output_index, "") + event.delta
        elif failed(event):
            raise StreamFailed(event)
        last = event
    same(last.type, "response.completed")
    same(numbers, list(range(len(numbers))))
    answer = read(last.response)
    # What came in pieces is what the end says.
    same(told, answer.text)
    same([json.loads(one) for one in arguments.values()], [call.arguments for call in answer.calls])
    return answer


class OpenAiResponses(Application):
    bad_request = openai.BadRequestError
    own = {"openai-responses", "gateway", "gpt-5-4", "gpt-5-6"}

    def __init__(self, url: str, key: str, authority: str) -> None:
        super().__init__(url, key, authority)
        hooks = {"response": [lambda answer: self.hear(answer.headers)]}
        http = openai.DefaultHttpxClient(event_hooks=hooks)
        client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=20, http_client=http)
        self.responses = client.responses

    def create(self, model, input, **others):
        return self.responses.create(model=model, input=input, instructions=scenarios.SYSTEM, store=False, **others)

    def ask(self, model, ask: Ask):
        others = {}
        if ask.tools:
            others["tools"] = [tool(name) for name in ask.tools]
            others["parallel_tool_calls"] = True
        if ask.choice:
            named = {"type": "function", "name": ask.choice}
            others["tool_choice"] = named if ask.choice in ask.tools else ask.choice
        if ask.schema:
            held = {"type": "json_schema", "name": "place", "schema": scenarios.ANSWER_SCHEMA, "strict": True}
            others["text"] = {"format": held}
        if self.thinks(ask, model):
            others["reasoning"] = {"effort": "low", "summary": "auto"}
            # Nothing is stored.
            others["include"] = ["reasoning.encrypted_content"]
        if ask.sampled:
            others |= {name: scenarios.SAMPLING[name] for name in self.samples(model)}
            others["max_output_tokens"] = scenarios.SAMPLING["limit"]
        conversation = [{"role": "user", "content": ask.prompt}] if ask.before else ask.prompt
        for before in ask.before:
            results = [
                {
                    "type": "function_call_output",
                    "call_id": call.id,
                    "output": scenarios.WEATHER[call.arguments["city"]],
                }
                for call in before.calls
            ]
            conversation += [*before.turn, *results]
        if ask.stream:
            return read_stream(self.create(model, conversation, stream=True, **others))
        return read(self.create(model, conversation, **others))

    def image(self, model, prompt):
        url = f"data:image/png;base64,{base64.b64encode(scenarios.IMAGE).decode()}"
        parts = [
            {"type": "input_text", "text": prompt},
            {"type": "input_image", "image_url": url, "detail": "auto"},
        ]
        return read(self.create(model, [{"role": "user", "content": parts}]))

    def refused(self, model, prompt, status):
        kind = {400: openai.BadRequestError, 404: openai.NotFoundError}[status]
        return raises(kind, lambda: self.ask(model, Ask(prompt))).message

    def samples(self, model):
        return {"temperature", "top_p"}

    def is_broken(self, error):
        # Those for answers that are no streams are subclasses of the package's.
        return type(error) in (openai.APIError, StreamFailed)

    def pieces(self, model, prompt):
        with self.create(model, prompt, stream=True) as events:
            for event in events:
                if failed(event):
                    raise StreamFailed(event)
                if event.type == "response.output_text.delta":
                    yield event.delta


if __name__ == "__main__":
    scenarios.run(OpenAiResponses)
