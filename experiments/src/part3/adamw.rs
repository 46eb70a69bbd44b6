//! AdamW, one idea at a time: a ravine, two kinds of gradient, the first steps, clipping, decay.
//!
//! Everything here has one weight or two, so that each number can be worked out on paper. The
//! optimiser itself is `stage03_gpt::adamw`; the rules before it are spelled out below.

use stage02_attention::params::{Init, Layout, Params};
use stage03_gpt::adamw::{AdamW, Moments};

use crate::setup::ADAMW;

/// The settings of the default run, without decay.
const ADAM: AdamW = AdamW { weight_decay: 0.0, ..ADAMW };

/// Runs the experiment.
pub fn run() {
    ravine();
    steady_and_shaking();
    first_steps();
    odd_batch();
    decay();
    counted_from_zero();
}

// ANCHOR: ravine
/// The gradient of L = (w1² + 100 w2²) / 2: gentle along w1, steep along w2.
fn gradient([w1, w2]: [f64; 2]) -> [f64; 2] {
    [w1, 100.0 * w2]
}
// ANCHOR_END: ravine

/// Walks from (1, 1) with a rule, and returns where it stands after every step.
fn walk(steps: usize, mut rule: impl FnMut(&mut f64, usize, f64)) -> Vec<[f64; 2]> {
    let mut w = [1.0, 1.0];
    let step = |_| {
        let g = gradient(w);
        (0..2).for_each(|i| rule(&mut w[i], i, g[i]));
        w
    };
    (0..steps).map(step).collect()
}

/// The three rules on the ravine.
fn rules(steps: usize) -> [Vec<[f64; 2]>; 3] {
    // ANCHOR: rules
    let descent = walk(steps, |w, _, g| *w -= 0.018 * g);

    let mut m = [0.0, 0.0];
    let momentum = walk(steps, |w, i, g| {
        m[i] = 0.9 * m[i] + 0.1 * g;
        *w -= 0.1 * m[i];
    });
    // ANCHOR_END: rules

    let mut adam = [Single::new(1.0), Single::new(1.0)];
    let adam = walk(steps, |w, i, g| *w = adam[i].step(&ADAM, 0.1, g));
    [descent, momentum, adam]
}

fn ravine() {
    println!("A RAVINE: from (1, 1) down to (0, 0)");
    println!("      gradient descent        with momentum             Adam");
    println!("step      w1       w2        w1       w2        w1       w2");
    let [descent, momentum, adam] = rules(100);
    for step in [1, 2, 5, 10, 20, 50, 100] {
        let [d, m, a] = [&descent, &momentum, &adam].map(|walk| walk[step - 1]);
        println!(
            "{step:>4}{:>8.3}{:>9.3}{:>10.3}{:>9.3}{:>10.3}{:>9.3}",
            d[0], d[1], m[0], m[1], a[0], a[1]
        );
    }
}

/// A model of a single weight with its own optimiser.
struct Single {
    layout: Layout,
    weights: Params<f64>,
    moments: Moments<f64>,
    t: usize,
}

impl Single {
    fn new(weight: f64) -> Self {
        let mut layout = Layout::new();
        layout.scope("a").matrix("weight", 1, 1, Init::Ones);
        let weights = Params { values: vec![weight] };
        let moments = Moments::new(&layout);
        Single { layout, weights, moments, t: 0 }
    }

    /// One step. Returns the weight after it.
    fn step(&mut self, adamw: &AdamW, lr: f64, gradient: f64) -> f64 {
        self.t += 1;
        let mut gradient = Params { values: vec![gradient] };
        let Single { layout, weights, moments, t } = self;
        adamw.step(*t, lr, 1.0, layout, weights, &mut gradient, moments);
        weights.values[0]
    }

    /// How far a step moves the weight down, in learning rates.
    fn stride(&mut self, gradient: f64) -> f64 {
        let before = self.weights.values[0];
        (before - self.step(&ADAM, 0.001, gradient)) / 0.001
    }
}

/// How far 100 steps lead down, in learning rates, with a gradient for each step.
fn distance(gradient: impl Fn(usize) -> f64) -> f64 {
    let mut weight = Single::new(0.0);
    (0..100).map(|step| weight.stride(gradient(step))).sum()
}

fn steady_and_shaking() {
    println!("\nSTEADY OR SHAKING: 100 steps of Adam, how far, in learning rates");
    println!("always +4                 {:>7.2}", distance(|_| 4.0));
    println!("always +0.004             {:>7.2}", distance(|_| 0.004));
    println!("+4, -4, +4, -4, ...       {:>7.2}", distance(shaking));
    println!("+4, +4, +4, -4, ...       {:>7.2}", distance(mostly_up));
}

fn shaking(step: usize) -> f64 {
    if step.is_multiple_of(2) { 4.0 } else { -4.0 }
}

fn mostly_up(step: usize) -> f64 {
    if step % 4 == 3 { -4.0 } else { 4.0 }
}

// ANCHOR: averages
/// After t steps with the gradient 4: m, v, and the stride without and with the correction.
fn averages(t: i32) -> [f64; 4] {
    let (mut m, mut v) = (0.0, 0.0);
    for _ in 0..t {
        m = 0.9 * m + 0.1 * 4.0;
        v = 0.99 * v + 0.01 * 16.0;
    }
    let (c1, c2) = (1.0 - 0.9f64.powi(t), 1.0 - 0.99f64.powi(t));
    [m, v, m / v.sqrt(), (m / c1) / (v / c2).sqrt()]
}
// ANCHOR_END: averages

