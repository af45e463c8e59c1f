//! What is lost between two dialects, and the table that says so in `docs/translation.md`.

use std::fmt::Write as _;

use super::*;

/// A line of the table begins so.
const BEGIN: &str =
    "<!-- The tables below are written by a test, which fails and prints them where they are old. -->\n";

fn loss(to: Dialect, feature: Feature) -> Option<Loss> {
    to.protocol().cannot().iter().find(|(lost, _)| *lost == feature).map(|(_, loss)| *loss)
}

/// What callers of a dialect can ask for, and what becomes of it in each of the others; what all can say is left out.
fn table(from: Dialect) -> String {
    let others: Vec<_> = Dialect::ALL.into_iter().filter(|to| *to != from).collect();
    let names: Vec<_> = others.iter().map(|to| to.display_name()).collect();
    let mut table = format!(
        "\n### From {}\n\n| what | field | {} |\n|{}\n",
        from.display_name(),
        names.join(" | "),
        " --- |".repeat(names.len() + 2)
    );
    for feature in Feature::ALL {
        let Some(field) = from.protocol().field(feature) else { continue };
        let losses: Vec<_> = others.iter().map(|to| loss(*to, feature)).collect();
        if losses.iter().all(Option::is_none) {
            continue;
        }
        let words = losses.iter().map(|loss| match loss {
            None => "",
            Some(Loss::Silent) => "left out",
            Some(Loss::Warned) => "left out, with a warning",
            Some(Loss::Refused) => "refused",
        });
        let what = words_of(feature);
        writeln!(table, "| {what} | `{field}` | {} |", words.collect::<Vec<_>>().join(" | ")).unwrap();
    }
    table
}

/// `ImageUrl` as `image url`.
fn words_of(feature: Feature) -> String {
    let name = format!("{feature:?}");
    let spaced = name.chars().flat_map(|sign| {
        let space = if sign.is_uppercase() { " " } else { "" };
        space.chars().chain(sign.to_lowercase())
    });
    spaced.collect::<String>().trim_start().to_owned()
}

#[test]
fn the_documented_tables_are_true() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/translation.md");
    let document = std::fs::read_to_string(path).unwrap();
    let (_, written) = document.split_once(BEGIN).expect("docs/translation.md has lost the line before its tables");
    let tables: String = Dialect::ALL.into_iter().map(table).collect();
    assert!(written == tables, "docs/translation.md is old; put this behind the line before its tables:\n{tables}");
}

#[test]
fn nothing_is_lost_without_a_name() {
    for to in Dialect::ALL {
        let cannot = to.protocol().cannot();
        for (at, (feature, _)) in cannot.iter().enumerate() {
            assert!(cannot[..at].iter().all(|(other, _)| other != feature), "{to:?} has {feature:?} twice");
            let sayers = Dialect::ALL.into_iter().filter(|from| from.protocol().field(*feature).is_some());
            assert!(sayers.count() > 0, "nobody can ask for {feature:?}");
        }
    }
}

#[test]
fn what_would_change_the_meaning_is_refused_and_the_rest_is_warned_of_once() {
    let extra = |field: &'static str, loss| crate::exchange::request::Extra {
        field: field.into(),
        json: crate::exchange::json::Json::empty_object(),
        loss,
    };
    let mut request = Request {
        system: vec![crate::exchange::message::Part::text("x")],
        extras: vec![extra("a", Loss::Warned), extra("a", Loss::Warned)],
        ..Request::default()
    };
    let lost = check(&request, Dialect::Chat, Dialect::Anthropic).unwrap();
    assert_eq!(lost.warned, ["a"]);
    request.extras.push(extra("b", Loss::Silent));
    assert_eq!(check(&request, Dialect::Chat, Dialect::Anthropic).unwrap().warned, ["a"]);
    request.extras.push(extra("c", Loss::Refused));
    let refused = check(&request, Dialect::Chat, Dialect::Anthropic).unwrap_err();
    assert_eq!((refused.field.as_str(), refused.to), ("c", Dialect::Anthropic));
}

#[test]
fn a_model_that_can_not_be_made_to_call_a_tool_is_not_asked_to() {
    use crate::exchange::manner::UNKNOWN;
    use crate::exchange::tool::Tool;
    let tool = Tool { name: "f".into(), description: None, parameters: None, strict: None, cache: None };
    let checked = |choice, tools: &[Tool<'static>], forced_tools| {
        let request = Request { tool_choice: Some(choice), tools: tools.to_vec(), ..Request::default() };
        let manner = Manner { forced_tools, ..UNKNOWN.clone() };
        check_model(&request, Dialect::Gemini, Dialect::Bedrock, &manner).map_err(|refused| refused.to_string())
    };
    let refused = "the field toolConfig.functionCallingConfig can't be said to the model, which decides for itself; \
                   leave it out, or ask for another model";
    let tools = [tool];
    assert_eq!(checked(ToolChoice::Required, &tools, ForcedTools::None), Err(refused.to_owned()));
    assert_eq!(checked(ToolChoice::Named("f".into()), &tools, ForcedTools::None), Err(refused.to_owned()));
    assert_eq!(checked(ToolChoice::Auto, &tools, ForcedTools::None), Ok(()));
    assert_eq!(checked(ToolChoice::Named("f".into()), &tools, ForcedTools::Any), Ok(()));
    assert_eq!(checked(ToolChoice::Required, &[], ForcedTools::None), Ok(()), "there is nothing to call");
}

