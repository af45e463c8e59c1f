//! OpenAI's API at Azure: deployments in the path, an api-version, a key of its own header or Entra's token.

use http::Method;
use serde_json::{Value, json};

use super::exchange::{events, require};
use super::{Account, Asked, Book, Fault, Reply, Topic, openai, token};

/// What the list holds: the models that the resource could deploy.
pub(super) const MODELS: &[&str] = &["gpt-4o", "gpt-4o-mini"];

pub(super) fn answer(asked: &Asked, book: &mut Book) -> Result<Reply, Fault> {
    if asked.method == Method::POST && asked.path.ends_with("/oauth2/v2.0/token") {
        return token::of_client(asked, book);
    }
    let (account, key) = if asked.headers.contains_key("authorization") {
        let token = asked.sole_key("authorization", "Bearer ")?.unwrap_or_default();
        book.account_of_token(token)
    } else {
        let key = asked.sole_key("api-key", "")?.unwrap_or_default();
        (book.account(key), key.to_owned())
    };
    let version = asked.parameter("api-version");
    require(version == Some("2024-10-21"), || format!("the api-version is {version:?}"))?;
    if asked.method == Method::GET && asked.path == "/openai/models" {
        return Ok(models(account).about(Topic::Models, &key));
    }
    let rest = asked.path.strip_prefix("/openai/deployments/").filter(|_| asked.method == Method::POST);
    let deployment = rest.and_then(|rest| rest.strip_suffix("/chat/completions"));
    let deployment = deployment.ok_or_else(|| Fault("no such route".into()))?;
    require(!deployment.contains('/'), || "the deployment's name is not escaped".into())?;
    let body = asked.is_json()?;
    let account = super::without_missing(account, deployment);
    if book.converses_with(account) {
        return Ok(openai::converse(&body, deployment)?.keyed(&key));
    }
    Ok(chat(account, &key, &body))
}

fn models(account: Account) -> Reply {
    match account {
        Account::Good | Account::Empty | Account::Denied | Account::Modelless => {
            let capabilities =
                json!({"inference": true, "chat_completion": true, "completion": false, "embeddings": false});
            let model = |id: &&str| {
                json!({"id": id, "object": "model", "status": "succeeded", "lifecycle_status": "generally-available",
                    "capabilities": capabilities})
            };
            Reply::json(200, &json!({"object": "list", "data": MODELS.iter().map(model).collect::<Vec<_>>()}))
        }
        Account::Dead | Account::Unlisting | Account::Throttled => refusal(account),
    }
}

fn chat(account: Account, key: &str, body: &Value) -> Reply {
    let streams = body["stream"] == true;
    let topic = if streams { Topic::Stream } else { Topic::Chat };
    let reply = match account {
        Account::Good | Account::Unlisting if streams => stream(),
        Account::Good | Account::Unlisting => {
            let mut completion = openai::completion(&json!("gpt-4o-2024-11-20"));
            completion["prompt_filter_results"] = filter_results();
            Reply::json(200, &completion)
        }
        Account::Dead | Account::Empty | Account::Denied | Account::Throttled | Account::Modelless => refusal(account),
    };
    reply.with("apim-request-id", "a1").with("x-ms-region", "Sweden Central").about(topic, key)
}

fn filter_results() -> Value {
    json!([{"prompt_index": 0, "content_filter_results": {"hate": {"filtered": false, "severity": "safe"}}}])
}

/// The first chunk has no choice and no model, only what the filter found.
fn stream() -> Reply {
    let first = json!({"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": filter_results()});
    let chunks = openai::chunks(&json!("gpt-4o-2024-11-20"));
    let mut pieces = events(std::iter::once(first).chain(chunks).map(|chunk| ("", chunk)));
    pieces.push("data: [DONE]\n\n".into());
    Reply::stream("text/event-stream; charset=utf-8", pieces)
}

fn refusal(account: Account) -> Reply {
    match account {
        Account::Empty => error(429, "insufficient_quota", "You exceeded your current quota."),
        Account::Denied | Account::Unlisting => {
            error(403, "PermissionDenied", "The principal lacks the required data action to perform the operation.")
        }
        Account::Throttled => {
            error(429, "RateLimitReached", "Requests have exceeded the rate limit.").with("retry-after", "7")
        }
        Account::Modelless => error(
            404,
            "DeploymentNotFound",
            "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait.",
        ),
        Account::Dead | Account::Good => error(
            401,
            "401",
            "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription.",
        ),
    }
}

fn error(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({"error": {"code": code, "message": message}}))
}
