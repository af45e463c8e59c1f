"""What can't be had of some models through some SDKs, as `docs/translation.md` says it. Whatever stands here has to come so."""

import re

# They don't think, and an application that asks for them in their own format knows it.
PLAIN = {"gateway", "my-deployment", "mistral", "nova", "command-a"}


THINKING = r"the field (thinking|reasoning_effort|reasoning\.effort|generationConfig\.thinkingConfig|additionalModelRequestFields\.thinking) "

# SDK and model, as patterns, where what was thought need not be told: OpenAI's chat completions tell nothing, its responses and the newest Claudes
# only who asks for it.
SILENT = [
    (".*", "openai-chat|azure"),
    ("AnthropicMessages|Boto3Converse|CohereChat|OpenAiChat", "openai-responses"),
    ("AnthropicMessages|Boto3Converse|CohereChat|OpenAiChat|GoogleGenai", "gpt-5-4|gpt-5-6"),
    ("Boto3Converse|CohereChat|OpenAiChat", "claude-opus-4-8|claude-opus-5-5"),
]

CALLS_IN_CHAT = "Function tools with reasoning_effort are not supported"

# SDK, model, scenario, each as a pattern, where there is a refusal, with its kind and a word of it. `refused`: the proxy says that it can't be said.
# `unsaid`: the application speaks the provider's own format, in which the provider refuses it. `known`: it does not work yet.
REFUSALS = [
    ("AnthropicMessages", "claude-opus-5-5", "required|named", "unsaid", "Thinking may not be enabled"),
    (".*", "claude-opus-5-5", "required|named", "refused", "the model, which decides for itself"),
    ("CohereChat", "cohere|command-a", "both", "unsaid", "response_format is not supported with tools"),
    ("GoogleGenai", "gemini|vertex", "both", "unsaid", "unsupported"),
    # With tools they are asked by responses.
    ("OpenAiChat", "gpt-5-4", "reasoning|switch", "unsaid", CALLS_IN_CHAT),
    ("OpenAiChat", "gpt-5-6", "stream|streamed|tools|steps|both|none|required|named|reasoning|switch", "unsaid", CALLS_IN_CHAT),
    ("OpenAiChat", "groq", "both", "unsaid", "cannot be combined"),
    ("OpenAiChat", "groq", "schema", "unsaid", "does not support streaming"),
    ("OpenAiChat", "deepseek", "both|schema", "unsaid", "unavailable now"),
    ("OpenAiChat", "deepseek", "required|named", "unsaid", "does not support this tool_choice"),
    ("Boto3Converse", "nova", "both|schema", "unsaid", "support structured outputs"),
    (".*", "deepseek", "both|schema", "known", "unavailable now"),
    (".*", "deepseek", "required|named", "known", "does not support this tool_choice"),
    (".*", "groq", "both", "known", "cannot be combined"),
    (".*", "groq", "schema", "known", "does not support streaming"),
]

MUTE = "openai-chat|azure|gateway|my-deployment|mistral|nova|command-a"

# SDK, the model that goes on and the one that began, as patterns, where that does not work yet, and a word of the refusal.
SWITCHES = [
    # It wants back what it thought, and nothing of it is there.
    (".*", "deepseek", MUTE, "must be passed back"),
    ("AnthropicMessages|Boto3Converse|CohereChat|OpenAiChat", "deepseek", "openai-responses|gpt-5-4|gpt-5-6", "must be passed back"),
    ("Boto3Converse|CohereChat|OpenAiChat", "deepseek", "claude-opus-4-8|claude-opus-5-5", "must be passed back"),
    ("OpenAiChat", "deepseek", "groq", "must be passed back"),
    # One house's own fields pass to another in the same format.
    ("OpenAiChat", "openai-chat|azure|gateway|my-deployment", "groq|deepseek", "unknown field"),
    ("OpenAiChat", "mistral", ".*", "unknown field"),
    ("OpenAiChat", "groq", "(?!mistral).*", "unknown field"),
    # So does an application's wish that a turn without thoughts be thought on.
    ("AnthropicMessages", "anthropic", MUTE, "Expected `thinking`"),
    ("Boto3Converse", "bedrock", MUTE, "Expected `thinking`"),
]

ALWAYS, THINKS = (False, True), (True,)
OPENAI = "openai-chat|openai-responses|azure|gateway|gpt-5-4|gpt-5-6|mistral|groq|deepseek|my-deployment"

