//! Base URLs that follow from a region, and regions that stand in a base URL: Bedrock's and Vertex AI's.
//!
//! Sources: docs.aws.amazon.com/general/latest/gr/bedrock.html and cloud.google.com/vertex-ai/docs/general/locations, read in autumn 2026.

use super::BaseUrl;
use crate::adapter::AdapterKind;
use crate::address::AddressPolicy;

/// A text that names no region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("use 1 to 50 lower-case letters, digits and hyphens, such as us-east-1")]
pub struct NotARegion;

/// Whether a text can be a region's name. It goes into a host, so that nothing else may stand in it.
///
/// # Errors
///
/// When it can't; the error says what to do.
pub fn check_region(text: &str) -> Result<(), NotARegion> {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_region =
        (1..=50).contains(&text.len()) && text.bytes().all(is_inner) && !text.starts_with('-') && !text.ends_with('-');
    if is_region { Ok(()) } else { Err(NotARegion) }
}

impl BaseUrl {
    /// The base URL of an adapter that has one host for each region; `None` for the other adapters.
    ///
    /// # Errors
    ///
    /// When the text is no region's name.
    pub fn derived(adapter: AdapterKind, region: &str) -> Result<Option<Self>, NotARegion> {
        check_region(region)?;
        let text = match (adapter, region) {
            (AdapterKind::Bedrock, _) if region.starts_with("cn-") => {
                format!("https://bedrock-runtime.{region}.amazonaws.com.cn")
            }
            (AdapterKind::Bedrock, _) => format!("https://bedrock-runtime.{region}.amazonaws.com"),
            (AdapterKind::Vertex, "global") => "https://aiplatform.googleapis.com".to_owned(),
            (AdapterKind::Vertex, "us" | "eu") => format!("https://aiplatform.{region}.rep.googleapis.com"),
            (AdapterKind::Vertex, _) => format!("https://{region}-aiplatform.googleapis.com"),
            (
                AdapterKind::OpenAi
                | AdapterKind::AzureOpenAi
                | AdapterKind::Anthropic
                | AdapterKind::Gemini
                | AdapterKind::Cohere,
                _,
            ) => return Ok(None),
        };
        Self::parse(adapter, &text, AddressPolicy::Public).map(Some).map_err(|_| NotARegion)
    }

    /// The region that a standard host of the adapter's vendor holds; `None` for a host of one's own.
    #[must_use]
    pub fn region(&self, adapter: AdapterKind) -> Option<&str> {
        let region = match adapter {
            AdapterKind::Bedrock => bedrock_region(self.host()),
            AdapterKind::Vertex => vertex_region(self.host()),
            AdapterKind::OpenAi
            | AdapterKind::AzureOpenAi
            | AdapterKind::Anthropic
            | AdapterKind::Gemini
            | AdapterKind::Cohere => None,
        };
        region.filter(|region| check_region(region).is_ok())
    }
}

/// `bedrock-runtime.us-east-1.amazonaws.com`, in China and behind a private endpoint with other endings, with FIPS and dual-stack variants.
fn bedrock_region(host: &str) -> Option<&str> {
    let ours =
        [".vpce.amazonaws.com", ".amazonaws.com.cn", ".amazonaws.com", ".api.aws", ".api.amazonwebservices.com.cn"]
            .into_iter()
            .find_map(|ending| host.strip_suffix(ending))?;
    let (service, region) = ours.rsplit_once('.')?;
    let service = service.rsplit('.').next()?;
    matches!(service, "bedrock-runtime" | "bedrock-runtime-fips" | "bedrock-mantle").then_some(region)
}

