//! When to stop: an experiment with few examples.
//!
//! A bigram model of six tokens knows an old text perfectly. Then it is fine-tuned on a new text, of
//! which there are only 24 pairs. The check prints three losses after each epoch: on these pairs, on
//! new text that it has not seen, and on the old text. (Both texts are known as tables of
//! probabilities, so the last two losses are exact.) Each epoch is one step with all pairs.
//!
//! Run the check, change the settings, and replace the `todo!()`s by what you see.

pub const LEARNING_RATE: f64 = 4.0;
pub const EPOCHS: usize = 30;

/// LEARNING_RATE 4: after how many epochs is the loss on unseen new text lowest?
pub fn best_epoch() -> usize {
    // SOLUTION
    11
    // STUB
    // todo!()
    // END
}

/// And with LEARNING_RATE 2?
pub fn best_epoch_at_half_the_rate() -> usize {
    // SOLUTION
    22
    // STUB
    // todo!()
    // END
}

/// Why does the loss on unseen new text rise in the end?
///
/// - 'a': the learning rate is too large, and the weights jump over the lowest point.
/// - 'b': what still lowers the training loss is true of these 24 pairs alone: pairs that happen not
///   to be among them become less and less likely.
/// - 'c': the model has too few weights for the new text.
/// - 'd': the model loses the old text, and the new text is part of the old one.
pub fn why() -> char {
    // SOLUTION
    'b'
    // STUB
    // todo!()
    // END
}
