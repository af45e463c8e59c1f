//! Gemini's API at Vertex AI: minted tokens in the URL of a project and a location, or an API key in express mode.

use http::Method;
use serde_json::json;

use super::exchange::require;
use super::{Account, Asked, Book, Fault, Reply, gemini, token};

/// A model that it serves. There is no list of them.
pub(super) const MODEL: &str = "gemini-2.5-flash";
/// Where its users' models are.
const PROJECT: &str = "/v1/projects/acme-ai/locations/europe-west4/publishers/google/models/";
/// Where those of express mode are.
const EXPRESS: &str = "/v1/publishers/google/models/";

pub(super) fn answer(asked: &Asked, book: &mut Book) -> Result<Reply, Fault> {
    if asked.method == Method::POST && asked.path == "/token" {
        return token::of_service_account(asked, book);
    }
    let (account, key, rest) = if let Some(rest) = asked.path.strip_prefix(EXPRESS) {
        let key = asked.sole_key("x-goog-api-key", "")?.unwrap_or_default();
        (book.account(key), key.to_owned(), rest)
    } else {
        let rest = asked.path.strip_prefix(PROJECT).ok_or_else(|| Fault("no such route".into()))?;
        let token = asked.sole_key("authorization", "Bearer ")?.unwrap_or_default();
        let (account, identity) = book.account_of_token(token);
        (account, identity, rest)
    };
    let (model, verb) = rest.rsplit_once(':').ok_or_else(|| Fault("no such route".into()))?;
    require(!model.contains('/'), || "the model's name is not escaped".into())?;
    let is_key = asked.path.starts_with(EXPRESS);
    if account == Account::Dead && !is_key {
        // The body has been checked for the others: here it doesn't matter.
        let detail = json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "ACCESS_TOKEN_EXPIRED", "domain": "googleapis.com",
        });
        let message = "Request had invalid authentication credentials.";
        let topic = if verb == "generateContent" { super::Topic::Chat } else { super::Topic::Stream };
        return Ok(gemini::error(401, "UNAUTHENTICATED", message, &json!([detail])).about(topic, &key));
    }
    let account = super::without_missing(account, model);
    if book.converses_with(account) {
        return Ok(gemini::converse(asked, model, verb, gemini::Place::Vertex)?.keyed(&key));
    }
    gemini::chat(asked, account, &key, model, verb)
}
