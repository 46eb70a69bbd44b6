//! One causal attention head: declared, initialised, and run forward and backward.
//!
//! ```text
//! cargo run -p stage02_attention --example attend
//! ```

use ndarray::Array2;
use stage01_bigram::random::{Purpose, generator};
use stage02_attention::attention::Mask;
use stage02_attention::attention::head::Head;
use stage02_attention::params::{Init, Layout, Params};

fn main() {
    // Layers are handles into one vector of parameters, which a layout describes.
    let (tokens, n_embd, head_size) = (4, 8, 4);
    let mut layout = Layout::new();
    let scope = layout.scope("head");
    let head = Head::declare(scope, n_embd, head_size, Mask::Causal, Init::Normal(0.5));
    let params = Params::<f32>::initialise(&layout, &mut generator(1, Purpose::Initialisation, 0));

    // Four tokens as vectors. Shape of x: (tokens, n_embd).
    let x = Array2::from_shape_fn((tokens, n_embd), |(i, c)| ((i * n_embd + c) as f32).sin());
    let acts = head.forward(&params, x.view());
    println!("attention weights, one row per query:\n{:.2}", acts.att);
    println!("outputs:\n{:.2}", acts.y);

    // The gradient of the sum of all outputs. Gradients are added to what stands there.
    let mut grads = Params::zeros(&layout);
    let dy = Array2::ones((tokens, head_size));
    let dx = head.backward(&params, x.view(), &acts, dy.view(), &mut grads);
    println!("gradient of the inputs:\n{dx:.2}");
}
