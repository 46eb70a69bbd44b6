//! How much is replayed: tokens, pieces and steps.
//!
//! `--replay 0.25` says that a quarter of *all* tokens of an epoch are old ones. With n new tokens and
//! m old ones, m / (n + m) is the fraction.
//!
//! On paper: 300 new tokens and a fraction of 0.25 need 100 old ones: 100 of 400. Pieces of 30 tokens
//! are taken whole until there are at least 100: four pieces. A step of 80 tokens: without replay
//! 300 / 80 = 3.75, so 4 steps in an epoch, and with 120 old tokens 420 / 80 = 5.25, so 6.

/// How many old tokens make this fraction of all tokens beside `new` new ones? The fraction is at
/// least 0 and less than 1.
pub fn old_tokens(fraction: f64, new: usize) -> f64 {
    // SOLUTION
    fraction / (1.0 - fraction) * new as f64
    // STUB
    // todo!()
    // END
}

/// How many whole pieces of `piece` tokens are taken, so that there are at least `wanted` old tokens?
pub fn pieces(wanted: f64, piece: usize) -> usize {
    // SOLUTION
    (wanted / piece as f64).ceil() as usize
    // STUB
    // todo!()
    // END
}

/// How many steps of `of_step` tokens has an epoch with these new and old tokens? The last step may
/// have fewer tokens.
pub fn steps(new: usize, old: usize, of_step: usize) -> usize {
    // SOLUTION
    (new + old).div_ceil(of_step)
    // STUB
    // todo!()
    // END
}

/// What part of the loss is the old text's? The loss of a step is the mean over its targets. All old
/// tokens are targets, and of the new ones `learned`. 0 where there are no targets.
pub fn part_of_the_loss(learned: usize, old: usize) -> f64 {
    // SOLUTION
    let all = learned + old;
    if all == 0 { 0.0 } else { old as f64 / all as f64 }
    // STUB
    // todo!()
    // END
}
