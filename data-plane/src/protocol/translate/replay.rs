//! A whole answer as the events of a stream, for a caller who asked for one and an upstream that did not make one.

use super::books::Books;
use crate::exchange::event::{Event, Piece};
use crate::exchange::message::Content;
use crate::exchange::response::{Choice, Response};
use crate::exchange::tool::ToolCall;
use crate::protocol::Unsayable;

/// Enters an answer's pieces into the books, in their order.
///
/// # Errors
///
/// When it holds something that has no pieces.
pub(super) fn replay(response: Response<'_>, books: &mut Books) -> Result<(), Unsayable> {
    books.enter(Event::Begin { id: response.id, model: response.model, usage: response.usage });
    for (index, choice) in (0..).zip(response.choices) {
        of_choice(index, choice, books)?;
    }
    Ok(())
}

fn of_choice(choice: u32, answered: Choice<'_>, books: &mut Books) -> Result<(), Unsayable> {
    let mut calls = 0..;
    for part in answered.parts {
        let mut enter = |piece| books.enter(Event::Piece { choice, piece });
        match part.content {
            Content::Text { text, citations } => {
                enter(Piece::Text(text));
                citations.into_iter().map(Piece::Citation).for_each(enter);
            }
            Content::Refusal(text) => enter(Piece::Refusal(text)),
            Content::Image(image) => enter(Piece::Image(image)),
            Content::ToolCall(ToolCall { id, name, arguments, signature }) => {
                let call = calls.next().unwrap_or_default();
                enter(Piece::ToolBegin { call, id, name, signature });
                enter(Piece::ToolArguments { call, fragment: arguments.as_str().into() });
                enter(Piece::ToolEnd { call });
            }
            Content::Reasoning { text, signature } => {
                enter(Piece::Reasoning(text));
                signature.map(Piece::ReasoningSignature).into_iter().for_each(enter);
            }
            Content::SealedReasoning(sealed) => enter(Piece::SealedReasoning(sealed)),
            Content::Audio(_) => return Err(in_no_stream("a sound")),
            Content::Document(_) => return Err(in_no_stream("a document")),
            Content::ToolResult(_) => return Err(in_no_stream("a tool's result")),
        }
    }
    if let Some(logprobs) = answered.logprobs {
        books.enter(Event::Piece { choice, piece: Piece::Logprobs(logprobs) });
    }
    books.enter(Event::Finish { choice, finish: answered.finish });
    Ok(())
}

fn in_no_stream(what: &str) -> Unsayable {
    Unsayable { what: what.to_owned(), why: "can't be given in a stream".to_owned() }
}
