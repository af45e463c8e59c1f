use super::*;

fn endpoint(method: Method, uri: &str) -> Result<Endpoint, u16> {
    Endpoint::of(&method, &uri.parse().unwrap(), &HeaderMap::new()).map_err(|refusal| refusal.status().as_u16())
}

fn served(format: Format, operation: Operation) -> Result<Endpoint, u16> {
    Ok(Endpoint::Serve { format, operation, url: None })
}

fn of_model(format: Format, operation: Operation, model: &str, delivery: Delivery) -> Result<Endpoint, u16> {
    Ok(named(format, operation, model.into(), delivery))
}

fn kept(provider: Option<&str>, path: &str) -> Result<Endpoint, u16> {
    Ok(Endpoint::Provider(Box::new(Below { provider: provider.map(str::to_owned), path: path.to_owned() })))
}

#[test]
fn routes_are_found_and_others_are_refused() {
    let (gemini, bedrock) = (Format::Gemini, Format::Bedrock);
    for (uri, expected) in [
        ("/v1/chat/completions?x=1", served(Format::OpenAi, Operation::Chat)),
        ("/v1/responses", served(Format::OpenAi, Operation::Responses)),
        ("/v1/responses/input_tokens", served(Format::OpenAi, Operation::CountTokens)),
        ("/v1/messages?beta=true", served(Format::Anthropic, Operation::Chat)),
        ("/v1/messages/count_tokens", served(Format::Anthropic, Operation::CountTokens)),
        ("/v1/images/edits", served(Format::OpenAi, Operation::OpenAiOnly(OpenAiRoute::ImageEdit))),
        ("/v1/audio/speech", served(Format::OpenAi, Operation::OpenAiOnly(OpenAiRoute::Speech))),
        ("/v2/rerank", served(Format::Cohere, Operation::Rerank)),
        ("/v1beta/models/g-2.5:generateContent", of_model(gemini, Operation::Chat, "g-2.5", Delivery::Whole)),
        ("/v1beta/models/g:batchEmbedContents", of_model(gemini, Operation::EmbeddingBatch, "g", Delivery::Whole)),
        ("/v1beta/models/g:countTokens", of_model(gemini, Operation::CountTokens, "g", Delivery::Whole)),
        (
            "/v1beta/models/a/b:0:streamGenerateContent?x=1&alt=sse",
            of_model(gemini, Operation::Chat, "a/b:0", Delivery::Stream),
        ),
        ("/v1beta/models/m:streamGenerateContent", Err(400)),
        ("/v1beta/models/m:streamGenerateContent?alt=json", Err(400)),
        ("/v1beta/models/m:other", Err(404)),
        ("/v1beta/models/:generateContent", Err(404)),
        ("/v1/models/m:generateContent", of_model(gemini, Operation::Chat, "m", Delivery::Whole)),
        ("/v1/models/m:streamGenerateContent?alt=sse", of_model(gemini, Operation::Chat, "m", Delivery::Stream)),
        ("/v1/models/m:other", Err(405)),
        ("/model/us.a-v1%3A0/converse", of_model(bedrock, Operation::Chat, "us.a-v1:0", Delivery::Whole)),
        ("/model/a%252Fb/converse-stream", of_model(bedrock, Operation::Chat, "a%2Fb", Delivery::Stream)),
        ("/model/a/b/converse", of_model(bedrock, Operation::Chat, "a/b", Delivery::Whole)),
        ("/model/a/invoke", of_model(bedrock, Operation::Invoke, "a", Delivery::Whole)),
        ("/model/a/invoke-with-response-stream", Err(404)),
        ("/v1/files", kept(None, "/files")),
        ("/v1/videos", kept(None, "/videos")),
        ("/v1/batches/b/cancel?x=1", kept(None, "/batches/b/cancel?x=1")),
        ("/v1/filesystem", Err(404)),
        ("/passthrough/my-openai/v1/x?a=b", kept(Some("my-openai"), "/v1/x?a=b")),
        ("/passthrough/my-openai", Err(404)),
        ("/v1/models", Err(405)),
        ("/v1/other", Err(404)),
    ] {
        assert_eq!(endpoint(Method::POST, uri), expected, "{uri}");
    }
    assert_eq!(endpoint(Method::GET, "/v1/models/a%2Fb/c"), Ok(Endpoint::Model(Format::OpenAi, "a/b/c".into())));
    assert_eq!(endpoint(Method::GET, "/v1beta/models/g"), Ok(Endpoint::Model(gemini, "g".into())));
    assert_eq!(endpoint(Method::GET, "/foundation-models"), Ok(Endpoint::Models(bedrock)));
    assert_eq!(endpoint(Method::DELETE, "/v1/files/f"), kept(None, "/files/f"));
    assert_eq!(endpoint(Method::PUT, "/passthrough/p/x"), kept(Some("p"), "/x"));
    assert_eq!(endpoint(Method::PUT, "/v1/files/f"), Err(405));
    assert_eq!(endpoint(Method::GET, "/v1/models/%zz"), Err(404));
    assert_eq!(endpoint(Method::GET, "/v1/models/"), Err(404));
    assert_eq!(endpoint(Method::GET, "/v1/chat/completions"), Err(405));
    assert_eq!(endpoint(Method::GET, "/model/a/converse"), Err(405));
    assert_eq!(endpoint(Method::GET, &format!("/v1/models/{}", "x".repeat(9000))), Err(414));
}

#[test]
fn a_path_tells_the_format_of_an_error() {
    let (none, mut anthropic, mut cohere) = (HeaderMap::new(), HeaderMap::new(), HeaderMap::new());
    anthropic.insert("anthropic-version", "2023-06-01".parse().unwrap());
    cohere.insert("x-fern-sdk-name", "cohere".parse().unwrap());
    for (path, headers, format) in [
        ("/v1/messages/x", &none, Format::Anthropic),
        ("/v1/models", &none, Format::OpenAi),
        ("/v1/models/x", &anthropic, Format::Anthropic),
        ("/v1/models", &cohere, Format::Cohere),
        ("/v1/chat/completions", &anthropic, Format::OpenAi),
        ("/v1beta/x", &none, Format::Gemini),
        ("/model/x", &none, Format::Bedrock),
        ("/v2/x", &none, Format::Cohere),
        ("/v1/x", &none, Format::OpenAi),
        ("/", &none, Format::OpenAi),
    ] {
        assert_eq!(format_of(path, headers), format, "{path}");
    }
}
