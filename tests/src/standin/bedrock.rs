//! Bedrock: signatures of a pair or a bearer key, models escaped in the path, exceptions by a header, and streams of frames.

pub(super) mod check;
mod say;

use http::Method;
use serde_json::json;

use super::eventstream::frame;
use super::exchange::require;
use super::{Account, Asked, Book, Fault, Reply, Topic, script};

pub(super) use say::VOICE;

/// What the list holds.
pub(super) const MODELS: &[&str] = &["amazon.nova-lite-v1:0", "anthropic.claude-3-haiku-20240307-v1:0"];
/// The region of its users.
const REGION: &str = "us-east-1";

pub(super) fn answer(asked: &Asked, book: &Book) -> Result<Reply, Fault> {
    let authorization = asked.header("authorization");
    let key = if authorization.starts_with("AWS4-HMAC-SHA256 ") {
        asked.sole_key("authorization", "AWS4-HMAC-SHA256 ")?;
        verify_form(asked, REGION)?
    } else {
        asked.sole_key("authorization", "Bearer ")?.unwrap_or_default().to_owned()
    };
    let account = book.account_for(&key, &asked.path);
    if asked.method == Method::GET && asked.path == "/foundation-models" {
        return Ok(models(account).about(Topic::Models, &key));
    }
    let rest = asked.path.strip_prefix("/model/").filter(|_| asked.method == Method::POST);
    let (model, verb) = rest.and_then(|rest| rest.rsplit_once('/')).ok_or_else(|| Fault("no such route".into()))?;
    require(!model.contains(['/', ':']), || "the model's name is not escaped".into())?;
    let body = asked.is_json()?;
    require(body["messages"].is_array(), || "messages is missing".into())?;
    let topic = match verb {
        "converse" => Topic::Chat,
        "converse-stream" => Topic::Stream,
        other => return Err(Fault(format!("no such verb: {other}"))),
    };
    if book.converses_with(account) {
        let heard = check::check(&body, model, topic == Topic::Stream)?;
        return Ok(script::answer(VOICE, &heard, "")?.with("x-amzn-requestid", "b1").keyed(&key));
    }
    let reply = match (account, topic) {
        (Account::Good | Account::Unlisting, Topic::Stream) => stream(),
        (Account::Good | Account::Unlisting, _) => whole(),
        (Account::Dead | Account::Empty | Account::Denied | Account::Throttled | Account::Modelless, _) => {
            refusal(account)
        }
    };
    Ok(reply.with("x-amzn-requestid", "b1").about(topic, &key))
}

/// Whether a signature has the form that it must have, with all that has to be signed; the access key id is answered. Whether it is the right
/// one is for botocore to say.
///
/// # Errors
///
/// When it hasn't.
pub fn verify_form(asked: &Asked, region: &str) -> Result<String, Fault> {
    let text = asked.header("authorization").strip_prefix("AWS4-HMAC-SHA256 ").unwrap_or_default();
    let part = |name: &str| {
        let parts = text.split(',').filter_map(|part| part.trim().split_once('='));
        parts.filter(|(key, _)| *key == name).map(|(_, value)| value).next().unwrap_or_default()
    };
    let time = asked.header("x-amz-date");
    let is_time = time.len() == 16 && time.as_bytes()[8] == b'T' && time.ends_with('Z');
    require(is_time, || format!("x-amz-date is {time:?}"))?;
    let credential: Vec<_> = part("Credential").split('/').collect();
    let [id, date, scope @ ..] = credential.as_slice() else { return Err(Fault("there is no Credential".into())) };
    require(scope == [region, "bedrock", "aws4_request"], || format!("the scope is {scope:?}"))?;
    require(time.starts_with(date), || "the dates differ".into())?;
    let signed: Vec<_> = part("SignedHeaders").split(';').collect();
    require(signed.is_sorted(), || "the signed headers are not in order".into())?;
    for name in ["host", "x-amz-date", "content-type", "x-amz-security-token"] {
        let is_there = asked.headers.contains_key(name);
        require(!is_there || signed.contains(&name), || format!("{name} is not signed"))?;
    }
    require(signed.contains(&"host"), || "host is not signed".into())?;
    let signature = part("Signature");
    let is_hex = signature.len() == 64 && signature.bytes().all(|byte| byte.is_ascii_hexdigit());
    require(is_hex, || format!("the signature is {signature:?}"))?;
    Ok((*id).to_owned())
}

fn models(account: Account) -> Reply {
    match account {
        Account::Good | Account::Empty | Account::Denied | Account::Modelless => {
            let model = |id: &&str| {
                json!({
                    "modelArn": format!("arn:aws:bedrock:us-east-1::foundation-model/{id}"), "modelId": id, "modelName": id,
                    "providerName": "Amazon", "inputModalities": ["TEXT"], "outputModalities": ["TEXT"],
                    "responseStreamingSupported": true, "customizationsSupported": [], "inferenceTypesSupported": ["ON_DEMAND"],
                    "modelLifecycle": {"status": "ACTIVE"},
                })
            };
            Reply::json(200, &json!({"modelSummaries": MODELS.iter().map(model).collect::<Vec<_>>()}))
        }
        Account::Unlisting => exception(
            403,
            "AccessDeniedException",
            "User: arn:aws:iam::123456789012:user/app is not authorized to perform: bedrock:ListFoundationModels",
        ),
        Account::Dead | Account::Throttled => refusal(account),
    }
}

fn whole() -> Reply {
    Reply::json(
        200,
        &json!({
            "output": {"message": {"role": "assistant", "content": [{"text": "hello"}]}}, "stopReason": "end_turn",
            "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}, "metrics": {"latencyMs": 1},
        }),
    )
}

fn stream() -> Reply {
    let delta = |text: &str| json!({"contentBlockIndex": 0, "delta": {"text": text}, "p": "abcdefgh"});
    let usage = json!({"inputTokens": 1, "outputTokens": 1, "totalTokens": 2});
    let events = [
        ("messageStart", json!({"role": "assistant", "p": "abc"})),
        ("contentBlockDelta", delta("hel")),
        ("contentBlockDelta", delta("lo")),
        ("contentBlockStop", json!({"contentBlockIndex": 0, "p": "ab"})),
        ("messageStop", json!({"stopReason": "end_turn", "p": "abcd"})),
        ("metadata", json!({"usage": usage, "metrics": {"latencyMs": 1}, "p": "a"})),
    ];
    let pieces = events.into_iter().map(|(kind, payload)| frame("event", kind, &payload)).collect();
    Reply::stream("application/vnd.amazon.eventstream", pieces)
}

fn refusal(account: Account) -> Reply {
    match account {
        Account::Empty => {
            exception(400, "ServiceQuotaExceededException", "Your request exceeds your account's service quota.")
        }
        Account::Denied | Account::Unlisting => {
            exception(403, "AccessDeniedException", "You don't have access to the model with the specified model ID.")
        }
        Account::Throttled => {
            exception(429, "ThrottlingException", "Too many requests, please wait before trying again.")
        }
        Account::Modelless => exception(404, "ResourceNotFoundException", "Could not resolve the foundation model."),
        Account::Dead | Account::Good => {
            exception(403, "UnrecognizedClientException", "The security token included in the request is invalid.")
        }
    }
}

fn exception(status: u16, kind: &str, message: &str) -> Reply {
    // What stands behind the colon has to be cut off.
    let header = format!("{kind}:http://internal.amazon.com/coral/com.amazon.bedrock/");
    Reply::json(status, &json!({"message": message})).with("x-amzn-errortype", &header)
}
