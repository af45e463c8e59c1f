//! Reads and writes streams.

use crate::exchange::event::{Ended, Event};
use crate::protocol::{self, Fault, Frame, Progress, Reply, Seed, Unsayable};

/// Reads one stream.
#[derive(Debug)]
pub(super) struct Reader;

impl Reader {
    pub(super) fn new(_seed: &Seed<'_>) -> Self {
        Self
    }
}

impl protocol::Reader for Reader {
    fn read(&mut self, _frame: Frame<'_>, _sink: &mut dyn FnMut(Event<'_>)) -> Result<Progress, Fault> {
        Ok(Progress::More)
    }
}

/// Writes one stream.
#[derive(Debug)]
pub(super) struct Writer;

impl Writer {
    pub(super) fn new(_reply: &Reply<'_>) -> Self {
        Self
    }
}

impl protocol::Writer for Writer {
    fn write(&mut self, _event: &Event<'_>, _out: &mut Vec<u8>) -> Result<(), Unsayable> {
        Ok(())
    }

    fn end(&mut self, _ended: &Ended, _out: &mut Vec<u8>) {}
}
