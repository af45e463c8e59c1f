//! One format's reader before another's writer: whole answers, and streams as they come.
//!
//! ```text
//! bytes ─► source ─► Reader ─► books ─► Writer ─► bytes
//!          frames    events    in the order that writers need
//! ```
//!
//! What holds for any pair of formats is done here, once: the books hold back what ends an answer until it has ended, close every tool's
//! call, and take an answer out of the tool that it came as.

mod books;
mod kept;
mod replay;
mod source;
pub(crate) mod whole;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use self::books::Books;
use self::source::{Damage, Source, Taken};
use super::error::{Problem, Retold, event};
use super::watch::{Ending, Seen, StreamError};
use super::{Dialect, Fault, Progress, Reader, Reply, Seed, Unsayable};

/// Between whom an answer goes, and what is known of it beforehand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Between<'a> {
    /// What the upstream speaks.
    pub(crate) upstream: Dialect,
    /// What the caller speaks.
    pub(crate) caller: Dialect,
    /// The answer comes as the arguments of [`ANSWER_TOOL`](super::ANSWER_TOOL).
    pub(crate) answers_by_tool: bool,
    pub(crate) reply: Reply<'a>,
}

impl<'a> Between<'a> {
    fn seed(&self) -> Seed<'a> {
        Seed { id: self.reply.id }
    }

    fn books(&self) -> Books {
        Books::new(self.upstream, self.caller, self.caller.protocol().writer(&self.reply), self.answers_by_tool)
    }
}

/// A stream of one format on its way into another. Its methods are those of [`Watch`](super::watch::Watch).
#[derive(Debug)]
pub(crate) struct Translation {
    upstream: Dialect,
    caller: Dialect,
    source: Source,
    reader: Box<dyn Reader>,
    books: Books,
    progress: Progress,
    seen: Seen,
    error: Option<Box<StreamError>>,
    unsayable: Option<Unsayable>,
}

impl Translation {
    pub(crate) fn new(between: &Between<'_>) -> Self {
        let reader = between.upstream.protocol().reader(&between.seed());
        Self::of(between.upstream, between.caller, reader, between.books())
    }

    fn of(upstream: Dialect, caller: Dialect, reader: Box<dyn Reader>, books: Books) -> Self {
        Self {
            upstream,
            caller,
            source: Source::of(upstream),
            reader,
            books,
            progress: Progress::More,
            seen: Seen::Nothing,
            error: None,
            unsayable: None,
        }
    }

    /// See [`Watch::feed`](super::watch::Watch::feed).
    pub(super) fn feed(&mut self, chunk: &[u8]) -> Bytes {
        // What comes after the end changes nothing.
        if self.error.is_some() || self.progress == Progress::Done {
            return Bytes::new();
        }
        self.source.push(chunk);
        loop {
            match self.source.next() {
                Ok(None) => break,
                Ok(Some(taken)) => {
                    let read = read(&mut *self.reader, &mut self.books, taken);
                    if !self.note(read) {
                        break;
                    }
                }
                Err(damage) => {
                    self.damaged(damage);
                    break;
                }
            }
        }
        self.written()
    }

    /// See [`Watch::end`](super::watch::Watch::end).
    pub(super) fn end(&mut self) -> (Bytes, Ending) {
        // What failed was told.
        if self.error.is_some() {
            return (Bytes::new(), Ending::Cut);
        }
        if self.progress != Progress::Done {
            let is_whole = match self.source.end() {
                Ok(None) => true,
                Ok(Some(taken)) => {
                    let read = read(&mut *self.reader, &mut self.books, taken);
                    self.note(read);
                    true
                }
                Err(_) => false,
            };
            if is_whole && self.error.is_none() && self.progress == Progress::Finished {
                let closed = self.books.close();
                self.progress = Progress::Done;
                self.note(closed.map(|()| Progress::Done).map_err(Trouble::Unsayable));
            }
        }
        let is_good = self.error.is_none() && self.progress == Progress::Done;
        (self.written(), if is_good { Ending::Well } else { Ending::Cut })
    }

    pub(super) fn seen(&self) -> Seen {
        self.seen
    }

