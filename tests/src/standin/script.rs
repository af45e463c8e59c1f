//! What the stand-ins say in a conversation, whatever their format: decided by what was asked, once a provider's own file has checked and
//! understood it.

use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use serde_json::{Value, json};

use super::exchange::{Ending, require};
use super::openai::ANSWER_TOOL;
use super::sampling::{Sampling, TELL};
use super::shape::At;
use super::{Fault, Reply, Topic};

/// Tokens of the input, those from a cache among them.
pub(super) const INPUT: u32 = 11;
/// Tokens of the input that came from a cache.
pub(super) const CACHED: u32 = 4;
/// Tokens of the output.
pub(super) const OUTPUT: u32 = 7;
/// In a prompt: answer 400.
const REFUSE: &str = "magic:refuse";
/// In a prompt: say something, and fail.
const BREAK: &str = "magic:break";
/// In a prompt: say something, and break the connection.
const CUT: &str = "magic:cut";
/// In a prompt: say something forever.
const ENDLESS: &str = "magic:endless";
/// In a prompt: a model that can be told to think was told so.
const THINK: &str = "magic:think";
/// In the name of a model: there is none of it.
pub(super) const MISSING: &str = "missing";
const TICK: &str = "tick ";
/// What is thought.
pub(super) const THOUGHTS: &str = "Two cities, so two calls.";

/// What a request asks for.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// What the system is told, its texts joined.
    pub(super) system: String,
    /// The texts of the last turn, joined.
    pub(super) prompt: String,
    /// The tools that are offered.
    pub(super) tools: Vec<String>,
    /// Which of them is to be called.
    pub(super) choice: Choice,
    /// Whether the model was told to think.
    pub(super) thinking: Thinking,
    /// Thoughts are told.
    pub(super) tells_thoughts: bool,
    /// What proves them is told, where it has to be asked for.
    pub(super) proves_thoughts: bool,
    /// The results in the last turn, each with the call that it is of.
    pub(super) results: Vec<(Call, String)>,
    /// The images in the last turn.
    pub(super) images: Vec<Picture>,
    /// How the answer is held to a schema.
    pub(super) schema: Option<Held>,
    /// How it is sampled.
    pub(super) sampling: Sampling,
    /// The delivery.
    pub(super) streams: bool,
    /// A stream tells its usage.
    pub(super) tells_usage: bool,
}

/// How an answer is held to a schema.
#[derive(Debug)]
pub(super) enum Held {
    /// By the format's own field.
    ByField,
    /// By a tool of this name.
    ByTool(String),
}

/// Which tool is to be called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Choice {
    /// Whichever the model likes, or none.
    #[default]
    Auto,
    /// None.
    Never,
    /// Some tool.
    Required,
    /// This one.
    Named(String),
}

impl Choice {
    /// Whether something has to be called.
    pub(super) fn is_forced(&self) -> bool {
        matches!(self, Self::Required | Self::Named(_))
    }
}

/// Whether a model was told to think.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Thinking {
    /// It knows no such field.
    #[default]
    Unable,
    /// It was not.
    Untold,
    /// It was.
    Told,
}

/// An image, as it arrived.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) media_type: String,
    pub(super) bytes: Vec<u8>,
}

/// A tool's call.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// Without what a provider's ids begin with; in what was heard, the id as it came.
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: Value,
}

/// An answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    /// Whether it was thought before, of which there may be nothing but a proof.
    pub(super) thought: bool,
    /// The proof is there, where it has to be asked for.
    pub(super) proves: bool,
    pub(super) reasoning: String,
    pub(super) text: String,
    pub(super) calls: Vec<Call>,
}

/// How a provider says things.
#[derive(Debug, Clone, Copy)]
pub(super) struct Voice {
    pub(super) whole: fn(&Said, &str) -> Value,
    /// The events of a stream, each as one piece.
    pub(super) events: fn(&Said, &str, bool) -> Vec<Bytes>,
    /// The event that a stream fails with.
    pub(super) failure: fn() -> Bytes,
    /// An error, with its message.
    pub(super) refusal: fn(u16, &str) -> Reply,
    pub(super) content_type: &'static str,
}

/// The answer to what was heard.
///
/// # Errors
///
/// When the prompt has to be thought about, and the model was not told to.
pub(super) fn answer(voice: Voice, heard: &Heard, model: &str) -> Result<Reply, Fault> {
    let forgot = heard.prompt.contains(THINK) && heard.thinking == Thinking::Untold;
    require(!forgot, || format!("{model} was not told to think about the prompt"))?;
    Ok(reply(voice, heard, model))
}

fn reply(voice: Voice, heard: &Heard, model: &str) -> Reply {
    if heard.prompt.contains(REFUSE) {
        return (voice.refusal)(400, "the prompt is not to this stand-in's liking");
    }
    let is_spoiled = [BREAK, CUT, ENDLESS].iter().any(|magic| heard.prompt.contains(magic));
    let said = if is_spoiled { Said { text: TICK.repeat(4), ..Said::default() } } else { say(heard) };
    if !heard.streams {
        return Reply::json(200, &(voice.whole)(&said, model)).about(Topic::Chat, "");
    }
    let mut pieces = (voice.events)(&said, model, heard.tells_usage);
    if is_spoiled {
        let is_tick = |piece: &Bytes| piece.windows(TICK.len() - 1).any(|part| part == TICK.trim().as_bytes());
        pieces.truncate(pieces.iter().position(is_tick).map_or(1, |place| place + 1));
    }
    if heard.prompt.contains(ENDLESS) {
        return Reply::stream(voice.content_type, pieces).ending(Ending::Never);
    }
    if heard.prompt.contains(CUT) {
        return Reply::stream(voice.content_type, pieces).ending(Ending::Cut);
    }
    if heard.prompt.contains(BREAK) {
        pieces.push((voice.failure)());
    }
    Reply::stream(voice.content_type, pieces)
}

