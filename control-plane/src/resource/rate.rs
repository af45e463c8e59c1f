//! Rates: what models cost.

use proto::admin::v1;
use shared::name::RateName;

use super::decimal::Decimal;
use super::{Header, Merge, Reference, Resource, Rules, field, mask};
use crate::error::{FieldReason, FieldViolations};

/// What an admin sets of a rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// What people call it.
    pub display_name: String,
    /// The upstream's own name for the model.
    pub upstream_model: String,
    /// The price of a million input tokens.
    pub input_per_million: Decimal,
    /// The price of a million output tokens.
    pub output_per_million: Decimal,
    /// The price of a million input tokens that the provider had cached; `None` means that of others.
    pub cached_input_per_million: Option<Decimal>,
    /// Three letters of ISO 4217.
    pub currency: String,
}

/// The currency of whoever says nothing.
const CURRENCY: &str = "USD";

impl Resource for Rate {
    type Name = RateName;
    type Message = v1::Rate;
    type Hidden = ();
    const KIND: &'static str = "Rate";
    const FIELD: &'static str = "rate";
    const UID_PREFIX: &'static str = "rat_";

    fn read(
        message: v1::Rate,
        name: &RateName,
        (): (),
        _rules: &Rules<'_>,
        violations: &mut FieldViolations,
    ) -> Option<Self> {
        let display_name = field::display_name_or_id(message.display_name, name, violations);
        let upstream_model = read_upstream_model(message.upstream_model, violations);
        let input = read_price(&message.input_per_million, "input_per_million", violations);
        let output = read_price(&message.output_per_million, "output_per_million", violations);
        let cached = match message.cached_input_per_million.as_str() {
            "" => None,
            given => read_price(given, "cached_input_per_million", violations),
        };
        let currency = read_currency(message.currency, violations);
        Some(Self {
            display_name,
            upstream_model,
            input_per_million: input?,
            output_per_million: output?,
            cached_input_per_million: cached,
            currency,
        })
    }

    fn write(&self) -> v1::Rate {
        v1::Rate {
            display_name: self.display_name.clone(),
            upstream_model: self.upstream_model.clone(),
            input_per_million: self.input_per_million.to_string(),
            output_per_million: self.output_per_million.to_string(),
            cached_input_per_million: self.cached_input_per_million.map(|price| price.to_string()).unwrap_or_default(),
            currency: self.currency.clone(),
            ..Default::default()
        }
    }

    fn hidden(&self) {}

    fn apply(mut current: v1::Rate, given: v1::Rate, merge: &mut Merge<'_>) -> v1::Rate {
        let v1::Rate {
            name: _,
            uid: _,
            etag: _,
            revision: _,
            generation: _,
            create_time: _,
            update_time: _,
            display_name,
            upstream_model,
            input_per_million,
            output_per_million,
            cached_input_per_million,
            currency,
        } = given;
        merge.ignored(&mask::HEADER);
        merge.set("display_name", &mut current.display_name, display_name);
        merge.immutable("upstream_model", &current.upstream_model, &upstream_model);
        merge.set("input_per_million", &mut current.input_per_million, input_per_million);
        merge.set("output_per_million", &mut current.output_per_million, output_per_million);
        merge.set("cached_input_per_million", &mut current.cached_input_per_million, cached_input_per_million);
        merge.set("currency", &mut current.currency, currency);
        current
    }

    fn header(message: &mut v1::Rate) -> Header<'_> {
        Header {
            name: &mut message.name,
            uid: &mut message.uid,
            etag: &mut message.etag,
            revision: &mut message.revision,
            generation: &mut message.generation,
            create_time: &mut message.create_time,
            update_time: &mut message.update_time,
        }
    }

    fn display_name(&self) -> &str {
        &self.display_name
    }

    fn display_name_of(message: &v1::Rate) -> &str {
        &message.display_name
    }

    fn references(&self) -> Vec<Reference> {
        Vec::new()
    }
}

fn read_upstream_model(given: String, violations: &mut FieldViolations) -> String {
    if given.is_empty() {
        violations.add("upstream_model", FieldReason::Required, "say which of the upstream's models it is for");
    } else if !field::is_upstream_model(&given) || given == "*" {
        violations.add("upstream_model", FieldReason::Malformed, "name one model of the upstream");
    }
    given
}

fn read_price(given: &str, name: &'static str, violations: &mut FieldViolations) -> Option<Decimal> {
    if given.is_empty() {
        violations.add(name, FieldReason::Required, "give the price of a million tokens, such as 2.50");
        return None;
    }
    given
        .parse()
        .map_err(|error: super::decimal::NotADecimal| {
            violations.add(name, FieldReason::Malformed, error.to_string());
        })
        .ok()
}

fn read_currency(given: String, violations: &mut FieldViolations) -> String {
    if given.is_empty() {
        return CURRENCY.to_owned();
    }
    if given.len() != 3 || !given.bytes().all(|byte| byte.is_ascii_uppercase()) {
        violations.add("currency", FieldReason::Malformed, "use three capital letters of ISO 4217, such as EUR");
    }
    given
}
