"""The official Anthropic package."""

import base64
import json

import anthropic

import scenarios
from scenarios import Answer, Application, Call, raises, same

TOOLS = [{"name": scenarios.TOOL, "description": scenarios.TOOL_TEXT, "input_schema": scenarios.TOOL_SCHEMA}]
FINISHES = {"end_turn": "stop", "tool_use": "tools"}


def user(content) -> dict:
    return {"role": "user", "content": content}


def read(message) -> Answer:
    same((message.type, message.role), ("message", "assistant"))
    told = "".join(block.text for block in message.content if block.type == "text")
    calls = [Call(block.id, block.name, block.input) for block in message.content if block.type == "tool_use"]
    usage = message.usage
    cached = (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    tokens = (usage.input_tokens + cached, usage.output_tokens)
    return Answer(told, calls, FINISHES[message.stop_reason], tokens, message.content)


class AnthropicMessages(Application):
    def __init__(self, url: str, key: str, authority: str) -> None:
        super().__init__(url, key, authority)
        self.messages = anthropic.Anthropic(base_url=url, api_key=key, max_retries=0, timeout=20).messages

    def asked(self, model, *messages, **others) -> dict:
        return {"model": model, "max_tokens": 500, "system": scenarios.SYSTEM, "messages": list(messages), **others}

    def ask(self, model, *messages, **others) -> Answer:
        return read(self.messages.create(**self.asked(model, *messages, **others)))

    def text(self, model, prompt):
        return self.ask(model, user(prompt))

    def stream(self, model, prompt, with_tools):
        extra = {"tools": TOOLS} if with_tools else {}
        indexes = []
        with self.messages.stream(**self.asked(model, user(prompt), **extra)) as events:
            for event in events:
                if event.type == "content_block_start":
                    indexes.append(event.index)
            # The package raises where there was no end.
            answer = read(events.get_final_message())
        same(event.type, "message_stop")
        same(indexes, list(range(len(indexes))))
        return answer

    def tools(self, model):
        return self.ask(model, user(scenarios.PROMPT), tools=TOOLS)

    def results(self, model, before):
        results = [
            {
                "type": "tool_result",
                "tool_use_id": call.id,
                "content": [{"type": "text", "text": scenarios.WEATHER[call.arguments["city"]]}],
            }
            for call in before.calls
        ]
        turn = {"role": "assistant", "content": before.turn}
        return self.ask(model, user(scenarios.PROMPT), turn, user(results), tools=TOOLS)

    def image(self, model, prompt):
        source = {
            "type": "base64",
            "media_type": "image/png",
            "data": base64.b64encode(scenarios.IMAGE).decode(),
        }
        return self.ask(model, user([{"type": "image", "source": source}, {"type": "text", "text": prompt}]))

    def schema(self, model):
        held = {"format": {"type": "json_schema", "schema": scenarios.ANSWER_SCHEMA}}
        answer = self.ask(model, user(scenarios.PROMPT), output_config=held)
        same((answer.finish, answer.calls), ("stop", []))
        return json.loads(answer.text)

    def refused(self, model, prompt, status):
        kind = {400: anthropic.BadRequestError, 404: anthropic.NotFoundError}[status]
        return raises(kind, lambda: self.text(model, prompt)).message

    def broken(self, model, prompt):
        raises(anthropic.APIStatusError, lambda: self.stream(model, prompt, with_tools=False))

    def leave(self, model, prompt):
        read = ""
        with self.messages.stream(**self.asked(model, user(prompt))) as events:
            for piece in events.text_stream:
                read += piece
                if len(read) > 20:
                    break
        return read


if __name__ == "__main__":
    scenarios.run(AnthropicMessages)
