//! What the predictions are held to.

use super::answer::{gradient_of_a, numbers_copied, rows_of_places, rows_of_tokens};
use exercises::probe::Probe;
use ndarray::{Array2, ArrayView2};
use stage02_attention::embedding::Embedding;
use stage02_attention::params::{Init, Layout, Params};

const TEXT: &str = "banana ban a ban";

pub fn probe(p: &mut Probe) {
    let tokens: Vec<usize> = TEXT.chars().map(|c| c as usize - 32).collect();
    let mut layout = Layout::new();
    let wte = Embedding::declare(layout.scope("wte"), 95, 64, Init::Ones);
    let wpe = Embedding::declare(layout.scope("wpe"), 64, 64, Init::Ones);
    let mut grads = Params::<f64>::zeros(&layout);
    let dx = Array2::ones((tokens.len(), 64));
    wte.backward(tokens.iter().copied(), dx.view(), &mut grads);
    wpe.backward((0..tokens.len()).map(|i| i % 8), dx.view(), &mut grads);
    let learn = |table: ArrayView2<f64>| {
        table.rows().into_iter().filter(|row| row.iter().any(|&g| g != 0.0)).count()
    };

    let mut x = Array2::<f64>::zeros((tokens.len(), 64));
    let params = Params { values: vec![1.0; layout.len()] };
    wte.forward(&params, tokens.iter().copied(), x.view_mut());
    let copied = x.iter().filter(|&&x| x == 1.0).count();

    p.part("numbers_copied", |p| {
        p.predict("numbers of the token table that are copied", numbers_copied(), copied);
    });
    p.part("rows_of_tokens", |p| {
        let truth = learn(grads.matrix(wte.weight));
        p.predict("rows of the token table with a gradient", rows_of_tokens(), truth);
    });
    p.part("rows_of_places", |p| {
        let truth = learn(grads.matrix(wpe.weight));
        p.predict("rows of the table of places with a gradient", rows_of_places(), truth);
    });
    p.part("gradient_of_a", |p| {
        let truth = grads.matrix(wte.weight)[['a' as usize - 32, 0]] as usize;
        p.predict("the first number of the gradient of a", gradient_of_a(), truth);
    });
}
