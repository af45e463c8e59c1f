use proptest::prelude::*;
use serde_json::{Map, Value};

use super::*;

fn fields() -> Fields {
    Fields::new(["a", "n.a", "n.m.b", "k.x"], [("b", "c"), ("d\"", "é")])
}

fn applied(body: &str) -> (String, Vec<String>) {
    let fields = fields();
    let edits = fields.edits(body.as_bytes());
    let dropped = edits.dropped.iter().map(|path| (*path).to_owned()).collect();
    (String::from_utf8(edits.of(body.as_bytes())).unwrap(), dropped)
}

#[test]
fn members_go_with_their_comma_and_other_bytes_stay() {
    for (body, expected, dropped) in [
        (r#" {"a":1} "#, " {} ", vec!["a"]),
        (r#"{ "a" : 1 , "x" : 1.0e2 }"#, r#"{ "x" : 1.0e2 }"#, vec!["a"]),
        (r#"{"x":1, "a":[1,{"a":2}]}"#, r#"{"x":1}"#, vec!["a"]),
        (r#"{"x":1,"a":1,"y":"a"}"#, r#"{"x":1,"y":"a"}"#, vec!["a"]),
        (r#"{"a":1,"x":1,"\u0061":2}"#, r#"{"x":1}"#, vec!["a"]),
        (
            r#"{"x":{"a":1},"n":{"a":1,"z":0}, "k":[{"x":1}]}"#,
            r#"{"x":{"a":1},"n":{"z":0}, "k":[{"x":1}]}"#,
            vec!["n.a"],
        ),
        (r#"{"n":{"m":{"b":1,"b2":2}},"k":{"x":1}}"#, r#"{"n":{"m":{"b2":2}},"k":{}}"#, vec!["n.m.b", "k.x"]),
        (r#"{"a":null,"x":0}"#, r#"{"x":0}"#, vec![]),
        (r#"{"x":0}"#, r#"{"x":0}"#, vec![]),
        ("[]", "[]", vec![]),
        (r#"{"a":1,"#, r#"{"a":1,"#, vec![]),
    ] {
        let (edited, named) = applied(body);
        assert_eq!((edited.as_str(), named), (expected, dropped.into_iter().map(str::to_owned).collect()), "{body}");
    }
}

#[test]
fn a_key_is_renamed_unless_the_new_one_says_something() {
    for (body, expected) in [
        (r#"{"b" : 5,"x":1}"#, r#"{"c" : 5,"x":1}"#),
        (r#"{"d\"":5}"#, r#"{"é":5}"#),
        (r#"{"b":5,"x":1,"c":6}"#, r#"{"x":1,"c":6}"#),
        (r#"{"c":6,"b":5}"#, r#"{"c":6}"#),
        (r#"{"c":null,"b":5}"#, r#"{"c":5}"#),
        (r#"{"c":null,"b":null}"#, r#"{"c":null,"c":null}"#),
        (r#"{"c":null}"#, r#"{"c":null}"#),
        (r#"{"n":{"b":5}}"#, r#"{"n":{"b":5}}"#),
    ] {
        assert_eq!(applied(body), (expected.to_owned(), Vec::new()), "{body}");
    }
}

#[test]
fn a_path_that_is_dropped_whole_takes_what_is_inside_with_it() {
    for paths in [["n", "n.a"], ["n.a", "n"]] {
        let fields = Fields::new(paths, [("n", "m")]);
        assert_eq!(fields, Fields::new(["n"], []), "{paths:?}");
    }
    assert!(Fields::new([], [("a", "a")]).is_empty());
}

/// The same, on a parsed value.
fn by_value(body: &Map<String, Value>) -> Map<String, Value> {
    let mut body = body.clone();
    body.remove("a");
    for (path, name) in [(["n"].as_slice(), "a"), (&["n", "m"], "b"), (&["k"], "x")] {
        let mut at = Some(&mut body);
        for step in path {
            at = at.and_then(|object| object.get_mut(*step)).and_then(Value::as_object_mut);
        }
        at.and_then(|object| object.remove(name));
    }
    for (from, to) in [("b", "c"), ("d\"", "é")] {
        if let Some(value) = body.remove(from)
            && body.get(to).is_none_or(Value::is_null)
        {
            body.insert(to.to_owned(), value);
        }
    }
    body
}

fn any_object() -> impl Strategy<Value = Map<String, Value>> {
    let key = || prop::sample::select(vec!["a", "b", "c", "d\"", "é", "k", "m", "n", "x", "y"]).prop_map(str::to_owned);
    let leaf =
        prop_oneof![Just(Value::Null), any::<i64>().prop_map(Into::into), "[ab,:{}\"]{0,4}".prop_map(Into::into)];
    let value = leaf.prop_recursive(3, 24, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Into::into),
            prop::collection::hash_map(key(), inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    prop::collection::hash_map(key(), value, 0..9).prop_map(|map| map.into_iter().collect())
}

/// The members of an object, as they are written.
fn written(object: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut members = Vec::new();
    json::members(object, |key, value| {
        members.push((key.into_owned(), object[value].to_vec()));
        Ok::<_, JsonError>(())
    })
    .unwrap();
    members
}

proptest! {
    #[test]
    fn the_bytes_become_what_the_value_becomes(body in any_object(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&body) } else { serde_json::to_string(&body) }.unwrap();
        let (edited, dropped) = applied(&text);
        let value: Map<String, Value> = serde_json::from_str(&edited).unwrap();
        prop_assert_eq!(&value, &by_value(&body));
        prop_assert_eq!(dropped.contains(&"a".to_owned()), body.get("a").is_some_and(|value| !value.is_null()));
        let changes = |key: &[u8]| [b"a".as_slice(), b"b", b"c", b"d\"", "é".as_bytes(), b"n", b"k"].contains(&key);
        let rest = |object: &str| written(object.as_bytes()).into_iter().filter(|(key, _)| !changes(key)).collect::<Vec<_>>();
        prop_assert_eq!(rest(&edited), rest(&text));
        if by_value(&body) == body {
            prop_assert_eq!(edited, text);
        }
    }

    #[test]
    fn no_bytes_make_it_fail(body in prop::collection::vec(prop_oneof![3 => prop::sample::select(b"{}[]\"a,:n ".to_vec()), 1 => any::<u8>()], 0..40)) {
        let fields = fields();
        let edits = fields.edits(&body);
        prop_assert!(edits.edits.is_sorted_by_key(|(range, _)| range.start));
        let _ = edits.of(&body);
    }
}
