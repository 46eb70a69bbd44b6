//! The sizes of a model's files, on paper. Replace each `todo!()` by a whole number.
//!
//! A GPT with biases has 2 blocks, an embedding width of 8, a vocabulary of 20 tokens and a
//! context of 16. As `model.safetensors` has it, the output layer is the token embedding once
//! more and is not stored. A block has:
//!
//!   ln_1        weight (8)        bias (8)
//!   attn.c_attn weight (8, 24)    bias (24)
//!   attn.c_proj weight (8, 8)     bias (8)
//!   ln_2        weight (8)        bias (8)
//!   mlp.c_fc    weight (8, 32)    bias (32)
//!   mlp.c_proj  weight (32, 8)    bias (8)
//!
//! Besides there are wte, wpe, and the last layer norm, ln_f.

/// How many weights has the model?
pub fn weights() -> usize {
    // SOLUTION
    let block = 16 + (8 * 24 + 24) + (8 * 8 + 8) + 16 + (8 * 32 + 32) + (32 * 8 + 8);
    20 * 8 + 16 * 8 + 2 * block + 16
    // STUB
    // todo!()
    // END
}

/// The head of `model.safetensors` has 2,000 bytes. How many bytes has the file?
pub fn model_file() -> usize {
    // SOLUTION
    8 + 2000 + 4 * 2048
    // STUB
    // todo!()
    // END
}

/// The head of `trainer.safetensors` has 6,000 bytes. How many bytes has this file?
pub fn trainer_file() -> usize {
    // SOLUTION
    8 + 6000 + 3 * 4 * 2048
    // STUB
    // todo!()
    // END
}
