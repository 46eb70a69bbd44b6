//! What a stack of pre-norm layers is asked.

use super::answer::stack;
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    p.part("stack", |p| {
        let x = [1.0, 2.0, 6.0];
        let still = stack(&x, &[vec![0.0; 3]]);
        p.rule(still == x, || {
            format!(
                "a layer with the weights 0 makes {still:.3?} of {x:?}. It says nothing, and must \
                 leave the stream as it was. Who has changed it?"
            )
        });
        p.see("one layer with the weights 0", still);
        p.see("one layer with the weights 1", stack(&x, &[vec![1.0; 3]]));
        let layers: Vec<Vec<f64>> = (0..24)
            .map(|l| (0..3).map(|j| ((3 * l + 5 * j) % 7) as f64 / 10.0 - 0.2).collect())
            .collect();
        p.see("two layers", stack(&x, &layers[..2]));
        p.see("twenty-four layers", stack(&x, &layers));
    });
}