fn say(heard: &Heard) -> Said {
    let thought = heard.thinking == Thinking::Told || heard.tells_thoughts;
    let reasoning = if heard.tells_thoughts { THOUGHTS.to_owned() } else { String::new() };
    let thinking = Said { thought, proves: heard.proves_thoughts, reasoning, ..Said::default() };
    let own: Vec<_> = heard.tools.iter().filter(|tool| *tool != ANSWER_TOOL).collect();
    let calls = |name: &str, cities: &[&str]| cities.iter().map(|city| call(name, json!({"city": city}))).collect();
    if heard.results.is_empty() {
        match (&heard.choice, own.first()) {
            (Choice::Named(name), _) if name != ANSWER_TOOL => {
                return Said { calls: calls(name, &["Paris"]), ..thinking };
            }
            (Choice::Auto | Choice::Required, Some(tool)) => {
                return Said { calls: calls(tool, &["Paris", "Oslo"]), ..thinking };
            }
            (Choice::Auto | Choice::Required | Choice::Never | Choice::Named(_), _) => {}
        }
    } else if let Some(second) = own.get(1)
        && heard.choice == Choice::Auto
        && heard.results.iter().all(|(call, _)| call.name != **second)
    {
        // What the first tool told is looked up further.
        return Said { calls: calls(second, &["Oslo"]), ..thinking };
    }
    let place = json!({"city": "Paris", "location": {"latitude": 48.86, "country": "France"}});
    match &heard.schema {
        Some(Held::ByField) => return Said { text: place.to_string(), ..thinking },
        Some(Held::ByTool(name)) => return Said { calls: vec![call(name, place)], ..thinking },
        None => {}
    }
    if heard.prompt.contains(TELL) {
        return Said { text: heard.sampling.told(), ..thinking };
    }
    if !heard.results.is_empty() {
        let told = heard.results.iter().map(|(call, result)| format!("In {}: {result}.", call.arguments["city"]));
        return Said { text: told.collect::<Vec<_>>().join(" "), ..thinking };
    }
    let images = heard.images.iter().map(|image| {
        let sum = crc32fast::hash(&image.bytes);
        format!(" An {} of {} bytes with the sum {sum:08x}.", image.media_type, image.bytes.len())
    });
    let text = format!("You said: {} The system said: {}{}", heard.prompt, heard.system, images.collect::<String>());
    Said { text, ..thinking }
}

fn call(name: &str, arguments: Value) -> Call {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let id = format!("{:09}", NUMBER.fetch_add(1, Ordering::Relaxed));
    Call { id, name: name.to_owned(), arguments }
}

/// Some of everything.
pub(super) fn everything() -> Said {
    Said {
        thought: true,
        proves: true,
        reasoning: THOUGHTS.into(),
        text: "I will look: caf\u{e9} \u{1f600}.".into(),
        calls: ["Paris", "Oslo"].map(|city| call("get_weather", json!({"city": city, "unit": "celsius"}))).to_vec(),
    }
}

/// A text in two pieces, which end at letters.
pub(super) fn halves(text: &str) -> Vec<&str> {
    let middle = (text.len() / 2..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    let (first, second) = text.split_at(middle);
    [first, second].into_iter().filter(|half| !half.is_empty()).collect()
}

impl Picture {
    /// An image whose bytes begin as its type says.
    pub(super) fn read(at: &At<'_>, media_type: &str, bytes: Vec<u8>) -> Result<Self, Fault> {
        let begins: &[u8] = match media_type {
            "image/png" => b"\x89PNG\r\n\x1a\n",
            "image/jpeg" => b"\xff\xd8\xff",
            "image/gif" => b"GIF8",
            "image/webp" => b"RIFF",
            other => return Err(at.fault(&format!("the media type {other:?} is not supported"))),
        };
        at.require(bytes.starts_with(begins), &format!("the bytes are no {media_type}"))?;
        Ok(Self { media_type: media_type.to_owned(), bytes })
    }

    /// An image in a `data:` URL.
    pub(super) fn in_url(at: &At<'_>) -> Result<Self, Fault> {
        let rest = at.text()?.strip_prefix("data:").ok_or_else(|| at.fault("is no data: URL"))?;
        let (media_type, data) = rest.split_once(";base64,").ok_or_else(|| at.fault("has no ;base64,"))?;
        let data = Value::from(data);
        let bytes = At::top(&data).base64().map_err(|fault| at.fault(&fault.0))?;
        Self::read(at, media_type, bytes)
    }
}

/// The arguments of a call that are a string of JSON.
pub(super) fn arguments(at: &At<'_>) -> Result<Value, Fault> {
    let parsed = serde_json::from_str::<Value>(at.text()?).ok().filter(Value::is_object);
    parsed.ok_or_else(|| at.fault("is no JSON object"))
}
