//! What an answer cost.

/// Tokens. A count that the provider did not give is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Usage {
    /// Of everything that was sent, what came from a cache and what went into one included.
    pub(crate) input: Option<u64>,
    /// Of those, read from a cache.
    pub(crate) cache_read: Option<u64>,
    /// Of those, written to a cache.
    pub(crate) cache_write: Option<u64>,
    /// Of everything that was answered, reasoning included.
    pub(crate) output: Option<u64>,
    /// Of those, reasoning.
    pub(crate) reasoning: Option<u64>,
}

impl Usage {
    /// Both kinds together.
    pub(crate) fn total(&self) -> u64 {
        self.input.unwrap_or(0).saturating_add(self.output.unwrap_or(0))
    }

    /// The input that no cache had part in.
    pub(crate) fn uncached_input(&self) -> u64 {
        let cached = self.cache_read.unwrap_or(0).saturating_add(self.cache_write.unwrap_or(0));
        self.input.unwrap_or(0).saturating_sub(cached)
    }

    /// Takes what is newer: providers count on, and not all say everything at once.
    pub(crate) fn update(&mut self, newer: Self) {
        self.input = newer.input.or(self.input);
        self.cache_read = newer.cache_read.or(self.cache_read);
        self.cache_write = newer.cache_write.or(self.cache_write);
        self.output = newer.output.or(self.output);
        self.reasoning = newer.reasoning.or(self.reasoning);
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