fn first_steps() {
    println!("\nFIRST STEPS: the gradient is 4 every time");
    println!("   t        m        v   m / root v   corrected");
    for t in [1, 2, 3, 10, 30, 100, 1000] {
        let [m, v, bare, corrected] = averages(t);
        println!("{t:>4}{m:>9.4}{v:>9.4}{bare:>13.4}{corrected:>12.4}");
    }
}

/// The strides of 200 steps with the gradient 1, but for step 100.
fn strides(odd: f64) -> Vec<f64> {
    let mut weight = Single::new(0.0);
    (1..=200).map(|t| weight.stride(if t == 100 { odd } else { 1.0 })).collect()
}

fn odd_batch() {
    let factor = ADAM.clip_factor(5.0);
    println!("\nCLIPPING: the gradient (3, 4) has the norm 5");
    println!("clipped to 1: ({:.2}, {:.2})", 3.0 * factor, 4.0 * factor);
    println!("one odd batch in step 100, all others have the gradient 1");
    println!("step              99   100   101   110   130   200   100 to 200");
    for (name, odd) in [("it has 1000", 1000.0), ("clipped to 1", 1.0)] {
        let strides = strides(odd);
        print!("{name:<14}");
        for t in [99, 100, 101, 110, 130, 200] {
            print!("{:>6.2}", strides[t - 1]);
        }
        println!("{:>13.2}", strides[99..].iter().sum::<f64>());
    }
}

/// A weight of 1 after 200 steps of which the gradient only shakes: with decay apart from the
/// gradient, and with decay added to the gradient.
fn decayed(shake: f64) -> [f64; 2] {
    let decay = 0.5;
    let adamw = AdamW { weight_decay: decay, ..ADAM };
    let (mut apart, mut inside) = (Single::new(1.0), Single::new(1.0));
    for step in 0..200 {
        let g = if step % 2 == 0 { shake } else { -shake };
        apart.step(&adamw, 0.01, g);
        // ANCHOR: inside
        let pulled = g + decay * inside.weights.values[0];
        inside.step(&ADAM, 0.01, pulled);
        // ANCHOR_END: inside
    }
    [apart, inside].map(|single| single.weights.values[0])
}

fn decay() {
    println!("\nDECAY: a weight of 1 whose gradient only shakes, after 200 steps");
    println!("gradient        decay apart   decay in the gradient");
    for shake in [0.1, 1.0, 10.0] {
        let [apart, inside] = decayed(shake);
        let gradient = format!("+{shake}, -{shake}, ...");
        println!("{gradient:<16}{apart:>11.3}{inside:>24.3}");
    }
}

/// The weight after its first step, when the steps are counted from `t`.
fn first_weight(t: usize) -> f64 {
    let mut single = Single::new(1.0);
    let mut gradient = Params { values: vec![4.0] };
    let Single { layout, weights, moments, .. } = &mut single;
    ADAM.step(t, 0.01, 1.0, layout, weights, &mut gradient, moments);
    weights.values[0]
}

fn counted_from_zero() {
    println!("\nA BUG: the first step of a weight of 1, gradient 4, learning rate 0.01");
    println!("counted from 1: {}", first_weight(1));
    println!("counted from 0: {}", first_weight(0));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64, most: f64) {
        assert!((a - b).abs() < most, "{a} {b}");
    }

    #[test]
    fn the_example_for_paper() {
        // First step: m = 0.1 x 4, v = 0.01 x 16; corrected 4 and 16; the stride is 4 / 4.
        let [m, v, bare, corrected] = averages(1);
        near(m, 0.4, 1e-12);
        near(v, 0.16, 1e-12);
        near(bare, 1.0, 1e-12);
        near(corrected, 1.0, 1e-12);
        // Second: m = 0.36 + 0.4, v = 0.1584 + 0.16.
        let [m, v, bare, corrected] = averages(2);
        near(m, 0.76, 1e-12);
        near(v, 0.3184, 1e-12);
        near(bare, 1.3469, 1e-4);
        near(corrected, 1.0, 1e-12);
    }

    #[test]
    fn adam_does_not_see_how_steep_a_valley_is() {
        for [w1, w2] in &rules(100)[2] {
            near(*w1, *w2, 1e-6);
        }
        near(distance(|_| 4.0), distance(|_| 0.004), 1e-2);
    }

    #[test]
    fn a_gradient_that_only_shakes_leads_nowhere() {
        assert!(distance(shaking).abs() < 5.0);
        assert!(distance(mostly_up) > 30.0);
    }

    #[test]
    fn decay_apart_is_the_same_for_all() {
        for shake in [0.1, 10.0] {
            near(decayed(shake)[0], 0.995f64.powi(200), 0.02);
        }
        assert!(decayed(10.0)[1] > 0.85);
    }

    #[test]
    fn counting_from_zero_divides_by_zero() {
        near(first_weight(1), 0.99, 1e-9);
        assert!(first_weight(0).is_nan());
    }
}
