//! Answers as people and scripts read them: tables, or canonical protobuf JSON by the descriptors.

use std::io::{self, IsTerminal as _, Write};

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use prost_reflect::{DynamicMessage, EnumDescriptor, Kind, SerializeOptions};
use serde_json::Value;

use crate::config::OutputFormat;
use crate::error::Error;

/// A message of the admin API that can be printed.
pub(crate) trait Printable: prost::Message {
    /// Its full name, by which its descriptor is found.
    const MESSAGE: &'static str;
}

/// A message that is also a row of a list.
pub(crate) trait Row: Printable {
    /// The columns' headings.
    const HEADINGS: &'static [&'static str];

    /// The cells, one for each heading.
    fn cells(&self) -> Vec<String>;
}

/// Where answers go, and in which form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    format: OutputFormat,
}

impl Output {
    /// Prints in a format, to the standard output.
    pub(crate) fn new(format: OutputFormat) -> Self {
        Self { format }
    }

    /// Whether scripts read it.
    pub(crate) fn is_json(self) -> bool {
        self.format == OutputFormat::Json
    }

    /// Prints a list: a table with headings, or a JSON array.
    ///
    /// # Errors
    ///
    /// When it can't be written.
    pub(crate) fn list<R: Row>(self, rows: &[R]) -> Result<(), Error> {
        if self.is_json() {
            let values = rows.iter().map(json).collect::<Result<Vec<_>, _>>()?;
            return print(&pretty(&Value::Array(values))?);
        }
        if rows.is_empty() {
            return note("none");
        }
        let mut table = table();
        table.set_header(R::HEADINGS.iter().copied());
        for row in rows {
            // An empty cell would let the ones behind it look like the next column before them.
            table.add_row(row.cells().into_iter().map(|cell| if cell.is_empty() { "-".to_owned() } else { cell }));
        }
        print(&trimmed(table))
    }

    /// Prints one message: its fields one below the other, or a JSON object.
    ///
    /// # Errors
    ///
    /// When it can't be written.
    pub(crate) fn one<M: Printable>(self, message: &M) -> Result<(), Error> {
        if self.is_json() {
            return print(&pretty(&json(message)?)?);
        }
        print(&fields(message)?)
    }

    /// Prints one message on one line, for a stream of them.
    ///
    /// # Errors
    ///
    /// When it can't be written.
    pub(crate) fn line<M: Printable>(self, message: &M) -> Result<(), Error> {
        print(&serde_json::to_string(&json(message)?)?)
    }

    /// Prints a resource with a secret that is shown this once. In JSON it is the field `plaintext`.
    ///
    /// # Errors
    ///
    /// When it can't be written.
    pub(crate) fn with_plaintext<M: Printable>(self, message: &M, plaintext: &str) -> Result<(), Error> {
        self.one(message)?;
        if self.is_json() || plaintext.is_empty() {
            return Ok(());
        }
        print(&format!("\nShown this once, keep it now:\n\n    {plaintext}\n"))
    }

    /// Prints a sentence for people; scripts don't get it.
    ///
    /// # Errors
    ///
    /// When it can't be written.
    pub(crate) fn say(self, text: &str) -> Result<(), Error> {
        if self.is_json() { Ok(()) } else { print(text) }
    }
}

/// How far a long operation is, on a terminal; nothing at all in a pipe.
#[derive(Debug)]
pub(crate) struct Progress {
    shown: bool,
}

impl Progress {
    /// Shows something only when the standard error stream is a terminal.
    pub(crate) fn new() -> Self {
        Self { shown: io::stderr().is_terminal() }
    }

    /// Whether anybody sees it.
    pub(crate) fn is_shown(&self) -> bool {
        self.shown
    }

    /// Replaces the line.
    pub(crate) fn show(&self, text: &str) {
        if self.shown {
            // Progress is a courtesy: when it can't be shown, the work goes on.
            let _ = write!(io::stderr(), "\r\x1b[K{text}");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.show("");
    }
}

/// An enum value for people: its name without the prefix that protos carry.
pub(crate) fn word<'a>(name: &'a str, prefix: &str) -> &'a str {
    match name.strip_prefix(prefix).unwrap_or(name) {
        "UNSPECIFIED" => "-",
        word => word,
    }
}

/// A message's canonical JSON.
fn json<M: Printable>(message: &M) -> Result<Value, Error> {
    let unknown = || Error::Usage(format!("{} is not in the descriptors", M::MESSAGE));
    let descriptor = proto::descriptor_pool().get_message_by_name(M::MESSAGE).ok_or_else(unknown)?;
    let dynamic = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice()).map_err(|_| unknown())?;
    Ok(dynamic.serialize_with_options(serde_json::value::Serializer, &SerializeOptions::new())?)
}

