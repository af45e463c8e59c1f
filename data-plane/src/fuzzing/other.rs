//! Whatever is no conversation: framings, forms, the scanner of requests, embeddings, rankings, errors.

use std::collections::HashMap;
use std::time::SystemTime;

use http::{HeaderMap, StatusCode};
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use shared::adapter::{AdapterKind, Delivery, Format, adapter};

use super::{ID, framed};
use crate::exchange::embedding::Encoding;
use crate::exchange::manner::UNKNOWN;
use crate::json::JsonError;
use crate::protocol::count::CountForm;
use crate::protocol::embedding::{EmbeddingForm, EmbeddingReply};
use crate::protocol::error::{Retold, event, remade};
use crate::protocol::route::{self, ModelAt};
use crate::protocol::{Dialect, Target, form as forms, ranking};
use crate::upstream::event_stream;
use crate::upstream::sse::{Decoder, Item};

/// Server-sent events: split in two ways, the events are the same.
pub fn sse(bytes: &[u8]) {
    let Some((step, bytes)) = bytes.split_first() else { return };
    assert_eq!(events(bytes, usize::from(*step) + 1), events(bytes, bytes.len().max(1)));
}

/// What a decoder gives for bytes in pieces of a size; the last is what it says of their end.
fn events(bytes: &[u8], size: usize) -> Vec<String> {
    let (mut decoder, mut events) = (Decoder::default(), Vec::new());
    for piece in bytes.chunks(size) {
        decoder.push(piece);
        loop {
            match decoder.next() {
                Ok(Some(Item::Event { name, data })) => events.push(format!("{name}: {data}")),
                Ok(Some(Item::Life)) => {}
                Ok(None) => break,
                Err(error) => {
                    events.push(error.to_string());
                    return events;
                }
            }
        }
    }
    events.push(format!("{:?}", decoder.end()));
    events
}

/// Amazon's frames: split in two ways, they are the same. The bytes as they are, and as what a frame with the right checksums holds.
pub fn event_stream(bytes: &[u8]) {
    let Some((step, bytes)) = bytes.split_first() else { return };
    let (headers, payload) = bytes.split_at(bytes.len().min(usize::from(*step)));
    let mut sealed = Vec::new();
    framed::seal(headers, payload, &mut sealed);
    for stream in [bytes, &sealed] {
        assert_eq!(frames(stream, usize::from(*step) + 1), frames(stream, stream.len().max(1)));
    }
}

fn frames(bytes: &[u8], size: usize) -> Vec<String> {
    let (mut decoder, mut frames) = (event_stream::Decoder::default(), Vec::new());
    for piece in bytes.chunks(size) {
        decoder.push(piece);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(format!("{:?} {:?}", frame.message(), frame.payload())),
                Ok(None) => break,
                Err(error) => {
                    frames.push(error.to_string());
                    return frames;
                }
            }
        }
    }
    frames.push(format!("{:?}", decoder.end()));
    frames
}

/// Forms with files.
pub fn form(bytes: &[u8]) {
    let _ = forms::each(bytes, b"b", |_, at| assert!(at.start <= at.end && at.end <= bytes.len()));
    if let Ok(Some(boundary)) = forms::boundary(bytes) {
        let _ = forms::each(bytes, &boundary, |_, _| {});
    }
}

/// The scanner of requests: it takes what another parser takes, and nothing else, and finds the same members.
pub fn json(bytes: &[u8]) {
    let mut found = HashMap::new();
    let read = crate::json::members(bytes, |key, at| {
        // Of members of the same name the last counts elsewhere.
        found.insert(key.into_owned(), &bytes[at]);
        Ok::<_, JsonError>(())
    });
    match read {
        Ok(()) => {
            let other: Result<HashMap<String, &RawValue>, _> = serde_json::from_slice(bytes);
            match &other {
                Ok(other) => {
                    let members = other.iter().map(|(key, value)| (key.clone().into_bytes(), value.get().as_bytes()));
                    assert_eq!(found, members.collect());
                }
                // What is no text is none of ours, and for the upstream to refuse.
                Err(error) => assert!(std::str::from_utf8(bytes).is_err(), "{error}"),
            }
            assert!(serde_json::from_slice::<IgnoredAny>(bytes).is_ok());
        }
        Err(JsonError::NotJson { at }) => {
            assert!(at <= bytes.len());
            assert!(serde_json::from_slice::<HashMap<String, IgnoredAny>>(bytes).is_err());
        }
        Err(JsonError::TooDeep) => {
            assert!(bytes.iter().filter(|byte| matches!(byte, b'[' | b'{')).count() > 64);
        }
    }
}

