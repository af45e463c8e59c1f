//! The models that a caller key may use, as each format lists them.
//!
//! Sources, read in autumn 2026: platform.openai.com/docs/api-reference/models; docs.anthropic.com/en/api/models-list; ai.google.dev/api/models;
//! docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html; docs.cohere.com/reference/list-models.

use http::{HeaderMap, HeaderName};
use serde::Serialize;
use shared::adapter::Format;

use crate::protocol::error::json;

/// Anthropic's SDKs name their version in every request; OpenAI's never do.
const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");
/// Cohere's SDKs say that they are.
const SDK_NAME: HeaderName = HeaderName::from_static("x-fern-sdk-name");
/// A page is never larger, whatever is asked for.
const MOST: usize = 1000;

/// Which list a request for `/v1/models` means: three formats have theirs there.
pub(super) fn format_of(headers: &HeaderMap) -> Format {
    if headers.contains_key(ANTHROPIC_VERSION) {
        Format::Anthropic
    } else if headers.get(SDK_NAME).is_some_and(|name| name == "cohere") {
        Format::Cohere
    } else {
        Format::OpenAi
    }
}

/// Some of the models in the order of their names, and whether there are more.
#[derive(Debug, PartialEq, Eq)]
struct Page<'a> {
    names: &'a [String],
    has_more: bool,
}

/// What a list is asked for with.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    size: Option<usize>,
    after: Option<String>,
    before: Option<String>,
}

impl Asked {
    /// Reads a query; what it doesn't know it leaves alone, as providers do.
    fn of(query: &str) -> Self {
        let mut asked = Self::default();
        for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*key {
                "limit" | "pageSize" | "page_size" => asked.size = value.parse().ok().filter(|size| *size > 0),
                "after_id" | "pageToken" | "page_token" => asked.after = Some(value.into_owned()),
                "before_id" => asked.before = Some(value.into_owned()),
                _ => {}
            }
        }
        asked.after = asked.after.filter(|token| !token.is_empty());
        asked
    }

    /// A page of names, which are in order. A name that is gone is where it would stand.
    fn page<'a>(&self, names: &'a [String], usual: usize) -> Page<'a> {
        let size = self.size.unwrap_or(usual).min(MOST);
        if let Some(before) = &self.before {
            let end = names.partition_point(|name| name < before);
            let begin = end.saturating_sub(size);
            return Page { names: &names[begin..end], has_more: begin > 0 };
        }
        let begin = self.after.as_ref().map_or(0, |after| names.partition_point(|name| name <= after));
        let end = names.len().min(begin.saturating_add(size));
        Page { names: &names[begin..end], has_more: end < names.len() }
    }
}

/// The list of models in a format, as JSON.
pub(super) fn list(format: Format, mut names: Vec<String>, query: &str) -> Vec<u8> {
    names.sort_unstable();
    let asked = Asked::of(query);
    match format {
        Format::OpenAi => json(&OpenAiList { object: "list", data: names.iter().map(|name| openai(name)).collect() }),
        Format::Anthropic => {
            let page = asked.page(&names, 20);
            let (first_id, last_id) = (page.names.first(), page.names.last());
            let data = page.names.iter().map(|name| anthropic(name)).collect();
            json(&AnthropicList { data, has_more: page.has_more, first_id, last_id })
        }
        Format::Gemini => {
            let page = asked.page(&names, 50);
            json(&GeminiList {
                models: page.names.iter().map(|name| gemini(name)).collect(),
                next_page_token: page.next(),
            })
        }
        Format::Cohere => {
            let page = asked.page(&names, 20);
            json(&CohereList {
                models: page.names.iter().map(|name| cohere(name)).collect(),
                next_page_token: page.next(),
            })
        }
        Format::Bedrock => json(&BedrockList { model_summaries: names.iter().map(|name| bedrock(name)).collect() }),
    }
}

/// One model in a format, as JSON.
pub(super) fn one(format: Format, name: &str) -> Vec<u8> {
    match format {
        Format::OpenAi => json(&openai(name)),
        Format::Anthropic => json(&anthropic(name)),
        Format::Gemini => json(&gemini(name)),
        Format::Cohere => json(&cohere(name)),
        Format::Bedrock => json(&BedrockModel { model_details: bedrock(name) }),
    }
}

impl<'a> Page<'a> {
    /// What names the next page.
    fn next(&self) -> Option<&'a String> {
        self.names.last().filter(|_| self.has_more)
    }
}

#[derive(Serialize)]
struct OpenAiList<'a> {
    object: &'static str,
    data: Vec<OpenAiModel<'a>>,
}

