"""What every SDK is put through, whatever it is called there, and what must come of it.

A script has an `Application`, whose methods do with its SDK what the scenarios ask for. Arguments: the proxy's URL, a caller key, the file of the
authority that signed the proxy's certificate, and the models to ask for. A line is printed for each scenario of each model: `<outcome>: <model> <scenario>`, and behind a
colon what there is to say of it. The outcomes: `ok`; `warned`, where a header said what was left out; `refused`, where the proxy said clearly what can't be said; `unsaid`,
where the SDK has no word for it, or its own provider refused it; `known`, where it does not work yet; `FAILED`. What of these is expected stands in
`limits.py`, and has to come so.
"""

import abc
import contextlib
import json
import re
import sys
import traceback
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import limits

SYSTEM = "Be brief."
# Letters of two and four bytes, and what has to be escaped in JSON.
PROMPT = 'Say "caf\u00e9" \U0001f600 with a back\\slash.'
ANSWER = f"You said: {PROMPT} The system said: {SYSTEM}"
# Some bytes that base64's two alphabets write differently.
IMAGE = b"\x89PNG\r\n\x1a\n" + bytes(range(0xC0, 0x100)) + b"\xfb\xff\xfe" * 3

TOOL = "get_weather"
TOOL_TEXT = "Tells the weather in a city."
OTHER_TOOL = "get_time"
TOOL_SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "The city."}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = {"Paris": "21 degrees", "Oslo": "17 degrees"}
ANSWER_SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "location": {
            "type": "object",
            "properties": {"latitude": {"type": "number"}, "country": {"type": "string"}},
            "required": ["latitude", "country"],
            "additionalProperties": False,
        },
    },
    "required": ["city", "location"],
    "additionalProperties": False,
}
PLACE = {"city": "Paris", "location": {"latitude": 48.86, "country": "France"}}

REFUSE = "magic:refuse"
BREAK = "magic:break"
CUT = "magic:cut"
ENDLESS = "magic:endless"
# The stand-in refuses it of a model that can think and was not told to.
THINK = f"magic:think {PROMPT}"
THOUGHTS = "Two cities, so two calls."
# The stand-in tells what it was told of sampling.
TELL = "magic:sampling"
SAMPLING = {"temperature": 0.5, "top_p": 0.9, "top_k": 40, "limit": 2000}


@dataclass
class Call:
    """A tool's call."""

    id: str
    name: str
    arguments: dict


@dataclass
class Answer:
    """What came, in no SDK's words."""

    text: str = ""
    calls: list[Call] = field(default_factory=list)
    # "stop" or "tools".
    finish: str = ""
    # All tokens of the input, those from a cache among them, and of the output.
    usage: tuple[int, int] = (0, 0)
    # The turn as the SDK has it, to be sent back.
    turn: object = None
    reasoning: str = ""


@dataclass
class Ask:
    """What is asked for."""

    prompt: str = PROMPT
    tools: list[str] = field(default_factory=list)
    # "none", "required" or the name of a tool.
    choice: str = ""
    schema: bool = False
    think: bool = False
    # A temperature, a share of the likeliest words, and a limit of tokens.
    sampled: bool = False
    stream: bool = False
    # The answers whose calls get their results.
    before: list[Answer] = field(default_factory=list)


class Unsaid(Exception):
    """The SDK has no word for it."""


class StreamFailed(Exception):
    """A stream said that it failed, by an event for which the SDK has no exception."""


