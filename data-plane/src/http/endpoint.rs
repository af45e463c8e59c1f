//! What a method and a path mean: a format, and an operation in it.

use http::{Method, Uri};
use shared::adapter::{Delivery, Format, Operation};

use crate::error::Refusal;
use crate::protocol::route::UrlModel;

/// The longest path with its query.
const URI_BYTES: usize = 8 * 1024;

/// What a method and a path mean.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// A call of an upstream.
    Serve {
        format: Format,
        operation: Operation,
        /// Of formats whose bodies don't name the model.
        url: Option<Box<UrlModel>>,
    },
    /// The list of models.
    Models,
    /// One model.
    Model(String),
}

impl Endpoint {
    pub(super) fn of(method: &Method, uri: &Uri) -> Result<Self, Refusal> {
        if uri.path_and_query().is_some_and(|path| path.as_str().len() > URI_BYTES) {
            return Err(Refusal::UriTooLong);
        }
        let serve = |format, operation| Self::Serve { format, operation, url: None };
        let (endpoint, allowed) = match uri.path() {
            "/v1/chat/completions" => (serve(Format::OpenAi, Operation::Chat), Method::POST),
            "/v1/completions" => (serve(Format::OpenAi, Operation::Completion), Method::POST),
            "/v1/responses" => (serve(Format::OpenAi, Operation::Responses), Method::POST),
            "/v1/embeddings" => (serve(Format::OpenAi, Operation::Embeddings), Method::POST),
            "/v1/messages" => (serve(Format::Anthropic, Operation::Chat), Method::POST),
            "/v1/messages/count_tokens" => (serve(Format::Anthropic, Operation::CountTokens), Method::POST),
            "/v2/chat" => (serve(Format::Cohere, Operation::Chat), Method::POST),
            "/v2/embed" => (serve(Format::Cohere, Operation::Embeddings), Method::POST),
            "/v2/rerank" => (serve(Format::Cohere, Operation::Rerank), Method::POST),
            "/v1/models" => (Self::Models, Method::GET),
            path => match path.strip_prefix("/v1/models/") {
                // Google's own packages call the first version of its API, too.
                Some(_) if is_gemini_verb(path) => (named_in_the_url(path, uri.query())?, Method::POST),
                Some(id) => (Self::Model(model(id)?), Method::GET),
                None => (named_in_the_url(path, uri.query())?, Method::POST),
            },
        };
        match (method == allowed, allowed == Method::POST) {
            (true, _) => Ok(endpoint),
            (false, true) => Err(Refusal::Method { allow: "POST" }),
            (false, false) => Err(Refusal::Method { allow: "GET" }),
        }
    }

    pub(super) fn operation(&self) -> Operation {
        match self {
            Self::Serve { operation, .. } => *operation,
            Self::Models | Self::Model(_) => Operation::ListModels,
        }
    }
}

/// The format that a caller of a path speaks, also where there is no such route: an error has to have some form.
pub(super) fn format_of(path: &str) -> Format {
    let begins = |prefix| path.starts_with(prefix);
    if begins("/v1/") {
        return match (begins("/v1/messages"), is_gemini_verb(path)) {
            (true, _) => Format::Anthropic,
            (false, true) => Format::Gemini,
            (false, false) => Format::OpenAi,
        };
    }
    if begins("/v1beta/") {
        Format::Gemini
    } else if begins("/model/") {
        Format::Bedrock
    } else if begins("/v2/") {
        Format::Cohere
    } else {
        Format::OpenAi
    }
}

/// Whether a path ends as Gemini's calls of a model do.
fn is_gemini_verb(path: &str) -> bool {
    path.ends_with(":generateContent") || path.ends_with(":streamGenerateContent")
}

