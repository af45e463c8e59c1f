//! The failure words, and what each means: for this request, for the credential here, for the fleet.
//!
//! The same words go from an adapter's classifier through the proxy's failover to the control plane's state machine and the metrics.
//! Every question is answered by an exhaustive match, so that a new word does not compile until it says what it means.

/// What went wrong with one upstream call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The provider refuses the credential: 401, 403 for the key, an expired token.
    Rejected,
    /// The credential is good, but may not do this: a missing scope, a model that it may not use.
    Denied,
    /// The account has no credit or quota left.
    Exhausted,
    /// The account is asked too often.
    RateLimited,
    /// The provider has no capacity: 503, 529.
    Overloaded,
    /// The provider failed: 500, 502, 504.
    ServerError,
    /// Nothing answered: refused, DNS, TLS, connect timeout.
    Unreachable,
    /// Connected, but the first byte did not come in time.
    TimedOut,
    /// The request itself is at fault: 400, 404, 413, 422.
    CallersFault,
}

/// What the request does next, as long as nothing has been sent to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Another credential of the same target, and after those the next target.
    NextCredential,
    /// Another credential of the same target, one time in a request.
    NextCredentialOnce,
    /// The next target.
    NextTarget,
    /// None: the caller gets the answer.
    Stop,
}

/// What happens to the credential in this proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EffectHere {
    /// Out at once, for every model.
    OutForAll,
    /// Out at once, for that upstream model.
    OutForModel,
    /// Out for that upstream model until the retry hint, or a growing delay.
    CooldownForModel,
    /// Nothing: the failure counts against the target.
    CountsAgainstTarget,
    /// Nothing at all.
    Nothing,
}

impl Failure {
    /// Every word, in the order of the design's table.
    pub const ALL: [Self; 9] = [
        Self::Rejected,
        Self::Denied,
        Self::Exhausted,
        Self::RateLimited,
        Self::Overloaded,
        Self::ServerError,
        Self::Unreachable,
        Self::TimedOut,
        Self::CallersFault,
    ];

    /// The word as metrics, logs and the `x-keyplane-*` headers spell it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Denied => "denied",
            Self::Exhausted => "exhausted",
            Self::RateLimited => "rate_limited",
            Self::Overloaded => "overloaded",
            Self::ServerError => "server_error",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::CallersFault => "callers_fault",
        }
    }

    /// What this request does next.
    #[must_use]
    pub fn scope_of_retry(self) -> Retry {
        match self {
            Self::Rejected | Self::Exhausted | Self::RateLimited => Retry::NextCredential,
            Self::Denied => Retry::NextCredentialOnce,
            Self::Overloaded | Self::ServerError | Self::Unreachable | Self::TimedOut => Retry::NextTarget,
            Self::CallersFault => Retry::Stop,
        }
    }

    /// What happens to the credential in this proxy.
    #[must_use]
    pub fn effect_here(self) -> EffectHere {
        match self {
            Self::Rejected | Self::Exhausted => EffectHere::OutForAll,
            Self::Denied => EffectHere::OutForModel,
            Self::RateLimited => EffectHere::CooldownForModel,
            Self::Overloaded | Self::ServerError | Self::Unreachable | Self::TimedOut => {
                EffectHere::CountsAgainstTarget
            }
            Self::CallersFault => EffectHere::Nothing,
        }
    }

    /// Whether our own credential is at fault, so that a caller whose key is fine must not see the upstream's status.
    #[must_use]
    pub fn is_credentials_fault(self) -> bool {
        match self {
            Self::Rejected | Self::Denied | Self::Exhausted => true,
            Self::RateLimited
            | Self::Overloaded
            | Self::ServerError
            | Self::Unreachable
            | Self::TimedOut
            | Self::CallersFault => false,
        }
    }
}
