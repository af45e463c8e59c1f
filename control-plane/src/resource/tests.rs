use prost_types::FieldMask;

use super::*;
use crate::error::FieldReason;

/// Every field of a resource's message can stand in a mask; what is no field can't.
fn every_field_has_a_mask_rule<R: Resource>() {
    let name = format!("keyplane.admin.v1.{}", R::KIND);
    let descriptor = proto::descriptor_pool().get_message_by_name(&name).unwrap();
    for field in descriptor.fields() {
        let mask = Mask::from(Some(FieldMask { paths: vec![field.name().to_owned(), "no_such_field".into()] }));
        let mut violations = FieldViolations::new();
        let mut merge = Merge::new(&mask, &mut violations);
        let _ = R::apply(R::Message::default(), R::Message::default(), &mut merge);
        let unknown: Vec<_> = merge.finish().iter().map(|one| (one.reason, one.description.clone())).collect();
        assert_eq!(unknown.len(), 1, "{} has no mask rule", field.full_name());
        assert!(unknown[0].0 == FieldReason::UnknownPath && unknown[0].1.contains("no_such_field"));
        // What is never answered can't be named without being given.
        let is_missing =
            |one: &crate::error::FieldViolation| one.reason == FieldReason::Required && one.field == "value";
        assert!(violations.iter().all(is_missing), "{violations}");
    }
}

#[test]
fn every_field_of_every_resource_has_a_mask_rule() {
    every_field_has_a_mask_rule::<Project>();
    every_field_has_a_mask_rule::<Environment>();
    every_field_has_a_mask_rule::<Provider>();
    every_field_has_a_mask_rule::<Credential>();
    every_field_has_a_mask_rule::<NamedSecret>();
    every_field_has_a_mask_rule::<Model>();
    every_field_has_a_mask_rule::<CallerKey>();
    every_field_has_a_mask_rule::<JoinToken>();
    every_field_has_a_mask_rule::<Rate>();
}
