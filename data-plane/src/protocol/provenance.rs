//! Where reasoning and calls come from. What proves reasoning proves it to the provider that made it, and any other refuses the request that
//! holds it; and there is reasoning that nobody proved, and ids that the caller's own provider would not take.
//!
//! ```text
//! answer    of the caller's own family: as it is              of another, or of nobody: marked
//! request   no mark: the caller's own family's                a mark: of the family that it names, or of nobody
//! upstream  of its family: as its provider made it            of another: left out
//! ```
//!
//! A caller's bytes may also go as they came to a provider of the caller's format, who then has to be spared what was written for it: see
//! [`passing`]. So whatever is written for a caller and only this proxy understands is marked.
//!
//! A marked signature is base64 of a name, the family, the kind and the signature, since clients of Google's and Amazon's decode what they get
//! and encode it again, Google's in the alphabet for URLs; what is no base64 they refuse together with the answer. Seen in version 3.4 of
//! Google's client for Python. Signatures of calls are Google's whoever brings them: nobody else signs calls.
//!
//! Claude's go between platforms: docs.anthropic.com/en/docs/build-with-claude/extended-thinking, "compatible across platforms"; and between its
//! models, where one that can't read what another thought leaves it out itself: platform.claude.com/docs/build-with-claude/preserved-thinking.
//! Read in autumn 2026.

pub(crate) mod passing;

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use super::Dialect;
use crate::exchange::event::Piece;
use crate::exchange::manner::UNKNOWN;
use crate::exchange::message::{Content, Part};
use crate::exchange::request::Request;
use crate::exchange::response::Response;
use crate::exchange::text::Text;
use crate::exchange::tool::ID_MARK;

/// What a marked signature begins with, decoded.
const NAME: &str = "keyplane-";

/// The same in base64, which what follows can't change.
const MARK: &str = "a2V5cGxhbmUt";

/// Reads with padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Providers that take each other's signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Claude,
    Google,
    OpenAi,
    /// Whoever is behind OpenAI's chat. OpenAI itself signs nothing there.
    Compatible,
    Cohere,
}

/// What a signature is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Of reasoning that can be read.
    Signed,
    /// The reasoning itself, which only its provider can read.
    Sealed,
    /// Nothing: the reasoning that it stands at was not signed.
    Unsigned,
}

/// What a signature is to an upstream.
#[derive(Debug, PartialEq, Eq)]
enum Worth {
    /// It is good as it is.
    Good,
    /// This is what its provider made.
    Unmarked(String),
    /// It is another's.
    None,
}

impl Family {
    const ALL: [Self; 5] = [Self::Claude, Self::Google, Self::OpenAi, Self::Compatible, Self::Cohere];

    fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Anthropic | Dialect::Bedrock => Self::Claude,
            Dialect::Gemini => Self::Google,
            Dialect::Responses => Self::OpenAi,
            Dialect::Chat => Self::Compatible,
            Dialect::Cohere => Self::Cohere,
        }
    }

    fn sign(self) -> char {
        match self {
            Self::Claude => 'a',
            Self::Google => 'g',
            Self::OpenAi => 'o',
            Self::Compatible => 'c',
            Self::Cohere => 'h',
        }
    }
}

impl Kind {
    const ALL: [Self; 3] = [Self::Signed, Self::Sealed, Self::Unsigned];

    fn sign(self) -> char {
        match self {
            Self::Signed => 's',
            Self::Sealed => 'x',
            Self::Unsigned => 'u',
        }
    }
}

/// Marks what an answer holds for a caller of another dialect.
pub(super) fn mark_response(response: &mut Response<'_>, upstream: Dialect, caller: Dialect) {
    for part in response.choices.iter_mut().flat_map(|choice| &mut choice.parts) {
        match &mut part.content {
            Content::Reasoning { signature: Some(signature), .. } if !signature.is_empty() => {
                mark(signature, Kind::Signed, upstream, caller);
            }
            Content::Reasoning { signature, .. } => *signature = Some(unsigned(upstream)),
            Content::SealedReasoning(sealed) => mark(sealed, Kind::Sealed, upstream, caller),
            Content::ToolCall(call) => mark_id(&mut call.id, call.signature.as_ref(), caller),
            Content::Text { .. }
            | Content::Refusal(_)
            | Content::Image(_)
            | Content::Audio(_)
            | Content::Document(_)
            | Content::ToolResult(_) => {}
        }
    }
}

/// The same of a piece of a stream. Where reasoning is over that nobody signed, [`unsigned`] has to follow it.
pub(super) fn mark_piece(piece: &mut Piece<'_>, upstream: Dialect, caller: Dialect) {
    match piece {
        Piece::ReasoningSignature(signature) if signature.is_empty() => *signature = unsigned(upstream),
        Piece::ReasoningSignature(signature) => mark(signature, Kind::Signed, upstream, caller),
        Piece::SealedReasoning(sealed) => mark(sealed, Kind::Sealed, upstream, caller),
        Piece::ToolBegin { id, signature, .. } => mark_id(id, signature.as_ref(), caller),
        Piece::Text(_)
        | Piece::Citation(_)
        | Piece::Refusal(_)
        | Piece::Reasoning(_)
        | Piece::ToolArguments { .. }
        | Piece::ToolEnd { .. }
        | Piece::Image(_)
        | Piece::Logprobs(_) => {}
    }
}

