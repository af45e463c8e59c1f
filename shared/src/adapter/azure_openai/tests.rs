//! Azure's URLs in both styles, its tokens, and the bodies that it answers with.

use http::HeaderValue;
use proptest::prelude::*;

use super::*;
use crate::adapter::Delivery::Whole;
use crate::adapter::testing::{api_key, call, meaning, place, signed};
use crate::adapter::{AdapterKind, OpenAiRoute};
use crate::credential::ClientSecret;
use crate::secret::Secret;

fn at(base_url: &str, api_version: Option<&str>, call: Call<'_>) -> Result<String, NoAddress> {
    let mut place = place(AdapterKind::AzureOpenAi, base_url);
    place.settings.api_version = api_version.map(str::to_owned);
    AzureOpenAi.address(&place, None, call).map(|uri| uri.to_string())
}

fn client(tenant: &str, secret: &str) -> CredentialValue {
    CredentialValue::ClientSecret(ClientSecret {
        tenant_id: tenant.to_owned(),
        client_id: "11111111-2222-3333-4444-555555555555".to_owned(),
        client_secret: Secret::from(secret.to_owned()),
    })
}

#[test]
fn the_style_of_the_urls_follows_from_the_version_or_else_the_base_url() {
    let (dated, v1) = ("https://r.openai.azure.com", "https://r.openai.azure.com/openai/v1");
    for (base, version, expected) in [
        (dated, None, "/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21"),
        (
            dated,
            Some("2025-01-01-preview"),
            "/openai/deployments/my%20gpt/chat/completions?api-version=2025-01-01-preview",
        ),
        (dated, Some("v1"), "/openai/v1/chat/completions"),
        (dated, Some("preview"), "/openai/v1/chat/completions?api-version=preview"),
        (v1, None, "/openai/v1/chat/completions"),
        (v1, Some("preview"), "/openai/v1/chat/completions?api-version=preview"),
        (v1, Some("2024-10-21"), "/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21"),
    ] {
        let at = at(base, version, call(Operation::Chat, "my gpt", Whole));
        assert_eq!(at, Ok(format!("https://r.openai.azure.com{expected}")), "{base} {version:?}");
    }
    let foundry = "https://r.services.ai.azure.com/api/projects/p/openai/v1";
    let expected = Ok(format!("{foundry}/chat/completions"));
    assert_eq!(at(foundry, None, call(Operation::Chat, "x", Whole)), expected);
}

#[test]
fn calls_have_their_addresses() {
    let host = "https://r.openai.azure.com";
    for (operation, dated, v1) in [
        (Operation::Completion, Some("/openai/deployments/d/completions"), Some("/completions")),
        (Operation::Embeddings, Some("/openai/deployments/d/embeddings"), Some("/embeddings")),
        (Operation::Responses, Some("/openai/responses"), Some("/responses")),
        (Operation::ListModels, Some("/openai/models"), Some("/models")),
        (Operation::CountTokens, Some("/openai/responses/input_tokens"), Some("/responses/input_tokens")),
        (
            Operation::OpenAiOnly(OpenAiRoute::ImageGeneration),
            Some("/openai/deployments/d/images/generations"),
            Some("/images/generations"),
        ),
        (Operation::Invoke, None, None),
        (Operation::Rerank, None, None),
    ] {
        let dated = dated.map(|path| format!("{host}{path}?api-version=2024-10-21")).ok_or(NoAddress::Unsupported);
        assert_eq!(at(host, None, call(operation, "d", Whole)), dated);
        let v1 = v1.map(|path| format!("{host}/openai/v1{path}")).ok_or(NoAddress::Unsupported);
        assert_eq!(at(host, Some("v1"), call(operation, "d", Whole)), v1);
    }
    for model in ["", ".", ".."] {
        assert_eq!(at(host, None, call(Operation::Chat, model, Whole)), Err(NoAddress::Model));
    }
}

#[test]
fn a_path_of_the_callers_stands_below_what_the_style_puts_before_it() {
    let base = "https://r.openai.azure.com";
    for (version, path, expected) in [
        (None, "/files?purpose=x&api-version=1", "/openai/files?purpose=x&api-version=2024-10-21"),
        (
            None,
            "/files?api%2Dversion=1&Api-Version=2&api-versions=3",
            "/openai/files?api-versions=3&api-version=2024-10-21",
        ),
        (Some("v1"), "/files", "/openai/v1/files"),
        (Some("preview"), "/batches/b?after=c", "/openai/v1/batches/b?after=c&api-version=preview"),
    ] {
        let mut place = place(AdapterKind::AzureOpenAi, base);
        place.settings.api_version = version.map(str::to_owned);
        assert_eq!(AzureOpenAi.address_below(&place, path).unwrap().to_string(), format!("{base}{expected}"));
        assert_eq!(AzureOpenAi.address_below(&place, "/a/../b"), Err(NoAddress::Path));
    }
}

