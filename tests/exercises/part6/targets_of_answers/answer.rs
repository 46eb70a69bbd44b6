//! Which targets of a conversation are learned?
//!
//! Position t reads token t and predicts token t + 1. Only tokens of the answers are learned:
//!
//!   targets[t] = tokens[t + 1]  if token t + 1 belongs to an answer,  and none if not
//!
//! An answer is a range of places in `tokens`; the token that ends it is part of the range.
//!
//! On paper, with the answer at places 3, 4 and 5:
//!
//!   tokens     two    plus   two    makes  four   end
//!   targets     -      -     makes  four   end     -
//!
//! The loss is the mean over the positions that have a target. With the losses 4, 5, 1, 2, 3 and
//! 9 it is (1 + 2 + 3) / 3 = 2. Without any target it is 0.

use std::ops::Range;

/// The target of each position, or `None`. As many as there are tokens.
///
/// answers: places of tokens, in order and without overlap. A token at place 0 is never predicted.
pub fn targets(tokens: &[u32], answers: &[Range<usize>]) -> Vec<Option<u32>> {
    // SOLUTION
    let mut targets = vec![None; tokens.len()];
    for answer in answers {
        for at in answer.start.max(1)..answer.end {
            targets[at - 1] = Some(tokens[at]);
        }
    }
    targets
    // STUB
    // todo!()
    // END
}

/// The mean of the losses at the positions that have a target; 0 if none has.
///
/// losses: one for each position; what stands at a position without a target counts for nothing.
pub fn mean_loss(losses: &[f64], targets: &[Option<u32>]) -> f64 {
    // SOLUTION
    let (mut sum, mut count) = (0.0, 0);
    for (loss, target) in losses.iter().zip(targets) {
        if target.is_some() {
            sum += loss;
            count += 1;
        }
    }
    if count == 0 { 0.0 } else { sum / f64::from(count) }
    // STUB
    // todo!()
    // END
}
