//! The items of a stream, and what was given of each.

use std::collections::BTreeMap;

use crate::exchange::event::Piece;
use crate::exchange::message::{Citation, Content};
use crate::exchange::text::Text;
use crate::protocol::MOST_CALLS;
use crate::protocol::responses::item::{self, Item, Kind, OutputPart};
use crate::protocol::responses::response::Done;

/// The most items and parts that an answer may have, which are remembered to its end. A call may have reasoning before it, and that some parts.
const MOST_PLACES: usize = 8 * MOST_CALLS;

/// An answer has more than [`MOST_PLACES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMany;

/// What comes of an event for the items.
type Taken = Result<(), TooMany>;

/// The items, in the order in which they began.
#[derive(Debug, Default)]
pub(super) struct Items {
    items: Vec<State>,
    /// The last item of each index, and of each id.
    by_index: BTreeMap<u64, usize>,
    by_id: BTreeMap<String, usize>,
    /// How many items there are, and parts of which something was given.
    places: usize,
    /// How many items are calls.
    calls: u32,
    has_refusal: bool,
    /// Where the piece before this one stood, if it was reasoning: the next place is parted from it.
    thought: Option<Place>,
}

/// What is known of an item.
#[derive(Debug, Default)]
struct State {
    /// The number of the call that it is.
    call: Option<u32>,
    is_done: bool,
    /// The parts of which something was given, each with how often.
    given: BTreeMap<(Sort, u64), usize>,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
    ///
    /// # Errors
    ///
    /// When there are too many.
    pub(super) fn find(&mut self, output_index: Option<u64>, id: Option<&str>) -> Result<usize, TooMany> {
        let found = match (output_index, id) {
            (Some(index), _) => self.by_index.get(&index).copied(),
            (None, Some(id)) => self.by_id.get(id).copied(),
            (None, None) => self.items.len().checked_sub(1),
        };
        found.map_or_else(|| self.push(output_index, id), Ok)
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
    pub(super) fn begin(
        &mut self,
        output_index: Option<u64>,
        item: Option<Item<'_>>,
        give: &mut dyn FnMut(Piece<'_>),
    ) -> Taken {
        let Some(item) = item else { return Ok(()) };
        let at = self.push(output_index, item.id.as_deref())?;
        if item.kind() == Kind::FunctionCall {
            self.begin_call(at, &item, give);
        }
        Ok(())
    }

    fn push(&mut self, output_index: Option<u64>, id: Option<&str>) -> Result<usize, TooMany> {
        self.count_place()?;
        let at = self.items.len();
        self.items.push(State::default());
        self.by_index.extend(output_index.map(|index| (index, at)));
        self.by_id.extend(id.map(|id| (id.to_owned(), at)));
        Ok(at)
    }

    fn count_place(&mut self) -> Taken {
        self.places += 1;
        if self.places > MOST_PLACES { Err(TooMany) } else { Ok(()) }
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
    pub(super) fn open(&mut self, place: Place, give: &mut dyn FnMut(Piece<'_>)) -> Taken {
        self.part_thoughts(place, give);
        self.add(Place { sort: Sort::Opened, ..place })
    }

    /// A piece of a text.
    pub(super) fn delta(&mut self, place: Place, text: Option<Text<'_>>, give: &mut dyn FnMut(Piece<'_>)) -> Taken {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(()) };
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
            (Sort::Arguments, None) | (Sort::Citation | Sort::Opened, _) => return Ok(()),
        };
        self.thought = matches!(place.sort, Sort::Summary | Sort::Thought).then_some(place);
        self.add(place)?;
        give(piece);
        Ok(())
    }

    /// A whole text, which counts if none of its pieces came.
    pub(super) fn whole(&mut self, place: Place, text: Option<Text<'_>>, give: &mut dyn FnMut(Piece<'_>)) -> Taken {
        if self.count(place) == 0 { self.delta(place, text, give) } else { Ok(()) }
    }

