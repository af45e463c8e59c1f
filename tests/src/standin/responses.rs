//! OpenAI's Responses.

pub(super) mod check;
mod say;

use super::{Account, Asked, Fault, Reply, Topic, openai, script};

pub(super) use say::VOICE;

/// A response, to whoever has a key that works.
pub(super) fn answer(asked: &Asked, account: Account, key: &str) -> Result<Reply, Fault> {
    let body = asked.is_json()?;
    let model = body["model"].as_str().unwrap_or_default();
    match account {
        Account::Good | Account::Unlisting => Ok(script::answer(VOICE, &check::check(&body)?, model)?.keyed(key)),
        Account::Dead | Account::Empty | Account::Denied | Account::Throttled | Account::Modelless => {
            Ok(openai::refusal(account, key, model).about(Topic::Other, key))
        }
    }
}
