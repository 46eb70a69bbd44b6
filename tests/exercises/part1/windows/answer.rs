//! A window of a text: inputs, and the targets that answer them.
//!
//! A window that begins at place `start` has `length` inputs and as many targets. The targets
//! are the tokens one place later:
//!
//!   inputs[t]  = tokens[start + t]
//!   targets[t] = tokens[start + t + 1]       for t = 0, 1, …, length − 1
//!
//! On paper, with the tokens 0 1 4 0 2 0 3 0 1 4 0 of abracadabra, start 0 and length 4:
//!
//!   inputs    0 1 4 0
//!   targets   1 4 0 2
//!
//! So a window of T inputs uses T + 1 tokens of the text. The caller sees to it that they are
//! there.

/// The inputs and the targets of a window. Shape of both: (length).
pub fn window(tokens: &[u32], start: usize, length: usize) -> (Vec<u32>, Vec<u32>) {
    // SOLUTION
    let inputs = &tokens[start..start + length];
    let targets = &tokens[start + 1..start + length + 1];
    (inputs.to_vec(), targets.to_vec())
    // STUB
    // todo!()
    // END
}
