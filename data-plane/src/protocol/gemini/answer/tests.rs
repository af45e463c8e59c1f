use super::*;
use crate::exchange::message::Citation;
use crate::exchange::response::Finish;

#[test]
fn googles_reasons_are_ours_and_those_of_a_model_at_fault_are_none() {
    for (reason, plain, with_calls) in [
        ("STOP", Some(Finish::Stop), Some(Finish::ToolCalls)),
        ("OTHER", Some(Finish::Stop), Some(Finish::ToolCalls)),
        ("FINISH_REASON_UNSPECIFIED", Some(Finish::Stop), Some(Finish::ToolCalls)),
        ("A_WORD_OF_NEXT_YEAR", Some(Finish::Stop), Some(Finish::ToolCalls)),
        ("MAX_TOKENS", Some(Finish::Length), Some(Finish::Length)),
        ("SAFETY", Some(Finish::Filtered), Some(Finish::Filtered)),
        ("RECITATION", Some(Finish::Filtered), Some(Finish::Filtered)),
        ("IMAGE_SAFETY", Some(Finish::Filtered), Some(Finish::Filtered)),
        ("MALFORMED_FUNCTION_CALL", None, None),
        ("UNEXPECTED_TOOL_CALL", None, None),
        ("MISSING_THOUGHT_SIGNATURE", None, None),
    ] {
        assert_eq!(finish(reason, false).ok(), plain, "{reason}");
        assert_eq!(finish(reason, true).ok(), with_calls, "{reason}");
    }
}

#[test]
fn usage_counts_thoughts_into_the_answer_and_what_tools_fetched_into_the_prompt() {
    let json =
        br#"{"usageMetadata": {"promptTokenCount": 10, "toolUsePromptTokenCount": 5, "cachedContentTokenCount": 4,
        "candidatesTokenCount": 20, "thoughtsTokenCount": 7, "totalTokenCount": 42, "trafficType": "ON_DEMAND"}}"#;
    let usage = Usage { input: Some(15), cache_read: Some(4), cache_write: None, output: Some(27), reasoning: Some(7) };
    assert_eq!(Answer::read(json).unwrap().usage(), usage);
    assert_eq!(Answer::read(b"{}").unwrap().usage(), Usage::default());
}

#[test]
fn sources_are_cited_for_the_characters_that_they_support() {
    let json = br#"{"groundingChunks": [{"web": {"uri": "u", "title": "t"}}, {"maps": {}}, {"retrievedContext": {"title": "r", "text": "q"}}],
        "groundingSupports": [{"segment": {"endIndex": 3}, "groundingChunkIndices": [0, 9]},
            {"segment": {"startIndex": 3, "endIndex": 6}, "groundingChunkIndices": [0]},
            {"segment": {"startIndex": 1, "endIndex": 3}, "groundingChunkIndices": [0]}], "webSearchQueries": ["x"]}"#;
    let grounding: Grounding<'_> = serde_json::from_slice(json).unwrap();
    let web =
        |answer_span| Citation { url: Some("u".into()), title: Some("t".into()), answer_span, ..Citation::default() };
    let document = Citation { title: Some("r".into()), quoted: Some("q".into()), ..Citation::default() };
    // The last support begins inside of a character, and is left out.
    assert_eq!(grounding.citations(Some("éabcd")), [web(Some((0, 2))), web(Some((2, 5))), document.clone()]);
    assert_eq!(grounding.citations(None), [web(None), document]);
}
