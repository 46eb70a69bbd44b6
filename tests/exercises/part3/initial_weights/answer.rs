//! How the weights of a GPT-2 begin: from the bell curve around 0, with a standard deviation
//! that depends on the name of the tensor.
//!
//!   | tensor                                     | standard deviation       |
//!   |--------------------------------------------|--------------------------|
//!   | the weights of both `c_proj` of each block | 0.02 / sqrt(2 * n_layer) |
//!   | every bias (a shift of a norm too)         | 0: it begins at 0        |
//!   | the weight of a norm: its scale            | 0: it begins at 1        |
//!   | all others                                 | 0.02                     |
//!
//! The names are those of the published files: `wte.weight`, `wpe.weight`, in block 0
//! `h.0.ln_1.weight`, `h.0.ln_1.bias`, `h.0.attn.c_attn.weight`, `h.0.attn.c_attn.bias`,
//! `h.0.attn.c_proj.weight`, `h.0.attn.c_proj.bias`, the same four with `ln_2`, `mlp.c_fc` and
//! `mlp.c_proj`, and at the end `ln_f.weight`, `ln_f.bias`.
//!
//! Example: with 12 blocks, `h.3.mlp.c_proj.weight` begins with 0.02 / 4.899 = 0.00408.
//!
//! In Rust, `name.ends_with("…")` and `name.contains("…")` ask a text, and `||` is "or".

/// The standard deviation with which a tensor begins, from its name and the number of blocks.
pub fn std(name: &str, n_layer: usize) -> f64 {
    // SOLUTION
    if name.ends_with("bias") || name.contains("ln_") {
        0.0
    } else if name.ends_with("c_proj.weight") {
        0.02 / (2.0 * n_layer as f64).sqrt()
    } else {
        0.02
    }
    // STUB
    // todo!()
    // END
}