/// `us-central1-aiplatform.googleapis.com`, `aiplatform.eu.rep.googleapis.com`, and the global host.
fn vertex_region(host: &str) -> Option<&str> {
    if host == "aiplatform.googleapis.com" {
        return Some("global");
    }
    let multiple = || host.strip_prefix("aiplatform.")?.strip_suffix(".rep.googleapis.com");
    host.strip_suffix("-aiplatform.googleapis.com").or_else(multiple)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(adapter: AdapterKind, text: &str) -> BaseUrl {
        BaseUrl::parse(adapter, text, AddressPolicy::Public).unwrap()
    }

    #[test]
    fn a_region_has_its_host_and_the_host_its_region() {
        for (adapter, region, expected) in [
            (AdapterKind::Bedrock, "us-east-1", "https://bedrock-runtime.us-east-1.amazonaws.com"),
            (AdapterKind::Bedrock, "us-gov-west-1", "https://bedrock-runtime.us-gov-west-1.amazonaws.com"),
            (AdapterKind::Bedrock, "cn-north-1", "https://bedrock-runtime.cn-north-1.amazonaws.com.cn"),
            (AdapterKind::Vertex, "us-central1", "https://us-central1-aiplatform.googleapis.com"),
            (AdapterKind::Vertex, "global", "https://aiplatform.googleapis.com"),
            (AdapterKind::Vertex, "us", "https://aiplatform.us.rep.googleapis.com"),
            (AdapterKind::Vertex, "eu", "https://aiplatform.eu.rep.googleapis.com"),
        ] {
            let derived = BaseUrl::derived(adapter, region).unwrap().unwrap();
            assert_eq!(derived.as_str(), expected);
            assert_eq!(derived.region(adapter), Some(region));
        }
        assert_eq!(BaseUrl::derived(AdapterKind::OpenAi, "us-east-1"), Ok(None));
    }

    #[test]
    fn other_standard_hosts_hold_a_region_and_hosts_of_ones_own_do_not() {
        for (adapter, text, expected) in [
            (AdapterKind::Bedrock, "https://bedrock-runtime-fips.us-east-1.amazonaws.com", Some("us-east-1")),
            (AdapterKind::Bedrock, "https://bedrock-runtime.eu-west-1.api.aws", Some("eu-west-1")),
            (
                AdapterKind::Bedrock,
                "https://vpce-0a1-2b3.bedrock-runtime.us-west-2.vpce.amazonaws.com",
                Some("us-west-2"),
            ),
            (
                AdapterKind::Bedrock,
                "https://bedrock-runtime.cn-north-1.api.amazonwebservices.com.cn",
                Some("cn-north-1"),
            ),
            (AdapterKind::Bedrock, "https://bedrock.internal.example", None),
            (AdapterKind::Bedrock, "https://s3.us-east-1.amazonaws.com", None),
            (AdapterKind::Bedrock, "https://bedrock-runtime.us-east-1.amazonaws.com.evil.example", None),
            (AdapterKind::Vertex, "https://vertex.example", None),
            (AdapterKind::Vertex, "https://aiplatform.googleapis.com.evil.example", None),
            (AdapterKind::OpenAi, "https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1", None),
        ] {
            assert_eq!(parsed(adapter, text).region(adapter), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_region_is_refused() {
        for text in
            ["", "US-east-1", "us_east_1", "a.b", "x/y", "x@evil", "-x", "x-", "x y", "x#", "é", &"x".repeat(51)]
        {
            assert_eq!(check_region(text), Err(NotARegion), "{text}");
            assert_eq!(BaseUrl::derived(AdapterKind::Bedrock, text), Err(NotARegion), "{text}");
        }
        assert_eq!(check_region(&"x".repeat(50)), Ok(()));
    }

    proptest! {
        #[test]
        fn no_region_changes_whose_host_it_is(region in "\\PC{0,20}|[a-z0-9-]{1,50}") {
            for (adapter, ending) in
                [(AdapterKind::Bedrock, "amazonaws.com"), (AdapterKind::Vertex, "aiplatform.googleapis.com")]
            {
                if let Ok(Some(url)) = BaseUrl::derived(adapter, &region) {
                    let host = url.host().trim_end_matches(".cn");
                    let is_multiple = host.starts_with("aiplatform.") && host.ends_with(".rep.googleapis.com");
                    prop_assert!(host.ends_with(ending) || is_multiple, "{}", url);
                    prop_assert_eq!(url.path(), "");
                }
            }
        }
    }
}
