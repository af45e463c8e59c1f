//! What stays of a body is as it came, to the last byte.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use shared::adapter::Delivery;

use super::*;
use crate::exchange::arbitrary;
use crate::protocol::Target;

/// What stands between commas: the space before it, itself, the space behind it; and whether it goes.
type Item = (&'static str, String, &'static str, bool);

fn space() -> impl Strategy<Value = &'static str> {
    prop_oneof![3 => Just(""), 1 => select(vec![" ", "\r\n\t ", "  "])]
}

fn item() -> impl Strategy<Value = Item> {
    let stays = select(vec![
        r#"{"type":"text", "text":"a2V5cGxhbmUt--ts--"}"#,
        r#"{ "signature" : "s","n":1.0e+5, "content":[ ] , "content":{}}"#,
        "\"\\u0061,]}\"",
        "-0.0E1",
        "[[ ],[{}]]",
        "{}",
    ]);
    let goes = (0..2_usize, space()).prop_map(|(mark, space)| {
        format!("{{{space}\"sign\\u0061ture\"{space}:{space}\"{}\"{space},\"x\":[1,{{}}]}}", marks()[mark])
    });
    let item = prop_oneof![stays.prop_map(|item| (item.to_owned(), false)), goes.prop_map(|item| (item, true))];
    (space(), item, space()).prop_map(|(before, (item, goes), after)| (before, item, after, goes))
}

fn listed(items: &[Item]) -> String {
    let items: Vec<_> = items.iter().map(|(before, item, after, _)| format!("{before}{item}{after}")).collect();
    format!("[{}]", items.join(","))
}

/// One after the other goes, with the comma before it or else behind it.
fn without(mut items: Vec<Item>) -> String {
    while let Some(index) = items.iter().position(|item| item.3) {
        let (before, _, after, _) = items.remove(index);
        match index.checked_sub(1).and_then(|previous| items.get_mut(previous)) {
            Some(previous) => previous.2 = after,
            None => match items.first_mut() {
                Some(next) => next.0 = before,
                None => return format!("[{before}{after}]"),
            },
        }
    }
    listed(&items)
}

/// Names that mean something, anywhere, also twice in an object.
fn any_body() -> impl Strategy<Value = String> {
    let names = vec![
        "messages",
        "contents",
        "input",
        "content",
        "parts",
        "tool_calls",
        "reasoning_details",
        "reasoning_content",
        "toolUse",
        "reasoningContent",
        "functionCall",
        "id",
        "tool_call_id",
        "signature",
        "data",
        "thoughtSignature",
        "thought",
        "extra_content",
        "role",
        "type",
        "thinking",
        "additionalModelRequestFields",
    ];
    let leaves = [
        "\"c--ts--AA\"",
        "\"c--ts--\"",
        "true",
        "\"assistant\"",
        "\"user\"",
        "\"tool_use\"",
        r#"{"type":"enabled"}"#,
        "1",
    ];
    let leaves = leaves.map(str::to_owned).into_iter().chain(marks().map(|mark| format!("\"{mark}\"")));
    let value = select(leaves.collect::<Vec<_>>()).prop_recursive(6, 40, 5, move |inner| {
        let member = (select(names.clone()), inner.clone());
        prop_oneof![
            vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(" ,"))),
            vec(member, 0..5).prop_map(|members| {
                let members = members.into_iter().map(|(name, value)| format!("\"{name}\":{value}"));
                format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
            }),
        ]
    });
    value.prop_map(|value| format!("{{\"messages\":{value},\"input\":{value},\"contents\":{value}}}"))
}

proptest! {
    #[test]
    fn items_go_with_one_comma_and_the_rest_is_as_it_was(items in vec(item(), 0..8), one in space(), other in space()) {
        let body = |input: &str| format!("{one}{{\"a\"{other}:1,{one}\"input\":{other}{input}{one},\"b\":[ ]{other}}}{one}");
        let once = passed(&body(&listed(&items)), Dialect::Responses, &UNKNOWN);
        prop_assert_eq!(&once, &body(&without(items)));
        prop_assert!(serde_json::from_str::<serde_json::Value>(&once).is_ok());
        prop_assert!(edits(once.as_bytes(), Dialect::Responses, &UNKNOWN).is_empty());
    }

    #[test]
    fn without_a_mark_nothing_changes(request in arbitrary::conversation()) {
        for dialect in Dialect::ALL {
            let to = Target { model: "m", delivery: Delivery::Whole, manner: &UNKNOWN };
            let body = dialect.protocol().write_request(&request, &to).unwrap().body;
            prop_assert!(edits(&body, dialect, &UNKNOWN).is_empty());
        }
    }

    #[test]
    fn any_body_comes_out_as_json(body in any_body(), which in 0..6_usize, is_strict in any::<bool>()) {
        let call_ids = if is_strict { CallIds::Nine } else { CallIds::Absent };
        let manner = &of_vendor(is_strict.then_some("extra_content"), call_ids);
        let found = edits(body.as_bytes(), Dialect::ALL[which], manner);
        prop_assert!(found.windows(2).all(|pair| pair[0].0.end <= pair[1].0.start), "{:?}", found);
        let once = applied(&body, found);
        prop_assert!(serde_json::from_str::<serde_json::Value>(&once).is_ok(), "{}", once);
        prop_assert_eq!(&passed(&once, Dialect::ALL[which], manner), &once, "twice");
    }
}
