use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::*;

const TARGETS: [(&str, fn(&[u8])); 14] = [
    ("anthropic", anthropic),
    ("bedrock", bedrock),
    ("chat", chat),
    ("cohere", cohere),
    ("embeddings", embeddings),
    ("errors", errors),
    ("event_stream", event_stream),
    ("form", form),
    ("gemini", gemini),
    ("json", json),
    ("rankings", rankings),
    ("responses", responses),
    ("routes", routes),
    ("sse", sse),
];

/// A target's seeds, each with its name.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target);
    let seeds = fs::read_dir(folder).unwrap().map(|seed| seed.unwrap().path());
    seeds.map(|path| (path.display().to_string(), fs::read(&path).unwrap())).collect()
}

#[test]
fn every_seed_keeps_its_promises() {
    for (name, target) in TARGETS {
        for (seed, bytes) in seeds(name) {
            eprintln!("{seed}");
            target(&bytes);
        }
    }
}

/// A change of bytes: somewhere, some are cut out, and others come in their place.
fn edit() -> impl Strategy<Value = (prop::sample::Index, usize, Vec<u8>)> {
    let pieces: [&[u8]; 12] = [b"{", b"}", b"[", b"]", b"\"", b",", b"null", b"0", b"\n", b"\\ud800", b"\xff", b"{}"];
    let piece = prop::sample::select(pieces.map(<[u8]>::to_vec).to_vec());
    (
        any::<prop::sample::Index>(),
        0..40_usize,
        prop_oneof![Just(Vec::new()), piece, prop::collection::vec(any::<u8>(), 1..4)],
    )
}

proptest! {
    #[test]
    fn no_change_of_a_seed_breaks_a_promise(
        (name, target) in prop::sample::select(TARGETS.to_vec()),
        seed in any::<prop::sample::Index>(),
        edits in prop::collection::vec(edit(), 1..4),
    ) {
        let (_, mut bytes) = seed.get(&seeds(name)).clone();
        for (at, cut, put) in edits {
            let at = at.index(bytes.len() + 1);
            let end = bytes.len().min(at + cut);
            bytes.splice(at..end, put);
        }
        target(&bytes);
    }
}
