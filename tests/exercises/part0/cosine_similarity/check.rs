//! What `dot`, `norm` and `cosine_similarity` are asked.

use super::answer::{cosine_similarity, dot, norm};
use exercises::probe::Probe;

/// Pairs of lists, the first ones those of the chapter.
fn pairs() -> Vec<[Vec<f64>; 2]> {
    let long = |step: i32| (0..20).map(|i| f64::from(i * step % 11) - 5.0).collect();
    vec![
        [vec![1.0, -2.0], vec![2.0, -1.0]],
        [vec![1.0, 2.0], vec![-2.0, 0.0]],
        [vec![3.0], vec![-0.5]],
        [vec![1.0, 0.0, 2.0, 0.0], vec![0.0, 5.0, 0.0, -1.0]],
        [long(3), long(7)],
    ]
}

fn name(x: &[f64]) -> String {
    if x.len() > 4 { format!("a list of {} numbers", x.len()) } else { format!("{x:?}") }
}

pub fn probe(p: &mut Probe) {
    p.part("dot", |p| {
        for [x, w] in pairs() {
            p.see(format!("dot of {} and {}", name(&x), name(&w)), dot(&x, &w));
        }
        p.see("dot of two empty lists", dot(&[], &[]));
    });
    p.part("norm", |p| {
        p.see("norm of [3.0, 4.0]", norm(&[3.0, 4.0]));
        p.see("norm of [0.0, 0.0]", norm(&[0.0, 0.0]));
        for [x, _] in pairs() {
            p.see(format!("norm of {}", name(&x)), norm(&x));
        }
    });
    p.part("cosine_similarity", |p| {
        for [x, w] in pairs() {
            let found = cosine_similarity(&x, &w);
            p.see(format!("cosine_similarity of {} and {}", name(&x), name(&w)), found);
            let longer: Vec<f64> = w.iter().map(|w| 10.0 * w).collect();
            let again = cosine_similarity(&x, &longer);
            p.rule((found - again).abs() < 1e-9, || {
                format!(
                    "the second list made ten times as long changes the result from {found:.4} to \
                     {again:.4}, and must not change it. Is the length of each list divided out?"
                )
            });
        }
    });
}
