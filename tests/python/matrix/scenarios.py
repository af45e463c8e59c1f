"""What every SDK is put through, whatever it is called there, and what must come of it.

A script has an `Application`, whose methods do with its SDK what the scenarios ask for. Arguments: the proxy's URL, a caller key, the file of the
authority that signed the proxy's certificate, and the models to ask for. A line is printed for each scenario of each model: `ok: <model> <scenario>`, or `FAILED: <model> <scenario>: <why>`.
"""

import abc
import re
import sys
import traceback
import zlib
from dataclasses import dataclass, field

SYSTEM = "Be brief."
# Letters of two and four bytes, and what has to be escaped in JSON.
PROMPT = 'Say "caf\u00e9" \U0001f600 with a back\\slash.'
ANSWER = f"You said: {PROMPT} The system said: {SYSTEM}"
# Some bytes that base64's two alphabets write differently.
IMAGE = b"\x89PNG\r\n\x1a\n" + bytes(range(0xC0, 0x100)) + b"\xfb\xff\xfe" * 3

TOOL = "get_weather"
TOOL_TEXT = "Tells the weather in a city."
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
ENDLESS = "magic:endless"


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


class Application(abc.ABC):
    """An application that uses one SDK."""

    def __init__(self, url: str, key: str, authority: str) -> None:
        self.url, self.key, self.authority = url, key, authority

    @abc.abstractmethod
    def text(self, model: str, prompt: str) -> Answer:
        """Asks, with the system prompt."""

    @abc.abstractmethod
    def stream(self, model: str, prompt: str, with_tools: bool) -> Answer:
        """Asks for a stream, with the system prompt, and reads it to its end."""

    @abc.abstractmethod
    def tools(self, model: str) -> Answer:
        """Asks with the tool."""

    @abc.abstractmethod
    def results(self, model: str, before: Answer) -> Answer:
        """Sends the calls' results back."""

    @abc.abstractmethod
    def image(self, model: str, prompt: str) -> Answer:
        """Shows the image."""

    @abc.abstractmethod
    def schema(self, model: str) -> dict:
        """Asks for an answer of the schema, and parses it as the SDK does."""

    @abc.abstractmethod
    def refused(self, model: str, prompt: str, status: int) -> str:
        """Asks for what is refused with this status: the message of the exception, whose class is checked here."""

    @abc.abstractmethod
    def broken(self, model: str, prompt: str) -> None:
        """Reads a stream that fails: its exception's class is checked here."""

    @abc.abstractmethod
    def leave(self, model: str, prompt: str) -> str:
        """Reads some of an endless stream, and leaves: what was read."""


def same(found: object, expected: object) -> None:
    assert found == expected, f"{found!r} is not {expected!r}"


def whole(answer: Answer) -> None:
    same(answer.text, ANSWER)
    same(answer.finish, "stop")
    same(answer.usage, (11, 7))


def calls(answer: Answer) -> None:
    same([call.name for call in answer.calls], [TOOL, TOOL])
    same([call.arguments for call in answer.calls], [{"city": "Paris"}, {"city": "Oslo"}])
    same(answer.finish, "tools")
    same(answer.usage, (11, 7))
    ids = [call.id for call in answer.calls]
    assert all(ids) and len(set(ids)) == 2, f"the ids are {ids}"


def text(application: Application, model: str) -> None:
    whole(application.text(model, PROMPT))


def stream(application: Application, model: str) -> None:
    whole(application.stream(model, PROMPT, with_tools=False))
    calls(application.stream(model, PROMPT, with_tools=True))


def tools(application: Application, model: str) -> None:
    asked = application.tools(model)
    calls(asked)
    answer = application.results(model, asked)
    # Each result went with its own call.
    told = re.search(r"Paris[^.]*21 degrees[^.]*\..*Oslo[^.]*17 degrees", answer.text)
    assert told, f"the results came as {answer.text!r}"
    same((answer.finish, answer.calls, answer.usage), ("stop", [], (11, 7)))


def image(application: Application, model: str) -> None:
    answer = application.image(model, PROMPT)
    expected = f"An image/png of {len(IMAGE)} bytes with the sum {zlib.crc32(IMAGE):08x}."
    assert expected in answer.text and PROMPT in answer.text, f"{expected!r} is not in {answer.text!r}"


def schema(application: Application, model: str) -> None:
    same(application.schema(model), PLACE)


def error(application: Application, model: str) -> None:
    message = application.refused(model, REFUSE, 400)
    assert "liking" in message, f"the message is {message!r}"
    application.refused("nobody", PROMPT, 404)
    application.broken(model, BREAK)


def cancel(application: Application, model: str) -> None:
    read = application.leave(model, ENDLESS)
    assert read.startswith("tick"), f"{read!r} was read"


SCENARIOS = [text, stream, tools, image, schema, error, cancel]


def raises(kind: type[Exception], call) -> Exception:
    """The exception of a call that has to fail so."""
    try:
        call()
    except kind as raised:
        return raised
    raise AssertionError(f"{kind.__name__} was not raised")


def why(error: BaseException) -> str:
    """What went wrong, on one line, with the line of these scripts where it did."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "tests/python" in frame.filename]
    last = f" ({frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].lineno})" if frames else ""
    return " ".join(f"{type(error).__name__}: {error}".split())[:600] + last


def run(kind: type[Application]) -> None:
    url, key, authority, *models = sys.argv[1:]
    application = kind(url, key, authority)
    for model in models:
        for scenario in SCENARIOS:
            try:
                scenario(application, model)
                print(f"ok: {model} {scenario.__name__}", flush=True)
            except Exception as failed:  # Whatever it is, it is this cell's.
                print(f"FAILED: {model} {scenario.__name__}: {why(failed)}", flush=True)
