//! The direction of dependencies, and what is deliberately absent, by what the files say.

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
fn the_proxy_writes_no_file() {
    says_nowhere("data-plane", &["fs::write", "File::create", "OpenOptions", "File::options", "create_dir"], &[]);
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

#[test]
fn statuses_are_built_in_one_place_and_where_a_stream_ends() {
    let words = ["Status::new(", "Status::with_details(", "Status::with_error_details"];
    says_nowhere("control-plane", &words, &["control-plane/src/error", "control-plane/src/sync/"]);
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