#[test]
fn old_versions_of_the_dated_style_have_no_responses() {
    for (version, api) in [
        (None, Some(OpenAiApi::Chat)),
        (Some("2025-01-01-preview"), Some(OpenAiApi::Chat)),
        (Some("2025-03-01-preview"), None),
        (Some("v1"), None),
        (Some("preview"), None),
    ] {
        let mut place = place(AdapterKind::AzureOpenAi, "https://r.openai.azure.com");
        place.settings.api_version = version.map(str::to_owned);
        assert_eq!(AzureOpenAi.openai_api(&place), api, "{version:?}");
    }
}

#[test]
fn every_code_has_its_failure() {
    for (status, code, failure) in [
        (400, "content_filter", Failure::CallersFault),
        (400, "DeploymentNotFound", Failure::Denied),
        (401, "PermissionDenied", Failure::Rejected),
        (401, "Unauthorized", Failure::Rejected),
        (403, "AuthenticationTypeDisabled", Failure::Rejected),
        (403, "Forbidden", Failure::Unreachable),
        (403, "PermissionDenied", Failure::Denied),
        (404, "DeploymentNotFound", Failure::Denied),
        (429, "RateLimitReached", Failure::RateLimited),
        (429, "TooManyRequests", Failure::RateLimited),
        // OpenAI's own come through.
        (400, "context_length_exceeded", Failure::CallersFault),
        (429, "insufficient_quota", Failure::Exhausted),
    ] {
        let body = format!(r#"{{"error":{{"code":"{code}","message":"x"}}}}"#);
        assert_eq!(meaning(&AzureOpenAi, status, &body), (failure, Some(code)), "{status} {code}");
    }
}

#[test]
fn both_shapes_of_the_gateway_in_front_are_read() {
    for (status, body, failure) in [
        (
            401,
            r#"{"error":{"code":"401","message":"Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource."}}"#,
            Failure::Rejected,
        ),
        (
            401,
            r#"{ "statusCode": 401, "message": "Unauthorized. Access token is missing, invalid, audience is incorrect, or have expired." }"#,
            Failure::Rejected,
        ),
        (
            401,
            r#"{"error":{"code":"PermissionDenied","message":"The principal `x` lacks the required data action `Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action` to perform `POST /openai/deployments/{deployment-id}/chat/completions` operation."}}"#,
            Failure::Denied,
        ),
        (
            403,
            r#"{"error":{"code":"403","message": "Access denied due to Virtual Network/Firewall rules."}}"#,
            Failure::Unreachable,
        ),
        (
            403,
            r#"{"code":"403","message":"A Virtual Network is configured for this resource. Please use the correct endpoint for making requests."}"#,
            Failure::Unreachable,
        ),
        (404, r#"{"error":{"code":"404","message": "Resource not found"}}"#, Failure::CallersFault),
        (404, r#"{ "statusCode": 404, "message": "Resource not found" }"#, Failure::CallersFault),
        (
            429,
            r#"{"statusCode":429,"message":"Rate limit is exceeded. Try again in 10 seconds."}"#,
            Failure::RateLimited,
        ),
        (
            400,
            r#"{"error":{"inner_error":{"code":"ResponsibleAIPolicyViolation","content_filter_results":{}},"message":"The response was filtered","type":null,"param":"prompt","status":400}}"#,
            Failure::CallersFault,
        ),
        (500, r#"{"statusCode":500,"message":"Internal server error"}"#, Failure::ServerError),
    ] {
        assert_eq!(meaning(&AzureOpenAi, status, body).0, failure, "{body}");
    }
}

#[test]
fn a_key_goes_bare_and_a_minted_token_as_bearer() {
    let mut place = place(AdapterKind::AzureOpenAi, "r1");
    let mut given = HeaderMap::new();
    given.append("api-key", HeaderValue::from_static("of-the-caller"));
    given.append("authorization", HeaderValue::from_static("Bearer of-the-caller"));
    let sign = |place: &Place, value: &CredentialValue, token: Option<&Secret>| {
        signed(&AzureOpenAi, place, Key { value, token, additional: None }, given.clone())
    };
    assert_eq!(sign(&place, &api_key("k"), None), Ok(vec!["api-key: k".into()]));
    let token = Secret::from("eyJ0".to_owned());
    let minted = client("contoso.onmicrosoft.com", "s");
    assert_eq!(sign(&place, &minted, Some(&token)), Ok(vec!["authorization: Bearer eyJ0".into()]));
    assert_eq!(sign(&place, &minted, None), Err(UnfitSecret));
    // Azure API Management has a header of its own for keys; tokens go where tokens go.
    place.key_header = Some(HeaderName::from_static("ocp-apim-subscription-key"));
    assert_eq!(sign(&place, &api_key("k"), None), Ok(vec!["ocp-apim-subscription-key: k".into()]));
    assert_eq!(sign(&place, &minted, Some(&token)), Ok(vec!["authorization: Bearer eyJ0".into()]));
    assert_eq!(AzureOpenAi.own_key_header(&place).unwrap(), "ocp-apim-subscription-key");
}

#[test]
fn a_token_is_asked_for_at_the_cloud_of_the_resource() {
    let tenant = "72f988bf-86f1-41af-91ab-2d7cd011db47";
    for (host, authority, scope) in [
        ("r.openai.azure.com", "login.microsoftonline.com", "azure.com"),
        ("r.services.ai.azure.com", "login.microsoftonline.com", "azure.com"),
        ("gateway.example", "login.microsoftonline.com", "azure.com"),
        ("evil.azure.us.example", "login.microsoftonline.com", "azure.com"),
        ("r.openai.azure.us", "login.microsoftonline.us", "azure.us"),
        ("r.openai.azure.cn", "login.chinacloudapi.cn", "azure.cn"),
    ] {
        let place = place(AdapterKind::AzureOpenAi, &format!("https://{host}"));
        let value = client(tenant, "a b&c=d+e%~é");
        let request = AzureOpenAi.token_request(&place, &value, SystemTime::UNIX_EPOCH).unwrap().unwrap();
        assert_eq!(request.uri.to_string(), format!("https://{authority}/{tenant}/oauth2/v2.0/token"), "{host}");
        let form: Vec<_> = url::form_urlencoded::parse(request.form.expose()).into_owned().collect();
        let expected = [
            ("grant_type", "client_credentials"),
            ("client_id", "11111111-2222-3333-4444-555555555555"),
            ("client_secret", "a b&c=d+e%~é"),
            ("scope", &format!("https://cognitiveservices.{scope}/.default")),
        ];
        assert_eq!(form, expected.map(|(name, value)| (name.to_owned(), value.to_owned())), "{host}");
    }
    let place = place(AdapterKind::AzureOpenAi, "r1");
    assert!(AzureOpenAi.token_request(&place, &api_key("k"), SystemTime::UNIX_EPOCH).unwrap().is_none());
    for bad in ["", "..", "a/b", "a?b", "x@evil.example", "a b", "é"] {
        let request = AzureOpenAi.token_request(&place, &client(bad, "s"), SystemTime::UNIX_EPOCH);
        assert_eq!(request.map(|_| ()), Err(UnfitSecret), "{bad}");
    }
}

proptest! {
    #[test]
    fn no_deployment_changes_the_host_the_segments_or_the_query(model: String) {
        if let Ok(at) = at("https://r.openai.azure.com", None, call(Operation::Chat, &model, Whole)) {
            let uri: Uri = at.parse().unwrap();
            prop_assert_eq!(uri.host(), Some("r.openai.azure.com"));
            prop_assert_eq!(uri.path().split('/').count(), 6);
            prop_assert_eq!(uri.query(), Some("api-version=2024-10-21"));
        }
    }

    #[test]
    fn no_secret_adds_a_field_to_the_form(secret: String) {
        let place = place(AdapterKind::AzureOpenAi, "r1");
        let request = AzureOpenAi.token_request(&place, &client("t", &secret), SystemTime::UNIX_EPOCH).unwrap().unwrap();
        let form: Vec<_> = url::form_urlencoded::parse(request.form.expose()).into_owned().collect();
        prop_assert_eq!(form.len(), 4);
        prop_assert_eq!(&form[2].1, &secret);
    }
}