fn refused(from: Dialect, to: Dialect, body: &str) -> Option<String> {
    let request = from.protocol().read_request(body.as_bytes()).unwrap();
    check(&request, from, to).err().map(|refused| refused.to_string())
}

#[test]
fn a_tool_that_has_to_be_called_is_one_of_the_requests() {
    let anthropic = r#"{"max_tokens":1,"messages":[{"role":"user","content":"x"}],"tool_choice":{"type":"tool","name":"f"},"tools":[TOOL]}"#;
    let chat = r#"{"messages":[{"role":"user","content":"x"}],"tool_choice":{"type":"function","function":{"name":"f"}},
        "tools":[{"type":"function","function":{"name":"g"}}]}"#;
    let responses =
        r#"{"input":"x","tool_choice":{"type":"function","name":"f"},"tools":[{"type":"function","name":"g"}]}"#;
    let gemini = r#"{"contents":[{"parts":[{"text":"x"}]}],"tools":[{"functionDeclarations":[{"name":"g"}]}],
        "toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}}}"#;
    let bedrock = r#"{"messages":[{"role":"user","content":[{"text":"x"}]}],"toolConfig":{"toolChoice":{"tool":{"name":"f"}},
        "tools":[{"toolSpec":{"name":"g","inputSchema":{"json":{}}}}]}}"#;
    let of_anthropic = |tool: &str| anthropic.replace("TOOL", tool);
    for (from, to, body, field) in [
        (Dialect::Chat, Dialect::Gemini, chat, "tool_choice"),
        (Dialect::Responses, Dialect::Chat, responses, "tool_choice"),
        (Dialect::Anthropic, Dialect::Chat, &of_anthropic(r#"{"name":"g","input_schema":{}}"#), "tool_choice"),
        (Dialect::Gemini, Dialect::Anthropic, gemini, "toolConfig.functionCallingConfig"),
        (Dialect::Bedrock, Dialect::Responses, bedrock, "toolConfig.toolChoice.tool"),
    ] {
        let expected = format!("the field {field} names a tool that is not one of the request's");
        assert_eq!(refused(from, to, body), Some(expected));
        assert_eq!(refused(from, to, &body.replace(r#""g""#, r#""f""#)), None, "{body}");
    }
    // It is one of those that only its provider has.
    let searching = of_anthropic(r#"{"type":"web_search_20250305","name":"f"}"#);
    let said = refused(Dialect::Anthropic, Dialect::Chat, &searching).unwrap();
    assert!(said.starts_with("the field tools[0] can't be said"), "{said}");
}

#[test]
fn a_conversation_says_something() {
    for (from, nothing, something) in [
        (
            Dialect::Chat,
            r#"{"messages":[{"role":"user","content":[]}]}"#,
            r#"{"messages":[{"role":"user","content":""}]}"#,
        ),
        (Dialect::Responses, r#"{"input":[]}"#, r#"{"input":[],"instructions":"x"}"#),
        (
            Dialect::Anthropic,
            r#"{"max_tokens":1,"messages":[{"role":"user","content":[]}]}"#,
            r#"{"max_tokens":1,"messages":[{"role":"user","content":[]}],"system":"x"}"#,
        ),
        (Dialect::Gemini, r#"{"contents":[{"parts":[]}]}"#, r#"{"contents":[{"parts":[{"text":"x"}]}]}"#),
        (
            Dialect::Bedrock,
            r#"{"messages":[{"role":"user","content":[]}]}"#,
            r#"{"messages":[{"role":"user","content":[{"text":" "}]}]}"#,
        ),
        (
            Dialect::Cohere,
            r#"{"messages":[{"role":"user","content":[]}]}"#,
            r#"{"messages":[{"role":"user","content":"x"}]}"#,
        ),
    ] {
        let field = conversation(from);
        let expected = format!("the field {field} says nothing: give at least one message with something in it");
        for to in Dialect::ALL.into_iter().filter(|to| *to != from) {
            assert_eq!(refused(from, to, nothing).as_ref(), Some(&expected), "{from:?}");
            assert_eq!(refused(from, to, something), None, "{from:?}");
        }
    }
    let stored = refused(Dialect::Responses, Dialect::Chat, r#"{"previous_response_id":"r"}"#).unwrap();
    assert!(stored.starts_with("the field previous_response_id can't be said"), "{stored}");
}

#[test]
fn two_results_of_one_call_are_refused_where_no_upstream_takes_them() {
    let call =
        r#"{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]}"#;
    let result = r#"{"role":"tool","tool_call_id":"c","content":"r"}"#;
    for (messages, is_refused) in [
        (vec![call, result], false),
        (vec![call, result, result], true),
        (vec![call, result, call, result], false),
        (vec![result, call, result], false),
    ] {
        let body = format!(r#"{{"model":"m","messages":[{}]}}"#, messages.join(","));
        let request = Dialect::Chat.protocol().read_request(body.as_bytes()).unwrap();
        for to in [Dialect::Anthropic, Dialect::Bedrock, Dialect::Gemini] {
            let refused = check(&request, Dialect::Chat, to).err().map(|refused| refused.to_string());
            assert_eq!(refused.is_some(), is_refused, "{body}");
            assert!(
                refused.is_none_or(|told| told.starts_with("the field messages gives a call of a tool two results"))
            );
        }
        assert!(check(&request, Dialect::Chat, Dialect::Responses).is_ok());
    }
}
