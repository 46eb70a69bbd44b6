//! Count with a pencil, or with a calculator that knows only plus and times. GPT-2 small has
//! V = 50,257 tokens, a context of T = 1,024, 12 blocks, 12 heads and C = 768. The chapter
//! counts it: 124,439,808 numbers.
//!
//! Replace each `todo!()` by the number that you have worked out. (In Rust, `1_000` is 1000.)

/// How many of these numbers are in the twelve feed-forward layers, biases included, norms not?
pub fn feed_forward_layers() -> usize {
    // SOLUTION
    56_669_184
    // STUB
    // todo!()
    // END
}

/// GPT-2 small with twice the context, T = 2,048. How many numbers does it learn?
pub fn twice_the_context() -> usize {
    // SOLUTION
    125_226_240
    // STUB
    // todo!()
    // END
}

/// GPT-2 medium has 24 blocks, 16 heads and C = 1,024; V and T are those of GPT-2 small. How
/// many numbers does it learn?
pub fn gpt2_medium() -> usize {
    // SOLUTION
    354_823_168
    // STUB
    // todo!()
    // END
}
