//! The ids of calls and of their responses, which Gemini's callers may leave out.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::exchange::text::Text;

/// The calls of a conversation so far.
#[derive(Debug, Default)]
pub(super) struct Calls<'a> {
    calls: Vec<Call<'a>>,
    /// Which call has an id: of several the last.
    by_id: HashMap<Text<'a>, usize>,
    /// Which calls are a tool's, in their order, without those at the front that are answered.
    by_name: HashMap<Text<'a>, VecDeque<usize>>,
    /// The ids that callers gave, anywhere.
    given: HashSet<Text<'a>>,
    made: usize,
}

#[derive(Debug)]
struct Call<'a> {
    id: Text<'a>,
    is_answered: bool,
    /// By a response that did not name it.
    is_taken: bool,
}

impl<'a> Calls<'a> {
    pub(super) fn new(given: HashSet<Text<'a>>) -> Self {
        Self { given, ..Self::default() }
    }

    /// The id of a call. One that is made depends on nothing but the conversation, so that it is the same in the next request.
    pub(super) fn call(&mut self, id: Option<Text<'a>>, name: &Text<'a>) -> Text<'a> {
        let id = id.filter(|id| !id.is_empty()).unwrap_or_else(|| self.make());
        let at = self.calls.len();
        self.by_id.insert(id.clone(), at);
        self.by_name.entry(name.clone()).or_default().push_back(at);
        self.calls.push(Call { id: id.clone(), is_answered: false, is_taken: false });
        id
    }

    /// The id of the call that a response is for: the one that it names, unless one without an id took that, or else the first of the tool's that has
    /// none yet.
    pub(super) fn answered(&mut self, id: Option<&Text<'a>>, name: &Text<'a>) -> Option<Text<'a>> {
        let by_id = id.and_then(|id| self.by_id.get(id).copied());
        let own = by_id.filter(|at| self.calls.get(*at).is_some_and(|call| !call.is_taken));
        let at = own.or_else(|| self.first_unanswered(name)).or(by_id)?;
        let call = self.calls.get_mut(at)?;
        call.is_answered = true;
        call.is_taken |= by_id.is_none();
        Some(call.id.clone())
    }

    fn first_unanswered(&mut self, name: &Text<'a>) -> Option<usize> {
        let waiting = self.by_name.get_mut(name)?;
        loop {
            let at = waiting.front().copied()?;
            if self.calls.get(at).is_some_and(|call| !call.is_answered) {
                return Some(at);
            }
            waiting.pop_front();
        }
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
        assert_eq!(answered(Some("call_1"), "g"), Some("call_1".into()), "again");
    }

    #[test]
    fn an_id_that_is_named_again_means_the_same_call() {
        let mut calls = Calls::new(HashSet::new());
        for id in ["a", "b"] {
            calls.call(Some(id.into()), &"f".into());
        }
        for id in ["a", "a", "b"] {
            assert_eq!(calls.answered(Some(&id.into()), &"f".into()), Some(id.into()));
        }
    }

    #[test]
    fn an_id_that_is_answered_leaves_what_waits() {
        let mut calls = Calls::new(HashSet::new());
        for id in ["a", "b"] {
            calls.call(Some(id.into()), &"f".into());
        }
        assert_eq!(calls.answered(None, &"f".into()), Some("a".into()));
        assert_eq!(calls.answered(Some(&"a".into()), &"f".into()), Some("b".into()));
        assert_eq!(calls.answered(Some(&"b".into()), &"f".into()), Some("b".into()), "again");
    }
}
