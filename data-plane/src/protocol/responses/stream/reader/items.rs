//! The items of a stream, and what was given of each.

use crate::exchange::event::Piece;
use crate::exchange::message::{Citation, Content};
use crate::exchange::text::Text;
use crate::protocol::responses::item::{self, Item, Kind, OutputPart};
use crate::protocol::responses::response::Done;

/// The items, in the order in which they began.
#[derive(Debug, Default)]
pub(super) struct Items {
    items: Vec<State>,
    /// How many are calls.
    calls: u32,
    has_refusal: bool,
    /// Where the piece before this one stood, if it was reasoning: the next place is parted from it.
    thought: Option<Place>,
}

/// What is known of an item.
#[derive(Debug)]
struct State {
    output_index: Option<u64>,
    id: Option<String>,
    /// The number of the call that it is.
    call: Option<u32>,
    is_done: bool,
    /// The parts of which something was given, each with how often.
    given: Vec<(Sort, u64, usize)>,
}

/// A part of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The item's place in [`Items`].
    pub(super) item: usize,
    pub(super) sort: Sort,
    /// Its index among those of its sort.
    pub(super) part: u64,
}

/// What a part holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Text,
    Citation,
    Refusal,
    Arguments,
    /// A part of a summary that began.
    Opened,
    Summary,
    Thought,
}

impl Items {
    /// An item, by its index or else its id; the last one for an event that has neither.
    pub(super) fn find(&mut self, output_index: Option<u64>, id: Option<&str>) -> usize {
        let by_index = |item: &State| output_index.is_some() && item.output_index == output_index;
        let by_id = |item: &State| output_index.is_none() && id.is_some() && item.id.as_deref() == id;
        let found = self.items.iter().rposition(|item| by_index(item) || by_id(item));
        let last = || (output_index.is_none() && id.is_none()).then_some(self.items.len().checked_sub(1)).flatten();
        found.or_else(last).unwrap_or_else(|| self.push(output_index, id))
    }

    /// What the items say of the end.
    pub(super) fn seen(&self) -> Done {
        Done { has_calls: self.calls > 0, has_refusal: self.has_refusal }
    }

    /// Nothing was given of any.
    pub(super) fn gave_nothing(&self) -> bool {
        self.items.iter().all(|item| item.call.is_none() && item.given.is_empty() && !item.is_done)
    }

