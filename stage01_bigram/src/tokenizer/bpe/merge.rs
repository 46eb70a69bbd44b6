//! A merge: one step of what training learns.

/// The least count of a pair that is merged: merging a pair that occurs once would memorise the
/// text.
pub(super) const MIN_COUNT: usize = 2;

// ANCHOR: merge
/// One step of what was learned: `left` followed by `right` becomes `id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merge {
    /// The first token of the pair.
    pub left: u32,
    /// The second.
    pub right: u32,
    /// The token that stands for both. In a vocabulary that was trained here, the first
    /// merge makes token 256, the next one 257, and so on.
    pub id: u32,
}
// ANCHOR_END: merge
