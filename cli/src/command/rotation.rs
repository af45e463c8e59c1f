//! What the rotations of credentials and secrets have in common: flags, and what people are told.

use proto::admin::v1::Dependents;

use super::{Context, WriteFlags, print_dependents, rollout};
use crate::error::Error;
use crate::output::Printable;

/// How to rotate.
#[derive(Debug, clap::Args)]
pub(crate) struct RotateFlags {
    /// Stores a value that can't be checked instead of refusing it, as UNVERIFIED.
    #[arg(long)]
    pub(crate) skip_validation: bool,
    /// Waits until every proxy has the new value, and says when the old one can be revoked; exits with 5 if the time ends before.
    #[arg(long)]
    pub(crate) wait: bool,
    /// How many seconds to wait.
    #[arg(long, default_value_t = 60, value_name = "SECONDS", requires = "wait")]
    timeout: u64,
    /// The etag that it must still have.
    #[arg(long, default_value = "", value_name = "ETAG")]
    pub(crate) etag: String,
    /// How to write.
    #[command(flatten)]
    pub(crate) write: WriteFlags,
}

/// Prints what a rotation did, and waits for the fleet where that was asked for.
///
/// # Errors
///
/// When it can't be printed, or the fleet did not have it in time.
pub(crate) async fn tell<M: Printable>(
    context: &Context,
    flags: &RotateFlags,
    name: &str,
    answer: &M,
    revision: u64,
    dependents: &[Dependents],
) -> Result<(), Error> {
    let output = context.output;
    if output.is_json() {
        output.one(answer)?;
    } else if revision == 0 {
        output.say(&format!("{name} could be rotated; nothing was changed"))?;
    } else {
        output.say(&format!("{name} has its new value by revision {revision}"))?;
    }
    print_dependents(output, dependents)?;
    if revision == 0 {
        return Ok(());
    }
    if !flags.wait {
        let wait = "keyplane rollout wait --revision";
        return output.say(&format!("the old value can be revoked once every proxy has this: {wait} {revision}"));
    }
    rollout::wait_for_all(revision, flags.timeout, context).await?;
    output.say("every proxy has it: the old value can be revoked once the requests in flight have ended")
}
