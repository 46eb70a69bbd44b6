//! What `entropy` is asked.

use super::answer::{compressed_bytes, cross_entropy_bits, divergence_bits, uniform_bits};
use exercises::probe::Probe;
use stage01_bigram::loss::{bits, plain};

const TEXT: [f64; 4] = [0.5, 0.25, 0.125, 0.125];
const MODEL: [f64; 4] = [0.125, 0.5, 0.25, 0.125];

/// What a model pays for a token of the text on average, in bits.
fn pays(model: [f64; 4]) -> f64 {
    let logits = model.map(f64::ln);
    bits((0..4).map(|token| TEXT[token] * plain::cross_entropy(&logits, token)).sum())
}

pub fn probe(p: &mut Probe) {
    p.part("cross_entropy_bits", |p| {
        p.predict("the cross-entropy in bits", cross_entropy_bits(), pays(MODEL));
    });
    p.part("divergence_bits", |p| {
        p.predict("the KL divergence in bits", divergence_bits(), pays(MODEL) - pays(TEXT));
    });
    p.part("uniform_bits", |p| {
        p.predict("what the uniform baseline pays, in bits", uniform_bits(), pays([0.25; 4]));
    });
    p.part("compressed_bytes", |p| {
        let truth = (1600.0 * pays(MODEL) / 8.0).round() as usize;
        p.predict("bytes of the compressed file", compressed_bytes(), truth);
    });
}
