//! A request in the vendor's own format, through a real proxy, plain and streamed.

use anyhow::ensure;
use serde_json::{Value, json};

use super::{Bench, Connected, Row};
use crate::caller::{Caller, RawAnswer};
use crate::standin::{Api, Topic, read_frames};

/// Both are served, and each is one request at the stand-in, with the good key.
pub(super) async fn plain_and_streamed(bench: &Bench, row: &Row, connected: &Connected) -> anyhow::Result<()> {
    connected.upstream.forget();
    let caller = bench.proxies[0].caller(&bench.caller_key);
    let plain = chat(&caller, row.api, &connected.model, Topic::Chat).await?;
    ensure!(plain.status == 200, "plain: {} {} {:?}", plain.status, plain.text(), connected.upstream.faults());
    ensure!(text_of(row.api, &plain.json()) == "hello", "plain: {}", plain.text());
    let streamed = chat(&caller, row.api, &connected.model, Topic::Stream).await?;
    ensure!(
        streamed.status == 200,
        "streamed: {} {} {:?}",
        streamed.status,
        streamed.text(),
        connected.upstream.faults()
    );
    ensure!(text_of_stream(row.api, &streamed)? == "hello", "streamed: {}", streamed.text());
    let key = row.good_key();
    for topic in [Topic::Chat, Topic::Stream] {
        let seen = connected.upstream.seen_of(topic, &key);
        ensure!(seen.len() == 1 && seen[0].status == 200, "{topic:?}: {seen:?}");
        ensure!(!seen[0].asked.text().contains(&bench.caller_key), "the caller key went upstream");
    }
    Ok(())
}

/// Asks for a model in a format.
pub(in crate::cases) async fn chat(caller: &Caller, api: Api, model: &str, topic: Topic) -> anyhow::Result<RawAnswer> {
    let streams = topic == Topic::Stream;
    let (path, body) = request(api, model, streams);
    caller.ask(&path, &[], &body.to_string()).await
}

fn request(api: Api, model: &str, streams: bool) -> (String, Value) {
    let messages = json!([{"role": "user", "content": "hi"}]);
    let body = match api {
        Api::OpenAi | Api::Azure | Api::Cohere => json!({"model": model, "messages": messages, "stream": streams}),
        Api::Anthropic => json!({"model": model, "max_tokens": 16, "messages": messages, "stream": streams}),
        Api::Gemini | Api::Vertex => json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
        Api::Bedrock => json!({"messages": [{"role": "user", "content": [{"text": "hi"}]}]}),
    };
    let path = match (api, streams) {
        (Api::OpenAi | Api::Azure, _) => "/v1/chat/completions".into(),
        (Api::Anthropic, _) => "/v1/messages".into(),
        (Api::Cohere, _) => "/v2/chat".into(),
        (Api::Gemini | Api::Vertex, false) => format!("/v1beta/models/{model}:generateContent"),
        (Api::Gemini | Api::Vertex, true) => format!("/v1beta/models/{model}:streamGenerateContent?alt=sse"),
        (Api::Bedrock, false) => format!("/model/{model}/converse"),
        (Api::Bedrock, true) => format!("/model/{model}/converse-stream"),
    };
    (path, body)
}

fn text_of(api: Api, answer: &Value) -> &str {
    let text = match api {
        Api::OpenAi | Api::Azure => &answer["choices"][0]["message"]["content"],
        Api::Anthropic => &answer["content"][0]["text"],
        Api::Gemini | Api::Vertex => &answer["candidates"][0]["content"]["parts"][0]["text"],
        Api::Bedrock => &answer["output"]["message"]["content"][0]["text"],
        Api::Cohere => &answer["message"]["content"][0]["text"],
    };
    text.as_str().unwrap_or_default()
}

/// The text of a stream that ended as its format ends.
fn text_of_stream(api: Api, answer: &RawAnswer) -> anyhow::Result<String> {
    let events = if api == Api::Bedrock { frames(answer)? } else { data(answer)? };
    let of = |event: &Value| {
        let text = match api {
            Api::OpenAi | Api::Azure => &event["choices"][0]["delta"]["content"],
            Api::Anthropic => &event["delta"]["text"],
            Api::Gemini | Api::Vertex => &event["candidates"][0]["content"]["parts"][0]["text"],
            Api::Bedrock => &event["delta"]["text"],
            Api::Cohere => &event["delta"]["message"]["content"]["text"],
        };
        text.as_str().unwrap_or_default().to_owned()
    };
    let ended = events.iter().any(|event| match api {
        Api::OpenAi | Api::Azure => event["choices"][0]["finish_reason"] == "stop",
        Api::Anthropic => event["type"] == "message_stop",
        Api::Gemini | Api::Vertex => event["candidates"][0]["finishReason"] == "STOP",
        Api::Bedrock => event["stopReason"] == "end_turn",
        Api::Cohere => event["delta"]["finish_reason"] == "COMPLETE",
    });
    ensure!(ended, "the stream has no end: {}", answer.text());
    Ok(events.iter().map(of).collect())
}

fn frames(answer: &RawAnswer) -> anyhow::Result<Vec<Value>> {
    let kind = answer.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    ensure!(kind == "application/vnd.amazon.eventstream", "the content-type is {kind}");
    read_frames(&answer.bytes)?.iter().map(|frame| Ok(serde_json::from_slice(&frame.payload)?)).collect()
}

fn data(answer: &RawAnswer) -> anyhow::Result<Vec<Value>> {
    let text = answer.text();
    let lines = text.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    lines.map(|data| Ok(serde_json::from_str(data)?)).collect()
}
