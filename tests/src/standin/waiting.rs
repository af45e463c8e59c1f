//! Calls whose results have to come before anything else.

use super::Fault;
use super::script::Call;
use super::shape::At;

/// The calls of a turn that wait for their results.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    calls: Vec<Call>,
    answered: Vec<(Call, String)>,
}

impl Waiting {
    /// A turn calls these.
    pub(super) fn call(&mut self, at: &At<'_>, call: Call) -> Result<(), Fault> {
        let is_new = self.calls.iter().all(|other| other.id != call.id);
        at.require(is_new, &format!("the call id {:?} is there twice", call.id))?;
        self.calls.push(call);
        Ok(())
    }

    /// A result has come.
    pub(super) fn answer(&mut self, at: &At<'_>, id: &str, result: String) -> Result<(), Fault> {
        let place = self.calls.iter().position(|call| call.id == id);
        let place = place.ok_or_else(|| at.fault(&format!("no call with the id {id:?} waits for a result")))?;
        self.answered.push((self.calls.remove(place), result));
        Ok(())
    }

    /// Nothing waits any more.
    pub(super) fn is_done(&self, at: &At<'_>) -> Result<(), Fault> {
        let left: Vec<_> = self.calls.iter().map(|call| call.id.as_str()).collect();
        at.require(left.is_empty(), &format!("the calls {left:?} have no result before this"))
    }

    /// The results since this was asked last.
    pub(super) fn results(&mut self) -> Vec<(Call, String)> {
        std::mem::take(&mut self.answered)
    }
}
