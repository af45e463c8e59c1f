//! What Gemini's generateContent wants of a request, at AI Studio and at Vertex. Source: ai.google.dev/api/generate-content, read in autumn
//! 2026.

mod parameters;
mod thinking;

use serde_json::Value;

use super::Place;
use crate::standin::Fault;
use crate::standin::sampling::Sampling;
use crate::standin::script::{Call, Heard, Picture};
use crate::standin::shape::At;
use crate::standin::waiting::Waiting;

const FIELDS: &[&str] = &[
    "contents",
    "systemInstruction",
    "tools",
    "toolConfig",
    "generationConfig",
    "safetySettings",
    "cachedContent",
    "labels",
];

/// A request to a model.
pub(in crate::standin) fn check(body: &Value, model: &str, streams: bool, place: Place) -> Result<Heard, Fault> {
    let body = in_camel_case(body);
    let top = At::top(&body);
    top.only(FIELDS)?;
    let mut heard = Heard { streams, ..Heard::default() };
    heard.sampling = Sampling::read(
        &top,
        [
            &["/generationConfig/temperature"],
            &["/generationConfig/topP"],
            &["/generationConfig/topK"],
            &["/generationConfig/maxOutputTokens"],
        ],
    );
    if let Some(system) = top.get("systemInstruction") {
        system.only(&["parts", "role"])?;
        for part in system.need("parts")?.some_items()? {
            part.only(&["text"])?;
            heard.system.push_str(part.need("text")?.some_text()?);
        }
    }
    parameters::check(&top, model, &mut heard)?;
    thinking::check(&top, model, &mut heard)?;
    contents(&top.need("contents")?, &mut heard, place)?;
    thinking::signed(&top.need("contents")?, model)?;
    Ok(heard)
}

/// The names as the reference has them: Google's JSON takes the names of its protos, too, and its own package sends some. What is an
/// application's own stays as it is.
fn in_camel_case(value: &Value) -> Value {
    const OWN: &[&str] =
        &["args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema", "labels"];
    let camel = |name: &str| {
        let mut words = name.split('_');
        let first = words.next().unwrap_or_default().to_owned();
        words.fold(first, |name, word| name + &word[..word.len().min(1)].to_uppercase() + &word[word.len().min(1)..])
    };
    match value {
        Value::Array(items) => items.iter().map(in_camel_case).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (camel(name), value))
            .map(
                |(name, value)| {
                    if OWN.contains(&name.as_str()) { (name, value.clone()) } else { (name, in_camel_case(value)) }
                },
            )
            .collect(),
        other => other.clone(),
    }
}

fn contents(contents: &At<'_>, heard: &mut Heard, place: Place) -> Result<(), Fault> {
    let mut calls: Vec<Call> = Vec::new();
    let mut waiting = Waiting::default();
    let contents = contents.some_items()?;
    for (index, content) in contents.iter().enumerate() {
        content.only(&["role", "parts"])?;
        let role = match content.get("role") {
            None if place == Place::Studio && contents.len() == 1 => "user",
            _ => content.need("role")?.one_of(&["user", "model"])?,
        };
        let expected = if index % 2 == 0 { "user" } else { "model" };
        content.require(role == expected, "roles must alternate between \"user\" and \"model\", the first \"user\"")?;
        let parts = content.need("parts")?;
        if role == "model" {
            calls = model(&parts, place)?;
        } else {
            user(&parts, heard, std::mem::take(&mut calls), &mut waiting, place)?;
        }
    }
    let last = contents.len() % 2 == 1;
    contents[0].require(last, "the last content must be of the role \"user\"")?;
    heard.results = waiting.results();
    Ok(())
}

/// The kinds of a part, of which it has exactly one.
const KINDS: &[&str] = &["text", "inlineData", "functionCall", "functionResponse"];

fn kind(part: &At<'_>, others: &[&str]) -> Result<&'static str, Fault> {
    part.only(&[KINDS, others].concat())?;
    let mut set = KINDS.iter().filter(|kind| part.get(kind).is_some());
    let found = set.next().filter(|_| set.next().is_none());
    found.copied().ok_or_else(|| part.fault(&format!("a part has exactly one of {KINDS:?}")))
}

fn ids_are_known(of: &At<'_>, fields: &[&str], place: Place) -> Result<(), Fault> {
    match place {
        Place::Studio => of.only(&[fields, &["id"]].concat()),
        // Cannot find field: `id` is not there in the versions that most projects have.
        Place::Vertex => of.only(fields),
    }
}

/// The calls of a model's turn.
fn model(parts: &At<'_>, place: Place) -> Result<Vec<Call>, Fault> {
    let mut calls = Vec::new();
    for part in parts.some_items()? {
        let kind = kind(&part, &["thought", "thoughtSignature"])?;
        thinking::is_proved(&part)?;
        match kind {
            "text" => part.need("text")?.text().map(drop)?,
            "functionCall" => {
                let call = part.need("functionCall")?;
                ids_are_known(&call, &["name", "args"], place)?;
                let arguments = call.get("args").map_or_else(|| serde_json::json!({}), |args| args.value().clone());
                call.require(arguments.is_object(), "args is not an object")?;
                let name = call.need("name")?.name(64, "_.-")?.to_owned();
                calls.push(Call { id: calls.len().to_string(), name, arguments });
            }
            other => return Err(part.fault(&format!("a model's turn has no {other}"))),
        }
    }
    Ok(calls)
}

fn user(parts: &At<'_>, heard: &mut Heard, calls: Vec<Call>, waiting: &mut Waiting, place: Place) -> Result<(), Fault> {
    (heard.prompt, heard.images) = (String::new(), Vec::new());
    drop(waiting.results());
    let items = parts.some_items()?;
    let answers = items.iter().filter(|part| part.get("functionResponse").is_some()).count();
    let what = "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.";
    parts.require(answers == calls.len() && (answers == 0 || answers == items.len()), what)?;
    for (part, index) in items.iter().zip(0..) {
        match kind(part, &["thoughtSignature"])? {
            "text" => heard.prompt.push_str(part.need("text")?.some_text()?),
            "inlineData" => {
                let blob = part.need("inlineData")?;
                blob.only(&["mimeType", "data"])?;
                let picture =
                    Picture::read(&blob, blob.need("mimeType")?.text()?, blob.need("data")?.either_base64()?)?;
                heard.images.push(picture);
            }
            "functionResponse" => {
                let response = part.need("functionResponse")?;
                ids_are_known(&response, &["name", "response"], place)?;
                let call: &Call = calls.get(index).ok_or_else(|| response.fault("is of no call"))?;
                let name = response.need("name")?;
                name.require(name.value() == &call.name, &format!("is not {:?}, which was called", call.name))?;
                response.need("response")?.object()?;
                waiting.call(&response, call.clone())?;
                waiting.answer(&response, &call.id, response.need("response")?.value().to_string())?;
            }
            other => return Err(part.fault(&format!("a user's turn has no {other}"))),
        }
    }
    Ok(())
}
