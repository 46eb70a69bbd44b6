//! What `bias_correction` is asked.

use super::answer::{average, corrected, first_step};
use exercises::probe::Probe;
use stage02_attention::params::{Init, Layout, Params};
use stage03_gpt::adamw::{AdamW, Moments};

pub fn probe(p: &mut Probe) {
    // The course's own optimiser, on one weight that does not decay.
    let mut layout = Layout::new();
    layout.scope("a").vector("bias", 1, Init::Ones);
    let run = |adamw: AdamW, gradients: &[f64]| {
        let (mut weights, mut moments) = (Params { values: vec![0.0] }, Moments::new(&layout));
        for (t, &g) in (1..).zip(gradients) {
            let mut gradient = Params { values: vec![g] };
            adamw.step(t, 1.0, 1.0, &layout, &mut weights, &mut gradient, &mut moments);
        }
        (moments.m.values[0], moments.v.values[0])
    };
    let (m, _) = run(AdamW::default(), &[1.0, 20.0]);
    p.part("average", |p| p.predict("m after the gradients 1 and 20", average(), m));
    p.part("corrected", |p| {
        p.predict("m_hat after the gradients 1 and 20", corrected(), m / (1.0 - 0.9f64.powi(2)));
    });
    p.part("first_step", |p| {
        let guess = first_step();
        let (m, v) = run(AdamW { beta2: 0.9999, ..AdamW::default() }, &[3.0]);
        // 0.9999 is no exact number of an f64.
        let truth = (m / v.sqrt() * 1e6).round() / 1e6;
        p.predict("the first step without correction, in learning rates", guess, truth);
    });
}
