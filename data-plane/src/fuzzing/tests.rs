mod answers;

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use rustix::time::{ClockId, clock_gettime};

use super::*;
use crate::snapshot::resource::Fields;

/// What a fuzzer calls with bytes.
type Call = fn(&[u8]);

const TARGETS: [(&str, Call); 14] = [
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

/// Requests with many of something, whose bytes are as many as the number.
fn requests_of(many: usize) -> Vec<(Dialect, String)> {
    let list = |each: &dyn Fn(usize) -> String| (0..many).map(each).collect::<Vec<_>>().join(",");
    let chat = |more: String| format!(r#"{{"model":"m","messages":[{{"role":"user","content":"x"}}],{more}}}"#);
    let anthropic = |turns: String| format!(r#"{{"model":"m","max_tokens":5,"messages":[{turns}]}}"#);
    let pdf = r#"{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBERi0="}}"#;
    let unsigned = r#"{"type":"thinking","thinking":"t","signature":"a2V5cGxhbmUtY3U6"}"#;
    let use_of = |at| format!(r#"{{"type":"tool_use","id":"c{at}","name":"f","input":{{}}}}"#);
    let result_of = |at| format!(r#"{{"type":"tool_result","tool_use_id":"c{at}","content":"x"}}"#);
    let response_of = |at| format!(r#"{{"functionResponse":{{"name":"f{at}","response":{{}}}}}}"#);
    let function = |at: usize| format!(r#"{{"type":"function","function":{{"name":"f{at}"}}}}"#);
    let output_of = |at| format!(r#"{{"type":"function_call_output","call_id":"c{at}","output":"x"}}"#);
    let thought = format!(r#"{{"type":"reasoning.text","index":0,"text":"{}"}}"#, "x".repeat(200));
    vec![
        (Dialect::Chat, chat(list(&|at| format!("\"a{at}\":1")))),
        (Dialect::Chat, chat(list(&|_| "\"max_tokens\":1".to_owned()))),
        (
            Dialect::Chat,
            format!(
                r#"{{"messages":[{},{}]}}"#,
                list(&|at| format!(r#"{{"role":"assistant","function_call":{{"name":"f{at}","arguments":"{{}}"}}}}"#)),
                list(&|at| format!(r#"{{"role":"function","name":"f{at}","content":"x"}}"#)),
            ),
        ),
        (
            Dialect::Chat,
            format!(
                r#"{{"messages":[{{"role":"assistant","content":"x","reasoning_details":[{}]}}]}}"#,
                list(&|_| thought.clone()),
            ),
        ),
        (
            Dialect::Chat,
            chat(format!(
                r#""tools":[{0}],"tool_choice":{{"type":"allowed_tools","allowed_tools":{{"mode":"auto","tools":[{1}]}}}}"#,
                list(&function),
                list(&|at| function(many - 1 - at)),
            )),
        ),
        (Dialect::Anthropic, anthropic(format!(r#"{{"role":"user","content":[{}]}}"#, list(&|_| pdf.to_owned())))),
        (
            Dialect::Anthropic,
            anthropic(format!(
                r#"{{"role":"assistant","content":[{}]}},{{"role":"user","content":[{}]}}"#,
                list(&use_of),
                list(&|at| result_of(many - 1 - at)),
            )),
        ),
        (
            Dialect::Anthropic,
            anthropic(format!(
                r#"{{"role":"assistant","content":[{}]}},{}"#,
                list(&use_of),
                list(&|at| format!(r#"{{"role":"user","content":[{}]}}"#, result_of(at))),
            )),
        ),
        (
            Dialect::Anthropic,
            anthropic(format!(r#"{{"role":"assistant","content":[{}]}}"#, list(&|_| unsigned.to_owned()))),
        ),
        (
            Dialect::Gemini,
            format!(
                r#"{{"contents":[{{"role":"model","parts":[{}]}},{{"parts":[{}]}}]}}"#,
                list(&|at| format!(r#"{{"functionCall":{{"name":"f{at}"}}}}"#)),
                list(&|at| response_of(many - 1 - at)),
            ),
        ),
        (
            Dialect::Responses,
            format!(
                r#"{{"model":"m","store":false,"input":[{},{}]}}"#,
                list(&|_| r#"{"role":"user","content":"x"}"#.to_owned()),
                list(&output_of),
            ),
        ),
    ]
}

/// What is done with a request, each alone: what takes long in one would not be seen beside the others.
const WORK: [fn(Dialect, &[u8]); 3] = [
    |from, body| {
        let _ = from.protocol().read_request(body);
    },
    conversation::request,
    |_, body| {
        let _ = Fields::new(["user", "a.b"], [("max_tokens", "max_completion_tokens")]).edits(body);
    },
];

/// How long something takes of this thread's own time: a busy machine's is another's.
fn time(work: impl FnOnce()) -> std::time::Duration {
    let now = || std::time::Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap();
    let begun = now();
    work();
    now().saturating_sub(begun)
}

#[test]
fn many_of_anything_take_no_time_of_their_square() {
    for ((from, few), (_, many)) in requests_of(1000).into_iter().zip(requests_of(8000)) {
        for work in WORK {
            let least = (0..3).map(|_| time(|| work(from, few.as_bytes()))).min().unwrap_or_default();
            // Eight times the bytes take eight times as long, and 64 times were the time quadratic: what is in between is from caches, and from
            // what is linear beside it. One run in five tells.
            let most = least * 20;
            let is_linear = (0..5).any(|_| time(|| work(from, many.as_bytes())) < most);
            assert!(
                is_linear,
                "{from:?}: {least:?} becomes more than {most:?} for more of {}",
                &few[..few.len().min(100)]
            );
        }
    }
}
