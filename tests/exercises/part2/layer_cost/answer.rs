//! Predict, on paper: what a linear layer has and does.
//!
//! The layer goes from 48 inputs to 96 outputs and has a bias. A batch of 4 windows of 32
//! tokens goes through it: each token is a row.
//!
//! Write each number as a calculation if you like: 3 * 4.

/// How many weights has the layer, its bias included?
pub fn weights() -> usize {
    // SOLUTION
    48 * 96 + 96
    // STUB
    // todo!()
    // END
}

/// How many multiplications does the forward pass need for the whole batch?
pub fn forward_multiplications() -> usize {
    // SOLUTION
    4 * 32 * 48 * 96
    // STUB
    // todo!()
    // END
}

/// How many multiplications does the backward pass need: dx, dw and db together?
pub fn backward_multiplications() -> usize {
    // SOLUTION
    2 * (4 * 32 * 48 * 96)
    // STUB
    // todo!()
    // END
}

/// How many numbers has dw after the backward pass of the whole batch?
pub fn numbers_of_dw() -> usize {
    // SOLUTION
    48 * 96
    // STUB
    // todo!()
    // END
}
