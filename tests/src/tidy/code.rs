//! The direction of dependencies, and what is deliberately absent, by what the files say.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::process::repository;

/// A source file of ours.
struct Source {
    /// Its path from the repository.
    path: String,
    /// What it says without its tests and comments.
    code: String,
    /// What it says.
    text: String,
}

const CRATES: [&str; 6] = ["proto", "shared", "control-plane", "data-plane", "cli", "tests"];

fn sources(of: &str) -> Vec<Source> {
    let mut found = Vec::new();
    collect(&repository().join(of).join("src"), &mut found);
    let root = repository();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let code = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        Source { path: path.strip_prefix(&root).unwrap().display().to_string(), code, text }
    };
    found.into_iter().map(read).collect()
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// Fails for each file of a crate that says one of the words, but those whose path begins with one of the exceptions.
fn says_nowhere(of: &str, words: &[&str], except: &[&str]) {
    for source in sources(of) {
        if except.iter().any(|prefix| source.path.starts_with(prefix)) {
            continue;
        }
        for word in words {
            assert!(!source.code.contains(word), "{} says {word}", source.path);
        }
    }
}

/// Whether a path begins with a crate's name; a module of ours may have the same one.
fn uses_crate(code: &str, name: &str) -> bool {
    code.match_indices(&format!("{name}::"))
        .any(|(at, _)| !code[..at].ends_with(|before: char| before == ':' || before == '_' || before.is_alphanumeric()))
}

#[test]
fn the_planes_never_import_each_other_and_shared_imports_neither_nor_the_protos() {
    says_nowhere("control-plane", &["data_plane::"], &[]);
    says_nowhere("data-plane", &["control_plane::"], &[]);
    says_nowhere("shared", &["control_plane::", "data_plane::", "proto::"], &[]);
    for (of, forbidden) in
        [("control-plane", "data-plane"), ("data-plane", "control-plane"), ("shared", "proto"), ("proto", "shared")]
    {
        let manifest = std::fs::read_to_string(repository().join(of).join("Cargo.toml")).unwrap();
        assert!(!manifest.contains(&format!("\n{forbidden}.workspace")), "{of} depends on {forbidden}");
    }
}

#[test]
fn one_file_names_the_database_and_one_the_cipher() {
    for source in sources("control-plane").into_iter().chain(sources("data-plane")) {
        let is_store = source.path.starts_with("control-plane/src/store/sled");
        assert!(is_store || !uses_crate(&source.code, "sled"), "{} uses sled", source.path);
    }
    says_nowhere("control-plane", &["chacha20poly1305"], &["control-plane/src/store/seal"]);
    says_nowhere("data-plane", &["chacha20poly1305"], &[]);
}

#[test]
fn the_store_and_the_transports_name_no_resource() {
    for source in sources("control-plane") {
        let is_store = source.path.starts_with("control-plane/src/store");
        let is_surface = source.path.starts_with("control-plane/src/surface");
        if is_store || is_surface {
            for word in ["crate::resource", "admin::v1::Provider", "admin::v1::Credential"] {
                assert!(!source.code.contains(word), "{} says {word}", source.path);
            }
        }
    }
}

#[test]
fn protocols_and_adapters_do_not_await_read_a_clock_log_or_hold_a_client() {
    let words = [".await", "async fn", "SystemTime::now", "Instant::now", "tracing::", "hyper::", "hyper_util::"];
    for source in sources("data-plane").into_iter().chain(sources("shared")) {
        let is_protocol = source.path.starts_with("data-plane/src/protocol");
        if is_protocol || source.path.starts_with("shared/src/adapter") {
            for word in words {
                assert!(!source.code.contains(word), "{} says {word}", source.path);
            }
        }
    }
}

#[test]
fn only_the_server_knows_that_http_called() {
    let above = ["data-plane/src/server", "data-plane/src/http", "data-plane/src/lib.rs", "data-plane/src/main.rs"];
    says_nowhere("data-plane", &["crate::http::", "crate::http;", "crate::server::"], &above);
}

#[test]
fn the_proxy_writes_no_file() {
    let words = ["fs::write", "File::create", "OpenOptions", "File::options", "create_dir"];
    // A test that writes what is missing of its fixtures.
    says_nowhere("data-plane", &words, &["data-plane/src/protocol/fixtures/"]);
}

#[test]
fn the_environment_is_read_in_config_alone() {
    for of in ["shared", "control-plane", "data-plane", "cli"] {
        let config = format!("{of}/src/config");
        says_nowhere(of, &["std::env::var", "env::var_os", "env::vars", "env = \"KEYPLANE"], &[&config]);
    }
}

#[test]
fn every_queue_is_bounded_and_every_task_is_tracked() {
    for of in CRATES {
        let words = ["unbounded", "tokio::spawn(", "task::spawn(", "std::sync::mpsc::channel"];
        says_nowhere(of, &words, &["tests/src/tidy", "shared/src/task.rs"]);
    }
}

/// Whether a file holds nothing but tests.
fn is_test(source: &Source) -> bool {
    source.path.ends_with("tests.rs") || source.path.contains("/tests/")
}

#[test]
fn statuses_are_built_in_one_place_and_where_a_stream_ends() {
    // The admin side's errors and the sync side's refusals become statuses. Two answers are neither.
    let places = ["control-plane/src/error.rs", "control-plane/src/sync/refusal.rs"];
    let others = [
        ("control-plane/src/sync/stream.rs", "Status::new(Code::Ok, "),
        ("control-plane/src/sync/server.rs", "Status::unimplemented(\"no such method\")"),
    ];
    for source in sources("control-plane") {
        if is_test(&source) || places.contains(&source.path.as_str()) {
            continue;
        }
        let words = others.iter().find(|(path, _)| source.path == *path).map_or("\n\n\n", |(_, words)| words);
        let code = source.code.replacen(words, "", 1);
        for builder in STATUS_BUILDERS {
            assert!(!code.contains(&format!("Status::{builder}")), "{} builds a status by {builder}", source.path);
        }
        assert!(!code.contains("for Status {"), "{} makes statuses of something", source.path);
    }
}

