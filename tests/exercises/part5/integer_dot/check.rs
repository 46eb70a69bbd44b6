//! What `integer_dot` is asked.

use super::answer::{Block, integer_dot};
use exercises::probe::Probe;

/// A block of so many numbers by a formula, from -`most` to `most`, or from 0 where there is a
/// minimum.
fn block(d: f64, m: f64, most: i64, count: i64, seed: i64) -> Block {
    let number = |i: i64| (i * 37 + seed * 11) % (2 * most + 1) - most;
    let q = (0..count).map(|i| if m == 0.0 { number(i) } else { number(i).abs() } as i8).collect();
    Block { d, m, q }
}

/// The numbers of blocks.
fn numbers(blocks: &[Block]) -> Vec<f64> {
    blocks.iter().flat_map(|b| b.q.iter().map(|&q| b.d * f64::from(q) + b.m)).collect()
}

pub fn probe(p: &mut Probe) {
    p.part("integer_dot", |p| {
        let x = || Block { d: 0.01, m: 0.0, q: vec![50, 100, 127, 20] };
        let asked: [(&str, Vec<Block>, Vec<Block>); 6] = [
            (
                "the block on paper",
                vec![Block { d: 0.2, m: 0.0, q: vec![4, -2, 1, -8] }],
                vec![x()],
            ),
            (
                "the block with a minimum",
                vec![Block { d: 0.16, m: -1.6, q: vec![15, 8, 11, 0] }],
                vec![x()],
            ),
            (
                "two blocks with other scales",
                vec![block(0.2, 0.0, 7, 4, 1), block(3.0, 0.0, 7, 4, 2)],
                vec![block(0.01, 0.0, 127, 4, 3), block(0.5, 0.0, 127, 4, 4)],
            ),
            (
                "three blocks of 32 with minima",
                vec![
                    block(0.1, -0.7, 15, 32, 1),
                    block(0.3, 0.5, 15, 32, 2),
                    block(0.2, -1.0, 15, 32, 3),
                ],
                (4..7).map(|i| block(0.01 * i as f64, 0.0, 127, 32, i)).collect(),
            ),
            (
                "the largest sum of 8 bits",
                vec![Block { d: 1.0, m: 0.0, q: vec![127; 32] }],
                vec![Block { d: 1.0, m: 0.0, q: vec![-127; 32] }],
            ),
            ("no block", vec![], vec![]),
        ];
        for (name, w, x) in &asked {
            let found = integer_dot(w, x);
            p.see(*name, found);
            let expected: f64 = numbers(w).iter().zip(numbers(x)).map(|(w, x)| w * x).sum();
            p.rule((found - expected).abs() <= 1e-9 * (1.0 + expected.abs()), || {
                format!(
                    "{name}: {found} came out. The weights, read back to numbers, give {expected} \
                     with x, and the sums of whole numbers must give the same. Which scale belongs \
                     to which block, and what became of the minimum?"
                )
            });
        }
    });
}