#[derive(Serialize)]
struct OpenAiModel<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    owned_by: &'static str,
}

/// OpenAI's clients require a number; when an alias was made is nobody's business here.
fn openai(id: &str) -> OpenAiModel<'_> {
    OpenAiModel { id, object: "model", created: 0, owned_by: "keyplane" }
}

#[derive(Serialize)]
struct AnthropicList<'a> {
    data: Vec<AnthropicModel<'a>>,
    has_more: bool,
    first_id: Option<&'a String>,
    last_id: Option<&'a String>,
}

#[derive(Serialize)]
struct AnthropicModel<'a> {
    r#type: &'static str,
    id: &'a str,
    display_name: &'a str,
    created_at: &'static str,
}

/// The API writes this time where it does not know a model's.
fn anthropic(id: &str) -> AnthropicModel<'_> {
    AnthropicModel { r#type: "model", id, display_name: id, created_at: "1970-01-01T00:00:00Z" }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GeminiList<'a> {
    models: Vec<GeminiModel<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<&'a String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GeminiModel<'a> {
    name: String,
    display_name: &'a str,
    supported_generation_methods: [&'static str; 2],
}

fn gemini(name: &str) -> GeminiModel<'_> {
    GeminiModel {
        name: format!("models/{name}"),
        display_name: name,
        supported_generation_methods: ["generateContent", "streamGenerateContent"],
    }
}

#[derive(Serialize)]
struct CohereList<'a> {
    models: Vec<CohereModel<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<&'a String>,
}

#[derive(Serialize)]
struct CohereModel<'a> {
    name: &'a str,
    endpoints: [&'static str; 1],
}

fn cohere(name: &str) -> CohereModel<'_> {
    CohereModel { name, endpoints: ["chat"] }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BedrockList<'a> {
    model_summaries: Vec<BedrockSummary<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BedrockModel<'a> {
    model_details: BedrockSummary<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BedrockSummary<'a> {
    model_arn: String,
    model_id: &'a str,
    model_name: &'a str,
    provider_name: &'static str,
    response_streaming_supported: bool,
}

fn bedrock(name: &str) -> BedrockSummary<'_> {
    BedrockSummary {
        model_arn: format!("arn:aws:bedrock:::foundation-model/{name}"),
        model_id: name,
        model_name: name,
        provider_name: "keyplane",
        response_streaming_supported: true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn listed(format: Format, query: &str) -> Value {
        let names = ["c", "a", "b"].map(str::to_owned).to_vec();
        serde_json::from_slice(&list(format, names, query)).unwrap()
    }

    #[test]
    fn every_format_lists_in_its_own_words() {
        let openai = listed(Format::OpenAi, "");
        assert_eq!(openai["data"][0], json!({"id": "a", "object": "model", "created": 0, "owned_by": "keyplane"}));
        let anthropic = listed(Format::Anthropic, "limit=2");
        assert_eq!(anthropic["last_id"], "b");
        assert_eq!((&anthropic["has_more"], &anthropic["data"][1]["id"]), (&json!(true), &json!("b")));
        let next = listed(Format::Anthropic, "after_id=b");
        assert_eq!((&next["has_more"], &next["first_id"]), (&json!(false), &json!("c")));
        let before = listed(Format::Anthropic, "before_id=c&limit=1");
        assert_eq!((&before["has_more"], &before["first_id"]), (&json!(true), &json!("b")));
        let gemini = listed(Format::Gemini, "pageSize=1");
        assert_eq!((&gemini["models"][0]["name"], &gemini["nextPageToken"]), (&json!("models/a"), &json!("a")));
        assert_eq!(listed(Format::Gemini, "pageToken=b")["models"][0]["displayName"], "c");
        let cohere = listed(Format::Cohere, "");
        assert_eq!((&cohere["models"][2]["name"], cohere.get("next_page_token")), (&json!("c"), None));
        assert_eq!(listed(Format::Bedrock, "")["modelSummaries"][0]["modelId"], "a");
    }

    #[test]
    fn odd_questions_get_a_page() {
        for query in ["limit=0", "limit=-1", "limit=x", "pageToken=", "pageSize=99999999999999999999", "&&=&%zz"] {
            assert_eq!(listed(Format::Gemini, query)["models"].as_array().unwrap().len(), 3, "{query}");
        }
        let empty: Value = serde_json::from_slice(&list(Format::Anthropic, Vec::new(), "")).unwrap();
        assert_eq!(empty, json!({"data": [], "has_more": false, "first_id": null, "last_id": null}));
    }
}
