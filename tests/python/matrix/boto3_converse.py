"""Amazon's package: Bedrock's Converse, with the caller key as its bearer token."""

import contextlib
import json
import os

import boto3
import botocore.config
from botocore.exceptions import ClientError, EventStreamError

import scenarios
from scenarios import Answer, Application, Ask, Call, Unsaid, raises, same

FINISHES = {"end_turn": "stop", "tool_use": "tools"}


def tool(name: str) -> dict:
    spec = {"name": name, "description": scenarios.TOOL_TEXT, "inputSchema": {"json": scenarios.TOOL_SCHEMA}}
    return {"toolSpec": spec}


def user(*content) -> dict:
    return {"role": "user", "content": list(content)}


def tokens(usage) -> tuple[int, int]:
    cached = usage.get("cacheReadInputTokens", 0) + usage.get("cacheWriteInputTokens", 0)
    return usage["inputTokens"] + cached, usage["outputTokens"]


def of(message, reason, usage) -> Answer:
    same(message["role"], "assistant")
    blocks = message["content"]
    told = "".join(block.get("text", "") for block in blocks)
    thought = "".join(block.get("reasoningContent", {}).get("reasoningText", {}).get("text", "") for block in blocks)
    uses = [block["toolUse"] for block in blocks if "toolUse" in block]
    calls = [Call(use["toolUseId"], use["name"], use["input"]) for use in uses]
    return Answer(told, calls, FINISHES[reason], tokens(usage), message, thought)


def add(blocks: dict, index: int, delta: dict) -> None:
    """A piece of a block."""
    if "text" in delta:
        blocks.setdefault(index, {"text": ""})["text"] += delta["text"]
    elif "toolUse" in delta:
        blocks[index]["toolUse"]["input"] += delta["toolUse"]["input"]
    elif "redactedContent" in delta["reasoningContent"]:
        blocks[index] = {"reasoningContent": {"redactedContent": delta["reasoningContent"]["redactedContent"]}}
    else:
        reasoning = blocks.setdefault(index, {"reasoningContent": {"reasoningText": {"text": ""}}})
        for name, piece in delta["reasoningContent"].items():
            text = reasoning["reasoningContent"]["reasoningText"]
            text[name] = text.get(name, "") + piece


def read_stream(events) -> Answer:
    blocks, role, reason, usage, names = {}, None, None, None, []
    for event in events:
        ((name, said),) = event.items()
        names.append(name)
        if name == "messageStart":
            role = said["role"]
        elif name == "contentBlockStart":
            blocks[said["contentBlockIndex"]] = {"toolUse": {**said["start"]["toolUse"], "input": ""}}
        elif name == "contentBlockDelta":
            add(blocks, said["contentBlockIndex"], said["delta"])
        elif name == "messageStop":
            reason = said["stopReason"]
        elif name == "metadata":
            usage = said["usage"]
    same(names[-2:], ["messageStop", "metadata"])
    for block in blocks.values():
        if "toolUse" in block:
            block["toolUse"]["input"] = json.loads(block["toolUse"]["input"])
    return of({"role": role, "content": list(blocks.values())}, reason, usage)


class Boto3Converse(Application):
    own = {"bedrock", "nova"}

    def __init__(self, url: str, key: str, authority: str) -> None:
        super().__init__(url, key, authority)
        os.environ["AWS_BEARER_TOKEN_BEDROCK"] = key
        settings = botocore.config.Config(retries={"total_max_attempts": 1}, read_timeout=20)
        self.client = boto3.client(
            "bedrock-runtime", region_name="us-east-1", endpoint_url=url, config=settings, verify=authority
        )
        self.bad_request = self.client.exceptions.ValidationException
        self.client.meta.events.register(
            "after-call.bedrock-runtime", lambda http_response, **_: self.hear(http_response.headers)
        )

    def asked(self, model, *messages, **others) -> dict:
        return {"modelId": model, "system": [{"text": scenarios.SYSTEM}], "messages": list(messages), **others}

    def ask(self, model, ask: Ask):
        others = {"inferenceConfig": {"maxTokens": scenarios.SAMPLING["limit"]}}
        if ask.tools:
            others["toolConfig"] = {"tools": [tool(name) for name in ask.tools]}
        if ask.choice == "none":
            raise Unsaid("a toolChoice is auto, any or tool")
        if ask.choice:
            chosen = {"any": {}} if ask.choice == "required" else {"tool": {"name": ask.choice}}
            others["toolConfig"]["toolChoice"] = chosen
        if ask.schema:
            definition = {"name": "place", "schema": json.dumps(scenarios.ANSWER_SCHEMA)}
            held = {"type": "json_schema", "structure": {"jsonSchema": definition}}
            others["outputConfig"] = {"textFormat": held}
        if self.thinks(ask, model):
            others["additionalModelRequestFields"] = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
        if ask.sampled:
            names = {"temperature": "temperature", "top_p": "topP"}
            others["inferenceConfig"] |= {names[name]: scenarios.SAMPLING[name] for name in self.samples(model)}
        messages = [user({"text": ask.prompt})]
        for before in ask.before:
            results = [
                {
                    "toolResult": {
                        "toolUseId": call.id,
                        "content": [{"text": scenarios.WEATHER[call.arguments["city"]]}],
                        "status": "success",
                    }
                }
                for call in before.calls
            ]
            messages += [before.turn, user(*results)]
        asked = self.asked(model, *messages, **others)
        if ask.stream:
            return read_stream(self.client.converse_stream(**asked)["stream"])
        answer = self.client.converse(**asked)
        return of(answer["output"]["message"], answer["stopReason"], answer["usage"])

    def image(self, model, prompt):
        image = {"format": "png", "source": {"bytes": scenarios.IMAGE}}
        answer = self.client.converse(**self.asked(model, user({"text": prompt}, {"image": image})))
        return of(answer["output"]["message"], answer["stopReason"], answer["usage"])

    def refused(self, model, prompt, status):
        modeled = self.client.exceptions
        kind = {400: modeled.ValidationException, 404: modeled.ResourceNotFoundException}[status]
        error = raises(kind, lambda: self.ask(model, Ask(prompt)))
        assert isinstance(error, ClientError)
        same(error.response["ResponseMetadata"]["HTTPStatusCode"], status)
        return error.response["Error"]["Message"]

    def samples(self, model):
        # Not both to those that refuse it.
        return {"temperature"} if model in self.own else {"temperature", "top_p"}

    def is_broken(self, error):
        return type(error) is EventStreamError

    def pieces(self, model, prompt):
        stream = self.client.converse_stream(**self.asked(model, user({"text": prompt})))["stream"]
        with contextlib.closing(stream) as events:
            for event in events:
                yield event.get("contentBlockDelta", {}).get("delta", {}).get("text", "")


if __name__ == "__main__":
    scenarios.run(Boto3Converse)