    pub(super) fn error(&self) -> Option<&StreamError> {
        self.error.as_deref()
    }

    /// What the upstream said that the caller's format can't: nobody's fault.
    pub(super) fn unsayable(&self) -> Option<&Unsayable> {
        self.unsayable.as_ref()
    }

    /// What the caller speaks.
    pub(super) fn caller(&self) -> Dialect {
        self.caller
    }

    /// The number of the caller's next event, where their format counts them.
    pub(super) fn next_number(&self) -> u64 {
        self.books.next_number()
    }

    /// Notes how far the stream has come; says whether it goes on.
    fn note(&mut self, read: Result<Progress, Trouble>) -> bool {
        let closed = match read {
            Ok(Progress::Done) if self.progress != Progress::Done => self.books.close().map_err(Trouble::Unsayable),
            Ok(_) => Ok(()),
            Err(ref trouble) => Err(trouble.clone()),
        };
        match (read, closed) {
            (Ok(progress), Ok(())) => {
                self.progress = self.progress.max(progress);
                progress != Progress::Done
            }
            (Ok(_), Err(trouble)) | (Err(trouble), _) => {
                match trouble {
                    Trouble::Fault(fault) => self.failed(*fault),
                    Trouble::Unsayable(unsayable) => self.could_not_say(unsayable),
                    Trouble::Disorder => self.damaged(Damage),
                }
                false
            }
        }
    }

    /// Takes what is written, and notes how far the caller's stream has come by it.
    fn written(&mut self) -> Bytes {
        let written = self.books.take();
        let seen = match self.progress {
            Progress::More if written.is_empty() => Seen::Nothing,
            Progress::More => Seen::Begun,
            Progress::Finished => Seen::Finished,
            Progress::Done => Seen::Done,
        };
        self.seen = self.seen.max(seen);
        match &self.error {
            None => written,
            Some(error) => [&written, &error.event].map(|part| &part[..]).concat().into(),
        }
    }

    fn failed(&mut self, fault: Fault) {
        let Fault { status, body, header } = fault;
        let headers: HeaderMap = header.iter().cloned().collect();
        let retold = Retold::of(self.upstream, self.caller.format(), status, &headers, &body);
        let event = event(self.caller, &retold.problem(), self.books.next_number());
        self.error = Some(Box::new(StreamError { status, body, header, event }));
    }

    fn could_not_say(&mut self, unsayable: Unsayable) {
        let message = format!("the answer can't be given in this format: {unsayable}").into();
        // A status that puts the blame on no upstream: callers choose what they ask for, and in which format.
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let problem = Problem { status: StatusCode::BAD_GATEWAY, code: "answer_not_translatable", message };
        let event = event(self.caller, &problem, self.books.next_number());
        self.error = Some(Box::new(StreamError { status, body: Bytes::new(), header: None, event }));
        self.unsayable = Some(unsayable);
    }

    fn damaged(&mut self, _damage: Damage) {
        let problem = Problem {
            status: StatusCode::BAD_GATEWAY,
            code: "upstream_error",
            message: "the upstream's stream is damaged".into(),
        };
        let event = event(self.caller, &problem, self.books.next_number());
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        self.error = Some(Box::new(StreamError { status, body: Bytes::new(), header: None, event }));
    }
}

/// Why a stream can't go on.
#[derive(Debug, Clone)]
enum Trouble {
    /// The upstream failed.
    Fault(Box<Fault>),
    /// The caller's format has no words for it.
    Unsayable(Unsayable),
    /// Pieces came in an order that no answer has, or more of them than any.
    Disorder,
}

/// Reads what was taken from the stream into the books.
fn read(reader: &mut dyn Reader, books: &mut Books, taken: Taken<'_>) -> Result<Progress, Trouble> {
    let frame = match taken {
        Taken::Life => {
            books.live();
            return Ok(Progress::More);
        }
        Taken::Frame(frame) => frame,
    };
    let read = reader.read(frame, &mut |event| books.enter(event));
    match books.trouble() {
        Some(trouble) => Err(trouble),
        None => read.map_err(|fault| Trouble::Fault(Box::new(fault))),
    }
}

#[cfg(test)]
mod tests;