class Application(abc.ABC):
    """An application that uses one SDK."""

    # The class of an exception that says that a request was bad.
    bad_request: type[Exception]
    # The models that are asked in the SDK's own format: it knows what they take.
    own: set[str] = set()

    def __init__(self, url: str, key: str, authority: str) -> None:
        self.url, self.key, self.authority = url, key, authority
        # What headers warned of since the scenario began.
        self.warned: list[str] = []
        # What of the scenario is known not to work.
        self.known: list[str] = []
        # The first turns, by model, that other models go on with.
        self.begun: dict[str, Answer | None] = {}
        # Every model that is asked.
        self.models: list[str] = []

    def hear(self, headers) -> None:
        """Keeps the warnings of an answer."""
        warning = headers.get("warning")
        if warning:
            self.warned += re.findall(r'199 keyplane "(.*?)"(?:, |$)', warning) or [warning]

    def thinks(self, ask: Ask, model: str) -> bool:
        """Whether to ask for thoughts: who knows that a model has none does not."""
        return ask.think and not (model in self.own and model in limits.PLAIN)

    @abc.abstractmethod
    def ask(self, model: str, ask: Ask) -> Answer:
        """Asks, with the system prompt; a stream is read to its end."""

    @abc.abstractmethod
    def image(self, model: str, prompt: str) -> Answer:
        """Shows the image."""

    @abc.abstractmethod
    def refused(self, model: str, prompt: str, status: int) -> str:
        """Asks for what is refused with this status: the message of the exception, whose class is checked here."""

    @abc.abstractmethod
    def samples(self, model: str) -> set[str]:
        """What of `SAMPLING` it says where it is asked to, beside the limit."""

    @abc.abstractmethod
    def pieces(self, model: str, prompt: str) -> Iterator[str]:
        """Reads a stream's text as it comes. Whoever closes this leaves."""

    @abc.abstractmethod
    def is_broken(self, error: Exception) -> bool:
        """Whether an exception says that a stream failed that had begun, and nothing else."""


def same(found: object, expected: object) -> None:
    assert found == expected, f"{found!r} is not {expected!r}"


def whole(answer: Answer) -> None:
    same(answer.text, ANSWER)
    same((answer.finish, answer.calls), ("stop", []))
    same(answer.usage, (11, 7))


def calls(answer: Answer) -> None:
    same([call.name for call in answer.calls], [TOOL, TOOL])
    same([call.arguments for call in answer.calls], [{"city": "Paris"}, {"city": "Oslo"}])
    same(answer.finish, "tools")
    same(answer.usage, (11, 7))
    ids = [call.id for call in answer.calls]
    assert all(ids) and len(set(ids)) == 2, f"the ids are {ids}"


def told(answer: Answer) -> None:
    # Each result went with its own call.
    found = re.search(r"Paris[^.]*21 degrees[^.]*\..*Oslo[^.]*17 degrees", answer.text)
    assert found, f"the results came as {answer.text!r}"
    same((answer.finish, answer.calls, answer.usage), ("stop", [], (11, 7)))


def place(answer: Answer) -> None:
    same((answer.finish, answer.calls), ("stop", []))
    same(json.loads(answer.text), PLACE)


def text(application: Application, model: str) -> None:
    whole(application.ask(model, Ask()))


def stream(application: Application, model: str) -> None:
    whole(application.ask(model, Ask(stream=True)))
    calls(application.ask(model, Ask(tools=[TOOL], stream=True)))


def sampled(application: Application, model: str) -> None:
    """Each value arrives, but for what the model does not take."""
    for thinks in [False] if model in application.own else [False, True]:
        answer = application.ask(model, Ask(f"{TELL} {THINK}" if thinks else TELL, sampled=True, think=thinks))
        asked = {*application.samples(model), "limit"} - limits.lost(model, thinks)
        arrived = {name: value for name, value in json.loads(answer.text).items() if value is not None}
        same(arrived, {name: SAMPLING[name] for name in asked})
        same(answer.finish, "stop")


def loop(application: Application, model: str, **others) -> None:
    """Tools are called, and their results sent back."""
    asked = application.ask(model, Ask(tools=[TOOL], **others))
    calls(asked)
    told(application.ask(model, Ask(tools=[TOOL], before=[asked], **others)))


def tools(application: Application, model: str) -> None:
    loop(application, model)


