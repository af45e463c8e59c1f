//! What a method and a path mean: a format, and an operation in it.

use http::{HeaderMap, Method, Uri};
use shared::adapter::{Delivery, Format, OpenAiRoute, Operation};

use super::models;
use crate::error::Refusal;
use crate::observe::{self, PASSTHROUGH};
use crate::protocol::route::UrlModel;

/// The longest path with its query.
const URI_BYTES: usize = 8 * 1024;

/// What a method and a path mean.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// A call of an upstream for a model.
    Serve {
        format: Format,
        operation: Operation,
        /// Of formats whose bodies don't name the model.
        url: Option<Box<UrlModel>>,
    },
    /// The list of models.
    Models(Format),
    /// One model.
    Model(Format, String),
    /// A call of a provider for whatever it has.
    Provider(Box<Below>),
}

/// What is called of a provider by a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Below {
    /// Which provider: `None` where the path doesn't say.
    pub(crate) provider: Option<String>,
    /// What stands behind the provider's base URL, with the query: it begins with `/`.
    pub(crate) path: String,
}

/// The methods that a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    Get,
    Post,
    /// Those of resources that are kept at a provider.
    GetPostDelete,
    /// Whatever the provider takes.
    Any,
}

impl Takes {
    fn check(self, method: &Method) -> Result<(), Refusal> {
        let (takes, allow) = match self {
            Self::Get => (method == Method::GET, "GET"),
            Self::Post => (method == Method::POST, "POST"),
            Self::GetPostDelete => {
                (matches!(*method, Method::GET | Method::POST | Method::DELETE), "GET, POST, DELETE")
            }
            Self::Any => (*method != Method::CONNECT && *method != Method::TRACE, "GET, POST, PUT, PATCH, DELETE"),
        };
        if takes { Ok(()) } else { Err(Refusal::Method { allow }) }
    }
}

impl Endpoint {
    /// Reads a request's line and, where several formats share a path, its headers.
    ///
    /// # Errors
    ///
    /// When there is no such route, or it takes another method.
    pub(super) fn of(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<Self, Refusal> {
        if uri.path_and_query().is_some_and(|path| path.as_str().len() > URI_BYTES) {
            return Err(Refusal::UriTooLong);
        }
        let (endpoint, takes) = match fixed(uri.path()) {
            Some((format, operation)) => (Self::Serve { format, operation, url: None }, Takes::Post),
            None => Self::varying(uri, headers)?,
        };
        takes.check(method)?;
        Ok(endpoint)
    }

    /// The routes whose paths hold a name, or depend on more than the path.
    fn varying(uri: &Uri, headers: &HeaderMap) -> Result<(Self, Takes), Refusal> {
        let (path, query) = (uri.path(), uri.query());
        if path == "/v1/models" {
            return Ok((Self::Models(models::format_of(headers)), Takes::Get));
        }
        for (list, format) in [("/v1beta/models", Format::Gemini), ("/foundation-models", Format::Bedrock)] {
            if path == list {
                return Ok((Self::Models(format), Takes::Get));
            }
        }
        // Google's own packages call the first version of its API, too.
        if let Some(rest) = path.strip_prefix("/v1/models/").filter(|rest| is_gemini_method(rest)) {
            return of_gemini(rest, query);
        }
        if let Some(id) = path.strip_prefix("/v1/models/") {
            return Ok((Self::Model(models::format_of(headers), model(id)?), Takes::Get));
        }
        if let Some(id) = path.strip_prefix("/foundation-models/") {
            return Ok((Self::Model(Format::Bedrock, model(id)?), Takes::Get));
        }
        if let Some(rest) = path.strip_prefix("/v1beta/models/") {
            return of_gemini(rest, query);
        }
        if let Some(rest) = path.strip_prefix("/model/") {
            return of_bedrock(rest);
        }
        if let Some(rest) = path.strip_prefix("/passthrough/") {
            let (provider, rest) = rest.split_at(rest.find('/').ok_or(Refusal::NoRoute)?);
            return below(Some(decoded(provider).ok_or(Refusal::NoRoute)?), rest, query, Takes::Any);
        }
        match path.strip_prefix("/v1").filter(|rest| KEPT.iter().any(|kept| is_below(rest, kept))) {
            Some(rest) => below(None, rest, query, Takes::GetPostDelete),
            None => Err(Refusal::NoRoute),
        }
    }

    /// What its requests are counted under.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Serve { operation, .. } => observe::word(*operation),
            Self::Models(_) | Self::Model(..) => observe::word(Operation::ListModels),
            Self::Provider(_) => PASSTHROUGH,
        }
    }
}

/// OpenAI's resources that are kept at a provider: their ids are good there and nowhere else.
const KEPT: [&str; 7] = ["/files", "/batches", "/fine_tuning", "/uploads", "/videos", "/responses", "/conversations"];