/// Gemini's routes, and Bedrock's.
fn named_in_the_url(path: &str, query: Option<&str>) -> Result<Endpoint, Refusal> {
    let gemini = ["/v1beta/models/", "/v1/models/"].iter().find_map(|prefix| path.strip_prefix(prefix));
    let (format, name, delivery) = if let Some(rest) = gemini {
        match rest.rsplit_once(':') {
            Some((name, "generateContent")) => (Format::Gemini, name, Delivery::Whole),
            Some((name, "streamGenerateContent")) => (Format::Gemini, name, Delivery::Stream),
            _ => return Err(Refusal::NoRoute),
        }
    } else if let Some(rest) = path.strip_prefix("/model/") {
        match rest.rsplit_once('/') {
            Some((name, "converse")) => (Format::Bedrock, name, Delivery::Whole),
            Some((name, "converse-stream")) => (Format::Bedrock, name, Delivery::Stream),
            _ => return Err(Refusal::NoRoute),
        }
    } else {
        return Err(Refusal::NoRoute);
    };
    let model = model(name)?;
    let asks_for_events = || query.is_some_and(|query| query.split('&').any(|pair| pair == "alt=sse"));
    // The other form of a stream is one JSON array, which can't be watched as it goes by.
    if (format, delivery) == (Format::Gemini, Delivery::Stream) && !asks_for_events() {
        return Err(Refusal::NotEvents);
    }
    Ok(Endpoint::Serve { format, operation: Operation::Chat, url: Some(Box::new(UrlModel { model, delivery })) })
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
mod tests {
    use super::*;

    fn endpoint(method: Method, uri: &str) -> Result<Endpoint, u16> {
        Endpoint::of(&method, &uri.parse().unwrap()).map_err(|refusal| refusal.status().as_u16())
    }

    fn served(format: Format, operation: Operation) -> Result<Endpoint, u16> {
        Ok(Endpoint::Serve { format, operation, url: None })
    }

    fn named(format: Format, model: &str, delivery: Delivery) -> Result<Endpoint, u16> {
        let url = Some(Box::new(UrlModel { model: model.into(), delivery }));
        Ok(Endpoint::Serve { format, operation: Operation::Chat, url })
    }

    #[test]
    fn routes_are_found_and_others_are_refused() {
        for (uri, expected) in [
            ("/v1/chat/completions?x=1", served(Format::OpenAi, Operation::Chat)),
            ("/v1/responses", served(Format::OpenAi, Operation::Responses)),
            ("/v1/messages?beta=true", served(Format::Anthropic, Operation::Chat)),
            ("/v1/messages/count_tokens", served(Format::Anthropic, Operation::CountTokens)),
            ("/v2/rerank", served(Format::Cohere, Operation::Rerank)),
            ("/v1beta/models/gemini-2.5:generateContent", named(Format::Gemini, "gemini-2.5", Delivery::Whole)),
            (
                "/v1beta/models/a/b:0:streamGenerateContent?x=1&alt=sse",
                named(Format::Gemini, "a/b:0", Delivery::Stream),
            ),
            ("/v1beta/models/m:streamGenerateContent", Err(400)),
            ("/v1beta/models/m:streamGenerateContent?alt=json", Err(400)),
            ("/v1beta/models/m:other", Err(404)),
            ("/v1beta/models/:generateContent", Err(404)),
            ("/v1/models/m:generateContent", named(Format::Gemini, "m", Delivery::Whole)),
            ("/v1/models/m:streamGenerateContent?alt=sse", named(Format::Gemini, "m", Delivery::Stream)),
            ("/v1/models/m:other", Err(405)),
            ("/model/us.a-v1%3A0/converse", named(Format::Bedrock, "us.a-v1:0", Delivery::Whole)),
            ("/model/a%252Fb/converse-stream", named(Format::Bedrock, "a%2Fb", Delivery::Stream)),
            ("/model/a/b/converse", named(Format::Bedrock, "a/b", Delivery::Whole)),
            ("/model/a/invoke", Err(404)),
            ("/v1/models", Err(405)),
            ("/v1/other", Err(404)),
        ] {
            assert_eq!(endpoint(Method::POST, uri), expected, "{uri}");
        }
        assert_eq!(endpoint(Method::GET, "/v1/models/a%2Fb/c"), Ok(Endpoint::Model("a/b/c".into())));
        assert_eq!(endpoint(Method::GET, "/v1/models/%zz"), Err(404));
        assert_eq!(endpoint(Method::GET, "/v1/models/"), Err(404));
        assert_eq!(endpoint(Method::GET, "/v1/chat/completions"), Err(405));
        assert_eq!(endpoint(Method::GET, "/model/a/converse"), Err(405));
        assert_eq!(endpoint(Method::GET, &format!("/v1/models/{}", "x".repeat(9000))), Err(414));
    }

    #[test]
    fn a_path_tells_the_format_of_an_error() {
        for (path, format) in [
            ("/v1/messages/x", Format::Anthropic),
            ("/v1beta/x", Format::Gemini),
            ("/v1/models/m:generateContent", Format::Gemini),
            ("/v1/models/m", Format::OpenAi),
            ("/model/x", Format::Bedrock),
            ("/v2/x", Format::Cohere),
            ("/v1/x", Format::OpenAi),
            ("/", Format::OpenAi),
        ] {
            assert_eq!(format_of(path), format, "{path}");
        }
    }
}
