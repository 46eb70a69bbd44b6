//! The numbers of a feed-forward layer, guessed and counted.

use super::answer::{multiplications_for_ten_tokens, numbers_of_a_small_layer, numbers_of_gpt2};
use exercises::probe::Probe;
use stage02_attention::params::{Init, Layout};
use stage03_gpt::mlp::Mlp;

/// The layout of a layer with C columns.
fn layout(c: usize) -> Layout {
    let mut layout = Layout::new();
    Mlp::declare(layout.scope("mlp"), c, true, (Init::Zeros, Init::Zeros));
    layout
}

pub fn probe(p: &mut Probe) {
    p.part("numbers_of_a_small_layer", |p| {
        p.predict(
            "the numbers of a layer with C = 16",
            numbers_of_a_small_layer(),
            layout(16).len(),
        );
    });
    p.part("multiplications_for_ten_tokens", |p| {
        let layout = layout(16);
        let matrices = layout.tensors().iter().filter(|tensor| tensor.name.ends_with("weight"));
        let for_one: usize = matrices.map(|tensor| tensor.range().len()).sum();
        p.predict(
            "the multiplications for ten tokens",
            multiplications_for_ten_tokens(),
            10 * for_one,
        );
    });
    p.part("numbers_of_gpt2", |p| {
        p.predict("the numbers of a layer with C = 768", numbers_of_gpt2(), layout(768).len());
    });
}
