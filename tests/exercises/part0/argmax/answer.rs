//! The place of the largest score. A model that must name one token names this one.
//!
//!   argmax([1.0, 4.0, 2.0])  is  Some(1)
//!
//! Places are counted from 0. If the largest score stands in several places, the first of them
//! is the answer. An empty list has no largest score, so its answer is `None`.

/// The first place of the largest score; `None` if there is no score.
pub fn argmax(scores: &[f64]) -> Option<usize> {
    // SOLUTION
    let mut best = 0;
    for i in 0..scores.len() {
        if scores[i] > scores[best] {
            best = i;
        }
    }
    if scores.is_empty() { None } else { Some(best) }
    // STUB
    // todo!()
    // END
}
