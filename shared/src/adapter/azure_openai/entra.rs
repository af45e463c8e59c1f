//! Tokens of Microsoft Entra for a client and its secret: OAuth 2.0's client credentials (RFC 6749, section 4.4).
//!
//! Source: learn.microsoft.com/entra/identity-platform (client credentials flow, national clouds), read in autumn 2026.

use url::form_urlencoded::byte_serialize;

use super::super::{TokenRequest, UnfitSecret};
use crate::base_url::BaseUrl;
use crate::credential::ClientSecret;
use crate::secret::Secret;

/// A cloud of Microsoft's: where its tokens come from, and what a token is asked for.
struct Cloud {
    authority: &'static str,
    scope: &'static str,
}

const PUBLIC: Cloud =
    Cloud { authority: "login.microsoftonline.com", scope: "https://cognitiveservices.azure.com/.default" };

/// The sovereign ones, by how the hosts of their resources end. Resources behind a host of one's own are taken for the public cloud's.
const SOVEREIGN: [(&str, Cloud); 2] = [
    (
        ".azure.us",
        Cloud { authority: "login.microsoftonline.us", scope: "https://cognitiveservices.azure.us/.default" },
    ),
    (".azure.cn", Cloud { authority: "login.chinacloudapi.cn", scope: "https://cognitiveservices.azure.cn/.default" }),
];

/// How the token of a client is fetched for a resource.
///
/// # Errors
///
/// When the tenant is neither a GUID nor a domain, so that it can't stand in a URL.
pub(super) fn token_request(resource: &BaseUrl, client: &ClientSecret) -> Result<TokenRequest, UnfitSecret> {
    let sovereign = SOVEREIGN.iter().find(|(ending, _)| resource.host().ends_with(ending));
    let cloud = sovereign.map_or(&PUBLIC, |(_, cloud)| cloud);
    let uri = client.token_uri(cloud.authority).ok_or(UnfitSecret)?;
    Ok(TokenRequest { uri, form: form(client, cloud.scope) })
}

fn form(client: &ClientSecret, scope: &str) -> Secret {
    let secret = client.client_secret.expose();
    // Escaping makes three bytes of one at the most: the form never grows, so that no copy of the secret is left behind.
    let mut form = Vec::with_capacity(128 + 3 * (client.client_id.len() + secret.len() + scope.len()));
    form.extend_from_slice(b"grant_type=client_credentials");
    for (name, value) in
        [("client_id", client.client_id.as_bytes()), ("client_secret", secret), ("scope", scope.as_bytes())]
    {
        form.push(b'&');
        form.extend_from_slice(name.as_bytes());
        form.push(b'=');
        byte_serialize(value).for_each(|part| form.extend_from_slice(part.as_bytes()));
    }
    Secret::new(form)
}
