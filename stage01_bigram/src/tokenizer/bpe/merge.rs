//! What training learns, one step at a time.

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
