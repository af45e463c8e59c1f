//! Amazon's own hosts of Bedrock.
//!
//! | where | runtime | control |
//! | --- | --- | --- |
//! | a region | `bedrock-runtime.R.amazonaws.com` | `bedrock.R.amazonaws.com` |
//! | with FIPS 140 | `bedrock-runtime-fips.R.amazonaws.com` | `bedrock-fips.R.amazonaws.com` |
//! | China | `bedrock-runtime.R.amazonaws.com.cn` | `bedrock.R.amazonaws.com.cn` |
//! | over IPv6, too | `bedrock-runtime.R.api.aws` | `bedrock.R.api.aws` |

/// How the hosts of Amazon's regions end.
const ENDINGS: [&str; 4] = [".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".api.amazonwebservices.com.cn"];

/// The runtime's host in a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RuntimeHost<'a> {
    /// `bedrock` or `bedrock-fips`.
    control: &'static str,
    region: &'a str,
    ending: &'static str,
}

impl<'a> RuntimeHost<'a> {
    /// Reads a host; `None` for one that is not Amazon's, or another service's.
    pub(super) fn of(host: &'a str) -> Option<Self> {
        let (service, rest) = host.split_once('.')?;
        let control = match service {
            "bedrock-runtime" => "bedrock",
            "bedrock-runtime-fips" => "bedrock-fips",
            _ => return None,
        };
        let (region, ending) = ENDINGS.iter().find_map(|ending| Some((rest.strip_suffix(ending)?, *ending)))?;
        let is_region = !region.is_empty() && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        is_region.then_some(Self { control, region, ending })
    }

    /// The control host of the same region.
    pub(super) fn control(&self) -> String {
        format!("{}.{}{}", self.control, self.region, self.ending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_host_is_the_runtimes_neighbor() {
        for (runtime, region, control) in [
            ("bedrock-runtime.us-east-1.amazonaws.com", "us-east-1", "bedrock.us-east-1.amazonaws.com"),
            (
                "bedrock-runtime-fips.us-gov-west-1.amazonaws.com",
                "us-gov-west-1",
                "bedrock-fips.us-gov-west-1.amazonaws.com",
            ),
            ("bedrock-runtime.cn-north-1.amazonaws.com.cn", "cn-north-1", "bedrock.cn-north-1.amazonaws.com.cn"),
            ("bedrock-runtime.eu-west-1.api.aws", "eu-west-1", "bedrock.eu-west-1.api.aws"),
        ] {
            let host = RuntimeHost::of(runtime).unwrap();
            assert_eq!((host.region, host.control().as_str()), (region, control));
        }
    }

    #[test]
    fn other_hosts_have_no_neighbor() {
        for host in [
            "bedrock-runtime.amazonaws.com",
            "bedrock-runtime.us-east-1.amazonaws.com.example.com",
            "bedrock-runtime.evil.example.com",
            "bedrock-runtime.a.b.amazonaws.com",
            "bedrock-runtime..amazonaws.com",
            "vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com",
            "bedrock.us-east-1.amazonaws.com",
            "sts.us-east-1.amazonaws.com",
            "localhost",
        ] {
            assert_eq!(RuntimeHost::of(host), None, "{host}");
        }
    }
}
