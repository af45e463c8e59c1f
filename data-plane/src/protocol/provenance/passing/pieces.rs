//! What stands between commas, and how some of it is cut out.

use std::ops::Range;

use super::Edit;

/// A member of an object, or an item of an array.
pub(super) struct Piece {
    /// With its key.
    pub(super) at: Range<usize>,
    pub(super) goes: bool,
}

/// Lets one of them go.
pub(super) fn go(pieces: &mut [Piece], index: usize) {
    if let Some(piece) = pieces.get_mut(index) {
        piece.goes = true;
    }
}

/// Cuts what goes, each with the comma that parted it from what stays.
pub(super) fn cut(pieces: &[Piece], edits: &mut Vec<Edit>) {
    let mut stays = None;
    let mut rest = pieces;
    while let [first, ..] = rest {
        let run = rest.iter().take_while(|piece| piece.goes == first.goes).count();
        let (here, next) = rest.split_at(run);
        let Some(last) = here.last() else { return };
        if first.goes {
            let begin = stays.unwrap_or(first.at.start);
            let end = match (stays, next.first()) {
                (None, Some(next)) => next.at.start,
                _ => last.at.end,
            };
            edits.push((begin..end, Vec::new()));
        } else {
            stays = Some(last.at.end);
        }
        rest = next;
    }
}