    /// A citation that comes by itself.
    pub(super) fn citation(
        &mut self,
        place: Place,
        citation: Option<Citation<'_>>,
        give: &mut dyn FnMut(Piece<'_>),
    ) -> Taken {
        if let Some(citation) = citation {
            self.add(place)?;
            give(Piece::Citation(citation));
        }
        Ok(())
    }

    /// A part of a message is whole.
    pub(super) fn part(
        &mut self,
        at: usize,
        index: u64,
        part: Option<OutputPart<'_>>,
        give: &mut dyn FnMut(Piece<'_>),
    ) -> Taken {
        let place = |sort| Place { item: at, sort, part: index };
        match part.and_then(OutputPart::into_content) {
            Some(Content::Text { text, citations }) => {
                self.whole(place(Sort::Text), Some(text), give)?;
                let place = place(Sort::Citation);
                for citation in citations.into_iter().skip(self.count(place)) {
                    self.citation(place, Some(citation), give)?;
                }
                Ok(())
            }
            Some(Content::Refusal(refusal)) => self.whole(place(Sort::Refusal), Some(refusal), give),
            _ => Ok(()),
        }
    }

    /// The arguments of a call are whole.
    pub(super) fn arguments(
        &mut self,
        at: usize,
        arguments: Option<Text<'_>>,
        give: &mut dyn FnMut(Piece<'_>),
    ) -> Taken {
        let Some(call) = self.items.get(at).and_then(|item| item.call) else { return Ok(()) };
        self.whole(Place { item: at, sort: Sort::Arguments, part: 0 }, arguments, give)?;
        if let Some(state) = self.items.get_mut(at)
            && !state.is_done
        {
            state.is_done = true;
            give(Piece::ToolEnd { call });
        }
        Ok(())
    }

    /// An item is whole.
    pub(super) fn done(&mut self, at: usize, item: Option<Item<'_>>, give: &mut dyn FnMut(Piece<'_>)) -> Taken {
        let Some(item) = item else { return Ok(()) };
        match item.kind() {
            Kind::FunctionCall => {
                self.begin_call(at, &item, give);
                self.arguments(at, item::string(item.arguments), give)?;
            }
            Kind::Message => {
                let parts = item.content.and_then(|content| serde_json::from_str(content.get()).ok());
                let parts: Vec<OutputPart<'_>> = parts.unwrap_or_default();
                for (index, part) in (0..).zip(parts) {
                    self.part(at, index, Some(part), give)?;
                }
            }
            Kind::Reasoning => self.reasoning(at, item, give)?,
            Kind::Image => self.image(at, item, give),
            Kind::FunctionCallOutput | Kind::Other => {}
        }
        if let Some(state) = self.items.get_mut(at) {
            state.is_done = true;
        }
        Ok(())
    }

    fn image(&mut self, at: usize, item: Item<'_>, give: &mut dyn FnMut(Piece<'_>)) {
        let is_new = self.items.get(at).is_some_and(|state| !state.is_done);
        if let Some(image) = item::image(item).filter(|_| is_new) {
            self.thought = None;
            give(Piece::Image(image));
        }
    }

    fn reasoning(&mut self, at: usize, item: Item<'_>, give: &mut dyn FnMut(Piece<'_>)) -> Taken {
        let mut is_open = false;
        for (sort, texts) in [(Sort::Summary, item::texts(item.summary)), (Sort::Thought, item::texts(item.content))] {
            for (part, text) in (0..).zip(texts.unwrap_or_default()) {
                let place = Place { item: at, sort, part };
                self.whole(place, Some(text), give)?;
                is_open = true;
            }
        }
        let Some(state) = self.items.get(at).filter(|state| !state.is_done) else { return Ok(()) };
        let Some(sealed) = item.encrypted_content.filter(|sealed| !sealed.is_empty()) else { return Ok(()) };
        self.thought = None;
        give(match is_open || !state.given.is_empty() {
            true => Piece::ReasoningSignature(sealed),
            false => Piece::SealedReasoning(sealed),
        });
        Ok(())
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
        let given = self.items.get(place.item).and_then(|item| item.given.get(&(place.sort, place.part)));
        given.copied().unwrap_or_default()
    }

    fn add(&mut self, place: Place) -> Taken {
        let Some(item) = self.items.get_mut(place.item) else { return Ok(()) };
        let count = item.given.entry((place.sort, place.part)).or_default();
        *count += 1;
        if *count > 1 {
            return Ok(());
        }
        self.count_place()
    }
}
