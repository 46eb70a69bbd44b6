//! What `normal` and `share_within` are asked.

use super::answer::{normal, share_within};
use exercises::probe::Probe;

/// Twelve numbers between 0 and 1 (Vigna's SplitMix).
fn twelve(state: &mut u64) -> [f64; 12] {
    std::array::from_fn(|_| {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    })
}

pub fn probe(p: &mut Probe) {
    p.part("normal", |p| {
        p.see("normal of twelve times 1/2, mean 0, std 1", normal(&[0.5; 12], 0.0, 1.0));
        let mut one = [0.5; 12];
        one[11] = 1.0;
        p.see("normal with one of them 1, mean 2, std 0.2", normal(&one, 2.0, 0.2));
        let state = &mut 1;
        p.see(
            "normal of twelve random numbers, mean 0, std 0.02",
            normal(&twelve(state), 0.0, 0.02),
        );
        p.see("normal of twelve others, mean -3, std 5", normal(&twelve(state), -3.0, 5.0));
        let values: Vec<f64> = (0..4000).map(|_| normal(&twelve(state), 10.0, 2.0)).collect();
        let middle = values.iter().sum::<f64>() / 4000.0;
        let squares: f64 = values.iter().map(|x| (x - middle) * (x - middle)).sum();
        let width = (squares / 4000.0).sqrt();
        p.rule((middle - 10.0).abs() < 0.2, || {
            format!(
                "4000 values with the mean 10 have the mean {middle:.3}. Is z 0 in the mean, and \
                 is `mean` added once?"
            )
        });
        p.rule((width - 2.0).abs() < 0.1, || {
            format!(
                "4000 values with the standard deviation 2 have the standard deviation {width:.3}. \
                 By what is z multiplied?"
            )
        });
    });
    p.part("share_within", |p| {
        let paper = [1.0, 2.0, 3.0, 9.0];
        p.see("the share of (1, 2, 3, 9) within 1.5 of 2", share_within(&paper, 2.0, 1.5));
        p.see("the share of (1, 2, 3, 9) within 3 of 6", share_within(&paper, 6.0, 3.0));
        let state = &mut 2;
        let values: Vec<f64> =
            (0..4000).map(|_| 10.0 + 2.0 * (twelve(state).iter().sum::<f64>() - 6.0)).collect();
        for widths in [1.0, 2.0] {
            let what =
                format!("the share of 4000 normal values within {widths} standard deviations");
            p.see(what, share_within(&values, 10.0, 2.0 * widths));
        }
    });
}
