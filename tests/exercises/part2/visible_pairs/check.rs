//! What the predictions are held to.

use super::answer::{causal, cross, ten_more, window_of_64};
use exercises::probe::Probe;
use stage02_attention::attention::Mask;

/// How many keys all queries see together, none of them more than `window`.
fn pairs(mask: Mask, queries: usize, keys: usize, window: usize) -> usize {
    (0..queries).map(|i| mask.visible(i, queries, keys).min(window)).sum()
}

pub fn probe(p: &mut Probe) {
    p.part("causal", |p| {
        let truth = pairs(Mask::Causal, 1024, 1024, 1024);
        p.predict("pairs with a causal mask", causal(), truth);
    });
    p.part("window_of_64", |p| {
        let truth = pairs(Mask::Causal, 1024, 1024, 64);
        p.predict("pairs with a window of 64", window_of_64(), truth);
    });
    p.part("ten_more", |p| {
        let truth = pairs(Mask::Causal, 10, 1010, 1010);
        p.predict("pairs of ten more tokens", ten_more(), truth);
    });
    p.part("cross", |p| {
        p.predict("pairs of cross-attention", cross(), pairs(Mask::None, 20, 30, 30));
    });
}
