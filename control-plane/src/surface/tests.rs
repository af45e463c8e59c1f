use std::collections::BTreeSet;

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

use super::*;

fn messages() -> Vec<MessageDescriptor> {
    let own = |message: &MessageDescriptor| message.package_name() == PACKAGE && !message.is_map_entry();
    proto::descriptor_pool().all_messages().filter(own).collect()
}

fn option(options: &DynamicMessage, name: &str) -> Option<Value> {
    options.extensions().find(|(extension, _)| extension.full_name() == name).map(|(_, value)| value.clone())
}

/// `google.api.field_behavior`, by number: 3 is output only, 4 input only.
fn behaviors(field: &FieldDescriptor) -> Vec<i32> {
    let value = option(&field.options(), "google.api.field_behavior");
    let Some(Value::List(list)) = value else { return Vec::new() };
    list.iter().filter_map(Value::as_enum_number).collect()
}

fn is_sensitive(field: &FieldDescriptor) -> bool {
    option(&field.options(), proto::SENSITIVE).and_then(|value| value.as_bool()) == Some(true)
}

#[test]
fn every_rpc_of_the_admin_api_has_a_permission() {
    let rpcs = Rpcs::read();
    let mut count = 0;
    for service in services() {
        for method in service.methods() {
            let path = format!("/{}/{}", service.full_name(), method.name());
            let permission = rpcs.permission(&path).unwrap_or_else(|| panic!("{path} has no permission"));
            let (resource, action) = permission.split_once(':').unwrap();
            assert!(resource.starts_with(|c: char| c.is_ascii_lowercase()), "{permission}");
            assert!(action.starts_with(|c: char| c.is_ascii_uppercase()), "{permission}");
            count += 1;
        }
    }
    assert!(count >= 35, "{count}");
}

#[test]
fn no_rpc_of_the_sync_protocol_is_served_to_admins() {
    assert!(Rpcs::read().permission("/keyplane.sync.v1.SyncService/Sync").is_none());
}

#[test]
fn no_answer_holds_a_secret_but_a_plaintext_at_creation() {
    let mut checked = BTreeSet::new();
    let mut open: Vec<_> =
        services().flat_map(|service| service.methods().map(|m| m.output()).collect::<Vec<_>>()).collect();
    while let Some(message) = open.pop() {
        if !checked.insert(message.full_name().to_owned()) {
            continue;
        }
        for field in message.fields() {
            let input_only = behaviors(&field).contains(&4);
            if is_sensitive(&field) {
                let allowed = input_only || field.name() == "plaintext";
                assert!(allowed, "{} is answered", field.full_name());
            }
            // What is input only is never answered, and so nothing in it is.
            if let (Kind::Message(inner), false) = (field.kind(), input_only) {
                open.push(inner);
            }
        }
    }
    assert!(checked.contains("keyplane.admin.v1.Credential"));
    assert!(!checked.contains("keyplane.admin.v1.CredentialValue"));
}

#[test]
fn every_field_has_a_behavior_and_a_comment() {
    for message in messages() {
        for field in message.fields() {
            assert!(!behaviors(&field).is_empty(), "{} has no field behavior", field.full_name());
            let file = field.parent_file();
            let info = file.file_descriptor_proto().source_code_info.as_ref().unwrap();
            let location = info.location.iter().find(|location| location.path == field.path()).unwrap();
            let commented = location.leading_comments.as_deref().is_some_and(|comment| !comment.trim().is_empty());
            assert!(commented, "{} has no comment", field.full_name());
        }
    }
}

/// A map has no order on the wire, so a message that is hashed or compared has to be encoded from an ordered one.
#[test]
fn a_message_with_a_map_encodes_to_the_same_bytes_every_time() {
    use prost::Message as _;
    let labels: std::collections::BTreeMap<_, _> = (0..50).map(|n| (format!("k{n}"), String::new())).collect();
    let key = proto::admin::v1::CallerKey { labels, ..Default::default() };
    let again = proto::admin::v1::CallerKey::decode(key.encode_to_vec().as_slice()).unwrap();
    assert_eq!(key.encode_to_vec(), again.encode_to_vec());
}
