//! What a layer with an adapter is asked.

use super::answer::{Adapter, Layer};
use exercises::numbers::table;
use exercises::probe::Probe;
use exercises::value::short;
use ndarray::{Array2, array};

/// The example for paper, and a larger layer.
fn layers() -> [(Layer, Array2<f64>); 2] {
    let adapter = Adapter { a: array![[1.0], [-1.0]], b: array![[2.0, 1.0]], s: 2.0 };
    let paper = Layer { w: array![[1.0, 2.0], [3.0, 4.0]], adapter: Some(adapter) };
    let adapter = Adapter { a: table(4, 2, 1), b: table(2, 3, 2), s: 0.5 };
    let larger = Layer { w: table(4, 3, 3), adapter: Some(adapter) };
    [(paper, array![[1.0, 2.0]]), (larger, table(3, 4, 4))]
}

pub fn probe(p: &mut Probe) {
    p.part("forward", |p| {
        for (layer, x) in layers() {
            p.see("with the adapter", layer.forward(&x));
            p.see("without one", Layer { adapter: None, ..layer }.forward(&x));
        }
    });
    p.part("merge", |p| {
        for (mut layer, x) in layers() {
            let before = layer.forward(&x);
            layer.merge();
            let after = layer.forward(&x);
            p.see("after the merge", after.clone());
            let far = before.iter().zip(&after).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            p.rule(far < 1e-9, || {
                format!(
                    "an output is off by {} after the merge, and must be what it was before; \
                     what does the layer add to x W now?",
                    short(far)
                )
            });
            layer.merge();
            p.see("after a second call of merge", layer.forward(&x));
        }
    });
    p.part("saved", |p| {
        for (mut layer, _) in layers() {
            p.see("saved once", layer.saved());
            p.see("saved again", layer.saved());
        }
        let (mut layer, _) = layers()[0].clone();
        layer.adapter = None;
        p.see("saved without an adapter", layer.saved());
    });
}