/// Whether a path is a resource's, or below it.
fn is_below(path: &str, resource: &str) -> bool {
    path.strip_prefix(resource).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn below(
    provider: Option<String>,
    path: &str,
    query: Option<&str>,
    takes: Takes,
) -> Result<(Endpoint, Takes), Refusal> {
    let path = query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    Ok((Endpoint::Provider(Box::new(Below { provider, path })), takes))
}

/// The routes whose bodies name the model.
fn fixed(path: &str) -> Option<(Format, Operation)> {
    Some(match path {
        "/v1/chat/completions" => (Format::OpenAi, Operation::Chat),
        "/v1/completions" => (Format::OpenAi, Operation::Completion),
        "/v1/responses" => (Format::OpenAi, Operation::Responses),
        "/v1/responses/input_tokens" => (Format::OpenAi, Operation::CountTokens),
        "/v1/embeddings" => (Format::OpenAi, Operation::Embeddings),
        "/v1/messages" => (Format::Anthropic, Operation::Chat),
        "/v1/messages/count_tokens" => (Format::Anthropic, Operation::CountTokens),
        "/v2/chat" => (Format::Cohere, Operation::Chat),
        "/v2/embed" => (Format::Cohere, Operation::Embeddings),
        "/v2/rerank" => (Format::Cohere, Operation::Rerank),
        _ => {
            let rest = path.strip_prefix("/v1")?;
            (Format::OpenAi, Operation::OpenAiOnly(OpenAiRoute::ALL.into_iter().find(|route| route.path() == rest)?))
        }
    })
}

/// The format that a caller of a path speaks, also where there is no such route: an error has to have some form.
pub(super) fn format_of(path: &str, headers: &HeaderMap) -> Format {
    let begins = |prefix| path.starts_with(prefix);
    if begins("/v1/messages") {
        Format::Anthropic
    } else if begins("/v1/models/") && is_gemini_method(path) {
        Format::Gemini
    } else if begins("/v1/models") {
        models::format_of(headers)
    } else if begins("/v1beta/") {
        Format::Gemini
    } else if begins("/model/") || begins("/foundation-models") {
        Format::Bedrock
    } else if begins("/v2/") {
        Format::Cohere
    } else {
        Format::OpenAi
    }
}

/// Whether what follows `/v1/models/` is a method of a model of Gemini's, and no model whose name has a colon.
fn is_gemini_method(rest: &str) -> bool {
    let methods =
        [":generateContent", ":streamGenerateContent", ":countTokens", ":embedContent", ":batchEmbedContents"];
    methods.iter().any(|method| rest.ends_with(method))
}

/// What follows `/v1beta/models/`: a model, or one of its methods.
fn of_gemini(rest: &str, query: Option<&str>) -> Result<(Endpoint, Takes), Refusal> {
    let Some((name, method)) = rest.rsplit_once(':') else {
        return Ok((Endpoint::Model(Format::Gemini, model(rest)?), Takes::Get));
    };
    let (operation, delivery) = match method {
        "generateContent" => (Operation::Chat, Delivery::Whole),
        "streamGenerateContent" => (Operation::Chat, Delivery::Stream),
        "countTokens" => (Operation::CountTokens, Delivery::Whole),
        "embedContent" => (Operation::Embeddings, Delivery::Whole),
        "batchEmbedContents" => (Operation::EmbeddingBatch, Delivery::Whole),
        "predict" => (Operation::Predict, Delivery::Whole),
        _ => return Err(Refusal::NoRoute),
    };
    let model = model(name)?;
    let asks_for_events = || query.is_some_and(|query| query.split('&').any(|pair| pair == "alt=sse"));
    // The other form of a stream is one JSON array, which can't be watched as it goes by.
    if delivery == Delivery::Stream && !asks_for_events() {
        return Err(Refusal::NotEvents);
    }
    Ok((named(Format::Gemini, operation, model, delivery), Takes::Post))
}

/// What follows `/model/`: a model and one of its operations. The stream of `invoke` is left out: its events are the model's own, wrapped
/// up, so that nobody could say whether it ended well.
fn of_bedrock(rest: &str) -> Result<(Endpoint, Takes), Refusal> {
    let (name, method) = rest.rsplit_once('/').ok_or(Refusal::NoRoute)?;
    let (operation, delivery) = match method {
        "converse" => (Operation::Chat, Delivery::Whole),
        "converse-stream" => (Operation::Chat, Delivery::Stream),
        "count-tokens" => (Operation::CountTokens, Delivery::Whole),
        "invoke" => (Operation::Invoke, Delivery::Whole),
        _ => return Err(Refusal::NoRoute),
    };
    Ok((named(Format::Bedrock, operation, model(name)?, delivery), Takes::Post))
}

fn named(format: Format, operation: Operation, model: String, delivery: Delivery) -> Endpoint {
    Endpoint::Serve { format, operation, url: Some(Box::new(UrlModel { model, delivery })) }
}

/// A model's name in a path.
fn model(encoded: &str) -> Result<String, Refusal> {
    decoded(encoded).filter(|name| !name.is_empty()).ok_or(Refusal::NoRoute)
}

/// A path's `%XX` undone, once. `None` where it is broken, or no text.
fn decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        rest = more;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, more) = rest.split_at_checked(2)?;
        let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = more;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests;
