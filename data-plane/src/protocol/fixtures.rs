//! Exchanges between a caller of one dialect and an upstream of another, as files: golden fixtures, from the providers' documentation.
//!
//! ```text
//! data-plane/fixtures/<caller's dialect>-<upstream's dialect>/<case>/
//!     request.json            what the caller sends
//!     upstream-request.json   what the upstream gets
//!     upstream-response.*     what it answers: .json for a whole answer, .sse for a stream, .jsonl for the frames of a stream of Bedrock's
//!     response.*              what the caller gets
//!     about.json              what the files can't say, if there is anything: statuses, headers, what is left out or changed, what is peculiar to the model
//! ```
//!
//! JSON is compared by value, but numbers as they are written; a stream event by event. The two files that the code answers for, `upstream-request.json` and `response.*`, are
//! written where they are missing, and the test fails all the same: somebody has to read them.

mod case;
mod form;

use std::collections::BTreeSet;
use std::fs::read_dir;
use std::path::Path;

use super::Dialect;

/// Where they are.
pub(super) const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");

/// What every pair has.
const EVERYWHERE: [&str; 3] = ["conversation", "error", "stream"];

/// A dialect's name in the names of folders.
pub(super) fn folder(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Chat => "chat",
        Dialect::Responses => "responses",
        Dialect::Anthropic => "anthropic",
        Dialect::Gemini => "gemini",
        Dialect::Bedrock => "bedrock",
        Dialect::Cohere => "cohere",
    }
}

/// The pairs between which something has to be written anew: caller, upstream.
fn pairs() -> impl Iterator<Item = (Dialect, Dialect)> {
    let all = Dialect::ALL;
    all.into_iter()
        .flat_map(move |caller| all.into_iter().map(move |upstream| (caller, upstream)))
        .filter(|(a, b)| a != b)
}

fn names(folder: &Path) -> BTreeSet<String> {
    let Ok(entries) = read_dir(folder) else { return BTreeSet::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The stream that an upstream of a dialect sends in the documented case, as bytes.
pub(super) fn documented_stream(upstream: Dialect) -> Vec<u8> {
    let caller = if upstream == Dialect::Chat { Dialect::Anthropic } else { Dialect::Chat };
    let folder = Path::new(ROOT).join(format!("{}-{}/stream", folder(caller), folder(upstream)));
    let file = form::find(&folder, "upstream-response").unwrap();
    form::bytes(&file).unwrap()
}

#[test]
fn every_exchange_is_as_it_is_documented() {
    let mut wrong = Vec::new();
    let mut expected = BTreeSet::new();
    for (caller, upstream) in pairs() {
        let pair = format!("{}-{}", folder(caller), folder(upstream));
        let path = Path::new(ROOT).join(&pair);
        let cases = names(&path);
        for case in EVERYWHERE {
            if !cases.contains(case) {
                wrong.push(format!("{pair}/{case} is missing"));
            }
        }
        for case in &cases {
            let path = path.join(case);
            wrong.extend(case::check(caller, upstream, &path).into_iter().map(|what| format!("{pair}/{case}/{what}")));
        }
        expected.insert(pair);
    }
    wrong.extend(names(Path::new(ROOT)).difference(&expected).map(|name| format!("{name} is no pair of dialects")));
    assert!(wrong.is_empty(), "{} fixtures are wrong:\n\n{}", wrong.len(), wrong.join("\n\n"));
}
