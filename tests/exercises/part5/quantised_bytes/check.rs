//! Bytes and speeds, guessed and computed.

use super::answer::{
    bits_of_short_blocks, megabytes_in_q4_0, megabytes_in_q8_0, tokens_per_second,
};
use exercises::probe::Probe;
use stage03_gpt::files::gguf::TensorType;

/// The megabytes of so many million weights.
fn megabytes(kind: TensorType, millions: u64) -> f64 {
    kind.bytes_of(millions * 1_000_000).expect("whole blocks") as f64 / 1e6
}

pub fn probe(p: &mut Probe) {
    let mixed = megabytes(TensorType::Q4_0, 48) + megabytes(TensorType::Q8_0, 16);
    p.part("megabytes_in_q8_0", |p| {
        p.predict("megabytes in Q8_0", megabytes_in_q8_0(), megabytes(TensorType::Q8_0, 64));
    });
    p.part("megabytes_in_q4_0", |p| {
        p.predict("megabytes in Q4_0 and Q8_0", megabytes_in_q4_0(), mixed);
    });
    p.part("tokens_per_second", |p| {
        p.predict("tokens per second at most", tokens_per_second(), 22_000.0 / mixed);
    });
    p.part("bits_of_short_blocks", |p| {
        let (weights, bytes) = (16, 16 / 2 + 2 + 2);
        let bits = f64::from(8 * bytes) / f64::from(weights);
        p.predict("bits per weight", bits_of_short_blocks(), bits);
    });
}