def streamed(application: Application, model: str) -> None:
    loop(application, model, stream=True)


def steps(application: Application, model: str) -> None:
    """What the tools told leads to another call, and everything goes back with its result."""
    tools = [TOOL, OTHER_TOOL]
    first = application.ask(model, Ask(tools=tools))
    calls(first)
    second = application.ask(model, Ask(tools=tools, before=[first]))
    same([(call.name, call.arguments) for call in second.calls], [(OTHER_TOOL, {"city": "Oslo"})])
    same((second.finish, second.usage), ("tools", (11, 7)))
    last = application.ask(model, Ask(tools=tools, before=[first, second]))
    assert re.search(r"Oslo[^.]*17 degrees[^.]*\.$", last.text), f"the results came as {last.text!r}"
    same((last.finish, last.calls, last.usage), ("stop", [], (11, 7)))


def image(application: Application, model: str) -> None:
    answer = application.image(model, PROMPT)
    expected = f"An image/png of {len(IMAGE)} bytes with the sum {zlib.crc32(IMAGE):08x}."
    assert expected in answer.text and PROMPT in answer.text, f"{expected!r} is not in {answer.text!r}"


def schema(application: Application, model: str) -> None:
    place(application.ask(model, Ask(schema=True)))
    place(application.ask(model, Ask(schema=True, stream=True)))


def both(application: Application, model: str) -> None:
    """An answer of the schema, once the tools have been called."""
    asked = application.ask(model, Ask(tools=[TOOL], schema=True))
    calls(asked)
    place(application.ask(model, Ask(tools=[TOOL], schema=True, before=[asked])))


def none(application: Application, model: str) -> None:
    whole(application.ask(model, Ask(tools=[TOOL, OTHER_TOOL], choice="none")))


def required(application: Application, model: str) -> None:
    calls(application.ask(model, Ask(tools=[TOOL, OTHER_TOOL], choice="required")))


def named(application: Application, model: str) -> None:
    answer = application.ask(model, Ask(tools=[TOOL, OTHER_TOOL], choice=OTHER_TOOL))
    assert answer.calls, "nothing was called"
    same({call.name for call in answer.calls}, {OTHER_TOOL})
    same(answer.finish, "tools")


def reasoning(application: Application, model: str) -> None:
    """What was thought goes back with the calls that it led to, plain and streamed."""
    for streams in [False, True]:
        asked = application.ask(model, Ask(THINK, tools=[TOOL], think=True, stream=streams))
        calls(asked)
        assert asked.reasoning in ("", THOUGHTS), f"the thoughts are {asked.reasoning!r}"
        if limits.shows(type(application).__name__, model):
            same(asked.reasoning, THOUGHTS)
        told(application.ask(model, Ask(THINK, tools=[TOOL], think=True, stream=streams, before=[asked])))


def begun(application: Application, model: str) -> Answer | None:
    """A model's first turn; nothing where it fails, which another scenario tells, or where its application does not ask for it."""
    if limits.own(type(application).__name__, model, "reasoning"):
        return None
    if model not in application.begun:
        warned = list(application.warned)
        try:
            application.begun[model] = application.ask(model, Ask(THINK, tools=[TOOL], think=True))
        except Exception:
            application.begun[model] = None
        application.warned = warned
    return application.begun[model]


def switch(application: Application, model: str) -> None:
    """Goes on with what every other model began."""
    wrong = []
    for other in application.models:
        began = begun(application, other) if other != model else None
        if not began:
            continue
        word = limits.switch(type(application).__name__, model, other)
        try:
            told(application.ask(model, Ask(THINK, tools=[TOOL], think=True, before=[began])))
        except application.bad_request as refused:
            as_known = word and word in str(refused)
            (application.known if as_known else wrong).append(f"from {other}: {why(refused)[:300]}")
        except Exception as failed:
            wrong.append(f"from {other}: {why(failed)[:300]}")
        else:
            wrong += [f"from {other}: it has to fail for {word!r}, and did not"] if word else []
    assert not wrong, f"{len(wrong)} failed: " + " | ".join(wrong)


