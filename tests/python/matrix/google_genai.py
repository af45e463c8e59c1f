"""The official Google package, as it speaks to AI Studio."""

import uuid

from google import genai
from google.genai import errors, types

import scenarios
from scenarios import Answer, Application, Call, raises, same

# As most applications write it: in Google's own subset of OpenAPI, whose types are in capitals.
TOOL = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name=scenarios.TOOL,
            description=scenarios.TOOL_TEXT,
            parameters=types.Schema(
                type=types.Type.OBJECT,
                properties={"city": types.Schema(type=types.Type.STRING, description="The city.")},
                required=["city"],
            ),
        )
    ]
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
    def __init__(self, url: str, key: str, authority: str) -> None:
        super().__init__(url, key, authority)
        options = types.HttpOptions(base_url=url, timeout=20_000)
        # The client is what keeps the connections open.
        self.client = genai.Client(api_key=key, vertexai=False, http_options=options)

    def ask(self, model, *contents, **others) -> Answer:
        answer = self.client.models.generate_content(model=model, contents=list(contents), config=config(**others))
        return read([answer])

    def text(self, model, prompt):
        return self.ask(model, prompt)

    def stream(self, model, prompt, with_tools):
        extra = {"tools": [TOOL]} if with_tools else {}
        chunks = self.client.models.generate_content_stream(model=model, contents=prompt, config=config(**extra))
        return read(list(chunks))

    def tools(self, model):
        return self.ask(model, scenarios.PROMPT, tools=[TOOL])

    def results(self, model, before):
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
        return self.ask(model, user(types.Part(text=scenarios.PROMPT)), before.turn, user(*results), tools=[TOOL])

    def image(self, model, prompt):
        image = types.Part.from_bytes(data=scenarios.IMAGE, mime_type="image/png")
        return self.ask(model, user(image, types.Part(text=prompt)))

    def schema(self, model):
        answer = self.client.models.generate_content(
            model=model,
            contents=scenarios.PROMPT,
            config=config(response_mime_type="application/json", response_json_schema=scenarios.ANSWER_SCHEMA),
        )
        same(read([answer]).calls, [])
        return answer.parsed

    def refused(self, model, prompt, status):
        error = raises(errors.ClientError, lambda: self.text(model, prompt))
        same(error.code, status)
        return error.message

    def broken(self, model, prompt):
        raises(errors.APIError, lambda: self.stream(model, prompt, with_tools=False))

    def leave(self, model, prompt):
        chunks = self.client.models.generate_content_stream(model=model, contents=prompt, config=config())
        read = ""
        for chunk in chunks:
            read += chunk.text or ""
            if len(read) > 20:
                break
        chunks.close()
        return read


if __name__ == "__main__":
    scenarios.run(GoogleGenai)
