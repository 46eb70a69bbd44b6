//! What `gradient_accumulation` is asked.

use super::answer::accumulated;
use exercises::probe::Probe;
use exercises::value::short;

pub fn probe(p: &mut Probe) {
    p.part("accumulated", |p| {
        let mean = |part: &[f64], f: fn(f64) -> f64| {
            part.iter().map(|&x| f(x)).sum::<f64>() / part.len() as f64
        };
        let found = accumulated(&[4.0, 2.0, 6.0, 8.0], 3, &mut |part| vec![mean(part, |x| x)]);
        p.see("the example: 4, 2, 6, 8 in micro-batches of 3", found);
        let found = accumulated(&[4.0, 2.0, 6.0, 8.0], 2, &mut |part| vec![mean(part, |x| x)]);
        p.see("the same in micro-batches of 2", found);

        let batch: Vec<f64> = (0..11).map(|i| f64::from(i * i % 7)).collect();
        let three = |part: &[f64]| {
            vec![mean(part, f64::sin), mean(part, |x| x * x), mean(part, |x| 1.0 - x)]
        };
        let whole = three(&batch);
        for size in [1, 2, 4, 5, 11, 20] {
            let (mut largest, mut read) = (0, 0);
            let found = accumulated(&batch, size, &mut |part| {
                (largest, read) = (largest.max(part.len()), read + part.len());
                three(part)
            });
            p.rule(largest <= size, || {
                format!("micro-batches of {size}: one has {largest} examples, which do not fit")
            });
            p.rule(read == 11, || {
                format!(
                    "micro-batches of {size}: {read} examples were read, and there are 11: \
                     what became of the rest?"
                )
            });
            let same =
                found.len() == 3 && found.iter().zip(&whole).all(|(a, b)| (a - b).abs() < 1e-9);
            p.rule(same, || {
                format!(
                    "micro-batches of {size}: the gradient begins with {}, and in one piece \
                     with {}; it must be the same: how much does each micro-batch count?",
                    short(found.first().copied().unwrap_or(f64::NAN)),
                    short(whole[0])
                )
            });
            p.see(format!("11 examples in micro-batches of {size}"), found);
        }
    });
}