/// How the names of `tonic::Status`'s constructors begin.
const STATUS_BUILDERS: [&str; 20] = [
    "new(",
    "with_",
    "ok(",
    "cancelled(",
    "unknown(",
    "invalid_argument(",
    "deadline_exceeded(",
    "not_found(",
    "already_exists(",
    "permission_denied(",
    "resource_exhausted(",
    "failed_precondition(",
    "aborted(",
    "out_of_range(",
    "unimplemented(",
    "internal(",
    "unavailable(",
    "data_loss(",
    "unauthenticated(",
    "from_error",
];

/// How a secret is read.
const EXPOSING: [&str; 2] = [".expose()", ".expose_shared()"];

/// Each file that reads a secret in the clear, and for what. One more is a decision, not an oversight.
const EXPOSES: &[(&str, &str)] = &[
    // A provider's credentials: sealed, encoded for a sync stream, or put into a request, the health probe's included.
    ("control-plane/src/store/seal.rs", "to seal it"),
    ("control-plane/src/sync/projection/form.rs", "to encode a resource for proxies"),
    ("control-plane/src/sync/projection/form/credential.rs", "to encode a credential for proxies"),
    ("control-plane/src/sync/frame.rs", "to send a frame"),
    ("shared/src/adapter/azure_openai/entra.rs", "to ask for a token"),
    ("shared/src/adapter/bedrock/sigv4.rs", "to sign a request"),
    ("shared/src/adapter/vertex/assertion.rs", "to sign an assertion"),
    ("shared/src/adapter/key.rs", "to sign a request"),
    ("shared/src/credential.rs", "to make one secret's bytes of a value's parts, and back"),
    ("shared/src/credential/service_account.rs", "to read a service account's JSON"),
    ("shared/src/oauth.rs", "to tell by a hash which credential a token is of"),
    ("shared/src/oauth/exchange.rs", "to post an assertion, and to see that a header can carry the token"),
    ("shared/src/oauth/slot.rs", "to tell whether two tokens share their bytes"),
    // Keys that seal, and what else lies sealed in the store.
    ("control-plane/src/store/seal/master_key.rs", "to read and write the file of master keys"),
    ("control-plane/src/store/seal/data_key.rs", "to wrap the data key with a master key"),
    ("control-plane/src/service/idempotency.rs", "to answer a repeated request as before"),
    ("control-plane/src/sync.rs", "to make the key of the positions' proofs"),
    ("control-plane/src/sync/ca.rs", "to sign certificates"),
    // Tokens that are shown once, and kept as a hash.
    ("control-plane/src/bootstrap.rs", "to write the first admin token's file"),
    ("control-plane/src/bootstrap/join_token.rs", "to write the first join token's file"),
    ("control-plane/src/service/caller_key.rs", "to hash a caller key and show it once"),
    ("control-plane/src/service/fleet.rs", "to show a join token once"),
    ("control-plane/src/sync/join_token.rs", "to hash a join token and write it out"),
    ("data-plane/src/sync/enroll.rs", "to show the join token to the control plane"),
    // The command line: what its user gave it, or what belongs to `keyplane dev`.
    ("cli/src/client.rs", "to show the admin token to the control plane"),
    ("cli/src/dev/files.rs", "to keep the caller key of `keyplane dev`"),
    ("cli/src/echo.rs", "to hash the echo provider's key"),
    ("cli/src/input.rs", "to put a credential's value into a request"),
];

#[test]
fn few_places_expose_a_secret() {
    let mut found = BTreeSet::new();
    for of in ["proto", "shared", "control-plane", "data-plane", "cli"] {
        let exposing = sources(of).into_iter().filter(|source| !is_test(source));
        found.extend(
            exposing.filter(|source| EXPOSING.iter().any(|word| source.code.contains(word))).map(|source| source.path),
        );
    }
    let known: BTreeSet<_> = EXPOSES.iter().map(|(path, _)| (*path).to_owned()).collect();
    let new: Vec<_> = found.difference(&known).collect();
    assert!(new.is_empty(), "these expose a secret, too: {new:?}");
    let gone: Vec<_> = known.difference(&found).collect();
    assert!(gone.is_empty(), "these do so no more: {gone:?}");
}

#[test]
fn nothing_is_unfinished() {
    for of in CRATES {
        says_nowhere(of, &["todo!", "unimplemented!", "dbg!("], &["tests/src/tidy"]);
        for source in sources(of) {
            let mark = ["TO", "DO"].concat();
            let bare = source.text.lines().filter(|line| line.contains(&mark) && !line.contains('#'));
            assert_eq!(bare.count(), 0, "{} has one without an issue", source.path);
        }
    }
}

#[test]
fn every_file_says_what_it_is_and_is_named_by_its_subject() {
    for of in CRATES {
        for source in sources(of) {
            let is_test = source.path.ends_with("/tests.rs");
            assert!(is_test || source.text.starts_with("//! "), "{} does not begin with its doc", source.path);
            assert!(!source.path.ends_with("/mod.rs"), "{}", source.path);
            let name = source.path.rsplit('/').next().unwrap_or_default();
            for word in ["util", "helper", "manager", "misc", "common"] {
                assert!(!name.contains(word), "{}: {word} is no subject", source.path);
            }
        }
    }
}
