//! The echo provider's answers, as OpenAI's JSON. Pure: the same request at the same time has the same answer.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use shared::id::token_hash;

use super::MODEL;
use super::request::{Chat, Completion, Embeddings, words};

/// When a request was answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    seconds: u64,
}

impl Clock {
    /// A moment.
    pub(super) fn new(now: SystemTime) -> Self {
        Self { seconds: now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs() }
    }
}

/// The list of models.
pub(super) fn models() -> Value {
    json!({"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "keyplane"}]})
}

/// A chat's answer, whole.
pub(super) fn chat(chat: &Chat, clock: &Clock) -> Value {
    json!({
        "id": id("chatcmpl", &chat.text),
        "object": "chat.completion",
        "created": clock.seconds,
        "model": MODEL,
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": chat.text, "refusal": null},
            "logprobs": null,
            "finish_reason": "stop",
        }],
        "usage": usage(chat.prompt_tokens, words(&chat.text)),
    })
}

/// A chat's answer as events: the role, the text piece by piece, the reason for its end, the usage if it was asked for.
pub(super) fn chat_events(chat: &Chat, clock: &Clock) -> Vec<Value> {
    let chunk = |choices: Value| {
        json!({
            "id": id("chatcmpl", &chat.text),
            "object": "chat.completion.chunk",
            "created": clock.seconds,
            "model": MODEL,
            "choices": choices,
        })
    };
    let delta = |delta: Value, finish_reason: Value| {
        chunk(json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason}]))
    };
    let mut events = vec![delta(json!({"role": "assistant", "content": ""}), Value::Null)];
    events.extend(chat.text.split_inclusive(' ').map(|piece| delta(json!({"content": piece}), Value::Null)));
    events.push(delta(json!({}), json!("stop")));
    with_usage(&mut events, chat.include_usage, chat.prompt_tokens, words(&chat.text), &chunk);
    events
}

/// A completion's answer, whole.
pub(super) fn completion(completion: &Completion, clock: &Clock) -> Value {
    let choices: Vec<_> =
        completion.prompts.iter().enumerate().map(|(index, text)| choice(index, text, "stop")).collect();
    let tokens = completion.prompts.iter().map(|prompt| words(prompt)).sum();
    json!({
        "id": id("cmpl", &completion.prompts.concat()),
        "object": "text_completion",
        "created": clock.seconds,
        "model": MODEL,
        "choices": choices,
        "usage": usage(tokens, tokens),
    })
}

/// A completion's answer as events.
pub(super) fn completion_events(completion: &Completion, clock: &Clock) -> Vec<Value> {
    let chunk = |choices: Value| {
        json!({
            "id": id("cmpl", &completion.prompts.concat()),
            "object": "text_completion",
            "created": clock.seconds,
            "model": MODEL,
            "choices": choices,
        })
    };
    let mut events = Vec::new();
    for (index, prompt) in completion.prompts.iter().enumerate() {
        let piece = |text, finish_reason: Value| chunk(json!([choice(index, text, finish_reason)]));
        events.extend(prompt.split_inclusive(' ').map(|text| piece(text, Value::Null)));
        events.push(piece("", json!("stop")));
    }
    let tokens = completion.prompts.iter().map(|prompt| words(prompt)).sum();
    with_usage(&mut events, completion.include_usage, tokens, tokens, &chunk);
    events
}

/// The vectors of some texts: the same text has the same vector, of length 1.
pub(super) fn embeddings(embeddings: &Embeddings) -> Value {
    let data: Vec<_> = embeddings
        .inputs
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let vector = vector(text);
            let embedding = if embeddings.base64 {
                let bytes: Vec<_> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
                json!(STANDARD.encode(bytes))
            } else {
                json!(vector)
            };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    let tokens: usize = embeddings.inputs.iter().map(|text| words(text)).sum();
    json!({"object": "list", "data": data, "model": MODEL, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}})
}

/// Eight numbers from the text's hash, together of length 1.
fn vector(text: &str) -> [f32; 8] {
    let hash = token_hash(text.as_bytes());
    let mut vector = [0.0; 8];
    for (number, bytes) in vector.iter_mut().zip(hash.chunks_exact(4)) {
        *number = f32::from(i16::from_le_bytes([bytes[0], bytes[1]])) + 0.5;
    }
    let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
    vector.map(|number| number / length)
}

fn choice(index: usize, text: &str, finish_reason: impl Into<Value>) -> Value {
    json!({"index": index, "text": text, "logprobs": null, "finish_reason": finish_reason.into()})
}

/// Adds what a caller gets who asked for usage: it in a last chunk without choices, and `null` in all others.
fn with_usage(
    events: &mut Vec<Value>,
    asked: bool,
    prompt_tokens: usize,
    completion_tokens: usize,
    chunk: &dyn Fn(Value) -> Value,
) {
    if !asked {
        return;
    }
    for event in events.iter_mut() {
        event["usage"] = Value::Null;
    }
    let mut last = chunk(json!([]));
    last["usage"] = usage(prompt_tokens, completion_tokens);
    events.push(last);
}

fn usage(prompt_tokens: usize, completion_tokens: usize) -> Value {
    json!({
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    })
}

/// An id in OpenAI's form, from what it is of.
fn id(prefix: &str, text: &str) -> String {
    let hash = token_hash(text.as_bytes());
    let hex: String = hash.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("{prefix}-{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOCK: Clock = Clock { seconds: 7 };

    fn hello(include_usage: bool) -> Chat {
        Chat { text: "hello dear world".into(), stream: true, include_usage, prompt_tokens: 5 }
    }

    #[test]
    fn the_pieces_of_a_stream_are_the_whole_answer() {
        let events = chat_events(&hello(false), &CLOCK);
        let text: String = events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect();
        assert_eq!(text, chat(&hello(false), &CLOCK)["choices"][0]["message"]["content"]);
        assert_eq!(events[0]["choices"][0]["delta"]["role"], "assistant");
        assert_eq!(events.last().unwrap()["choices"][0]["finish_reason"], "stop");
        assert!(events.iter().all(|event| event.get("usage").is_none()));
    }

    #[test]
    fn usage_comes_last_and_only_when_asked_for() {
        let events = chat_events(&hello(true), &CLOCK);
        let (last, others) = events.split_last().unwrap();
        assert_eq!(last["usage"]["total_tokens"], 8);
        assert_eq!(last["choices"], json!([]));
        assert!(others.iter().all(|event| event["usage"].is_null()));
    }

    #[test]
    fn both_encodings_of_an_embedding_are_the_same_vector() {
        let embed = |base64| embeddings(&Embeddings { inputs: vec!["text".into()], base64 });
        let floats: Vec<f32> = serde_json::from_value(embed(false)["data"][0]["embedding"].clone()).unwrap();
        let bytes = STANDARD.decode(embed(true)["data"][0]["embedding"].as_str().unwrap()).unwrap();
        let decoded: Vec<f32> =
            bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
        assert_eq!(floats, decoded);
        let length: f32 = floats.iter().map(|number| number * number).sum();
        assert!((length - 1.0).abs() < 1e-5, "{length}");
    }

    #[test]
    fn a_completion_answers_each_prompt() {
        let request =
            Completion { prompts: vec!["one two".into(), "three".into()], stream: false, include_usage: false };
        let answer = completion(&request, &CLOCK);
        assert_eq!(answer["choices"][1]["text"], "three");
        assert_eq!(completion_events(&request, &CLOCK).len(), 2 + 1 + 1 + 1);
    }
}
