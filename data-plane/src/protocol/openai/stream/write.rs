//! Writes a stream for a caller.

use super::delta::{Delta, put, put_line};
use crate::exchange::event::{Ended, Event, Piece};
use crate::exchange::json::Json;
use crate::protocol::openai::{finish, usage};
use crate::protocol::{self, Reply, Unsayable};

/// Writes one stream.
#[derive(Debug)]
pub(in crate::protocol::openai) struct Writer {
    /// Of the answer, if the upstream does not say another one.
    id: String,
    created: u64,
    model: String,
    wants_usage: bool,
    knows_one_call: bool,
    envelope: Envelope,
    /// The alternatives that began.
    deltas: Vec<Delta>,
}

/// What is the same in every chunk.
#[derive(Debug, Default)]
struct Envelope {
    /// Up to the alternatives.
    before: Vec<u8>,
    /// From behind the alternatives. Who asked for the usage finds it in every chunk, mostly `null`.
    after: &'static [u8],
}

/// What stands beside a delta.
#[derive(Debug, Default)]
struct Beside<'a> {
    logprobs: Option<&'a Json<'a>>,
    finish_reason: Option<&'static str>,
}

impl Writer {
    pub(in crate::protocol::openai) fn new(reply: &Reply<'_>) -> Self {
        let id = format!("chatcmpl-{}", reply.id);
        let envelope = Envelope::new(&id, reply.created, reply.model, reply.wants_usage);
        let Reply { created, wants_usage, knows_one_call, .. } = *reply;
        Self { id, created, model: reply.model.to_owned(), wants_usage, knows_one_call, envelope, deltas: Vec::new() }
    }

    fn piece(&mut self, choice: u32, piece: &Piece<'_>, out: &mut Vec<u8>) -> Result<(), Unsayable> {
        let knows_one_call = self.knows_one_call;
        let Some(delta) = begun(&mut self.deltas, &self.envelope, choice, out) else { return Ok(()) };
        let before = out.len();
        match piece {
            // It ends where another piece begins.
            Piece::ToolEnd { .. } => Ok(()),
            // The model makes them again once it has the first one's result.
            Piece::ToolBegin { call, .. } | Piece::ToolArguments { call, .. } if self.knows_one_call && *call > 0 => {
                Ok(())
            }
            // The format cites pages only.
            Piece::Citation(citation) if citation.url.is_none() => Ok(()),
            Piece::Logprobs(logprobs) => {
                let beside = Beside { logprobs: Some(logprobs), finish_reason: None };
                self.envelope.chunk(choice, out, beside, |_| Ok(()))
            }
            _ => self.envelope.chunk(choice, out, Beside::default(), |out| delta.write(piece, knows_one_call, out)),
        }
        // Half a chunk would spoil what is written next.
        .inspect_err(|_| out.truncate(before))
    }
}

impl protocol::Writer for Writer {
    fn write(&mut self, event: &Event<'_>, out: &mut Vec<u8>) -> Result<(), Unsayable> {
        match event {
            Event::Begin { id, model, usage: _ } => {
                let id = id.as_deref().unwrap_or(&self.id);
                let model = model.as_deref().unwrap_or(&self.model);
                self.envelope = Envelope::new(id, self.created, model, self.wants_usage);
                begun(&mut self.deltas, &self.envelope, 0, out);
                Ok(())
            }
            Event::Piece { choice, piece } => self.piece(*choice, piece, out),
            // An SSE comment, which every client skips.
            Event::Ping => {
                out.extend_from_slice(b": keep-alive\n\n");
                Ok(())
            }
            Event::Finish { .. } | Event::Usage(_) => Ok(()),
        }
    }

    fn end(&mut self, ended: &Ended, out: &mut Vec<u8>) {
        for (choice, finish) in &ended.finishes {
            let Some(delta) = begun(&mut self.deltas, &self.envelope, *choice, out) else { continue };
            let reason = finish::written(finish, delta.held(), self.knows_one_call);
            let beside = Beside { logprobs: None, finish_reason: Some(reason) };
            // An empty delta is always said.
            let _ = self.envelope.chunk(*choice, out, beside, |_| Ok(()));
        }
        if let Some(usage) = usage::written(&ended.usage).filter(|_| self.wants_usage) {
            out.extend_from_slice(&self.envelope.before);
            out.extend_from_slice(b"],\"usage\":");
            put(out, &usage);
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

/// The delta of an alternative, which begins with its role.
fn begun<'a>(deltas: &'a mut Vec<Delta>, envelope: &Envelope, choice: u32, out: &mut Vec<u8>) -> Option<&'a mut Delta> {
    let at = deltas.iter().position(|delta| delta.choice == choice).unwrap_or_else(|| {
        let _ = envelope.chunk(choice, out, Beside::default(), |out| {
            out.extend_from_slice(b"\"role\":\"assistant\",\"content\":\"\"");
            Ok(())
        });
        deltas.push(Delta::of(choice));
        deltas.len() - 1
    });
    deltas.get_mut(at)
}

impl Envelope {
    fn new(id: &str, created: u64, model: &str, wants_usage: bool) -> Self {
        let mut before = Vec::with_capacity(128 + id.len() + model.len());
        before.extend_from_slice(b"data: {\"id\":");
        put(&mut before, &id);
        before.extend_from_slice(b",\"object\":\"chat.completion.chunk\",\"created\":");
        put(&mut before, &created);
        before.extend_from_slice(b",\"model\":");
        put(&mut before, &model);
        before.extend_from_slice(b",\"choices\":[");
        Self { before, after: if wants_usage { b"],\"usage\":null}\n\n" } else { b"]}\n\n" } }
    }

    /// A chunk for one alternative.
    fn chunk(
        &self,
        choice: u32,
        out: &mut Vec<u8>,
        beside: Beside<'_>,
        delta: impl FnOnce(&mut Vec<u8>) -> Result<(), Unsayable>,
    ) -> Result<(), Unsayable> {
        out.extend_from_slice(&self.before);
        out.extend_from_slice(b"{\"index\":");
        put(out, &choice);
        out.extend_from_slice(b",\"delta\":{");
        delta(out)?;
        out.extend_from_slice(b"},\"logprobs\":");
        match beside.logprobs {
            Some(logprobs) => put_line(out, logprobs),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"finish_reason\":");
        put(out, &beside.finish_reason);
        out.push(b'}');
        out.extend_from_slice(self.after);
        Ok(())
    }
}
