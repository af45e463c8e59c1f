//! Cohere's API: chats of version 2, and the list of models of version 1 in pages of two.

pub(super) mod check;
mod say;

use http::Method;
use serde_json::{Value, json};

use super::exchange::{events, require};
use super::{Account, Asked, Book, Fault, Reply, Topic, script};

pub(super) use say::VOICE;

/// What the list holds.
pub(super) const MODELS: &[&str] = &["command-a-03-2025", "embed-v4.0", "command-r7b-12-2024"];
/// How many are on a page, however many were asked for.
const PAGE: usize = 2;

pub(super) fn answer(asked: &Asked, book: &Book) -> Result<Reply, Fault> {
    let key = asked.sole_key("authorization", "Bearer ")?.unwrap_or_default();
    let model = asked.json()["model"].as_str().unwrap_or_default().to_owned();
    let account = book.account_for(key, &model);
    match (&asked.method, asked.path.as_str()) {
        (&Method::GET, "/v1/models") => Ok(models(asked, account)?.about(Topic::Models, key)),
        (&Method::POST, "/v2/chat") if book.converses_with(account) => {
            Ok(script::answer(VOICE, &check::check(&asked.is_json()?)?, &model)?.keyed(key))
        }
        (&Method::POST, "/v2/chat") => Ok(chat(account, key, &asked.is_json()?)),
        _ => Err(Fault("no such route".into())),
    }
}

fn models(asked: &Asked, account: Account) -> Result<Reply, Fault> {
    if let Some(size) = asked.parameter("page_size") {
        require(size.parse::<u16>().is_ok_and(|size| (1..=1000).contains(&size)), || format!("page_size={size}"))?;
    }
    match account {
        Account::Good | Account::Empty | Account::Denied | Account::Modelless => {}
        Account::Dead | Account::Unlisting | Account::Throttled => return Ok(refusal(account, "")),
    }
    let start = match asked.parameter("page_token") {
        Some("page-2") => PAGE,
        Some("") | None => 0,
        Some(token) => return Err(Fault(format!("page_token={token} was never given"))),
    };
    let page = &MODELS[start..MODELS.len().min(start + PAGE)];
    let model = |name: &&str| {
        let endpoints = if name.starts_with("embed") { json!(["embed"]) } else { json!(["chat"]) };
        json!({"name": name, "endpoints": endpoints, "finetuned": false, "context_length": 256_000, "features": null})
    };
    let mut list = json!({"models": page.iter().map(model).collect::<Vec<_>>()});
    if start + PAGE < MODELS.len() {
        list["next_page_token"] = json!("page-2");
    }
    Ok(Reply::json(200, &list))
}

fn chat(account: Account, key: &str, body: &Value) -> Reply {
    let streams = body["stream"] == true;
    let topic = if streams { Topic::Stream } else { Topic::Chat };
    let reply = match account {
        Account::Good | Account::Unlisting if streams => stream(),
        Account::Good | Account::Unlisting => {
            let message = json!({"role": "assistant", "content": [{"type": "text", "text": "hello"}]});
            Reply::json(200, &json!({"id": "c1", "message": message, "finish_reason": "COMPLETE", "usage": usage()}))
        }
        Account::Dead | Account::Empty | Account::Denied | Account::Throttled | Account::Modelless => {
            refusal(account, body["model"].as_str().unwrap_or_default())
        }
    };
    reply.about(topic, key)
}

fn usage() -> Value {
    let tokens = json!({"input_tokens": 1, "output_tokens": 1});
    json!({"billed_units": tokens, "tokens": tokens})
}

fn stream() -> Reply {
    let delta =
        |text: &str| json!({"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": text}}}});
    let role =
        json!({"message": {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}});
    let block = json!({"message": {"content": {"type": "text", "text": ""}}});
    let mut pieces = events([
        ("message-start", json!({"id": "c1", "type": "message-start", "delta": role})),
        ("content-start", json!({"type": "content-start", "index": 0, "delta": block})),
        ("content-delta", delta("hel")),
        ("content-delta", delta("lo")),
        ("content-end", json!({"type": "content-end", "index": 0})),
        ("message-end", json!({"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": usage()}})),
    ]);
    pieces.push("data: [DONE]\n\n".into());
    Reply::stream("text/event-stream", pieces)
}

fn refusal(account: Account, model: &str) -> Reply {
    let (status, message) = match account {
        Account::Empty => (402, "your account has run out of credits; please add a payment method".to_owned()),
        Account::Denied | Account::Unlisting => (403, "you do not have permission to use this resource".to_owned()),
        Account::Throttled => (
            429,
            "You are using a Trial key, which is limited to 10 API calls / minute. You can continue to use the Trial key for free."
                .to_owned(),
        ),
        Account::Modelless => {
            (404, format!("model '{model}' not found, make sure the correct model ID was used and that you have access to it."))
        }
        Account::Dead | Account::Good => (401, "invalid api token".to_owned()),
    };
    error(status, &message)
}

fn error(status: u16, message: &str) -> Reply {
    Reply::json(status, &json!({"id": "e1", "message": message}))
}
