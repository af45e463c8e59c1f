use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn plain_prefixes_end_where_a_byte_by_byte_search_ends(bytes in prop::collection::vec(prop_oneof![5 => any::<u8>(), 20 => 0x20_u8..0x7f], 0..40)) {
        let expected = bytes.iter().position(|b| *b < 0x20 || matches!(b, b'"' | b'\\')).unwrap_or(bytes.len());
        prop_assert_eq!(plain_prefix(&bytes), expected);
    }
}

#[test]
fn members_are_found_on_top_alone() {
    let object = br#" {"a":{"type":"inner"}, "ty\u0070e" : "x\u0079", "n": null} "#;
    assert_eq!(text(object, b"type").as_deref(), Some("xy"));
    assert_eq!(member(object, b"a"), Some(br#"{"type":"inner"}"#.as_slice()));
    assert_eq!((has_member(object, b"n"), has_member(object, b"a"), has_member(b"[1]", b"a")), (false, true, false));
}
