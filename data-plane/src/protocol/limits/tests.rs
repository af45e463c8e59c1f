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
    let mut request =
        Request { extras: vec![extra("a", Loss::Warned), extra("a", Loss::Warned)], ..Request::default() };
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
