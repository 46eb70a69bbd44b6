//! What `back_to_tokens` is asked.

use super::answer::back_to_tokens;
use exercises::numbers::table;
use exercises::probe::Probe;
use ndarray::{Array2, array};

pub fn probe(p: &mut Probe) {
    p.part("back_to_tokens", |p| {
        let w = [array![[2.0]], array![[3.0]], array![[5.0]]];
        let d = [array![[1.0]], array![[10.0]], array![[100.0]]];
        let mut dw = [0.0; 3].map(|_: f64| Array2::zeros((1, 1)));
        let dx = back_to_tokens(&array![[7.0]], &w, &d, &mut dw);
        p.see("one token of one number, w = 2, 3, 5 and d = 1, 10, 100: dx", dx);

        for (name, length, columns, d) in [("square layers", 4, 3, 3), ("from 6 to 2", 4, 6, 2)] {
            let x = table(length, columns, 1);
            let w = [2, 3, 4].map(|seed| table(columns, d, seed));
            let d = [5, 6, 7].map(|seed| table(length, d, seed));
            let mut dw = [8, 9, 10].map(|seed| table(columns, d[0].ncols(), seed));
            let dx = back_to_tokens(&x, &w, &d, &mut dw);
            let loss =
                |x: &Array2<f64>| -> f64 { (0..3).map(|n| (x.dot(&w[n]) * &d[n]).sum()).sum() };
            for at in [(0, 0), (1, 2), (3, 1)] {
                let nudged = |h: f64| {
                    let mut x = x.clone();
                    x[at] += h;
                    loss(&x)
                };
                let nudged = (nudged(1e-4) - nudged(-1e-4)) / 2e-4;
                let found = dx.get(at).copied().unwrap_or(f64::NAN);
                p.rule((nudged - found).abs() < 1e-6, || {
                    format!(
                        "{name}: dx[{}, {}] is {found:.4}, and a nudge gives {nudged:.4}: the two \
                         must agree. By how many ways does x reach the loss?",
                        at.0, at.1
                    )
                });
            }
            p.see(format!("dx, {name}"), dx);
            for (n, dw) in dw.into_iter().enumerate() {
                p.see(format!("dw of layer {n}, where something was in it before, {name}"), dw);
            }
        }
    });
}
