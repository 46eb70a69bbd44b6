//! How wide is a gated layer? It has three matrices, W_gate and W_up of the shape (C, F) and
//! W_down of the shape (F, C), and no bias. Work the numbers out on paper.
//!
//! Replace each `todo!()` by your number. The check counts the weights of layers, and looks
//! for the width.

/// GPT-2 small has C = 768. For which F has a gated layer as many weights as the two matrices
/// of its feed-forward layer, (C, 4C) and (4C, C)?
pub fn width_for_gpt2() -> usize {
    // SOLUTION
    2048
    // STUB
    // todo!()
    // END
}

/// GPT-2 XL has C = 1600, and 8/3 of that is no whole number. Which is the smallest multiple of
/// 64 for which the gated layer has at least as many weights as the two matrices?
pub fn width_for_gpt2_xl() -> usize {
    // SOLUTION
    4288
    // STUB
    // todo!()
    // END
}

/// SmolLM2-135M has C = 576 and F = 1536. How many weights has one of its feed-forward layers?
pub fn weights_of_smollm2() -> usize {
    // SOLUTION
    2654208
    // STUB
    // todo!()
    // END
}

/// Somebody exchanges the layer of GPT-2 small for a gated one and leaves the width at
/// 4C = 3072. How many weights are there more in each layer?
pub fn more_with_the_old_width() -> usize {
    // SOLUTION
    2359296
    // STUB
    // todo!()
    // END
}