fn mark(signature: &mut Text<'_>, kind: Kind, upstream: Dialect, caller: Dialect) {
    let family = Family::of(upstream);
    if family != Family::of(caller) {
        *signature = marked(family, kind, signature);
    }
}

fn marked(family: Family, kind: Kind, original: &str) -> Text<'static> {
    BASE64.encode(format!("{NAME}{}{}:{original}", family.sign(), kind.sign())).into()
}

/// What stands where reasoning has its signature that nobody signed: without it, it could not be told from what the caller's own provider made.
pub(super) fn unsigned(upstream: Dialect) -> Text<'static> {
    marked(Family::of(upstream), Kind::Unsigned, "")
}

/// Marks an id that providers of the caller's format would refuse. One that carries a signature is marked by that.
fn mark_id(id: &mut Text<'_>, signature: Option<&Text<'_>>, caller: Dialect) {
    if signature.is_none() && *caller.protocol().call_id(id, &UNKNOWN) != **id {
        *id = format!("{}{ID_MARK}", id.as_str()).into();
    }
}

/// A caller's request with those signatures alone that mean something to an upstream: the others are left out, and reasoning that only another
/// can read with them.
pub(crate) fn for_upstream<'r, 'a>(
    request: &'r Request<'a>,
    caller: Dialect,
    upstream: Dialect,
) -> Cow<'r, Request<'a>> {
    let worth = |signature: &Text<'_>| worth(signature, Family::of(caller), Family::of(upstream));
    let is_good = |part: &Part<'_>| signature(part).is_none_or(|signature| worth(signature) == Worth::Good);
    if request.messages.iter().flat_map(|message| &message.parts).all(is_good) {
        return Cow::Borrowed(request);
    }
    let mut request = request.clone();
    for message in &mut request.messages {
        message.parts.retain_mut(|part| match &mut part.content {
            Content::Reasoning { signature, .. } => {
                match signature.as_ref().map_or(Worth::Good, &worth) {
                    Worth::Good => {}
                    Worth::Unmarked(unmarked) => *signature = Some(unmarked.into()),
                    Worth::None => *signature = None,
                }
                true
            }
            Content::SealedReasoning(sealed) => match worth(sealed) {
                Worth::Good => true,
                Worth::Unmarked(unmarked) => {
                    *sealed = unmarked.into();
                    true
                }
                Worth::None => false,
            },
            Content::Text { .. }
            | Content::Refusal(_)
            | Content::Image(_)
            | Content::Audio(_)
            | Content::Document(_)
            | Content::ToolCall(_)
            | Content::ToolResult(_) => true,
        });
    }
    Cow::Owned(request)
}

/// The signature of reasoning.
fn signature<'p, 'a>(part: &'p Part<'a>) -> Option<&'p Text<'a>> {
    match &part.content {
        Content::Reasoning { signature, .. } => signature.as_ref(),
        Content::SealedReasoning(sealed) => Some(sealed),
        Content::Text { .. }
        | Content::Refusal(_)
        | Content::Image(_)
        | Content::Audio(_)
        | Content::Document(_)
        | Content::ToolCall(_)
        | Content::ToolResult(_) => None,
    }
}

fn worth(signature: &str, caller: Family, upstream: Family) -> Worth {
    match unmarked(signature) {
        Some((family, Kind::Signed | Kind::Sealed, original)) if family == upstream => Worth::Unmarked(original),
        None if caller == upstream => Worth::Good,
        Some(_) | None => Worth::None,
    }
}

/// Whether a caller's signature is the reasoning itself, for formats that have one place for both.
pub(super) fn is_sealed(signature: &str) -> bool {
    unmarked(signature).is_some_and(|(_, kind, _)| kind == Kind::Sealed)
}

/// What a mark says, and what its provider made; `None` for what has no mark of ours.
fn unmarked(signature: &str) -> Option<(Family, Kind, String)> {
    if !signature.starts_with(MARK) {
        return None;
    }
    let standard = signature.replace('-', "+").replace('_', "/");
    let written = String::from_utf8(BASE64.decode(standard).ok()?).ok()?;
    let mut signs = written.strip_prefix(NAME)?.chars();
    let sign = signs.next()?;
    let family = Family::ALL.into_iter().find(|family| family.sign() == sign)?;
    let sign = signs.next()?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.sign() == sign)?;
    let original = signs.as_str().strip_prefix(':')?;
    Some((family, kind, original.to_owned()))
}

#[cfg(test)]
mod tests;
