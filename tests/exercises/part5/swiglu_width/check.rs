//! The widths and weights of gated layers, guessed and counted.

use super::answer::{
    more_with_the_old_width, weights_of_smollm2, width_for_gpt2, width_for_gpt2_xl,
};
use exercises::probe::Probe;
use stage02_attention::params::{Init, Layout};
use stage03_gpt::mlp::Mlp;

/// The weights of GPT-2's layer, without its biases.
fn plain(c: usize) -> usize {
    let mut layout = Layout::new();
    Mlp::declare(layout.scope("mlp"), c, false, (Init::Zeros, Init::Zeros));
    layout.len()
}

/// The weights of a gated layer.
fn gated(c: usize, f: usize) -> usize {
    let mut layout = Layout::new();
    for (name, rows, columns) in [("gate_proj", c, f), ("up_proj", c, f), ("down_proj", f, c)] {
        layout.scope(name).matrix("weight", rows, columns, Init::Zeros);
    }
    layout.len()
}

/// The smallest multiple with at least as many weights.
fn width(c: usize, multiple: usize) -> usize {
    (1..).map(|i| i * multiple).find(|&f| gated(c, f) >= plain(c)).unwrap_or(0)
}

pub fn probe(p: &mut Probe) {
    p.part("width_for_gpt2", |p| {
        p.predict("F for C = 768", width_for_gpt2(), width(768, 1));
    });
    p.part("width_for_gpt2_xl", |p| {
        p.predict("F for C = 1600, a multiple of 64", width_for_gpt2_xl(), width(1600, 64));
    });
    p.part("weights_of_smollm2", |p| {
        p.predict("the weights for C = 576 and F = 1536", weights_of_smollm2(), gated(576, 1536));
    });
    p.part("more_with_the_old_width", |p| {
        let truth = gated(768, 4 * 768) - plain(768);
        p.predict("more weights with F = 4C", more_with_the_old_width(), truth);
    });
}
