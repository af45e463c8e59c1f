//! Anthropic's Messages, and its list of models in pages of two.

pub(super) mod check;
mod say;

use http::Method;
use serde_json::{Value, json};

use super::exchange::{events, require};
use super::{Account, Asked, Book, Fault, Reply, Topic, script};

pub(super) use say::VOICE;

/// What the list holds.
pub(super) const MODELS: &[&str] = &["claude-opus-4-1", "claude-sonnet-4-5", "claude-haiku-4-5"];
/// How many are on a page, however many were asked for: the real limit is never reached by a test.
const PAGE: usize = 2;

pub(super) fn answer(asked: &Asked, book: &Book) -> Result<Reply, Fault> {
    let key = asked.sole_key("x-api-key", "")?.unwrap_or_default();
    let version = asked.header("anthropic-version");
    // The packages of autumn 2026 ask for the second.
    require(["2023-06-01", "2026-10-21"].contains(&version), || format!("the anthropic-version is {version:?}"))?;
    let model = asked.json()["model"].as_str().unwrap_or_default().to_owned();
    let account = book.account_for(key, &model);
    match (&asked.method, asked.path.as_str()) {
        (&Method::GET, "/v1/models") => Ok(models(asked, account)?.about(Topic::Models, key)),
        (&Method::POST, "/v1/messages") if book.converses_with(account) => {
            Ok(script::answer(VOICE, &check::check(&asked.is_json()?)?, &model)?.keyed(key))
        }
        (&Method::POST, "/v1/messages") => Ok(chat(account, key, &asked.is_json()?)),
        _ => Err(Fault("no such route".into())),
    }
}

fn models(asked: &Asked, account: Account) -> Result<Reply, Fault> {
    if let Some(limit) = asked.parameter("limit") {
        require(limit.parse::<u16>().is_ok_and(|limit| (1..=1000).contains(&limit)), || format!("limit={limit}"))?;
    }
    match account {
        Account::Good | Account::Empty | Account::Denied | Account::Modelless => {}
        Account::Dead | Account::Unlisting | Account::Throttled => return Ok(refusal(account, "")),
    }
    let start = match asked.parameter("after_id") {
        Some(after) => {
            let place = MODELS.iter().position(|model| *model == after);
            place.ok_or_else(|| Fault(format!("after_id={after} was never given")))? + 1
        }
        None => 0,
    };
    let page = &MODELS[start..MODELS.len().min(start + PAGE)];
    let model =
        |id: &&str| json!({"type": "model", "id": id, "display_name": id, "created_at": "2025-09-29T00:00:00Z"});
    let data: Vec<_> = page.iter().map(model).collect();
    let has_more = start + PAGE < MODELS.len();
    Ok(Reply::json(200, &json!({"data": data, "has_more": has_more, "first_id": page.first(), "last_id": page.last()})))
}

fn chat(account: Account, key: &str, body: &Value) -> Reply {
    let streams = body["stream"] == true;
    let topic = if streams { Topic::Stream } else { Topic::Chat };
    let reply = match account {
        Account::Good | Account::Unlisting if body["max_tokens"].is_null() => {
            error(400, "invalid_request_error", "max_tokens: Field required")
        }
        Account::Good | Account::Unlisting if streams => stream(&body["model"]),
        Account::Good | Account::Unlisting => {
            let content = json!([{"type": "text", "text": "hello"}]);
            Reply::json(200, &message(&body["model"], &content, &json!("end_turn")))
        }
        Account::Dead | Account::Empty | Account::Denied | Account::Throttled | Account::Modelless => {
            refusal(account, body["model"].as_str().unwrap_or_default())
        }
    };
    reply.with("request-id", "req_1").about(topic, key)
}

fn message(model: &Value, content: &Value, stop_reason: &Value) -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": content, "stop_reason": stop_reason,
        "stop_sequence": null,
        "usage": {
            "input_tokens": 1, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 1,
            "service_tier": "standard",
        },
    })
}

fn stream(model: &Value) -> Reply {
    let start = message(model, &json!([]), &Value::Null);
    let delta =
        |text: &str| json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}});
    let block = json!({"type": "text", "text": ""});
    let end = json!({"stop_reason": "end_turn", "stop_sequence": null});
    let pieces = events([
        ("message_start", json!({"type": "message_start", "message": start})),
        ("content_block_start", json!({"type": "content_block_start", "index": 0, "content_block": block})),
        ("ping", json!({"type": "ping"})),
        ("content_block_delta", delta("hel")),
        ("content_block_delta", delta("lo")),
        ("content_block_stop", json!({"type": "content_block_stop", "index": 0})),
        ("message_delta", json!({"type": "message_delta", "delta": end, "usage": {"output_tokens": 1}})),
        ("message_stop", json!({"type": "message_stop"})),
    ]);
    Reply::stream("text/event-stream; charset=utf-8", pieces)
}

fn refusal(account: Account, model: &str) -> Reply {
    match account {
        Account::Empty => error(
            400,
            "invalid_request_error",
            "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.",
        ),
        Account::Denied | Account::Unlisting => {
            error(403, "permission_error", "Your API key does not have permission to use the specified resource.")
        }
        Account::Throttled => {
            error(429, "rate_limit_error", "This request would exceed your organization's rate limit.")
                .with("retry-after", "7")
        }
        Account::Modelless => error(404, "not_found_error", &format!("model: {model}")),
        Account::Dead | Account::Good => error(401, "authentication_error", "invalid x-api-key"),
    }
}

fn error(status: u16, kind: &str, message: &str) -> Reply {
    let error = json!({"type": kind, "message": message});
    Reply::json(status, &json!({"type": "error", "error": error, "request_id": "req_1"}))
}
