"""What can't be had of some models through some SDKs, as `docs/translation.md` says it."""

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

# SDK, model and scenario, as patterns, that an application does not ask for: it speaks the provider's own format, in which the provider refuses it.
OWN = [
    ("CohereChat", "cohere|command-a", "both"),
    ("GoogleGenai", "gemini|vertex", "both"),
    # With tools they are asked by responses.
    ("OpenAiChat", "gpt-5-4", "reasoning|switch"),
    ("OpenAiChat", "gpt-5-6", "stream|streamed|tools|both|none|required|named|reasoning|switch"),
    ("OpenAiChat", "groq", "both|schema"),
    ("OpenAiChat", "deepseek", "both|schema|required|named"),
    ("Boto3Converse", "nova", "both|schema"),
    ("AnthropicMessages", "claude-opus-5-5", "required|named"),
]

# SDK, model, scenario, each as a pattern, and a word of the refusal.
REFUSALS = [
    (".*", "claude-opus-5-5", "required|named", "the model, which decides for itself"),
]

# SDK, model, scenario, each as a pattern, and one for the warning.
WARNINGS = [
    (".*", ".*", "sampled", r"the field (\w+\.)?(temperature|top_?[pkPK]|[pk]|max_\w+|\w+Tokens) was .*"),
    ("OpenAiChat", "gemini|vertex|gemini-3-pro", ".*", r"the field tools\[\]\.function\.strict was left out: Gemini.*"),
    ("OpenAiResponses", "gemini|vertex|gemini-3-pro", ".*", r"the field tools\[\]\.strict was left out: Gemini.*"),
    (".*", "|".join(sorted(PLAIN)), "sampled|reasoning|switch", f"{THINKING}was left out: the model is not known to take it"),
    # They have no place for what proves thoughts, which a Claude wants back.
    ("OpenAiChat|CohereChat", "anthropic|bedrock", "reasoning", f"{THINKING}was left out: the last turn calls tools .*"),
    # What others thought proves nothing to a Claude.
    (".*", "anthropic|bedrock", "switch", f"{THINKING}was left out: the last turn calls tools .*"),
]


# SDK, model, scenario, each as a pattern, of what does not work yet, and a word of why. What works must not stand here.
KNOWN = [
    (".*", "deepseek", "both|schema", "unavailable now"),
    (".*", "deepseek", "required|named", "does not support this tool_choice"),
    (".*", "deepseek", "switch", "must be passed back"),
    (".*", "groq", "both", "cannot be combined"),
    (".*", "groq", "schema", "does not support streaming"),
    # One house's own fields pass to another in the same format.
    ("OpenAiChat", "openai-chat|azure|gateway|my-deployment|mistral|groq", "switch", "unknown field"),
    # So does an application's wish that a turn without thoughts be thought on.
    ("AnthropicMessages", "anthropic", "switch", "Expected `thinking`"),
    ("Boto3Converse", "bedrock", "switch", "Expected `thinking`"),
]


def known(sdk: str, model: str, scenario: str) -> str | None:
    """Why it does not work yet."""
    for a, b, c, word in KNOWN:
        if re.fullmatch(a, sdk) and re.fullmatch(b, model) and re.fullmatch(c, scenario):
            return word
    return None


def own(sdk: str, model: str, scenario: str) -> str | None:
    """Why an application does not ask for it."""
    cell = (sdk, model, scenario)
    is_own = any(all(map(re.fullmatch, patterns, cell)) for patterns in OWN)
    return "the provider refuses it in its own format" if is_own else None


def refusal(sdk: str, model: str, scenario: str) -> str | None:
    """What a refusal has to name, where there has to be one."""
    for a, b, c, word in REFUSALS:
        if re.fullmatch(a, sdk) and re.fullmatch(b, model) and re.fullmatch(c, scenario):
            return word
    return None


def may_warn(sdk: str, model: str, scenario: str, warning: str) -> bool:
    """Whether a warning is as it should be."""
    cell = (sdk, model, scenario, warning)
    return any(all(map(re.fullmatch, patterns, cell)) for patterns in WARNINGS)


def shows(sdk: str, model: str) -> bool:
    """Whether what was thought has to be told."""
    is_silent = any(re.fullmatch(a, sdk) and re.fullmatch(b, model) for a, b in SILENT)
    return model not in PLAIN and not is_silent
