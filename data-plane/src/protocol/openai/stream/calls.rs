//! The calls of one alternative of a stream, found again from whatever an upstream says of them.
//!
//! OpenAI names a call by its index alone once it began. Vendors leave the index out, give every call the same one, repeat the id and the name
//! with every fragment, or send calls whole: Gemini's compatible API has index 0 and an empty id for each of several.

use crate::exchange::event::Piece;
use crate::exchange::text::Text;
use crate::exchange::tool::split_id;
use crate::protocol::openai::response::call_id;
use crate::protocol::openai::said::{Call, ExtraContent};

/// The calls, in the order in which they were first heard of.
#[derive(Debug, Default)]
pub(super) struct Calls {
    calls: Vec<State>,
    begun: u32,
    /// The bytes of arguments that came before the names of their calls.
    early: usize,
}

/// What is known of a call.
#[derive(Debug, Default)]
struct State {
    /// The upstream's number for it.
    index: Option<i64>,
    /// The upstream's id for it.
    id: Option<String>,
    name: String,
    /// Its own number, once it began: that takes a name.
    number: Option<u32>,
    /// Signature and arguments that came before.
    signature: Option<String>,
    waiting: String,
    /// Arguments came that look whole.
    is_whole: bool,
}

/// What ids are made of where an upstream has none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Made<'a> {
    pub(super) seed: &'a str,
    pub(super) choice: u32,
}

impl Calls {
    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    /// How many bytes of arguments had to wait for the names of their calls.
    pub(super) fn early(&self) -> usize {
        self.early
    }

    pub(super) fn is_empty(&self) -> bool {
        self.begun == 0
    }

    /// Whether a call never got a name.
    pub(super) fn has_nameless(&self) -> bool {
        self.calls.iter().any(|call| call.number.is_none())
    }

    /// Takes what an event says of a call.
    pub(super) fn read(&mut self, given: Call<'_>, made: Made<'_>, sink: &mut dyn FnMut(Piece<'_>)) {
        let Call { index, id, function, extra_content } = given;
        let function = function.unwrap_or_default();
        let fragment = function.arguments().unwrap_or_default();
        let name = function.name.filter(|name| !name.is_empty());
        let id = id.filter(|id| !id.is_empty());
        let at = self.find(index, id.as_deref(), name.as_deref(), &fragment).unwrap_or_else(|| {
            self.calls.push(State { index, ..State::default() });
            self.calls.len() - 1
        });
        let Some(call) = self.calls.get_mut(at) else { return };
        if call.number.is_none() {
            call.learn(id, name, extra_content.and_then(ExtraContent::signature));
            if call.begin(at, self.begun, made, sink) {
                self.begun += 1;
            }
        }
        if call.number.is_none() {
            self.early += fragment.len();
        }
        call.arguments(fragment, sink);
    }

    /// The call that is meant; `None` for a new one.
    fn find(&self, index: Option<i64>, id: Option<&str>, name: Option<&str>, fragment: &str) -> Option<usize> {
        // Without an id, another name tells of another call, and so does the same one with more arguments where those before were whole.
        let is_same = |call: &State| {
            let is_more = call.is_whole && !fragment.is_empty();
            call.number.is_none() || name.is_none_or(|name| call.name == name && !is_more)
        };
        let last = |is_it: &dyn Fn(&State) -> bool| self.calls.iter().rposition(is_it);
        match (index, id) {
            // Some give every call the same index, and only id and name tell that another one begins.
            (Some(_), Some(id)) if name.is_some() => {
                last(&|call| call.index == index && call.id.as_deref().is_none_or(|known| known == id))
            }
            (Some(_), Some(_)) => last(&|call| call.index == index),
            (None, Some(id)) => last(&|call| call.id.as_deref() == Some(id)),
            (Some(_), None) => last(&|call| call.index == index).filter(|at| self.calls.get(*at).is_some_and(is_same)),
            (None, None) => self.calls.len().checked_sub(1).filter(|at| self.calls.get(*at).is_some_and(is_same)),
        }
    }
}

impl State {
    fn learn(&mut self, id: Option<Text<'_>>, name: Option<Text<'_>>, signature: Option<Text<'_>>) {
        let owned = |text: Text<'_>| text.0.into_owned();
        self.id = self.id.take().or(id.map(owned));
        self.signature = self.signature.take().or(signature.map(owned));
        if let Some(name) = name {
            self.name = owned(name);
        }
    }

    /// Begins the call if it can: then it is number `number`.
    fn begin(&mut self, at: usize, number: u32, made: Made<'_>, sink: &mut dyn FnMut(Piece<'_>)) -> bool {
        if self.name.is_empty() {
            return false;
        }
        self.number = Some(number);
        let (id, carried) = match self.id.as_deref() {
            Some(id) => split_id(&id.into()),
            None => (call_id(made.seed, usize::try_from(made.choice).unwrap_or(usize::MAX), at).into(), None),
        };
        let signature = self.signature.as_deref().map(Text::from).or(carried);
        sink(Piece::ToolBegin { call: number, id, name: self.name.as_str().into(), signature });
        let waiting = std::mem::take(&mut self.waiting);
        self.arguments(waiting.as_str().into(), sink);
        true
    }

    fn arguments(&mut self, fragment: Text<'_>, sink: &mut dyn FnMut(Piece<'_>)) {
        if fragment.is_empty() {
            return;
        }
        match self.number {
            None => self.waiting.push_str(&fragment),
            Some(call) => {
                self.is_whole |= fragment.starts_with('{') && fragment.ends_with('}');
                sink(Piece::ToolArguments { call, fragment });
            }
        }
    }
}
