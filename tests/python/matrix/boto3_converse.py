"""Amazon's package: Bedrock's Converse, with the caller key as its bearer token."""

import json
import os

import boto3
import botocore.config
from botocore.exceptions import ClientError, EventStreamError

import scenarios
from scenarios import Answer, Application, Call, raises, same

TOOL_CONFIG = {
    "tools": [
        {
            "toolSpec": {
                "name": scenarios.TOOL,
                "description": scenarios.TOOL_TEXT,
                "inputSchema": {"json": scenarios.TOOL_SCHEMA},
            }
        }
    ]
}
FINISHES = {"end_turn": "stop", "tool_use": "tools"}


def user(*content) -> dict:
    return {"role": "user", "content": list(content)}


def tokens(usage) -> tuple[int, int]:
    cached = usage.get("cacheReadInputTokens", 0) + usage.get("cacheWriteInputTokens", 0)
    return usage["inputTokens"] + cached, usage["outputTokens"]


def of(message, reason, usage) -> Answer:
    same(message["role"], "assistant")
    told = "".join(block.get("text", "") for block in message["content"])
    uses = [block["toolUse"] for block in message["content"] if "toolUse" in block]
    calls = [Call(use["toolUseId"], use["name"], use["input"]) for use in uses]
    return Answer(told, calls, FINISHES[reason], tokens(usage), message)


class Boto3Converse(Application):
    def __init__(self, url: str, key: str, authority: str) -> None:
        super().__init__(url, key, authority)
        os.environ["AWS_BEARER_TOKEN_BEDROCK"] = key
        settings = botocore.config.Config(retries={"total_max_attempts": 1}, read_timeout=20)
        self.client = boto3.client(
            "bedrock-runtime", region_name="us-east-1", endpoint_url=url, config=settings, verify=authority
        )

    def asked(self, model, *messages, **others) -> dict:
        return {"modelId": model, "system": [{"text": scenarios.SYSTEM}], "messages": list(messages), **others}

    def ask(self, model, *messages, **others) -> Answer:
        answer = self.client.converse(**self.asked(model, *messages, **others))
        return of(answer["output"]["message"], answer["stopReason"], answer["usage"])

    def text(self, model, prompt):
        return self.ask(model, user({"text": prompt}), inferenceConfig={"maxTokens": 500, "temperature": 0.5})

    def stream(self, model, prompt, with_tools):
        extra = {"toolConfig": TOOL_CONFIG} if with_tools else {}
        blocks, role, reason, usage, names = {}, None, None, None, []
        for event in self.client.converse_stream(**self.asked(model, user({"text": prompt}), **extra))["stream"]:
            ((name, said),) = event.items()
            names.append(name)
            if name == "messageStart":
                role = said["role"]
            elif name == "contentBlockStart":
                blocks[said["contentBlockIndex"]] = {"toolUse": {**said["start"]["toolUse"], "input": ""}}
            elif name == "contentBlockDelta":
                delta, index = said["delta"], said["contentBlockIndex"]
                if "text" in delta:
                    blocks.setdefault(index, {"text": ""})["text"] += delta["text"]
                elif "toolUse" in delta:
                    blocks[index]["toolUse"]["input"] += delta["toolUse"]["input"]
            elif name == "messageStop":
                reason = said["stopReason"]
            elif name == "metadata":
                usage = said["usage"]
        same(names[-2:], ["messageStop", "metadata"])
        for block in blocks.values():
            if "toolUse" in block:
                block["toolUse"]["input"] = json.loads(block["toolUse"]["input"])
        return of({"role": role, "content": list(blocks.values())}, reason, usage)

    def tools(self, model):
        return self.ask(model, user({"text": scenarios.PROMPT}), toolConfig=TOOL_CONFIG)

    def results(self, model, before):
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
        return self.ask(
            model, user({"text": scenarios.PROMPT}), before.turn, user(*results), toolConfig=TOOL_CONFIG
        )

    def image(self, model, prompt):
        image = {"format": "png", "source": {"bytes": scenarios.IMAGE}}
        return self.ask(model, user({"text": prompt}, {"image": image}))

    def schema(self, model):
        definition = {"name": "place", "schema": json.dumps(scenarios.ANSWER_SCHEMA)}
        held = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": definition}}}
        answer = self.ask(model, user({"text": scenarios.PROMPT}), outputConfig=held)
        same((answer.finish, answer.calls), ("stop", []))
        return json.loads(answer.text)

    def refused(self, model, prompt, status):
        modeled = self.client.exceptions
        kind = {400: modeled.ValidationException, 404: modeled.ResourceNotFoundException}[status]
        error = raises(kind, lambda: self.text(model, prompt))
        assert isinstance(error, ClientError)
        same(error.response["ResponseMetadata"]["HTTPStatusCode"], status)
        return error.response["Error"]["Message"]

    def broken(self, model, prompt):
        raises(EventStreamError, lambda: self.stream(model, prompt, with_tools=False))

    def leave(self, model, prompt):
        events = self.client.converse_stream(**self.asked(model, user({"text": prompt})))["stream"]
        read = ""
        for event in events:
            read += event.get("contentBlockDelta", {}).get("delta", {}).get("text", "")
            if len(read) > 20:
                break
        events.close()
        return read


if __name__ == "__main__":
    scenarios.run(Boto3Converse)
