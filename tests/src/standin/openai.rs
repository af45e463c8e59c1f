//! OpenAI's API, and that of everybody who is compatible with it, below whatever path.

pub(super) mod check;
pub(super) mod house;
pub(super) mod model;
mod say;

use http::Method;
use serde_json::{Value, json};

use super::exchange::{events, require};
use super::{Account, Asked, Book, Fault, Reply, Topic, responses, script};
use house::House;

pub(super) use say::VOICE;

/// The tool by which a proxy holds a model to a schema, where it can't do so by a field.
pub(super) const ANSWER_TOOL: &str = "keyplane_answer";

/// What the list holds.
pub(super) const MODELS: &[&str] = &["gpt-4o", "gpt-4o-mini", "text-embedding-3-small"];

pub(super) fn answer(asked: &Asked, book: &Book) -> Result<Reply, Fault> {
    let key = asked.sole_key("authorization", "Bearer ")?.unwrap_or_default();
    let account = book.account_for(key, asked.json()["model"].as_str().unwrap_or_default());
    if asked.method == Method::GET && asked.path.ends_with("/models") {
        let account = if book.open_list { Account::Good } else { account };
        return Ok(models(account, key).about(Topic::Models, key));
    }
    // OpenRouter lists its models to everybody, and tells of a key here.
    if asked.method == Method::GET && asked.path.ends_with("/key") {
        let told = match account {
            Account::Dead | Account::Throttled => refusal(account, key, ""),
            Account::Good | Account::Empty | Account::Unlisting | Account::Denied | Account::Modelless => {
                let data = json!({"label": "tests", "usage": 0, "limit": null, "is_free_tier": false});
                Reply::json(200, &json!({"data": data}))
            }
        };
        return Ok(told.about(Topic::Other, key));
    }
    if asked.method == Method::POST && asked.path.ends_with("/responses") {
        return responses::answer(asked, account, key);
    }
    let is_chat = asked.method == Method::POST && asked.path.ends_with("/chat/completions");
    require(is_chat, || "no such route".into())?;
    let body = asked.is_json()?;
    if book.converses_with(account) {
        return Ok(converse(&body, "")?.keyed(key));
    }
    Ok(chat(account, key, &body))
}

/// What is said to a request that is as it should be, by the model that it names, or by that of a deployment.
pub(super) fn converse(body: &Value, deployment: &str) -> Result<Reply, Fault> {
    let model = if deployment.is_empty() { body["model"].as_str().unwrap_or_default() } else { deployment };
    let house = House::of(model);
    let heard = check::check(body, model, house)?;
    script::answer(house.voice(), &heard, model)
}

/// The list, or a refusal of it.
pub(super) fn models(account: Account, key: &str) -> Reply {
    match account {
        Account::Good | Account::Denied | Account::Modelless | Account::Empty => {
            let model =
                |id: &&str| json!({"id": id, "object": "model", "created": 1_715_367_049, "owned_by": "system"});
            Reply::json(200, &json!({"object": "list", "data": MODELS.iter().map(model).collect::<Vec<_>>()}))
        }
        Account::Unlisting => missing_scope("api.model.read"),
        Account::Dead | Account::Throttled => refusal(account, key, ""),
    }
}

/// A chat, or a refusal of it.
pub(super) fn chat(account: Account, key: &str, body: &Value) -> Reply {
    let streams = body["stream"] == true;
    let topic = if streams { Topic::Stream } else { Topic::Chat };
    let reply = match account {
        Account::Good | Account::Unlisting if streams => stream(&body["model"]),
        Account::Good | Account::Unlisting => Reply::json(200, &completion(&body["model"])),
        Account::Dead | Account::Empty | Account::Denied | Account::Throttled | Account::Modelless => {
            refusal(account, key, body["model"].as_str().unwrap_or_default())
        }
    };
    reply.about(topic, key)
}

pub(super) fn completion(model: &Value) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_741_569_952, "model": model,
        "choices": [{
            "index": 0, "message": {"role": "assistant", "content": "hello", "refusal": null, "annotations": []},
            "logprobs": null, "finish_reason": "stop",
        }],
        "usage": {
            "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        },
        "service_tier": "default", "system_fingerprint": null,
    })
}

/// The chunks of a stream, but for its end.
pub(super) fn chunks(model: &Value) -> Vec<Value> {
    let chunk = |delta: Value, finish_reason: Value| {
        json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_741_569_952, "model": model,
            "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason}],
        })
    };
    vec![
        chunk(json!({"role": "assistant", "content": "", "refusal": null}), Value::Null),
        chunk(json!({"content": "hel"}), Value::Null),
        chunk(json!({"content": "lo"}), Value::Null),
        chunk(json!({}), json!("stop")),
    ]
}

fn stream(model: &Value) -> Reply {
    let mut pieces = events(chunks(model).into_iter().map(|chunk| ("", chunk)));
    pieces.push("data: [DONE]\n\n".into());
    Reply::stream("text/event-stream; charset=utf-8", pieces)
}

fn missing_scope(scope: &str) -> Reply {
    let message = format!(
        "You have insufficient permissions for this operation. Missing scopes: {scope}. Check that you have the correct role in your \
         organization (Reader, Writer, Owner) and project (Member, Owner), and if you're using a restricted API key, that it has the \
         necessary scopes."
    );
    error(401, &message, "invalid_request_error", Value::Null)
}

/// A refusal, in OpenAI's words, which for a wrong key show some of it.
pub(super) fn refusal(account: Account, key: &str, model: &str) -> Reply {
    match account {
        Account::Dead if key.is_empty() => {
            error(401, "You didn't provide an API key.", "invalid_request_error", Value::Null)
        }
        Account::Empty => error(
            429,
            "You exceeded your current quota, please check your plan and billing details.",
            "insufficient_quota",
            json!("insufficient_quota"),
        ),
        Account::Denied => missing_scope("model.request"),
        Account::Throttled => error(429, "Rate limit reached for requests", "requests", json!("rate_limit_exceeded"))
            .with("retry-after", "7"),
        Account::Modelless => {
            let message = format!("The model `{model}` does not exist or you do not have access to it.");
            error(404, &message, "invalid_request_error", json!("model_not_found"))
        }
        Account::Dead | Account::Good | Account::Unlisting => error(
            401,
            &format!("Incorrect API key provided: {key}. You can find your API key at https://platform.openai.com."),
            "invalid_request_error",
            json!("invalid_api_key"),
        ),
    }
}

pub(super) fn error(status: u16, message: &str, kind: &str, code: Value) -> Reply {
    Reply::json(status, &json!({"error": {"message": message, "type": kind, "param": null, "code": code}}))
}
