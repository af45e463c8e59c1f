//! What was written for a caller, whole or as a stream, comes back in the next request as clients send it, and passes to a provider of the
//! caller's own format.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::*;
use crate::exchange::arbitrary;
use crate::exchange::message::{Content, Part};
use crate::exchange::response::{Finish, Response};
use crate::protocol::Reply;
use crate::protocol::translate::{Between, whole};

mod client;

const ID: &str = "0123456789abcdef0123456789abcdef";

fn between(upstream: Dialect, caller: Dialect) -> Between<'static> {
    let reply = Reply { id: ID, created: 1, model: "m", wants_usage: true, knows_one_call: false };
    Between { upstream, caller, answers_by_tool: false, reply }
}

/// An answer with all that is peculiar to where it comes from: what proves its reasoning, whatever ids its calls have.
fn answer() -> impl Strategy<Value = Response<'static>> {
    let ids =
        select(vec!["call_", "functions.f:", "an id of more than forty characters, which some providers have ", ""]);
    let signature = select(vec![None, Some("c2lnbmVk"), Some("")]);
    (arbitrary::answer(), ids, signature.clone(), signature, any::<bool>()).prop_map(
        |(mut answer, id, of_reasoning, of_call, is_sealed)| {
            // Cohere's has a filter's word for a failure only.
            if answer.choices[0].finish == Finish::Filtered {
                answer.choices[0].finish = Finish::Stop;
            }
            let parts = &mut answer.choices[0].parts;
            for (at, part) in parts.iter_mut().enumerate() {
                match &mut part.content {
                    Content::Reasoning { signature, .. } => *signature = of_reasoning.map(Text::from),
                    Content::ToolCall(call) => {
                        call.id = format!("{id}{at}").into();
                        call.signature = of_call.filter(|signature| !signature.is_empty()).map(Text::from);
                    }
                    _ => {}
                }
            }
            if is_sealed {
                parts.insert(0, Part::of(Content::SealedReasoning("c2VhbGVk".into())));
            }
            answer
        },
    )
}

/// Whether a provider takes the other's signatures.
fn takes_from(target: Dialect, origin: Dialect) -> bool {
    let claude = [Dialect::Anthropic, Dialect::Bedrock];
    claude.contains(&target) && claude.contains(&origin)
}

/// Every object in a value.
fn objects(value: &Value) -> Vec<&serde_json::Map<String, Value>> {
    match value {
        Value::Array(items) => items.iter().flat_map(objects).collect(),
        Value::Object(members) => [members].into_iter().chain(members.values().flat_map(objects)).collect(),
        _ => Vec::new(),
    }
}

/// What a strict provider of the format says of a request that came to it.
fn checked(dialect: Dialect, body: &Value, is_own: bool) {
    let ids = client::ids(dialect, body);
    for id in &ids {
        assert_eq!(*dialect.protocol().call_id(id, &UNKNOWN), **id, "an id that {dialect:?} refuses");
    }
    let (calls, results) = ids.split_at(ids.len() / 2);
    assert_eq!(calls, results, "each result finds its call");
    for object in objects(body) {
        for name in ["signature", "thoughtSignature", "encrypted_content", "redactedContent", "data"] {
            let Some(signature) = object.get(name).and_then(Value::as_str) else { continue };
            assert!(!signature.is_empty() && unmarked(signature).is_none(), "{name}: {signature}");
        }
        if dialect == Dialect::Chat && object.get("role") == Some(&json!("assistant")) {
            let known = ["role", "content", "refusal", "tool_calls"];
            assert!(object.keys().all(|key| known.contains(&key.as_str())), "{:?}", object.keys());
        }
        if dialect == Dialect::Chat && object.contains_key("function") {
            assert!(object.keys().all(|key| ["id", "type", "function"].contains(&key.as_str())), "{:?}", object.keys());
        }
        let kind = object.get("type").and_then(Value::as_str).unwrap_or_default();
        let is_reasoning = ["thinking", "redacted_thinking", "reasoning"].contains(&kind) && dialect != Dialect::Cohere;
        assert!(is_own || !(is_reasoning || object.contains_key("reasoningContent")), "{kind}");
    }
}

/// What passes of a body, after all that holds for every one was checked.
fn passed_well(dialect: Dialect, body: &str, manner: &Manner) -> Value {
    let once = passed(body, dialect, manner);
    assert_eq!(passed(&once, dialect, manner), once, "twice");
    assert!(!once.contains(MARK) && !once.contains(ID_MARK), "{once}");
    serde_json::from_str(&once).unwrap()
}

proptest! {
    #[test]
    fn what_was_written_for_a_caller_passes_to_the_callers_own_provider(
        answer in answer(),
        upstream in 0..6_usize,
        further in 1..6_usize,
    ) {
        let (upstream, caller) = (Dialect::ALL[upstream], Dialect::ALL[(upstream + further) % 6]);
        let between = between(upstream, caller);
        let body = upstream.protocol().write_response(&answer, &between.reply).unwrap();
        let said: Vec<_> = answer.choices[0].parts.iter().filter_map(Part::as_text).map(|text| text.to_string()).collect();
        for turn in [
            client::whole(caller, &whole::whole(&between, &body).unwrap()),
            client::streamed(caller, &whole::streamed(&between, &body).unwrap()),
        ] {
            let history = client::history(caller, turn).to_string();
            let value = passed_well(caller, &history, &UNKNOWN);
            checked(caller, &value, takes_from(caller, upstream));
            let texts = client::texts(&value);
            prop_assert!(said.iter().all(|said| texts.contains(said)), "{:?} in {}", said, texts);
            if caller == Dialect::Chat {
                let nine = of_vendor(None, CallIds::Nine);
                let ids = client::ids(caller, &passed_well(caller, &history, &nine));
                prop_assert!(ids.iter().all(|id| id.len() == 9), "{:?}", ids);
            }
        }
    }
}
