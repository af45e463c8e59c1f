"""The official Google package, as it speaks to AI Studio."""

import contextlib
import json
import uuid

import httpx
from google import genai
from google.genai import errors, types

import scenarios
from scenarios import Answer, Application, Ask, Call, raises, same


def declared(name: str) -> types.FunctionDeclaration:
    """As most applications write it: in Google's own subset of OpenAPI, whose types are in capitals."""
    return types.FunctionDeclaration(
        name=name,
        description=scenarios.TOOL_TEXT,
        parameters=types.Schema(
            type=types.Type.OBJECT,
            properties={"city": types.Schema(type=types.Type.STRING, description="The city.")},
            required=["city"],
        ),
    )


def config(**others) -> types.GenerateContentConfig:
    manual = types.AutomaticFunctionCallingConfig(disable=True)
    return types.GenerateContentConfig(
        system_instruction=scenarios.SYSTEM, automatic_function_calling=manual, **others
    )


def user(*parts) -> types.Content:
    return types.Content(role="user", parts=list(parts))


def read(chunks: list) -> Answer:
    """One answer, or the pieces of a stream."""
    answer, parts, reason = Answer(), [], None
    for chunk in chunks:
        usage = chunk.usage_metadata
        if usage:
            output = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
            answer.usage = (usage.prompt_token_count, output)
        for candidate in chunk.candidates or []:
            parts += (candidate.content and candidate.content.parts) or []
            reason = candidate.finish_reason or reason
    answer.text = "".join(part.text for part in parts if part.text and not part.thought)
    answer.reasoning = "".join(part.text for part in parts if part.text and part.thought)
    for part in parts:
        if part.function_call:
            # Gemini need not give ids: then the order is what pairs.
            call = part.function_call
            answer.calls.append(Call(call.id or f"none-{uuid.uuid4()}", call.name, call.args))
    same(reason, types.FinishReason.STOP)
    answer.finish = "tools" if answer.calls else "stop"
    answer.turn = types.Content(role="model", parts=parts)
    return answer


class GoogleGenai(Application):
    bad_request = errors.ClientError
    own = {"gemini", "vertex", "gemini-3-pro"}

    def __init__(self, url: str, key: str, authority: str) -> None:
        super().__init__(url, key, authority)
        http = httpx.Client(event_hooks={"response": [lambda answer: self.hear(answer.headers)]})
        options = types.HttpOptions(base_url=url, timeout=20_000, httpx_client=http)
        # The client is what keeps the connections open.
        self.client = genai.Client(api_key=key, vertexai=False, http_options=options)

    def ask(self, model, ask: Ask):
        others = {}
        if ask.tools:
            others["tools"] = [types.Tool(function_declarations=[declared(name) for name in ask.tools])]
        if ask.choice:
            called = {"none": {"mode": "NONE"}, "required": {"mode": "ANY"}}
            choice = called.get(ask.choice, {"mode": "ANY", "allowed_function_names": [ask.choice]})
            calling = types.FunctionCallingConfig(**choice)
            others["tool_config"] = types.ToolConfig(function_calling_config=calling)
        if ask.schema:
            others |= {"response_mime_type": "application/json", "response_json_schema": scenarios.ANSWER_SCHEMA}
        if self.thinks(ask, model):
            others["thinking_config"] = types.ThinkingConfig(include_thoughts=True, thinking_budget=1024)
        if ask.sampled:
            others |= {name: scenarios.SAMPLING[name] for name in self.samples(model)}
            others["max_output_tokens"] = scenarios.SAMPLING["limit"]
        contents = [user(types.Part(text=ask.prompt))]
        for before in ask.before:
            results = [
                types.Part(
                    function_response=types.FunctionResponse(
                        id=None if call.id.startswith("none-") else call.id,
                        name=call.name,
                        response={"result": scenarios.WEATHER[call.arguments["city"]]},
                    )
                )
                for call in before.calls
            ]
            contents += [before.turn, user(*results)]
        asked = {"model": model, "contents": contents, "config": config(**others)}
        if ask.stream:
            return read(list(self.client.models.generate_content_stream(**asked)))
        answer = self.client.models.generate_content(**asked)
        told = read([answer])
        if ask.schema and told.text and not told.calls:
            same(answer.parsed, json.loads(told.text))
        return told

    def image(self, model, prompt):
        image = types.Part.from_bytes(data=scenarios.IMAGE, mime_type="image/png")
        contents = [user(image, types.Part(text=prompt))]
        return read([self.client.models.generate_content(model=model, contents=contents, config=config())])

    def refused(self, model, prompt, status):
        error = raises(errors.ClientError, lambda: self.ask(model, Ask(prompt)))
        same(error.code, status)
        return error.message

    def samples(self, model):
        return {"temperature", "top_p", "top_k"}

    def is_broken(self, error):
        return type(error) is errors.ServerError

    def pieces(self, model, prompt):
        with contextlib.closing(
            self.client.models.generate_content_stream(model=model, contents=prompt, config=config())
        ) as chunks:
            for chunk in chunks:
                yield chunk.text or ""


if __name__ == "__main__":
    scenarios.run(GoogleGenai)
