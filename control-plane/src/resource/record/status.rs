//! The byte forms of what is observed.

use prost::Message;
use prost_types::Timestamp;

use super::{RecordError, optional_time, time};
use crate::resource::{CredentialProblem, CredentialStatus, Health, HealthReason, JoinTokenUse, Proxy};

#[derive(Clone, PartialEq, Message)]
struct CredentialStatusRecord {
    #[prost(uint64, tag = "1")]
    value_version: u64,
    #[prost(uint32, tag = "2")]
    health: u32,
    #[prost(int32, tag = "3")]
    reason: i32,
    #[prost(message, optional, tag = "4")]
    last_check_time: Option<Timestamp>,
    #[prost(message, optional, tag = "5")]
    last_error: Option<ProblemRecord>,
}

#[derive(Clone, PartialEq, Message)]
struct ProblemRecord {
    #[prost(string, tag = "1")]
    reason: String,
    #[prost(uint32, tag = "2")]
    upstream_status: u32,
    #[prost(string, tag = "3")]
    message: String,
    #[prost(message, optional, tag = "4")]
    time: Option<Timestamp>,
}

impl CredentialStatus {
    /// The bytes that the store holds.
    #[must_use]
    pub fn to_record(&self) -> Vec<u8> {
        let record = CredentialStatusRecord {
            value_version: self.value_version,
            health: match self.health {
                Health::Unverified => 0,
                Health::Active => 1,
                Health::Inactive => 2,
            },
            reason: self.reason.map_or(0, |reason| reason.to_message().into()),
            last_check_time: self.last_check_time.map(Into::into),
            last_error: self.last_error.as_ref().map(|problem| ProblemRecord {
                reason: problem.reason.clone(),
                upstream_status: problem.upstream_status.map_or(0, u32::from),
                message: problem.message.clone(),
                time: Some(problem.time.into()),
            }),
        };
        record.encode_to_vec()
    }

    /// Reads the bytes that the store holds.
    ///
    /// # Errors
    ///
    /// When they are damaged.
    pub fn from_record(bytes: &[u8]) -> Result<Self, RecordError> {
        let record = CredentialStatusRecord::decode(bytes)?;
        Ok(Self {
            value_version: record.value_version,
            health: match record.health {
                0 => Health::Unverified,
                1 => Health::Active,
                2 => Health::Inactive,
                _ => return Err(RecordError::Field("health")),
            },
            reason: read_reason(record.reason)?,
            last_check_time: optional_time(record.last_check_time, "last_check_time")?,
            last_error: record.last_error.map(read_problem).transpose()?,
        })
    }
}

fn read_reason(number: i32) -> Result<Option<HealthReason>, RecordError> {
    use proto::admin::v1::CredentialStateReason as Reason;
    let reason = Reason::try_from(number).map_err(|_| RecordError::Field("reason"))?;
    Ok(match reason {
        Reason::Unspecified => None,
        Reason::Rejected => Some(HealthReason::Rejected),
        Reason::Exhausted => Some(HealthReason::Exhausted),
        Reason::Limited => Some(HealthReason::Limited),
        Reason::Unreachable => Some(HealthReason::Unreachable),
        Reason::NotYetUsed => Some(HealthReason::NotYetUsed),
        Reason::DestinationChanged => Some(HealthReason::DestinationChanged),
    })
}

fn read_problem(record: ProblemRecord) -> Result<CredentialProblem, RecordError> {
    Ok(CredentialProblem {
        reason: record.reason,
        upstream_status: u16::try_from(record.upstream_status).ok().filter(|status| *status > 0),
        message: record.message,
        time: time(record.time, "time")?,
    })
}

#[derive(Clone, PartialEq, Message)]
struct JoinTokenUseRecord {
    #[prost(uint32, tag = "1")]
    uses: u32,
}

impl JoinTokenUse {
    /// The bytes that the store holds.
    #[must_use]
    pub fn to_record(self) -> Vec<u8> {
        JoinTokenUseRecord { uses: self.uses }.encode_to_vec()
    }

    /// Reads the bytes that the store holds.
    ///
    /// # Errors
    ///
    /// When they are damaged.
    pub fn from_record(bytes: &[u8]) -> Result<Self, RecordError> {
        Ok(Self { uses: JoinTokenUseRecord::decode(bytes)?.uses })
    }
}

#[derive(Clone, PartialEq, Message)]
struct ProxyRecord {
    #[prost(string, tag = "1")]
    uid: String,
    #[prost(string, tag = "2")]
    node_id: String,
    #[prost(string, tag = "3")]
    join_token: String,
    #[prost(string, repeated, tag = "4")]
    environments: Vec<String>,
    #[prost(message, optional, tag = "5")]
    create_time: Option<Timestamp>,
    #[prost(message, optional, tag = "6")]
    last_seen_time: Option<Timestamp>,
}

impl Proxy {
    /// The bytes that the store holds.
    #[must_use]
    pub fn to_record(&self) -> Vec<u8> {
        let record = ProxyRecord {
            uid: self.uid.clone(),
            node_id: self.node_id.clone(),
            join_token: self.join_token.to_string(),
            environments: self.environments.iter().map(ToString::to_string).collect(),
            create_time: Some(self.create_time.into()),
            last_seen_time: Some(self.last_seen_time.into()),
        };
        record.encode_to_vec()
    }

    /// Reads the bytes that the store holds.
    ///
    /// # Errors
    ///
    /// When they are damaged.
    pub fn from_record(bytes: &[u8]) -> Result<Self, RecordError> {
        let record = ProxyRecord::decode(bytes)?;
        Ok(Self {
            uid: record.uid,
            node_id: record.node_id,
            join_token: record.join_token.parse()?,
            environments: record.environments.iter().map(|text| text.parse()).collect::<Result<_, _>>()?,
            create_time: time(record.create_time, "create_time")?,
            last_seen_time: time(record.last_seen_time, "last_seen_time")?,
        })
    }
}
