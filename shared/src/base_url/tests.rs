//! What is repaired, what is refused, and the tricks.

use proptest::prelude::*;

use super::*;

fn public(text: &str) -> Result<BaseUrl, BaseUrlError> {
    BaseUrl::parse(AdapterKind::OpenAi, text, AddressPolicy::Public)
}

fn private(text: &str) -> Result<BaseUrl, BaseUrlError> {
    BaseUrl::parse(AdapterKind::OpenAi, text, AddressPolicy::AllowPrivate)
}

#[test]
fn what_people_paste_is_repaired() {
    for (given, expected) in [
        ("https://api.openai.com", "https://api.openai.com/v1"),
        (" https://api.openai.com/ \n", "https://api.openai.com/v1"),
        ("https://api.openai.com:443/v1/", "https://api.openai.com/v1"),
        ("HTTPS://API.OpenAI.com/v1///", "https://api.openai.com/v1"),
        ("https://api.openai.com./v1", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1/chat/completions", "https://api.openai.com/v1"),
        ("https://api.openai.com/chat/completions/", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1/models", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1/audio/speech", "https://api.openai.com/v1"),
        ("https://api.deepseek.com", "https://api.deepseek.com"),
        ("https://api.groq.com/openai/v1/completions", "https://api.groq.com/openai/v1"),
        (
            "https://generativelanguage.googleapis.com/v1beta/openai/",
            "https://generativelanguage.googleapis.com/v1beta/openai",
        ),
        ("https://vllm.example.com:8443/v1", "https://vllm.example.com:8443/v1"),
        ("https://bücher.example/v1", "https://xn--bcher-kva.example/v1"),
        ("https://example.com/a/../b/./c", "https://example.com/b/c"),
        ("https://[2606:4700:0:0::1]/v1", "https://[2606:4700::1]/v1"),
    ] {
        assert_eq!(public(given).map(|base| base.as_str().to_owned()), Ok(expected.to_owned()), "{given}");
    }
    assert_eq!(private("http://127.0.0.1:8080/v1/").unwrap().as_str(), "http://127.0.0.1:8080/v1");
    assert_eq!(private("http://localhost:80").unwrap().origin().as_str(), "http://localhost");
}

/// The families' own endings, as people paste them.
#[test]
fn what_people_paste_is_repaired_by_the_adapter() {
    use AdapterKind::{Anthropic, AzureOpenAi, Bedrock, Cohere, Gemini, Vertex};
    for (adapter, given, expected) in [
        (Anthropic, "https://api.anthropic.com/", "https://api.anthropic.com"),
        (Anthropic, "https://api.anthropic.com/v1/messages", "https://api.anthropic.com"),
        (Anthropic, "https://api.anthropic.com/v1/messages/count_tokens/", "https://api.anthropic.com"),
        (Anthropic, "https://api.anthropic.com/v1/models", "https://api.anthropic.com"),
        (Anthropic, "https://api.anthropic.com/v1/", "https://api.anthropic.com"),
        (
            Anthropic,
            "https://x.services.ai.azure.com/anthropic/v1/messages",
            "https://x.services.ai.azure.com/anthropic",
        ),
        (Anthropic, "https://gw.example/v12", "https://gw.example/v12"),
        (Cohere, "https://api.cohere.com/v2/chat", "https://api.cohere.com"),
        (Cohere, "https://api.cohere.com/v1/models", "https://api.cohere.com"),
        (Cohere, "https://api.cohere.com/v2/", "https://api.cohere.com"),
        (Gemini, "https://generativelanguage.googleapis.com/v1beta", "https://generativelanguage.googleapis.com"),
        (Gemini, "https://generativelanguage.googleapis.com/v1", "https://generativelanguage.googleapis.com"),
        (
            Gemini,
            "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:generateContent",
            "https://generativelanguage.googleapis.com",
        ),
        (Gemini, "https://gw.example/google/v1beta/models", "https://gw.example/google"),
        (
            Vertex,
            "https://us-central1-aiplatform.googleapis.com/v1/projects/p",
            "https://us-central1-aiplatform.googleapis.com",
        ),
        (
            Bedrock,
            "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-v2%3A1/converse",
            "https://bedrock-runtime.us-east-1.amazonaws.com",
        ),
        (Bedrock, "https://gw.example/aws/model/x/invoke", "https://gw.example/aws"),
        (Bedrock, "https://gw.example/models", "https://gw.example/models"),
        (AzureOpenAi, "my-resource", "https://my-resource.openai.azure.com"),
        (AzureOpenAi, " My-Resource ", "https://my-resource.openai.azure.com"),
        (AzureOpenAi, "https://r.openai.azure.com/", "https://r.openai.azure.com"),
        (AzureOpenAi, "https://r.openai.azure.com/openai", "https://r.openai.azure.com"),
        (
            AzureOpenAi,
            "https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21",
            "https://r.openai.azure.com",
        ),
        (AzureOpenAi, "https://r.openai.azure.com/openai/models?api-version=2024-10-21", "https://r.openai.azure.com"),
        (AzureOpenAi, "https://r.openai.azure.com/openai/v1/", "https://r.openai.azure.com/openai/v1"),
        (AzureOpenAi, "https://r.openai.azure.com/openai/v1/chat/completions", "https://r.openai.azure.com/openai/v1"),
        (
            AzureOpenAi,
            "https://r.services.ai.azure.com/api/projects/p/openai/v1/responses?api-version=preview",
            "https://r.services.ai.azure.com/api/projects/p/openai/v1",
        ),
        (AzureOpenAi, "https://r.cognitiveservices.azure.com", "https://r.cognitiveservices.azure.com"),
    ] {
        let parsed = BaseUrl::parse(adapter, given, AddressPolicy::Public).map(|base| base.as_str().to_owned());
        assert_eq!(parsed, Ok(expected.to_owned()), "{given}");
    }
}

#[test]
fn what_belongs_to_another_adapter_or_hides_the_host_is_refused() {
    let parse = |adapter, text: &str| BaseUrl::parse(adapter, text, AddressPolicy::Public);
    for (adapter, text) in [
        (AdapterKind::Gemini, "https://generativelanguage.googleapis.com/v1beta/openai/"),
        (AdapterKind::Gemini, "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions"),
        (AdapterKind::Anthropic, "https://api.anthropic.com/v1/chat/completions"),
        (AdapterKind::Bedrock, "https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1"),
        (AdapterKind::Cohere, "https://api.cohere.ai/compatibility/v1"),
    ] {
        assert_eq!(parse(adapter, text), Err(BaseUrlError::OpenAiPath), "{text}");
        assert!(parse(AdapterKind::OpenAi, text).is_ok(), "{text}");
    }
    assert!(BaseUrlError::OpenAiPath.to_string().contains("use the adapter openai"));
    // A query is dropped behind a path alone, and a bare name is a resource's to Azure alone.
    for (text, error) in [
        ("https://evil.example?.openai.azure.com", BaseUrlError::QueryOrFragment),
        ("https://h/x?y#z", BaseUrlError::QueryOrFragment),
        ("https://h/x#?y", BaseUrlError::QueryOrFragment),
        ("https://u@h/x?y", BaseUrlError::UserInfo),
        ("my_resource", BaseUrlError::Scheme),
        ("-x-", BaseUrlError::Scheme),
        ("x", BaseUrlError::Scheme),
        ("my.resource", BaseUrlError::Scheme),
    ] {
        assert_eq!(parse(AdapterKind::AzureOpenAi, text), Err(error), "{text}");
    }
    assert_eq!(parse(AdapterKind::OpenAi, "my-resource"), Err(BaseUrlError::Scheme));
}

#[test]
fn its_parts_are_those_of_its_text() {
    for (given, host, path) in [
        ("https://api.example.com/v1", "api.example.com", "/v1"),
        ("https://api.example.com:8443", "api.example.com", ""),
        ("https://[2606:4700::1]:444/x/y", "[2606:4700::1]", "/x/y"),
        ("https://[2606:4700::1]", "[2606:4700::1]", ""),
    ] {
        let base = public(given).unwrap();
        assert_eq!((base.host(), base.path()), (host, path));
    }
    let base = public("https://h/a/openai/v1").unwrap();
    assert_eq!(base.without_ending("/openai/v1").as_str(), "https://h/a");
    assert_eq!(base.without_ending("/x"), base);
    assert_eq!(base.without_ending("https://h/a/openai/v1"), base);
}

#[test]
fn an_origin_has_no_default_port_and_no_path() {
    for (given, expected) in [
        ("https://API.example.com:443/v1", "https://api.example.com"),
        ("https://api.example.com:8443", "https://api.example.com:8443"),
        ("https://[2606:4700::1]:444/x", "https://[2606:4700::1]:444"),
    ] {
        assert_eq!(public(given).unwrap().origin().as_str(), expected);
    }
    assert_ne!(private("http://h:443").unwrap().origin(), private("https://h").unwrap().origin());
}

#[test]
fn a_path_below_it_is_a_uri() {
    let base = public("https://api.openai.com").unwrap();
    assert_eq!(base.with_path("/models"), "https://api.openai.com/v1/models".parse::<Uri>().unwrap());
}

type IsExpected = fn(&BaseUrlError) -> bool;

/// Refused whatever the installation allows.
#[test]
fn tricks_are_refused_always() {
    use BaseUrlError as E;
    let is = |expected: IsExpected| expected;
    let scheme = is(|error| *error == E::Scheme);
    let host = is(|error| *error == E::Host);
    let user = is(|error| *error == E::UserInfo);
    let query = is(|error| *error == E::QueryOrFragment);
    let character = is(|error| *error == E::Character);
    let odd = is(|error| matches!(error, E::OddAddress(_)));
    let never = is(|error| matches!(error, E::Refused(RefusedAddress::Never(_)) | E::MetadataName(_)));
    let table: [(&[&str], IsExpected); 7] = [
        (
            &[
                "api.openai.com",
                "//api.openai.com",
                "ftp://h",
                "file:///etc/passwd",
                "javascript:alert(1)",
                "gopher://h",
                "https:/h",
                "https:h",
                "unix:///run/x",
                "data:text/plain,x",
                "ws://h",
                "httpss://h",
                "s3://bucket",
            ],
            scheme,
        ),
        (
            &[
                "https://",
                "https:///v1",
                "https://:443",
                "https://h:0",
                "https://h:65536",
                "https://h:-1",
                "https://h:80a",
                "https://%31%32%37.0.0.1",
                "https://exa%6dple.com",
                "https://h%00",
                "https://a..b",
                "https://.",
                "https://h..",
                "https://[::1",
                "https://[fe80::1%25eth0]",
                "https://[::1%lo]",
                "https://[::g]",
                "https://1.2.3.4.5",
                "https://256.1.1.1",
                "https://a$b",
                "https://a*b",
                "https://a,b",
                "https://a;b",
                "https://0x7f.1.2.3.4",
            ],
            host,
        ),
        (
            &[
                "https://user@h",
                "https://user:pass@h",
                "https://@h",
                "https://:@h",
                "https://api.openai.com@evil.example",
                "https://api.openai.com:443@evil.example/v1",
                "https://a@b@c",
            ],
            user,
        ),
        (
            &[
                "https://h?",
                "https://h/v1?key=x",
                "https://h#",
                "https://h/v1#x",
                "https://evil.example#@api.openai.com",
                "https://evil.example?.api.openai.com",
            ],
            query,
        ),
        (
            &[
                "https://h /v1",
                "https://a\tb",
                "https://a\nb",
                "https://a\rb/",
                "https:\\\\h",
                "https://h\\@e",
                "https://h\\.evil.example",
                "https://h/\u{0}",
                "https://h\u{a0}x",
                "https://h/\u{7f}",
                "https://h\u{2028}x",
            ],
            character,
        ),
        (
            &[
                "https://2130706433",
                "https://0x7f000001",
                "https://017700000001",
                "https://0177.0.0.1",
                "https://0x7f.0.0.1",
                "https://127.1",
                "https://127.0.1",
                "https://127.0.0.1.",
                "https://0",
                "https://0x0",
                "https://00000000.1",
                "https://１２７.0.0.1",
                "https://127。0。0。1",
                "https://①②⑦.0.0.1",
                "https://3232235777",
                "https://0xA9FEA9FE",
                "https://169.254.43518",
                "https://2852039166",
                "https://0251.0376.0251.0376",
                "https://8.8.8.010",
                "https://[::ffff:127.0.0.1]",
                "https://[::ffff:7f00:1]",
                "https://[::127.0.0.1]",
                "https://[64:ff9b::7f00:1]",
                "https://[64:ff9b::8.8.8.8]",
                "https://[2002:7f00:1::]",
                "https://[::ffff:169.254.169.254]",
                "https://[0:0:0:0:0:ffff:a9fe:a9fe]",
                "https://[::ffff:0:127.0.0.1]",
                "https://[::ffff:8.8.8.8]",
            ],
            odd,
        ),
        (
            &[
                "https://169.254.169.254",
                "https://169.254.169.254:80/latest",
                "https://169.254.170.2",
                "https://0.0.0.0",
                "https://100.100.100.200",
                "https://168.63.129.16",
                "https://192.0.0.192",
                "https://255.255.255.255",
                "https://224.0.0.1",
                "https://[::]",
                "https://[fe80::1]",
                "https://[FE80:0::A9FE:A9FE]",
                "https://[fd00:ec2::254]",
                "https://[fd20:ce::254]",
                "https://[ff02::1]",
                "https://metadata.google.internal",
                "https://METADATA.google.internal.",
                "https://metadata",
                "https://metadata.goog",
                "https://instance-data",
                "https://ｍetadata.google.internal",
            ],
            never,
        ),
    ];
    for (tricks, expected) in table {
        for trick in tricks {
            for parsed in [public(trick), private(trick)] {
                assert!(parsed.as_ref().is_err_and(expected), "{trick:?}: {parsed:?}");
            }
        }
    }
}

#[test]
fn private_places_need_leave() {
    for trick in [
        "https://127.0.0.1",
        "https://127.9.9.9:8443/v1",
        "https://10.0.0.1",
        "https://172.16.0.1",
        "https://192.168.0.1",
        "https://100.64.0.1",
        "https://198.18.0.1",
        "https://[::1]",
        "https://[0:0:0:0:0:0:0:1]",
        "https://[fc00::1]",
        "https://[fd12::1]",
        "https://[2001:db8::1]",
        "https://localhost",
        "https://LOCALHOST:1",
        "https://localhost.",
        "https://a.localhost",
        "https://ｌocalhost",
        "http://api.openai.com",
        "http://127.0.0.1",
        "HTTP://h",
    ] {
        assert!(public(trick).is_err(), "{trick}");
        assert!(private(trick).is_ok(), "{trick}: {:?}", private(trick));
    }
}

#[test]
fn lengths_are_limited() {
    let long = format!("https://h/{}", "x".repeat(MAX_BYTES));
    assert_eq!(public(&long), Err(BaseUrlError::TooLong));
    // Escaping makes it longer than it was.
    let grows = format!("https://h/{}", "é".repeat(800));
    assert_eq!(public(&grows), Err(BaseUrlError::TooLong));
    assert_eq!(public(&format!("https://{}.example", "x".repeat(64))), Err(BaseUrlError::Host));
    assert_eq!(public("  "), Err(BaseUrlError::Empty));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_and_never_repaired_twice(text in "(https?://)?\\PC{0,60}") {
        if let Ok(base) = private(&text) {
            prop_assert_eq!(private(base.as_str()), Ok(base.clone()));
            prop_assert!(base.as_str().starts_with(base.origin().as_str()));
            prop_assert!(!base.as_str().ends_with('/'));
        }
    }

    #[test]
    fn no_adapter_repairs_a_url_twice_or_changes_its_origin(
        path in "(/(v1|v2|v1beta|openai|models?|deployments|messages|chat|completions|anthropic|x:y|)){0,6}", query in "(\\?[a-z=/]{0,9})?",
    ) {
        for adapter in AdapterKind::ALL {
            let text = format!("https://api.openai.com:8443{path}{query}");
            if let Ok(base) = BaseUrl::parse(adapter, &text, AddressPolicy::Public) {
                prop_assert_eq!(BaseUrl::parse(adapter, base.as_str(), AddressPolicy::Public), Ok(base.clone()));
                let origin = base.origin();
                prop_assert_eq!(origin.as_str(), "https://api.openai.com:8443");
            }
        }
    }

    #[test]
    fn what_is_read_has_the_host_that_the_dialer_sees(
        host in "[a-zA-Z0-9.:@%\\[\\]-]{1,30}", path in "[a-zA-Z0-9/.:@%?#-]{0,30}",
    ) {
        if let Ok(base) = private(&format!("https://{host}/{path}")) {
            let uri = base.with_path("/models");
            let origin = base.origin();
            let dialled = format!("https://{}", uri.authority().map(ToString::to_string).unwrap_or_default());
            prop_assert_eq!(dialled, origin.as_str());
        }
    }
}
