//! How the answer is to be made: `generationConfig`.

use super::extra;
use super::tools::within;
use crate::exchange::json::{Json, Number};
use crate::exchange::reasoning::{Amount, Effort, Reasoning};
use crate::exchange::request::{AnswerFormat, Extra, Loss, Request, Schema};
use crate::exchange::text::Text;
use crate::protocol::gemini::schema;
use crate::protocol::{Unreadable, fields};

/// What form the answer has to have, as far as it was read.
#[derive(Debug, Default)]
struct Form<'a> {
    media_type: Option<Text<'a>>,
    schema: Option<Json<'a>>,
    json_schema: Option<Json<'a>>,
}

/// Reads `generationConfig`.
///
/// # Errors
///
/// When a field holds what the format doesn't allow.
pub(super) fn read<'a>(field: &str, value: &'a [u8], request: &mut Request<'a>) -> Result<(), Unreadable> {
    let mut form = Form::default();
    fields::each(value, |name, value| {
        let place = format!("{field}.{name}");
        let is_read = sampling(name, &place, value, request)? || form.field(name, &place, value)?;
        if !is_read {
            other(name, &place, value, request)?;
        }
        Ok(())
    })
    .map_err(|wrong| within(field, wrong))?;
    request.answer_format = form.answer_format(field, &mut request.extras);
    Ok(())
}

/// Reads a number or a list that every format has; says whether it was one.
fn sampling<'a>(name: &str, place: &str, value: &'a [u8], request: &mut Request<'a>) -> Result<bool, Unreadable> {
    let sampling = &mut request.sampling;
    let number: &mut Option<Number<'a>> = match name {
        "temperature" => &mut sampling.temperature,
        "topP" | "top_p" => &mut sampling.top_p,
        "topK" | "top_k" => &mut sampling.top_k,
        "presencePenalty" | "presence_penalty" => &mut sampling.presence_penalty,
        "frequencyPenalty" | "frequency_penalty" => &mut sampling.frequency_penalty,
        "seed" => &mut sampling.seed,
        "maxOutputTokens" | "max_output_tokens" => &mut request.max_tokens,
        "candidateCount" | "candidate_count" => &mut request.choices,
        "stopSequences" | "stop_sequences" => {
            request.stop = fields::read(place, value)?;
            return Ok(true);
        }
        _ => return Ok(false),
    };
    let is_whole = !matches!(name, "temperature" | "topP" | "top_p") && !name.contains("enalty");
    let read: Number<'a> = fields::read(place, value)?;
    // Google takes `40.0` for a whole number, as its own package writes it, and nobody else does.
    *number = Some(if is_whole { read.whole() } else { read });
    Ok(true)
}

fn other<'a>(name: &str, place: &str, value: &'a [u8], request: &mut Request<'a>) -> Result<(), Unreadable> {
    let loss = match name {
        "thinkingConfig" | "thinking_config" => {
            request.reasoning = Some(reasoning(place, value, &mut request.extras)?);
            return Ok(());
        }
        "responseModalities" | "response_modalities" => {
            let modalities: Vec<Text<'a>> = fields::read(place, value)?;
            let is_text = |modality: &Text<'_>| modality.eq_ignore_ascii_case("TEXT");
            if modalities.iter().all(is_text) {
                return Ok(());
            }
            Loss::Refused
        }
        "responseLogprobs" | "response_logprobs" if value == b"false" => return Ok(()),
        "responseLogprobs" | "response_logprobs" | "logprobs" => Loss::Refused,
        "speechConfig" | "speech_config" | "imageConfig" | "image_config" => Loss::Refused,
        "responseFormat" | "response_format" | "translationConfig" | "translation_config" => Loss::Refused,
        "continuationToken" | "continuation_token" => Loss::Refused,
        _ => Loss::Warned,
    };
    request.extras.push(extra(place, value, loss)?);
    Ok(())
}

/// How much the model is to think, and whether its thoughts are shown: not, unless that is said.
fn reasoning<'a>(field: &str, value: &'a [u8], extras: &mut Vec<Extra<'a>>) -> Result<Reasoning<'a>, Unreadable> {
    let mut level = None;
    let mut budget = None;
    let mut is_shown = false;
    fields::each(value, |name, value| {
        let place = format!("{field}.{name}");
        match name {
            "thinkingLevel" | "thinking_level" => level = effort(&place, value)?,
            "thinkingBudget" | "thinking_budget" => budget = Some(amount(&place, value)?),
            "includeThoughts" | "include_thoughts" => is_shown = fields::read(&place, value)?,
            _ => extras.push(extra(&place, value, Loss::Warned)?),
        }
        Ok(())
    })
    .map_err(|wrong| within(field, wrong))?;
    Ok(Reasoning { amount: level.map(Amount::Effort).or(budget), shown: Some(is_shown) })
}

fn effort(place: &str, value: &[u8]) -> Result<Option<Effort>, Unreadable> {
    let word: Text<'_> = fields::read(place, value)?;
    if word.as_str() == "THINKING_LEVEL_UNSPECIFIED" {
        return Ok(None);
    }
    let wrong = || r#"is not one of "MINIMAL", "LOW", "MEDIUM" and "HIGH""#.to_owned();
    Effort::of(&word).map(Some).ok_or_else(|| Unreadable { field: place.to_owned(), wrong: wrong() })
}

fn amount<'a>(place: &str, value: &'a [u8]) -> Result<Amount<'a>, Unreadable> {
    let tokens: Number<'a> = fields::read(place, value)?;
    match (tokens.as_str(), tokens.as_u64()) {
        ("-1", _) => Ok(Amount::Adaptive),
        (_, Some(0)) => Ok(Amount::Off),
        (_, Some(_)) => Ok(Amount::Budget(tokens)),
        (_, None) => {
            let wrong = "is neither a number of tokens nor -1, which leaves it to the model".to_owned();
            Err(Unreadable { field: place.to_owned(), wrong })
        }
    }
}

impl<'a> Form<'a> {
    /// Reads a field if it is about the answer's form, and says whether it is.
    fn field(&mut self, name: &str, place: &str, value: &'a [u8]) -> Result<bool, Unreadable> {
        match name {
            "responseMimeType" | "response_mime_type" => self.media_type = fields::read(place, value)?,
            "responseSchema" | "response_schema" => {
                self.schema = Some(Json::of(&fields::read::<schema::Schema<'a>>(place, value)?));
            }
            "responseJsonSchema" | "response_json_schema" | "_responseJsonSchema" => {
                self.json_schema = fields::read(place, value)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn answer_format(self, field: &str, extras: &mut Vec<Extra<'a>>) -> Option<AnswerFormat<'a>> {
        let media_type = self.media_type.filter(|media_type| !media_type.is_empty());
        let schema = self.json_schema.or(self.schema);
        match (media_type.as_deref(), schema) {
            (None, None) => None,
            (Some("text/plain"), _) => Some(AnswerFormat::Text),
            (Some("application/json"), None) => Some(AnswerFormat::Json),
            (None | Some("application/json"), Some(schema)) => {
                Some(AnswerFormat::Schema(Schema { name: None, description: None, schema, strict: None }))
            }
            (Some(_), _) => {
                let field = format!("{field}.responseMimeType").into();
                extras.push(Extra { field, json: Json::of(&media_type), loss: Loss::Refused });
                None
            }
        }
    }
}
