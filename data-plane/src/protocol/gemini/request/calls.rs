//! The ids of calls and of their responses, which Gemini's callers may leave out.

use std::collections::HashSet;

use crate::exchange::text::Text;

/// The calls of a conversation so far.
#[derive(Debug, Default)]
pub(super) struct Calls<'a> {
    calls: Vec<Call<'a>>,
    /// The ids that callers gave, anywhere.
    given: HashSet<Text<'a>>,
    made: usize,
}

#[derive(Debug)]
struct Call<'a> {
    id: Text<'a>,
    name: Text<'a>,
    is_answered: bool,
}

impl<'a> Calls<'a> {
    pub(super) fn new(given: HashSet<Text<'a>>) -> Self {
        Self { calls: Vec::new(), given, made: 0 }
    }

    /// The id of a call. One that is made depends on nothing but the conversation, so that it is the same in the next request.
    pub(super) fn call(&mut self, id: Option<Text<'a>>, name: &Text<'a>) -> Text<'a> {
        let id = id.filter(|id| !id.is_empty()).unwrap_or_else(|| self.make());
        self.calls.push(Call { id: id.clone(), name: name.clone(), is_answered: false });
        id
    }

    /// The id of the call that a response is for: the one that it names, or else the first of the tool's that has none yet.
    pub(super) fn answered(&mut self, id: Option<&Text<'a>>, name: &Text<'a>) -> Option<Text<'a>> {
        let by_id = id.and_then(|id| self.calls.iter().rposition(|call| call.id == *id));
        let by_name = || self.calls.iter().position(|call| !call.is_answered && call.name == *name);
        let at = by_id.or_else(by_name)?;
        let call = self.calls.get_mut(at)?;
        call.is_answered = true;
        Some(call.id.clone())
    }

    fn make(&mut self) -> Text<'a> {
        loop {
            let id = Text::from(format!("call_{}", self.made));
            self.made += 1;
            if !self.given.contains(&id) {
                return id;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_find_their_calls_by_id_or_by_name_and_order() {
        let mut calls = Calls::new(HashSet::from(["call_1".into()]));
        assert_eq!(calls.call(None, &"f".into()), "call_0".into());
        assert_eq!(calls.call(Some("call_1".into()), &"g".into()), "call_1".into());
        assert_eq!(calls.call(Some("".into()), &"f".into()), "call_2".into());
        let mut answered =
            |id: Option<&'static str>, name: &'static str| calls.answered(id.map(Text::from).as_ref(), &name.into());
        assert_eq!(answered(None, "f"), Some("call_0".into()));
        assert_eq!(answered(Some("call_1"), "g"), Some("call_1".into()));
        assert_eq!(answered(Some("unknown"), "f"), Some("call_2".into()));
        assert_eq!(answered(None, "f"), None);
    }
}
