//! What `buf` would say of the protos, and what the schema-driven surfaces rely on, by the descriptors.

use prost::Message as _;
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet};

/// Our own files, with their comments.
fn files() -> Vec<FileDescriptorProto> {
    let set = FileDescriptorSet::decode(proto::DESCRIPTORS).unwrap();
    set.file.into_iter().filter(|file| file.package().starts_with("keyplane.")).collect()
}

/// `CredentialState` to `CREDENTIAL_STATE_`.
fn prefix(name: &str) -> String {
    let mut prefix = String::new();
    for (index, letter) in name.char_indices() {
        if index > 0 && letter.is_uppercase() {
            prefix.push('_');
        }
        prefix.push(letter.to_ascii_uppercase());
    }
    prefix + "_"
}

fn check_enum(of: &EnumDescriptorProto) {
    let prefix = prefix(of.name());
    for value in &of.value {
        assert!(value.name().starts_with(&prefix), "{} lacks the prefix {prefix}", value.name());
    }
    let zero = of.value.iter().find(|value| value.number() == 0).unwrap();
    assert_eq!(zero.name(), format!("{prefix}UNSPECIFIED"), "{}", of.name());
}

fn every_message(messages: &[DescriptorProto], check: &mut dyn FnMut(&DescriptorProto)) {
    for message in messages {
        check(message);
        every_message(&message.nested_type, check);
    }
}

fn is_lower_snake(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[test]
fn enums_begin_with_unspecified_and_carry_their_prefix() {
    for file in files() {
        file.enum_type.iter().for_each(check_enum);
        every_message(&file.message_type, &mut |message| message.enum_type.iter().for_each(check_enum));
    }
}

#[test]
fn fields_are_lower_snake_case_and_packages_match_their_folders() {
    for file in files() {
        let folder = file.package().replace('.', "/");
        assert!(file.name().starts_with(&format!("{folder}/")), "{}", file.name());
        every_message(&file.message_type, &mut |message| {
            for field in &message.field {
                assert!(is_lower_snake(field.name()), "{}.{}", message.name(), field.name());
            }
        });
    }
}

/// The paths of everything in a file that has to have a comment, by the numbers of `descriptor.proto`.
fn commentable(file: &FileDescriptorProto) -> Vec<(Vec<i32>, String)> {
    let mut paths = Vec::new();
    for (index, message) in (0..).zip(&file.message_type) {
        message_paths(&mut paths, vec![4, index], message);
    }
    for (index, of) in (0..).zip(&file.enum_type) {
        paths.push((vec![5, index], of.name().to_owned()));
        paths.extend((0..).zip(&of.value).map(|(at, value)| (vec![5, index, 2, at], value.name().to_owned())));
    }
    for (index, service) in (0..).zip(&file.service) {
        paths.push((vec![6, index], service.name().to_owned()));
        paths.extend((0..).zip(&service.method).map(|(at, rpc)| (vec![6, index, 2, at], rpc.name().to_owned())));
    }
    paths
}

fn message_paths(paths: &mut Vec<(Vec<i32>, String)>, path: Vec<i32>, message: &DescriptorProto) {
    // The entries of a map are messages that nobody wrote.
    if message.options.as_ref().is_some_and(prost_types::MessageOptions::map_entry) {
        return;
    }
    let below = |kind: i32, at: i32| [path.as_slice(), &[kind, at]].concat();
    for (at, field) in (0..).zip(&message.field) {
        paths.push((below(2, at), format!("{}.{}", message.name(), field.name())));
    }
    for (at, nested) in (0..).zip(&message.nested_type) {
        message_paths(paths, below(3, at), nested);
    }
    paths.push((path, message.name().to_owned()));
}

#[test]
fn every_message_field_enum_value_and_rpc_has_a_comment() {
    for file in files() {
        let comments = file.source_code_info.clone().unwrap_or_default().location;
        for (path, name) in commentable(&file) {
            let comment = comments.iter().find(|location| location.path == path);
            let text = comment.map(|location| location.leading_comments().trim().to_owned()).unwrap_or_default();
            assert!(!text.is_empty(), "{}: {name} has no comment", file.name());
        }
    }
}

#[test]
fn every_admin_rpc_has_a_permission_in_its_form() {
    for service in proto::descriptor_pool().services() {
        if !service.full_name().starts_with("keyplane.admin.") {
            continue;
        }
        for rpc in service.methods() {
            let options = rpc.options();
            let permission = options.extensions().find(|(extension, _)| extension.full_name() == proto::PERMISSION);
            let text = permission.and_then(|(_, value)| value.as_str().map(str::to_owned)).unwrap_or_default();
            let (resource, action) = text.split_once(':').unwrap_or_default();
            let form = resource.starts_with(|first: char| first.is_ascii_lowercase())
                && action.starts_with(|first: char| first.is_ascii_uppercase());
            assert!(form, "{} has the permission {text:?}", rpc.full_name());
        }
    }
}

#[test]
fn every_field_of_the_admin_api_has_a_behavior() {
    for message in proto::descriptor_pool().all_messages() {
        if !message.full_name().starts_with("keyplane.admin.") || message.is_map_entry() {
            continue;
        }
        for field in message.fields() {
            let options = field.options();
            let has = options.extensions().any(|(extension, _)| extension.full_name() == "google.api.field_behavior");
            assert!(has, "{} has no field_behavior", field.full_name());
        }
    }
}

#[test]
fn no_answer_holds_a_stored_value() {
    for message in proto::descriptor_pool().all_messages() {
        for field in message.fields().filter(|field| field.full_name().starts_with("keyplane.admin.")) {
            let options = field.options();
            let extension = |name: &str| {
                let found = options.extensions().find(|(extension, _)| extension.full_name() == name);
                found.map(|(_, value)| value.clone())
            };
            if extension(proto::SENSITIVE).and_then(|value| value.as_bool()) != Some(true) {
                continue;
            }
            // INPUT_ONLY is 4; a plaintext that is shown once is an output by design.
            let behaviors = extension("google.api.field_behavior");
            let behaviors = behaviors.as_ref().and_then(|value| value.as_list()).unwrap_or_default();
            let input_only = behaviors.iter().any(|behavior| behavior.as_enum_number() == Some(4));
            assert!(input_only || field.name() == "plaintext", "{} can be answered", field.full_name());
        }
    }
}