# Model, as a pattern, and what it does not take of sampling, always or while it thinks.
LOST = [
    (OPENAI, ALWAYS, {"top_k"}),
    ("azure|gpt-5-6", ALWAYS, {"temperature", "top_p"}),
    ("openai-chat|openai-responses|gpt-5-4", THINKS, {"temperature", "top_p"}),
    ("claude-opus-4-8|claude-opus-5-5", ALWAYS, {"temperature", "top_p", "top_k"}),
    # Not beside a temperature.
    ("anthropic|bedrock", ALWAYS, {"top_p"}),
    ("anthropic|bedrock", THINKS, {"temperature", "top_p", "top_k"}),
    ("nova", ALWAYS, {"top_k"}),
]

# How they are called in warnings.
NAMES = {"temperature": "temperature", "top_p": "top_?[pP]|p", "top_k": "top_?[kK]|k"}

# Scenarios in which tools are offered.
WITH_TOOLS = "stream|tools|streamed|steps|both|none|required|named|reasoning|switch"

# SDK, model, scenario, each as a pattern, and one for the warning.
WARNINGS = [
    ("OpenAiChat", "gemini|vertex|gemini-3-pro", WITH_TOOLS, r"the field tools\[\]\.function\.strict was left out: Gemini.*"),
    ("OpenAiResponses", "gemini|vertex|gemini-3-pro", WITH_TOOLS, r"the field tools\[\]\.strict was left out: Gemini.*"),
    ("OpenAiChat", "nova", WITH_TOOLS, r"the field tools\[\]\.function\.strict was left out: the model .*"),
    ("OpenAiResponses", "nova", WITH_TOOLS, r"the field tools\[\]\.strict was left out: the model .*"),
    # They have no place for what proves thoughts, which a Claude wants back.
    ("OpenAiChat|CohereChat", "anthropic|bedrock", "reasoning", f"{THINKING}was left out: the last turn does not begin .*"),
    # What others thought proves nothing to a Claude.
    ("(?!AnthropicMessages).*", "anthropic", "switch", f"{THINKING}was left out: the last turn does not begin .*"),
    ("(?!Boto3Converse).*", "bedrock", "switch", f"{THINKING}was left out: the last turn does not begin .*"),
    ("AnthropicMessages", "anthropic", "switch", f"{THINKING}was turned off: the last turn does not begin .*"),
    ("Boto3Converse", "bedrock", "switch", f"{THINKING}was turned off: the last turn does not begin .*"),
]


def refusal(sdk: str, model: str, scenario: str) -> tuple[str, str]:
    """The kind of the refusal that there has to be, and what it has to name; both empty where there is none."""
    cell = (sdk, model, scenario)
    found = ((kind, word) for *patterns, kind, word in REFUSALS if all(map(re.fullmatch, patterns, cell)))
    return next(found, ("", ""))


def own(sdk: str, model: str, scenario: str) -> bool:
    """Whether an application's own provider refuses it."""
    return refusal(sdk, model, scenario)[0] == "unsaid"


def switch(sdk: str, model: str, began: str) -> str:
    """Why a model can't go on with what another began; empty where it can."""
    if own(sdk, model, "switch"):
        return refusal(sdk, model, "switch")[1]
    cell = (sdk, model, began)
    return next((word for *patterns, word in SWITCHES if all(map(re.fullmatch, patterns, cell))), "")


def lost(model: str, thinks: bool) -> set[str]:
    """What a model does not take of sampling."""
    return {name for pattern, when, names in LOST if thinks in when and re.fullmatch(pattern, model) for name in names}


def warnings(application, model: str, scenario: str) -> list[str]:
    """Patterns of the warnings that there have to be, and of no others."""
    cell = (type(application).__name__, model, scenario)
    due = [warning for *patterns, warning in WARNINGS if all(map(re.fullmatch, patterns, cell))]
    is_own = model in application.own
    if scenario == "sampled":
        names = (lost(model, False) | (set() if is_own else lost(model, True))) & application.samples(model)
        due += [rf"the field (\w+\.)?({NAMES[name]}) was left out: .*" for name in sorted(names)]
    if model in PLAIN and not is_own and scenario in ("sampled", "reasoning", "switch"):
        due.append(f"{THINKING}was left out: the model is not known to take it")
    return due


def shows(sdk: str, model: str) -> bool:
    """Whether what was thought has to be told."""
    is_silent = any(re.fullmatch(a, sdk) and re.fullmatch(b, model) for a, b in SILENT)
    return model not in PLAIN and not is_silent
