use super::*;
use crate::exchange::json::Json;
use crate::exchange::message::{Message, Role};
use crate::exchange::response::{Choice, Finish};
use crate::exchange::tool::ToolCall;

const SIGNATURES: [&str; 5] = ["Eq+/x-_.==", "abcde", "é?~>", "~~>", "gAAAA_b-c="];

fn parts(signature: &str) -> Vec<Part<'static>> {
    let call = ToolCall {
        id: "c".into(),
        name: "f".into(),
        arguments: Json::empty_object(),
        signature: Some("of-the-call".into()),
    };
    vec![
        Part::of(Content::Reasoning { text: "t".into(), signature: Some(signature.to_owned().into()) }),
        Part::of(Content::SealedReasoning(signature.to_owned().into())),
        Part::text("x"),
        Part::of(Content::ToolCall(call)),
    ]
}

fn request(parts: Vec<Part<'static>>) -> Request<'static> {
    Request { messages: vec![Message { role: Role::Assistant, parts }], ..Request::default() }
}

/// What a caller gets who asks one upstream, as they send it back.
fn answered(signature: &str, upstream: Dialect, caller: Dialect) -> Vec<Part<'static>> {
    let choice = Choice { parts: parts(signature), finish: Finish::Stop, logprobs: None };
    let mut response = Response { choices: vec![choice], ..Response::default() };
    mark_response(&mut response, upstream, caller);
    response.choices.remove(0).parts
}

fn takes_from(target: Dialect, origin: Dialect) -> bool {
    let claude = [Dialect::Anthropic, Dialect::Bedrock];
    target == origin || claude.contains(&target) && claude.contains(&origin)
}

#[test]
fn a_signature_comes_back_to_the_family_that_made_it_and_to_no_other() {
    for caller in Dialect::ALL {
        for origin in Dialect::ALL {
            for target in Dialect::ALL {
                for signature in SIGNATURES {
                    let sent = request(answered(signature, origin, caller));
                    let said = for_upstream(&sent, caller, target).into_owned();
                    let expected = if takes_from(target, origin) {
                        parts(signature)
                    } else {
                        let mut parts = parts(signature);
                        parts[0] = Part::of(Content::Reasoning { text: "t".into(), signature: None });
                        parts.remove(1);
                        parts
                    };
                    assert_eq!(said, request(expected), "{caller:?} asked {origin:?}, and now {target:?}");
                }
            }
        }
    }
}

#[test]
fn a_stream_is_marked_as_a_whole_answer() {
    for (caller, origin) in [(Dialect::Chat, Dialect::Anthropic), (Dialect::Bedrock, Dialect::Anthropic)] {
        let [signed, sealed, ..] = &answered("s", origin, caller)[..] else { panic!() };
        let mut piece = Piece::ReasoningSignature("s".into());
        mark_piece(&mut piece, origin, caller);
        assert_eq!(Some(piece), signature(signed).cloned().map(Piece::ReasoningSignature));
        let mut piece = Piece::SealedReasoning("s".into());
        mark_piece(&mut piece, origin, caller);
        assert_eq!(Some(piece), signature(sealed).cloned().map(Piece::SealedReasoning));
    }
}

#[test]
fn what_has_only_good_signatures_is_not_copied() {
    let own = request(parts("s"));
    assert!(matches!(for_upstream(&own, Dialect::Anthropic, Dialect::Bedrock), Cow::Borrowed(_)));
    assert!(matches!(for_upstream(&own, Dialect::Gemini, Dialect::Bedrock), Cow::Owned(_)));
}

#[test]
fn a_marked_signature_is_base64_and_outlives_clients_that_encode_it_again() {
    for signature in SIGNATURES {
        let mut marked = Text::from(signature);
        mark(&mut marked, Kind::Sealed, Dialect::Anthropic, Dialect::Gemini);
        assert!(BASE64.decode(marked.as_str()).is_ok() && marked.starts_with(MARK));
        let for_urls = marked.replace('+', "-").replace('/', "_");
        for written in [marked.to_string(), for_urls.clone(), for_urls.replace('=', "")] {
            assert_eq!(unmarked(&written), Some((Family::Claude, Kind::Sealed, signature.to_owned())));
            assert!(is_sealed(&written));
        }
    }
}

#[test]
fn what_only_looks_like_a_mark_is_the_callers_own() {
    for signature in ["EqQBCqEB", "keyplane-as:x", "a2V5cGxhbmUt", "a2V5cGxhbmUt!", &BASE64.encode("keyplane-zs:x")] {
        assert_eq!(unmarked(signature), None, "{signature}");
        assert_eq!(worth(signature, Family::Claude, Family::Claude), Worth::Good);
        assert!(!is_sealed(signature));
    }
}