def error(application: Application, model: str) -> None:
    message = application.refused(model, REFUSE, 400)
    assert "liking" in message, f"the message is {message!r}"
    application.refused("nobody", PROMPT, 404)


def missing(application: Application, model: str) -> None:
    """The provider has no such model."""
    application.refused(f"{model}-missing", PROMPT, 404)


def broken(application: Application, model: str) -> None:
    """A stream that says that it failed, and one whose connection breaks, each once it has begun."""
    for prompt in [BREAK, CUT]:
        read = ""
        try:
            for piece in application.pieces(model, prompt):
                read += piece
        except Exception as error:
            assert application.is_broken(error), f"it failed by {why(error)}"
        else:
            raise AssertionError(f"it did not fail behind {read!r}")
        assert read.startswith("tick"), f"{read!r} was read"


def cancel(application: Application, model: str) -> None:
    read = ""
    with contextlib.closing(application.pieces(model, ENDLESS)) as pieces:
        while len(read) <= 20:
            read += next(pieces)
    assert read.startswith("tick"), f"{read!r} was read"


SCENARIOS = [
    text,
    stream,
    sampled,
    tools,
    streamed,
    steps,
    image,
    schema,
    both,
    none,
    required,
    named,
    reasoning,
    switch,
    error,
    missing,
    broken,
    cancel,
]


def raises(kind: type[Exception], call) -> Exception:
    """The exception of a call that has to fail so."""
    try:
        call()
    except kind as raised:
        return raised
    raise AssertionError(f"{kind} was not raised")


def why(error: BaseException) -> str:
    """What went wrong, on one line, with the line of these scripts where it did."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "tests/python" in frame.filename]
    last = f" ({frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].lineno})" if frames else ""
    # One package tells the answer's headers first, all of them.
    told = re.sub(r"headers: \{.*?\}, ", "", f"{type(error).__name__}: {error}")
    return " ".join(told.split())[:6000] + last


def outcome(application: Application, model: str, scenario) -> str:
    """What came of a scenario, and what there is to say of it."""
    application.warned, application.known = [], []
    sdk, name = type(application).__name__, scenario.__name__
    kind, word = limits.refusal(sdk, model, name)
    try:
        scenario(application, model)
    except Unsaid as unsaid:
        return f"unsaid: {model} {name}: {unsaid}"
    except application.bad_request as refused:
        is_due = word and word in str(refused)
        return f"{kind if is_due else 'FAILED'}: {model} {name}: {why(refused)}"
    except Exception as failed:  # Whatever it is, it is this cell's.
        return f"FAILED: {model} {name}: {why(failed)}"
    if word and not application.known:
        return f"FAILED: {model} {name}: it has to be refused for {word!r}, and was not"
    told, due = sorted(set(application.warned)), limits.warnings(application, model, name)
    unknown = [warning for warning in told if not any(re.fullmatch(one, warning) for one in due)]
    if unknown:
        return f"FAILED: {model} {name}: nobody expects to be warned: {'; '.join(unknown)}"
    missing = [one for one in due if not any(re.fullmatch(one, warning) for warning in told)]
    if missing:
        return f"FAILED: {model} {name}: nothing warned of {'; '.join(missing)}"
    if application.known:
        return f"{kind or 'known'}: {model} {name}: {' | '.join(application.known)}"
    return f"warned: {model} {name}: {'; '.join(told)}" if told else f"ok: {model} {name}"


def run(kind: type[Application]) -> None:
    url, key, authority, *models = sys.argv[1:]
    application = kind(url, key, authority)
    application.models = models
    for model in models:
        for scenario in SCENARIOS:
            print(outcome(application, model, scenario), flush=True)