    /// An item begins. Some vendors give several the same index: the last one has it.
    pub(super) fn begin(&mut self, output_index: Option<u64>, item: Option<Item<'_>>, give: &mut dyn FnMut(Piece<'_>)) {
        let Some(item) = item else { return };
        let at = self.push(output_index, item.id.as_deref());
        if item.kind() == Kind::FunctionCall {
            self.begin_call(at, &item, give);
        }
    }

    fn push(&mut self, output_index: Option<u64>, id: Option<&str>) -> usize {
        let id = id.map(str::to_owned);
        self.items.push(State { output_index, id, call: None, is_done: false, given: Vec::new() });
        self.items.len() - 1
    }

    fn begin_call(&mut self, at: usize, item: &Item<'_>, give: &mut dyn FnMut(Piece<'_>)) {
        let Some(state) = self.items.get_mut(at).filter(|state| state.call.is_none()) else { return };
        let (Some(id), Some(name)) = (item.call_id.as_ref().or(item.id.as_ref()), item.name.as_ref()) else { return };
        let call = self.calls;
        state.call = Some(call);
        self.calls += 1;
        self.thought = None;
        give(Piece::ToolBegin { call, id: id.borrowed(), name: name.borrowed(), signature: None });
    }

    /// A part begins: reasoning that is empty is still reasoning, and parted from what came before.
    pub(super) fn open(&mut self, place: Place, give: &mut dyn FnMut(Piece<'_>)) {
        self.part_thoughts(place, give);
        self.add(Place { sort: Sort::Opened, ..place });
    }

    /// A piece of a text.
    pub(super) fn delta(&mut self, place: Place, text: Option<Text<'_>>, give: &mut dyn FnMut(Piece<'_>)) {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return };
        let call = self.items.get(place.item).and_then(|item| item.call);
        let piece = match (place.sort, call) {
            (Sort::Text, _) => Piece::Text(text),
            (Sort::Refusal, _) => {
                self.has_refusal = true;
                Piece::Refusal(text)
            }
            (Sort::Summary | Sort::Thought, _) => {
                self.part_thoughts(place, give);
                Piece::Reasoning(text)
            }
            (Sort::Arguments, Some(call)) => Piece::ToolArguments { call, fragment: text },
            // Of a call that has not begun: they come again when it is done. The others are no texts.
            (Sort::Arguments, None) | (Sort::Citation | Sort::Opened, _) => return,
        };
        self.thought = matches!(place.sort, Sort::Summary | Sort::Thought).then_some(place);
        self.add(place);
        give(piece);
    }

    /// A whole text, which counts if none of its pieces came.
    pub(super) fn whole(&mut self, place: Place, text: Option<Text<'_>>, give: &mut dyn FnMut(Piece<'_>)) {
        if self.count(place) == 0 {
            self.delta(place, text, give);
        }
    }

    /// A citation that comes by itself.
    pub(super) fn citation(&mut self, place: Place, citation: Option<Citation<'_>>, give: &mut dyn FnMut(Piece<'_>)) {
        if let Some(citation) = citation {
            self.add(place);
            give(Piece::Citation(citation));
        }
    }

    /// A part of a message is whole.
    pub(super) fn part(
        &mut self,
        at: usize,
        index: u64,
        part: Option<OutputPart<'_>>,
        give: &mut dyn FnMut(Piece<'_>),
    ) {
        let place = |sort| Place { item: at, sort, part: index };
        match part.and_then(OutputPart::into_content) {
            Some(Content::Text { text, citations }) => {
                self.whole(place(Sort::Text), Some(text), give);
                let place = place(Sort::Citation);
                for citation in citations.into_iter().skip(self.count(place)) {
                    self.citation(place, Some(citation), give);
                }
            }
            Some(Content::Refusal(refusal)) => self.whole(place(Sort::Refusal), Some(refusal), give),
            _ => {}
        }
    }

    /// The arguments of a call are whole.
    pub(super) fn arguments(&mut self, at: usize, arguments: Option<Text<'_>>, give: &mut dyn FnMut(Piece<'_>)) {
        let Some(call) = self.items.get(at).and_then(|item| item.call) else { return };
        self.whole(Place { item: at, sort: Sort::Arguments, part: 0 }, arguments, give);
        if let Some(state) = self.items.get_mut(at)
            && !state.is_done
        {
            state.is_done = true;
            give(Piece::ToolEnd { call });
        }
    }

    /// An item is whole.
    pub(super) fn done(&mut self, at: usize, item: Option<Item<'_>>, give: &mut dyn FnMut(Piece<'_>)) {
        let Some(item) = item else { return };
        match item.kind() {
            Kind::FunctionCall => {
                self.begin_call(at, &item, give);
                self.arguments(at, item::string(item.arguments), give);
            }
            Kind::Message => {
                let parts = item.content.and_then(|content| serde_json::from_str(content.get()).ok());
                let parts: Vec<OutputPart<'_>> = parts.unwrap_or_default();
                for (index, part) in (0..).zip(parts) {
                    self.part(at, index, Some(part), give);
                }
            }
            Kind::Reasoning => self.reasoning(at, item, give),
            Kind::Image => self.image(at, item, give),
            Kind::FunctionCallOutput | Kind::Other => {}
        }
        if let Some(state) = self.items.get_mut(at) {
            state.is_done = true;
        }
    }

    fn image(&mut self, at: usize, item: Item<'_>, give: &mut dyn FnMut(Piece<'_>)) {
        let is_new = self.items.get(at).is_some_and(|state| !state.is_done);
        if let Some(image) = item::image(item).filter(|_| is_new) {
            self.thought = None;
            give(Piece::Image(image));
        }
    }

    fn reasoning(&mut self, at: usize, item: Item<'_>, give: &mut dyn FnMut(Piece<'_>)) {
        let mut is_open = false;
        for (sort, texts) in [(Sort::Summary, item::texts(item.summary)), (Sort::Thought, item::texts(item.content))] {
            for (part, text) in (0..).zip(texts.unwrap_or_default()) {
                let place = Place { item: at, sort, part };
                self.whole(place, Some(text), give);
                is_open = true;
            }
        }
        let Some(state) = self.items.get(at).filter(|state| !state.is_done) else { return };
        let Some(sealed) = item.encrypted_content.filter(|sealed| !sealed.is_empty()) else { return };
        self.thought = None;
        give(match is_open || !state.given.is_empty() {
            true => Piece::ReasoningSignature(sealed),
            false => Piece::SealedReasoning(sealed),
        });
    }

    /// Gives the blank line between reasoning in one place and in the next.
    fn part_thoughts(&mut self, place: Place, give: &mut dyn FnMut(Piece<'_>)) {
        if self.thought.is_some_and(|before| before != place) {
            self.thought = None;
            give(Piece::Reasoning("\n\n".into()));
        }
    }

    /// How often something was given of a part.
    fn count(&self, place: Place) -> usize {
        let given = self.items.get(place.item).map_or(&[][..], |item| &item.given);
        let found = given.iter().rfind(|(sort, part, _)| (*sort, *part) == (place.sort, place.part));
        found.map_or(0, |(.., count)| *count)
    }

    fn add(&mut self, place: Place) {
        let Some(item) = self.items.get_mut(place.item) else { return };
        match item.given.iter_mut().rfind(|(sort, part, _)| (*sort, *part) == (place.sort, place.part)) {
            Some((.., count)) => *count += 1,
            None => item.given.push((place.sort, place.part, 1)),
        }
    }
}
