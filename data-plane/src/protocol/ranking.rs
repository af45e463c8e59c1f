//! Rankings in Cohere's form: of its own API, and of its models at Bedrock, which leave the model out and name a version.
//!
//! Sources: docs.cohere.com/reference/rerank; docs.aws.amazon.com/bedrock/latest/userguide/rerank-supported.html, read in autumn 2026.

use serde::{Deserialize, Serialize};

use super::error::json;
use super::{NotAnAnswer, Unreadable, fields};
use crate::exchange::json::Number;
use crate::exchange::ranking::{Ranked, Ranking, RankingRequest};
use crate::exchange::request::{Extra, Loss};
use crate::exchange::text::Text;

/// Reads a caller's request.
///
/// # Errors
///
/// When a field is missing or holds what the form does not allow.
pub(crate) fn read_request(body: &[u8]) -> Result<RankingRequest<'_>, Unreadable> {
    let (mut query, mut documents, mut top, mut extras) = (None, None, None, Vec::new());
    fields::each(body, |name, value| {
        match name {
            "model" => {}
            "query" => query = Some(fields::read(name, value)?),
            "documents" => documents = Some(fields::read::<Vec<Text<'_>>>(name, value)?),
            "top_n" => top = Some(fields::read(name, value)?),
            other => extras.push(Extra {
                field: other.to_owned().into(),
                json: fields::read(other, value)?,
                loss: Loss::Warned,
            }),
        }
        Ok(())
    })?;
    let missing = |field: &str| Unreadable { field: field.to_owned(), wrong: "is missing".to_owned() };
    let query = query.ok_or_else(|| missing("query"))?;
    let documents = documents.filter(|documents| !documents.is_empty()).ok_or_else(|| missing("documents"))?;
    Ok(RankingRequest { query, documents, top, extras })
}

/// The body for a model at Bedrock.
pub(crate) fn write_bedrock_request(request: &RankingRequest<'_>) -> Vec<u8> {
    #[derive(Serialize)]
    struct Form<'a> {
        api_version: u8,
        query: &'a Text<'a>,
        documents: &'a [Text<'a>],
        #[serde(skip_serializing_if = "Option::is_none")]
        top_n: Option<&'a Number<'a>>,
    }
    json(&Form { api_version: 2, query: &request.query, documents: &request.documents, top_n: request.top.as_ref() })
}

/// Reads an upstream's answer.
///
/// # Errors
///
/// When it is none.
pub(crate) fn read_response(body: &[u8]) -> Result<Ranking<'_>, NotAnAnswer> {
    #[derive(Deserialize)]
    struct Form<'a> {
        #[serde(borrow)]
        results: Vec<Item<'a>>,
    }
    #[derive(Deserialize)]
    struct Item<'a> {
        index: u64,
        #[serde(borrow)]
        relevance_score: Number<'a>,
    }
    let form: Form<'_> = serde_json::from_slice(body).map_err(|_| NotAnAnswer)?;
    let results = form.results.into_iter().map(|item| Ranked { index: item.index, relevance: item.relevance_score });
    Ok(Ranking { results: results.collect() })
}

/// Writes an answer for a caller.
pub(crate) fn write_response(ranking: &Ranking<'_>, id: &str) -> Vec<u8> {
    #[derive(Serialize)]
    struct Form<'a> {
        id: &'a str,
        results: Vec<Item<'a>>,
        meta: Meta,
    }
    #[derive(Serialize)]
    struct Item<'a> {
        index: u64,
        relevance_score: &'a Number<'a>,
    }
    #[derive(Serialize)]
    struct Meta {
        api_version: Version,
        billed_units: Units,
    }
    #[derive(Serialize)]
    struct Version {
        version: &'static str,
    }
    #[derive(Serialize)]
    struct Units {
        search_units: u8,
    }
    let results = ranking.results.iter().map(|one| Item { index: one.index, relevance_score: &one.relevance });
    let meta = Meta { api_version: Version { version: "2" }, billed_units: Units { search_units: 1 } };
    json(&Form { id, results: results.collect(), meta })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ranking_goes_to_bedrock_and_comes_back() {
        let body = br#"{"model":"m","query":"q","documents":["a","b"],"top_n":1,"max_tokens_per_doc":5}"#;
        let request = read_request(body).unwrap();
        assert_eq!(request.extras[0].field, "max_tokens_per_doc".into());
        let expected = br#"{"api_version":2,"query":"q","documents":["a","b"],"top_n":1}"#;
        assert_eq!(write_bedrock_request(&request), expected);
        let ranking = read_response(br#"{"results":[{"index":1,"relevance_score":0.9870}]}"#).unwrap();
        let answer = String::from_utf8(write_response(&ranking, "x")).unwrap();
        assert!(answer.contains(r#"{"index":1,"relevance_score":0.9870}"#), "{answer}");
    }

    #[test]
    fn what_is_missing_is_named() {
        let field = |body: &str| read_request(body.as_bytes()).unwrap_err().field;
        assert_eq!(field(r#"{"documents":["a"]}"#), "query");
        assert_eq!(field(r#"{"query":"q","documents":[]}"#), "documents");
        assert!(read_response(b"{}").is_err());
    }
}
