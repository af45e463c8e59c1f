//! What is written is read as it was, whatever it is; and no bytes make the reader panic.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use super::{SEED, owned, read, reply, written};
use crate::exchange::event::{Ended, Event, Piece};
use crate::exchange::json::Json;
use crate::exchange::message::{Citation, Image, Source};
use crate::exchange::response::Finish;
use crate::exchange::text::Text;
use crate::exchange::usage::Usage;
use crate::protocol::openai::stream::{Reader, Writer};
use crate::protocol::{Frame, Progress, Reader as _, Writer as _};

fn text() -> impl Strategy<Value = Text<'static>> {
    "[a-z \"\\\\\n\u{1}é💡]{1,8}".prop_map(Text::from)
}

fn signature() -> impl Strategy<Value = Text<'static>> {
    "[a-zA-Z0-9+/]{4,8}==".prop_map(Text::from)
}

/// A piece; of calls only their names, to be numbered.
fn piece() -> impl Strategy<Value = Piece<'static>> {
    let citation = (text(), text(), (0..9_u64, 9..20_u64).prop_map(Some)).prop_map(|(url, title, answer_span)| {
        Citation { url: Some(url), title: Some(title), quoted: None, answer_span, raw: None }
    });
    let source = Source::Inline { media_type: "image/png".into(), data: "aGk=".into() };
    prop_oneof![
        text().prop_map(Piece::Text),
        text().prop_map(Piece::Refusal),
        text().prop_map(Piece::Reasoning),
        signature().prop_map(Piece::ReasoningSignature),
        text().prop_map(Piece::SealedReasoning),
        citation.prop_map(Piece::Citation),
        Just(Piece::Image(Image { source, detail: None })),
        Just(Piece::Logprobs(Json::of(&serde_json::json!({"content": []})))),
        ("[a-z]{1,4}", of(signature())).prop_map(|(name, signature)| Piece::ToolBegin {
            call: 0,
            id: Text::default(),
            name: name.into(),
            signature
        }),
        (0..4_u32, text()).prop_map(|(call, fragment)| Piece::ToolArguments { call, fragment }),
    ]
}

/// Pieces of two alternatives, whose calls are numbered in their order and whose fragments belong to one that began.
fn stream() -> impl Strategy<Value = Vec<(u32, Piece<'static>)>> {
    vec((0..2_u32, piece()), 0..20).prop_map(|pieces| {
        let mut begun = [0_u32; 2];
        let numbered = pieces.into_iter().filter_map(|(choice, piece)| {
            let count = &mut begun[choice as usize];
            let piece = match piece {
                Piece::ToolBegin { name, signature, .. } => {
                    let call = *count;
                    *count += 1;
                    Piece::ToolBegin { call, id: format!("call_{choice}_{call}").into(), name, signature }
                }
                Piece::ToolArguments { call, fragment } if *count > 0 => {
                    Piece::ToolArguments { call: call % *count, fragment }
                }
                Piece::ToolArguments { .. } => return None,
                other => other,
            };
            Some((choice, piece))
        });
        numbered.collect()
    })
}

fn finish_of(choice: u32, pieces: &[(u32, Piece<'_>)]) -> Finish<'static> {
    let has = |is_it: fn(&Piece<'_>) -> bool| pieces.iter().any(|(of, piece)| *of == choice && is_it(piece));
    if has(|piece| matches!(piece, Piece::ToolBegin { .. })) {
        Finish::ToolCalls
    } else if has(|piece| matches!(piece, Piece::Refusal(_))) {
        Finish::Refused
    } else {
        Finish::Stop
    }
}

proptest! {
    #[test]
    fn a_stream_is_read_as_it_was_written(pieces in stream(), wants_usage in any::<bool>()) {
        let begin = Event::Begin { id: Some("x".into()), model: Some("m".into()), usage: Usage::default() };
        let said = pieces.iter().map(|(choice, piece)| Event::Piece { choice: *choice, piece: piece.clone() });
        let mut events: Vec<_> = std::iter::once(begin).chain(said).collect();
        let usage = Usage { input: Some(5), cache_read: Some(1), output: Some(2), reasoning: Some(1), cache_write: None };
        let finishes: Vec<_> = (0..2).map(|choice| (choice, finish_of(choice, &pieces))).collect();
        let sent = written(&events, &Ended { finishes: finishes.clone(), usage }, wants_usage);
        events.extend(finishes.into_iter().map(|(choice, finish)| Event::Finish { choice, finish }));
        events.extend(wants_usage.then_some(Event::Usage(usage)));
        let data = sent.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").unwrap());
        prop_assert_eq!(read(data).unwrap(), (events, Progress::Done));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(pieces in stream(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut writer = Writer::new(&reply(true));
        let mut reader = Reader::new(&SEED);
        for (choice, piece) in pieces {
            let mut out = Vec::new();
            writer.write(&Event::Piece { choice, piece }, &mut out).unwrap();
            let at = at.index(out.len().max(1));
            if let Some(spoiled) = out.get_mut(at) {
                *spoiled = byte;
            }
            let data = out.strip_prefix(b"data: ").unwrap_or(&out);
            let _ = reader.read(Frame::Event { name: "", data }, &mut |event| drop(owned(event)));
        }
    }
}
