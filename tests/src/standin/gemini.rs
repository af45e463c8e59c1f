//! Gemini's API as AI Studio serves it: keys in a header of its own, a bad one answered 400, and the list of models in pages of two.

pub(super) mod check;
mod say;

use http::Method;
use serde_json::{Value, json};

use super::exchange::{events, require};
use super::{Account, Asked, Book, Fault, Reply, Topic, script};

pub(super) use say::VOICE;

/// Who serves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// AI Studio.
    Studio,
    /// Vertex AI.
    Vertex,
}

/// What the list holds, without `models/`.
pub(super) const MODELS: &[&str] = &["gemini-2.5-flash", "gemini-embedding-001", "gemini-2.5-pro"];
/// How many are on a page, however many were asked for.
const PAGE: usize = 2;

pub(super) fn answer(asked: &Asked, book: &Book) -> Result<Reply, Fault> {
    let key = asked.sole_key("x-goog-api-key", "")?.unwrap_or_default();
    let account = book.account_for(key, &asked.path);
    if asked.method == Method::GET && asked.path == "/v1beta/models" {
        return Ok(models(asked, account)?.about(Topic::Models, key));
    }
    let rest = asked.path.strip_prefix("/v1beta/models/");
    let (model, verb) = rest.and_then(|rest| rest.rsplit_once(':')).ok_or_else(|| Fault("no such route".into()))?;
    if book.converses_with(account) {
        return Ok(converse(asked, model, verb, Place::Studio)?.keyed(key));
    }
    chat(asked, account, key, model, verb)
}

/// What is said to a request that is as it should be.
pub(super) fn converse(asked: &Asked, model: &str, verb: &str, place: Place) -> Result<Reply, Fault> {
    let streams = topic(asked, verb)? == Topic::Stream;
    let heard = check::check(&asked.is_json()?, model, streams, place)?;
    script::answer(VOICE, &heard, model)
}

/// What a verb is about, which is posted, as a stream of events where it is one.
fn topic(asked: &Asked, verb: &str) -> Result<Topic, Fault> {
    require(asked.method == Method::POST, || "a chat is posted".into())?;
    match verb {
        "generateContent" => Ok(Topic::Chat),
        "streamGenerateContent" => {
            require(asked.parameter("alt") == Some("sse"), || "a stream is asked for without alt=sse".into())?;
            Ok(Topic::Stream)
        }
        other => Err(Fault(format!("no such verb: {other}"))),
    }
}

fn models(asked: &Asked, account: Account) -> Result<Reply, Fault> {
    if let Some(size) = asked.parameter("pageSize") {
        require(size.parse::<u16>().is_ok_and(|size| (1..=1000).contains(&size)), || format!("pageSize={size}"))?;
    }
    match account {
        Account::Good | Account::Empty | Account::Denied | Account::Modelless => {}
        Account::Dead | Account::Unlisting | Account::Throttled => return Ok(refusal(account, "")),
    }
    let start = match asked.parameter("pageToken") {
        Some("page-2") => PAGE,
        Some(token) => return Err(Fault(format!("pageToken={token} was never given"))),
        None => 0,
    };
    let page = &MODELS[start..MODELS.len().min(start + PAGE)];
    let model = |id: &&str| {
        let methods =
            if id.contains("embedding") { json!(["embedContent"]) } else { json!(["generateContent", "countTokens"]) };
        json!({
            "name": format!("models/{id}"), "version": "001", "displayName": id, "inputTokenLimit": 1_048_576,
            "outputTokenLimit": 65_536, "supportedGenerationMethods": methods,
        })
    };
    let mut list = json!({"models": page.iter().map(model).collect::<Vec<_>>()});
    if start + PAGE < MODELS.len() {
        list["nextPageToken"] = json!("page-2");
    }
    Ok(Reply::json(200, &list))
}

/// A chat in Gemini's form, whoever serves it.
pub(super) fn chat(asked: &Asked, account: Account, key: &str, model: &str, verb: &str) -> Result<Reply, Fault> {
    let topic = topic(asked, verb)?;
    require(asked.is_json()?["contents"].is_array(), || "contents is missing".into())?;
    let reply = match (account, topic) {
        (Account::Good | Account::Unlisting, Topic::Stream) => stream(model),
        (Account::Good | Account::Unlisting, _) => Reply::json(200, &generated(model, "hello", "STOP")),
        (Account::Dead | Account::Empty | Account::Denied | Account::Throttled | Account::Modelless, _) => {
            refusal(account, model)
        }
    };
    Ok(reply.about(topic, key))
}

fn generated(model: &str, text: &str, finish_reason: &str) -> Value {
    let mut candidate = json!({"index": 0, "content": {"role": "model", "parts": [{"text": text}]}});
    if !finish_reason.is_empty() {
        candidate["finishReason"] = json!(finish_reason);
    }
    json!({
        "candidates": [candidate],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2},
        "modelVersion": model, "responseId": "r1",
    })
}

fn stream(model: &str) -> Reply {
    let pieces = events([("", generated(model, "hel", "")), ("", generated(model, "lo", "STOP"))]);
    Reply::stream("text/event-stream", pieces)
}

/// A refusal in Google's words, of an API key.
fn refusal(account: Account, model: &str) -> Reply {
    match account {
        Account::Dead | Account::Good => {
            let detail = json!({
                "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com",
                "metadata": {"service": "generativelanguage.googleapis.com"},
            });
            error(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", &json!([detail]))
        }
        Account::Empty | Account::Denied | Account::Unlisting | Account::Throttled | Account::Modelless => {
            refusal_of_known(account, model)
        }
    }
}

/// A refusal in Google's words, of somebody who is known.
pub(super) fn refusal_of_known(account: Account, model: &str) -> Reply {
    match account {
        Account::Empty => {
            let violation = json!({
                "quotaMetric": "generativelanguage.googleapis.com/generate_content_requests",
                "quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "quotaValue": "0",
            });
            let failure = json!({"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]});
            let message = "You exceeded your current quota, please check your plan and billing details.";
            error(429, "RESOURCE_EXHAUSTED", message, &json!([failure]))
        }
        Account::Throttled => {
            let retry = json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"});
            error(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).", &json!([retry]))
        }
        Account::Modelless => {
            let message = format!("models/{model} is not found for API version v1beta.");
            error(404, "NOT_FOUND", &message, &json!([]))
        }
        Account::Denied | Account::Unlisting | Account::Dead | Account::Good => {
            error(403, "PERMISSION_DENIED", "The caller does not have permission", &json!([]))
        }
    }
}

/// An error as Google's APIs have it.
pub(super) fn error(status: u16, name: &str, message: &str, details: &Value) -> Reply {
    Reply::json(status, &json!({"error": {"code": status, "message": message, "status": name, "details": details}}))
}
