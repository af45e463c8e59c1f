"""The official Anthropic package."""

import base64

import anthropic

import scenarios
from scenarios import Answer, Application, Ask, Call, raises, same

FINISHES = {"end_turn": "stop", "tool_use": "tools"}
# They are told to think by an effort, as their pages say.
NEWEST = {"claude-opus-4-8", "claude-opus-5-5"}


def tool(name: str) -> dict:
    return {"name": name, "description": scenarios.TOOL_TEXT, "input_schema": scenarios.TOOL_SCHEMA}


def user(content) -> dict:
    return {"role": "user", "content": content}


def read(message) -> Answer:
    same((message.type, message.role), ("message", "assistant"))
    told = "".join(block.text for block in message.content if block.type == "text")
    thought = "".join(block.thinking for block in message.content if block.type == "thinking")
    calls = [Call(block.id, block.name, block.input) for block in message.content if block.type == "tool_use"]
    usage = message.usage
    cached = (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    tokens = (usage.input_tokens + cached, usage.output_tokens)
    return Answer(told, calls, FINISHES[message.stop_reason], tokens, message.content, thought)


class AnthropicMessages(Application):
    bad_request = anthropic.BadRequestError
    own = {"anthropic", *NEWEST}

    def __init__(self, url: str, key: str, authority: str) -> None:
        super().__init__(url, key, authority)
        hooks = {"response": [lambda answer: self.hear(answer.headers)]}
        http = anthropic.DefaultHttpxClient(event_hooks=hooks)
        client = anthropic.Anthropic(base_url=url, api_key=key, max_retries=0, timeout=20, http_client=http)
        self.messages = client.messages

    def samples(self, model):
        # Not both to those that refuse it.
        return {"temperature", "top_k"} if model in self.own else {"temperature", "top_p", "top_k"}

    def asked(self, model, *messages, **others) -> dict:
        return {"model": model, "max_tokens": scenarios.SAMPLING["limit"], "system": scenarios.SYSTEM, "messages": list(messages), **others}

    def ask(self, model, ask: Ask):
        others = {}
        if ask.tools:
            others["tools"] = [tool(name) for name in ask.tools]
        if ask.choice:
            named = {"type": "tool", "name": ask.choice}
            words = {"none": {"type": "none"}, "required": {"type": "any"}}
            others["tool_choice"] = words.get(ask.choice, named)
        output = {}
        if ask.schema:
            output["format"] = {"type": "json_schema", "schema": scenarios.ANSWER_SCHEMA}
        if self.thinks(ask, model):
            if model in NEWEST:
                others["thinking"], output["effort"] = {"type": "adaptive", "display": "summarized"}, "low"
            else:
                others["thinking"] = {"type": "enabled", "budget_tokens": 1024}
        if ask.sampled:
            # The package has no words for these any more, and applications still send them.
            others["extra_body"] = {name: scenarios.SAMPLING[name] for name in self.samples(model)}
        if output:
            others["output_config"] = output
        messages = [user(ask.prompt)]
        for before in ask.before:
            results = [
                {
                    "type": "tool_result",
                    "tool_use_id": call.id,
                    "content": [{"type": "text", "text": scenarios.WEATHER[call.arguments["city"]]}],
                }
                for call in before.calls
            ]
            messages += [{"role": "assistant", "content": before.turn}, user(results)]
        asked = self.asked(model, *messages, **others)
        return self.stream(asked) if ask.stream else read(self.messages.create(**asked))

    def stream(self, asked):
        indexes = []
        with self.messages.stream(**asked) as events:
            for event in events:
                if event.type == "content_block_start":
                    indexes.append(event.index)
            # The package raises where there was no end.
            answer = read(events.get_final_message())
        same(event.type, "message_stop")
        same(indexes, list(range(len(indexes))))
        return answer

    def image(self, model, prompt):
        source = {
            "type": "base64",
            "media_type": "image/png",
            "data": base64.b64encode(scenarios.IMAGE).decode(),
        }
        content = [{"type": "image", "source": source}, {"type": "text", "text": prompt}]
        return read(self.messages.create(**self.asked(model, user(content))))

    def refused(self, model, prompt, status):
        kind = {400: anthropic.BadRequestError, 404: anthropic.NotFoundError}[status]
        return raises(kind, lambda: self.ask(model, Ask(prompt))).message

    def is_broken(self, error):
        # The answer that it is of was a success.
        return isinstance(error, anthropic.APIStatusError) and error.response.status_code == 200

    def pieces(self, model, prompt):
        with self.messages.stream(**self.asked(model, user(prompt))) as events:
            yield from events.text_stream


if __name__ == "__main__":
    scenarios.run(AnthropicMessages)
