//! What `keyplane dev` prints when everything runs: a request to paste, the URLs, where the token is.

use super::files::Files;
use crate::config::DevFlags;
use crate::echo;

/// The text.
pub(super) fn text(flags: &DevFlags, files: &Files) -> String {
    let DevFlags { listen, admin_listen, control_metrics_listen, proxy_metrics_listen, .. } = flags;
    let (caller_key, token) = (quoted(&files.caller_key()), quoted(&files.token()));
    let request = |flag: &str, stream: &str| {
        format!(
            "  curl {flag}http://{listen}/v1/chat/completions \\\n    \
             -H \"authorization: Bearer $(cat {caller_key})\" \\\n    \
             -H 'content-type: application/json' \\\n    \
             -d '{{\"model\": \"{model}\", {stream}\"messages\": [{{\"role\": \"user\", \"content\": \"Hello, world\"}}]}}'",
            model = echo::MODEL,
        )
    };
    let (plain, streamed) = (request("", ""), request("-N ", "\"stream\": true, "));
    format!(
        "Keyplane runs. Paste a request:\n\n{plain}\n\nThe same, streamed:\n\n{streamed}\n\n\
         Applications    http://{listen}/v1 (OpenAI's API; the others where docs/providers.md says)\n\
         Caller key      {caller_key}\n\
         Admin API       http://{admin_listen} (gRPC)\n\
         Admin token     {token}\n\
         Metrics         http://{control_metrics_listen}/metrics http://{proxy_metrics_listen}/metrics\n\n\
         Look around:\n\n  \
         export KEYPLANE_SERVER=http://{admin_listen} KEYPLANE_TOKEN_FILE={token}\n  \
         keyplane status\n\n\
         Ctrl-C stops it; a second start finds everything as it was left."
    )
}

/// A path as a shell takes it whatever is in it.
fn quoted(path: &std::path::Path) -> String {
    let text = path.display().to_string();
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte));
    if plain { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_path_with_a_space_is_quoted() {
        assert_eq!(quoted(Path::new("/tmp/a-b/c.d")), "/tmp/a-b/c.d");
        assert_eq!(quoted(Path::new("/tmp/my keys/it's")), r"'/tmp/my keys/it'\''s'");
    }
}