/// A message's fields, one below the other in the order of the proto, without a plaintext, which is printed apart.
fn fields<M: Printable>(message: &M) -> Result<String, Error> {
    let value = json(message)?;
    let mut table = table();
    if let Some(descriptor) = proto::descriptor_pool().get_message_by_name(M::MESSAGE) {
        for field in descriptor.fields().filter(|field| field.name() != "plaintext") {
            if let Some(value) = value.get(field.json_name()) {
                table.add_row([field.name().to_owned(), text(value, &field.kind())]);
            }
        }
    }
    Ok(trimmed(table))
}

/// A JSON value for people: lists one below the other, objects as `key=value`, enum values as lists have them.
fn text(value: &Value, kind: &Kind) -> String {
    match value {
        Value::String(text) => match kind {
            Kind::Enum(of) => word(text, &prefix(of)).to_owned(),
            _ => text.clone(),
        },
        Value::Array(items) => items.iter().map(|item| text(item, kind)).collect::<Vec<_>>().join("\n"),
        Value::Object(fields) => fields.iter().map(|field| pair(field, kind)).collect::<Vec<_>>().join(" "),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// A field of a message by its name in the proto, as `--clear` takes it; an entry of a map by its own.
fn pair((key, value): (&String, &Value), kind: &Kind) -> String {
    let message = kind.as_message().filter(|message| !message.is_map_entry());
    match message.and_then(|message| message.get_field_by_json_name(key)) {
        Some(field) => format!("{}={}", field.name(), text(value, &field.kind())),
        None => format!("{key}={}", text(value, &Kind::String)),
    }
}

/// What an enum's values begin with: the name of their first, which is nothing.
fn prefix(of: &EnumDescriptor) -> String {
    let none = of.default_value();
    none.name().strip_suffix("UNSPECIFIED").unwrap_or_default().to_owned()
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// The table as text, its columns two spaces apart.
fn trimmed(mut table: Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

fn pretty(value: &Value) -> Result<String, Error> {
    Ok(serde_json::to_string_pretty(value)?)
}

/// Prints to the standard output. A reader that went away, as `head` does, is no error.
fn print(text: &str) -> Result<(), Error> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// Tells people something that is not the answer.
pub(crate) fn note(text: &str) -> Result<(), Error> {
    Ok(writeln!(io::stderr(), "{text}")?)
}

#[cfg(test)]
mod tests {
    use proto::admin::v1::{Adapter, CallerKey, Credential, CredentialCount, CredentialState, ExposedModel, Provider};

    use super::*;

    #[test]
    fn json_is_the_canonical_form() {
        let credential = Credential {
            name: "projects/p/providers/a/credentials/b".into(),
            revision: 7,
            state: CredentialState::Active.into(),
            weight: Some(0),
            ..Default::default()
        };
        let value = json(&credential).unwrap();
        assert_eq!(
            value,
            serde_json::json!({"name": "projects/p/providers/a/credentials/b", "revision": "7", "weight": 0,
                "state": "CREDENTIAL_STATE_ACTIVE"})
        );
    }

    #[test]
    fn a_plaintext_is_not_among_the_fields_but_in_the_json() {
        let key =
            CallerKey { name: "projects/p/callerKeys/k".into(), plaintext: "kp_canary".into(), ..Default::default() };
        assert!(!fields(&key).unwrap().contains("kp_canary"));
        assert_eq!(json(&key).unwrap()["plaintext"], "kp_canary");
    }

    #[test]
    fn one_resource_uses_the_words_that_lists_use() {
        let provider = Provider {
            adapter: Adapter::AzureOpenai.into(),
            credential_counts: vec![CredentialCount { state: CredentialState::Active.into(), count: 2 }],
            exposed_models: vec![ExposedModel { upstream_model: "gpt-4o".into(), display_name: String::new() }],
            telemetry_tags: [("teamName".to_owned(), "ADAPTER_x".to_owned())].into(),
            ..Default::default()
        };
        let told = fields(&provider).unwrap();
        for expected in
            ["adapter            AZURE_OPENAI", "state=ACTIVE", "upstream_model=gpt-4o", "teamName=ADAPTER_x"]
        {
            assert!(told.contains(expected), "{expected}: {told}");
        }
    }

    #[test]
    fn enum_values_lose_their_prefix() {
        assert_eq!(word("CREDENTIAL_STATE_ACTIVE", "CREDENTIAL_STATE_"), "ACTIVE");
        assert_eq!(word("CREDENTIAL_STATE_UNSPECIFIED", "CREDENTIAL_STATE_"), "-");
    }
}