/// What routing needs of a request, and what counts make of one.
pub fn routes(bytes: &[u8]) {
    if let Ok(asked) = route::read(bytes, None) {
        let ModelAt::Json(at) = asked.model_at else { unreachable!("no URL names it") };
        let model: Result<String, _> = serde_json::from_slice(&bytes[at]);
        assert_eq!(model.ok().as_deref(), Some(&*asked.model));
    }
    let forms = [CountForm::Responses, CountForm::Anthropic, CountForm::Gemini, CountForm::Vertex, CountForm::Bedrock];
    for form in forms {
        if let Ok(tokens) = form.read_answer(bytes) {
            assert_eq!(form.read_answer(&form.write_answer(tokens)), Ok(tokens));
        }
        let Ok(conversation) = form.conversation(bytes) else { continue };
        let protocol = form.dialect().protocol();
        let target = Target { model: "m", delivery: Delivery::Whole, manner: &UNKNOWN };
        if crate::json::members(&conversation, |_, _| Ok::<_, JsonError>(())).is_ok()
            && let Ok(request) = protocol.read_request(&conversation)
            && let Ok(outgoing) = protocol.write_request(&request, &target)
        {
            let written = form.write(&outgoing.body, "m");
            assert!(serde_json::from_slice::<IgnoredAny>(&written).is_ok(), "{}", String::from_utf8_lossy(&written));
        }
    }
}

/// Embeddings of every form.
pub fn embeddings(bytes: &[u8]) {
    use EmbeddingForm as Form;
    let forms =
        [Form::OpenAi, Form::GeminiOne, Form::GeminiMany, Form::Vertex, Form::Cohere, Form::BedrockCohere, Form::Titan];
    for from in forms {
        if let Ok(request) = from.read_request(bytes) {
            for to in forms {
                for body in to.write_requests(&request, "m").iter().flatten().take(4) {
                    assert!(to.read_request(body).is_ok(), "{from:?} to {to:?}: {}", String::from_utf8_lossy(body));
                }
            }
        }
        for texts in 1..4 {
            let Ok(read) = from.read_responses(&[bytes], texts) else { continue };
            for (to, encoding) in forms.into_iter().flat_map(|to| [(to, Encoding::Base64), (to, Encoding::Numbers)]) {
                if let Ok(body) = to.write_response(&read, EmbeddingReply { model: "m", id: ID, encoding }) {
                    assert!(serde_json::from_slice::<IgnoredAny>(&body).is_ok(), "{}", String::from_utf8_lossy(&body));
                }
            }
        }
    }
}

/// Rankings.
pub fn rankings(bytes: &[u8]) {
    if let Ok(request) = ranking::read_request(bytes) {
        let written = ranking::write_bedrock_request(&request);
        let again = ranking::read_request(&written);
        assert!(again.is_ok_and(|again| again.documents == request.documents && again.query == request.query));
    }
    if let Ok(read) = ranking::read_response(bytes) {
        assert_eq!(ranking::read_response(&ranking::write_response(&read, ID)), Ok(read));
    }
}

/// Errors of upstreams: what adapters make of them, and what callers are told.
pub fn errors(bytes: &[u8]) {
    let Some((status, body)) = bytes.split_first() else { return };
    let status = StatusCode::from_u16(400 + u16::from(*status) % 200).unwrap_or(StatusCode::BAD_REQUEST);
    let headers = HeaderMap::new();
    use AdapterKind as Kind;
    for kind in
        [Kind::OpenAi, Kind::Anthropic, Kind::Gemini, Kind::Vertex, Kind::Bedrock, Kind::AzureOpenAi, Kind::Cohere]
    {
        let _ = adapter(kind).classify(status, &headers, body, SystemTime::UNIX_EPOCH);
        let _ = adapter(kind).read_models(body);
    }
    for format in [Format::OpenAi, Format::Anthropic, Format::Gemini, Format::Bedrock, Format::Cohere] {
        let written = remade(format, status, &headers, body);
        assert!(serde_json::from_slice::<IgnoredAny>(&written.body).is_ok());
    }
    for from in Dialect::ALL {
        for to in Dialect::ALL {
            let retold = Retold::of(from, to.format(), status, &headers, body);
            let event = event(to, &retold.problem(), 0);
            assert_eq!(super::told::of_stream(to, &event).1, super::told::End::Failed, "{from:?} to {to:?}");
        }
    }
}
