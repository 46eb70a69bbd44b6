//! What `gguf_bytes` is asked.

use super::answer::{
    bytes_of_a_block, bytes_of_a_gate, bytes_of_the_embedding, ten_times_the_bits,
};
use exercises::probe::Probe;
use stage03_gpt::files::gguf::TensorType;

/// The bytes of a matrix in a type.
fn bytes(kind: TensorType, rows: u64, columns: u64) -> usize {
    kind.bytes_of(rows * columns).expect("whole blocks") as usize
}

pub fn probe(p: &mut Probe) {
    p.part("bytes_of_a_block", |p| {
        p.predict("the bytes of a block", bytes_of_a_block(), TensorType::Q4_1.block_bytes());
    });
    p.part("bytes_of_a_gate", |p| {
        let truth = bytes(TensorType::Q4_1, 2048, 768);
        p.predict("the bytes of the gate", bytes_of_a_gate(), truth);
    });
    p.part("bytes_of_the_embedding", |p| {
        let truth = bytes(TensorType::Q8_0, 32_000, 768);
        p.predict("the bytes of the embedding", bytes_of_the_embedding(), truth);
    });
    p.part("ten_times_the_bits", |p| {
        let kind = TensorType::Q4_0;
        assert_eq!(bytes(kind, 4096, 4096), 9_437_184);
        let truth = kind.block_bytes() * 8 * 10 / kind.block_len();
        p.predict("ten times the bits per weight", ten_times_the_bits(), truth);
    });
}
