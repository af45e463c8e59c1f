//! How much a model is to think before it answers, between the formats' ways to say it.

use super::json::Number;

/// What is asked of a model's reasoning.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reasoning<'a> {
    /// How much; `None` where only showing is asked for.
    pub(crate) amount: Option<Amount<'a>>,
    /// Whether the caller wants to see it; `None` where they don't say.
    pub(crate) shown: Option<bool>,
}

/// How much.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Amount<'a> {
    /// Not at all.
    Off,
    /// As the model sees fit.
    Adaptive,
    /// So much effort.
    Effort(Effort),
    /// Up to so many tokens.
    Budget(Number<'a>),
}

/// Effort, in the words that the formats share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Effort {
    Minimal,
    Low,
    Medium,
    High,
    XHigh,
    Max,
}

impl Effort {
    const ALL: [Self; 6] = [Self::Minimal, Self::Low, Self::Medium, Self::High, Self::XHigh, Self::Max];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::XHigh => "xhigh",
            Self::Max => "max",
        }
    }

    pub(crate) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effort| effort.as_str().eq_ignore_ascii_case(word))
    }

    /// The nearest of those that a model offers, rather less than more. `offered` is not empty.
    pub(crate) fn nearest(self, offered: &[Self]) -> Option<Self> {
        offered.iter().copied().filter(|effort| *effort <= self).max().or_else(|| offered.iter().copied().min())
    }

    /// The convention for providers that count tokens.
    pub(crate) fn budget_tokens(self) -> u64 {
        match self {
            Self::Minimal | Self::Low => 1024,
            Self::Medium => 4096,
            Self::High => 16_384,
            Self::XHigh | Self::Max => 32_768,
        }
    }

    /// The effort whose convention is the first not under a budget.
    pub(crate) fn of_budget(tokens: u64) -> Self {
        [Self::Low, Self::Medium, Self::High]
            .into_iter()
            .find(|effort| tokens <= effort.budget_tokens())
            .unwrap_or(Self::XHigh)
    }
}

impl Amount<'_> {
    /// As effort; `None` where it is off, or the model's to see.
    pub(crate) fn effort(&self) -> Option<Effort> {
        match self {
            Self::Off | Self::Adaptive => None,
            Self::Effort(effort) => Some(*effort),
            Self::Budget(tokens) => Some(Effort::of_budget(tokens.as_u64().unwrap_or(u64::MAX))),
        }
    }

    /// As a number of tokens; `None` where it is off, or the model's to see.
    pub(crate) fn budget_tokens(&self) -> Option<u64> {
        match self {
            Self::Off | Self::Adaptive => None,
            Self::Effort(effort) => Some(effort.budget_tokens()),
            Self::Budget(tokens) => tokens.as_u64(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effort_and_budget_are_told_in_each_others_words() {
        for effort in [Effort::Low, Effort::Medium, Effort::High] {
            assert_eq!(Effort::of_budget(effort.budget_tokens()), effort);
        }
        assert_eq!(Effort::of_budget(100_000), Effort::XHigh);
        assert_eq!(Effort::of("HIGH"), Some(Effort::High));
        assert_eq!(Effort::XHigh.nearest(&[Effort::Low, Effort::High]), Some(Effort::High));
        assert_eq!(Effort::Minimal.nearest(&[Effort::Low, Effort::High]), Some(Effort::Low));
    }
}
