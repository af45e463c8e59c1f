//! What streams read as, and what is read back from those that are written.

mod reader;
mod writer;

use super::{Reader, Writer};
use crate::exchange::event::{Ended, Event, Piece};
use crate::exchange::message::{Image, Source};
use crate::exchange::response::Finish;
use crate::exchange::text::Text;
use crate::exchange::usage::Usage;
use crate::protocol::{Fault, Frame, Progress, Reader as _, Reply, Seed, Writer as _};

const SEED: Seed<'_> = Seed { id: "0123456789abcdef0123456789abcdef" };
const REPLY: Reply<'_> =
    Reply { id: SEED.id, created: 1_700_000_000, model: "target", wants_usage: true, knows_one_call: false };

/// What a stream read as.
#[derive(Debug, Default, PartialEq)]
struct Read {
    begin: Vec<(Option<Text<'static>>, Option<Text<'static>>)>,
    pieces: Vec<Piece<'static>>,
    finishes: Vec<(u32, Finish<'static>)>,
    usage: Usage,
    progress: Vec<Progress>,
}

impl Read {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Begin { id, model, .. } => self.begin.push((id.map(Text::into_owned), model.map(Text::into_owned))),
            Event::Piece { choice, piece } => {
                assert_eq!(choice, 0);
                self.piece(owned(&piece));
            }
            Event::Finish { choice, finish } => self.finishes.push((choice, owned_finish(&finish))),
            Event::Usage(usage) => self.usage.update(usage),
            Event::Ping => {}
        }
    }

    /// Adds a piece, to the one before it where they are one text.
    fn piece(&mut self, piece: Piece<'static>) {
        match (self.pieces.last_mut(), &piece) {
            (Some(Piece::Text(before)), Piece::Text(more))
            | (Some(Piece::Refusal(before)), Piece::Refusal(more))
            | (Some(Piece::Reasoning(before)), Piece::Reasoning(more)) => {
                *before = format!("{}{}", &**before, &**more).into()
            }
            (
                Some(Piece::ToolArguments { call, fragment: before }),
                Piece::ToolArguments { call: same, fragment: more },
            ) if call == same => {
                *before = format!("{}{}", &**before, &**more).into();
            }
            _ => self.pieces.push(piece),
        }
    }
}

fn owned_finish(finish: &Finish<'_>) -> Finish<'static> {
    match finish {
        Finish::Stop => Finish::Stop,
        Finish::StopText(text) => Finish::StopText(text.clone().map(Text::into_owned)),
        Finish::Length => Finish::Length,
        Finish::ToolCalls => Finish::ToolCalls,
        Finish::Filtered => Finish::Filtered,
        Finish::Refused => Finish::Refused,
        Finish::Paused => Finish::Paused,
    }
}

fn owned(piece: &Piece<'_>) -> Piece<'static> {
    let text = |text: &Text<'_>| text.clone().into_owned();
    match piece {
        Piece::Text(it) => Piece::Text(text(it)),
        Piece::Refusal(it) => Piece::Refusal(text(it)),
        Piece::Reasoning(it) => Piece::Reasoning(text(it)),
        Piece::ReasoningSignature(it) => Piece::ReasoningSignature(text(it)),
        Piece::SealedReasoning(it) => Piece::SealedReasoning(text(it)),
        Piece::ToolBegin { call, id, name, signature } => {
            Piece::ToolBegin { call: *call, id: text(id), name: text(name), signature: signature.as_ref().map(text) }
        }
        Piece::ToolArguments { call, fragment } => Piece::ToolArguments { call: *call, fragment: text(fragment) },
        Piece::ToolEnd { call } => Piece::ToolEnd { call: *call },
        Piece::Citation(citation) => Piece::Citation(crate::exchange::message::Citation {
            url: citation.url.as_ref().map(text),
            title: citation.title.as_ref().map(text),
            quoted: citation.quoted.as_ref().map(text),
            answer_span: citation.answer_span,
            raw: None,
        }),
        Piece::Image(Image { source: Source::Inline { media_type, data }, detail: None }) => {
            let source = Source::Inline { media_type: text(media_type), data: text(data) };
            Piece::Image(Image { source, detail: None })
        }
        Piece::Image(_) | Piece::Logprobs(_) => panic!("none of the format"),
    }
}

/// Reads events, each with its name.
fn read<'a>(events: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Read, Fault> {
    let mut reader = Reader::new(&SEED);
    let mut read = Read::default();
    for (name, data) in events {
        let progress = reader.read(Frame::Event { name, data: data.as_bytes() }, &mut |event| read.take(event))?;
        read.progress.push(progress);
    }
    Ok(read)
}

/// Reads events by what their data says of their type.
fn read_data<'a>(events: impl IntoIterator<Item = &'a str>) -> Result<Read, Fault> {
    read(events.into_iter().map(|data| ("", data)))
}

/// The events of what was written: the name and the data of each.
fn events(written: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8(written.to_vec()).unwrap();
    let blocks = text.strip_suffix("\n\n").unwrap().split("\n\n");
    let event = |block: &str| {
        let (name, data) = block.split_once('\n').unwrap();
        let name = name.strip_prefix("event: ").unwrap();
        (name.to_owned(), data.strip_prefix("data: ").unwrap().to_owned())
    };
    blocks.map(event).collect()
}

/// Writes a stream.
fn write(pieces: &[Piece<'_>], ended: &Ended) -> Vec<u8> {
    let mut writer = Writer::new(&REPLY);
    let mut out = Vec::new();
    let begin = Event::Begin { id: Some("resp_1".into()), model: Some("m".into()), usage: Usage::default() };
    writer.write(&begin, &mut out).unwrap();
    for piece in pieces {
        writer.write(&Event::Piece { choice: 0, piece: piece.clone() }, &mut out).unwrap();
    }
    writer.end(ended, &mut out);
    out
}

fn ended(finish: Finish<'static>) -> Ended {
    let usage =
        Usage { input: Some(9), cache_read: Some(1), cache_write: Some(2), output: Some(5), reasoning: Some(3) };
    Ended { finishes: vec![(0, finish)], usage }
}
