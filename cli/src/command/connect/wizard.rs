//! Walks through the parts of a connection. Pure: what is typed and what a test finds comes in, what to do next goes out.
//!
//! ```text
//!   credential ──answered──► test ──good, or stored unverified──► routing ──► environments ──► models ──► review ──yes──► done
//!       ▲  ▲                  │                                     │  ▲            │                      │
//!       │  └──── not good ────┘                                     │  └── back ────┘◄──────── back ───────┘
//!       └───────────────────────────── back ────────────────────────┘
//! ```
//!
//! A part opens when the one before it is complete. Going back keeps what was typed, and an empty answer keeps what is known.

use proto::admin::v1::{ConnectProviderRequest, CredentialState, TestConnectionRequest, TestConnectionResponse};

use super::draft::Draft;
use super::question::{Form, Part, Question, yes_or_no};

/// A connection on its way.
#[derive(Debug)]
pub(super) struct Wizard {
    draft: Draft,
    /// Whether a flag says that what can't be checked is stored.
    always_skips: bool,
    tested: Option<(TestConnectionRequest, TestConnectionResponse)>,
    at: At,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Question(Part, usize),
    Test,
    Review,
    Done,
}

/// What to do next.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// Ask somebody.
    Ask(Ask),
    /// Ask the control plane.
    Test(Box<TestConnectionRequest>),
    /// Show what would be made, and ask whether to.
    Review(Box<ConnectProviderRequest>),
    /// Make it.
    Connect(Box<ConnectProviderRequest>),
}

/// A question to a person.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) part: Part,
    pub(super) question: Question,
    pub(super) text: String,
    /// What an empty answer keeps; empty where nothing is known.
    pub(super) known: String,
    pub(super) form: Form,
}

/// What a person says.
///
/// It may be a secret, so that it can't be printed.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// An answer; an empty one keeps what is known.
    Text(String),
    /// To the question before.
    Back,
}

impl Wizard {
    /// Begins with what flags say.
    pub(super) fn new(draft: Draft) -> Self {
        Self { always_skips: draft.skip_validation, draft, tested: None, at: At::Question(Part::Credential, 0) }
    }

    /// What to do next.
    pub(super) fn next(&self) -> Next {
        match self.at {
            At::Question(part, index) => match self.questions(part).get(index) {
                Some(question) => Next::Ask(self.ask(part, *question)),
                None => Next::Test(Box::new(self.draft.test_request())),
            },
            At::Test => Next::Test(Box::new(self.draft.test_request())),
            At::Review => Next::Review(Box::new(self.draft.request())),
            At::Done => Next::Connect(Box::new(self.draft.request())),
        }
    }

    /// Takes what a person said.
    ///
    /// # Errors
    ///
    /// Why it can't be taken; the same question is next.
    pub(super) fn answer(&mut self, answer: &Answer) -> Result<(), String> {
        match (self.at, answer) {
            (At::Question(part, index), Answer::Back) => self.back(part, index),
            (At::Question(part, index), Answer::Text(text)) => self.answer_question(part, index, text.trim()),
            (At::Review, Answer::Back) => {
                self.at = self.last_of(Part::Models);
                Ok(())
            }
            (At::Review, Answer::Text(text)) => {
                self.at = if yes_or_no(text.trim())? { At::Done } else { self.last_of(Part::Models) };
                Ok(())
            }
            (At::Test | At::Done, _) => Ok(()),
        }
    }

    /// Takes what the test found.
    pub(super) fn tested(&mut self, found: TestConnectionResponse) {
        self.draft.skip_validation = self.always_skips;
        self.tested = Some((self.draft.test_request(), found));
        self.finish(Part::Credential);
    }

    /// Takes that there was no test: the first part is gone through again.
    pub(super) fn not_tested(&mut self) {
        self.at = At::Question(Part::Credential, 0);
    }

    /// What was found for the credential as it is now.
    pub(super) fn found(&self) -> Option<&TestConnectionResponse> {
        let current = self.tested.as_ref().filter(|(request, _)| *request == self.draft.test_request());
        current.map(|(_, found)| found)
    }

    fn answer_question(&mut self, part: Part, index: usize, text: &str) -> Result<(), String> {
        let Some(question) = self.questions(part).get(index).copied() else { return Ok(()) };
        if !text.is_empty() {
            let listed = self.found().map(|found| found.upstream_models.clone()).unwrap_or_default();
            question.answer(&mut self.draft, text, &listed)?;
        }
        if question == Question::Unverified && !text.is_empty() && !self.draft.skip_validation {
            // Something is to be mended first, which may be upstream: the next test is another one.
            self.tested = None;
            self.at = At::Question(Part::Credential, 0);
            return Ok(());
        }
        if !question.is_answered(&self.draft) {
            return Err(format!("an answer is needed; the flag for it is {}", question.flag()));
        }
        if index + 1 < self.questions(part).len() {
            self.at = At::Question(part, index + 1);
        } else {
            self.finish(part);
        }
        Ok(())
    }

    /// Goes on after a part's last question: to what the part still lacks, or to the next part.
    fn finish(&mut self, part: Part) {
        let questions = self.questions(part);
        if let Some(lacking) = questions.iter().position(|question| !question.is_answered(&self.draft)) {
            self.at = At::Question(part, lacking);
        } else if part == Part::Credential && self.found().is_none() {
            self.at = At::Test;
        } else if part == Part::Credential && !self.is_good() {
            // Refused outright: only another value helps, and the same one is tried again if it is given again.
            self.tested = None;
            self.at = At::Question(part, 0);
        } else {
            self.at = match Part::ALL.iter().skip_while(|other| **other != part).nth(1) {
                Some(next) => At::Question(*next, 0),
                None => At::Review,
            };
        }
    }

    fn back(&mut self, part: Part, index: usize) -> Result<(), String> {
        self.at = match index.checked_sub(1) {
            Some(before) => At::Question(part, before),
            None => match Part::ALL.iter().rev().skip_while(|other| **other != part).nth(1) {
                Some(before) => self.last_of(*before),
                None => return Err("this is the first question".into()),
            },
        };
        Ok(())
    }

    fn last_of(&self, part: Part) -> At {
        At::Question(part, self.questions(part).len().saturating_sub(1))
    }

    fn ask(&self, part: Part, question: Question) -> Ask {
        let listed = self.found().map(|found| &*found.upstream_models).unwrap_or_default();
        Ask {
            part,
            question,
            text: question.text(&self.draft, listed),
            known: question.known(&self.draft),
            form: question.form(),
        }
    }

    /// A part's questions; where something was found that is not good and may be stored all the same, that too.
    fn questions(&self, part: Part) -> Vec<Question> {
        let mut questions = part.questions(&self.draft);
        if part == Part::Credential && self.found().is_some_and(|found| !serves(found) && !is_rejected(found)) {
            questions.push(Question::Unverified);
        }
        questions
    }

    fn is_good(&self) -> bool {
        self.found().is_some_and(|found| serves(found) || (self.draft.skip_validation && !is_rejected(found)))
    }
}

fn serves(found: &TestConnectionResponse) -> bool {
    matches!(found.state(), CredentialState::Active | CredentialState::Unverified)
}

fn is_rejected(found: &TestConnectionResponse) -> bool {
    found.error.as_ref().is_some_and(|error| error.reason == "CREDENTIAL_REJECTED")
}

#[cfg(test)]
mod tests;
