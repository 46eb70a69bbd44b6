//! What `q4_1_block` is asked.

use std::path::Path;

use super::answer::weights;
use exercises::probe::Probe;
use stage03_gpt::files::gguf::{GgufFile, TensorType};

/// The weights as the program reads them, out of a GGUF file that has this block alone.
fn read(block: &[u8; 20]) -> Vec<f64> {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(3u32.to_le_bytes());
    [1u64, 0, 1].iter().for_each(|number| bytes.extend(number.to_le_bytes()));
    bytes.push(b'w');
    bytes.extend(1u32.to_le_bytes());
    bytes.extend(32u64.to_le_bytes());
    bytes.extend(TensorType::Q4_1.number().to_le_bytes());
    bytes.extend(0u64.to_le_bytes());
    bytes.resize(bytes.len().next_multiple_of(32), 0);
    bytes.extend(block);
    let file = GgufFile::from_bytes(Path::new("block.gguf"), &bytes).expect("a whole file");
    let read = file.read(&file.tensors()[0]).expect("a block");
    read.into_iter().map(f64::from).collect()
}

pub fn probe(p: &mut Probe) {
    p.part("weights", |p| {
        let mut paper = [0x88; 20];
        paper[..7].copy_from_slice(&[0x00, 0x34, 0x00, 0xc0, 0xf0, 0x48, 0x9a]);
        let mut all = [0; 20];
        all[..4].copy_from_slice(&[0x66, 0x2e, 0x00, 0xb8]);
        (0..16).for_each(|i| all[4 + i] = (i * 37 % 256) as u8);
        // A negative scale, and a minimum of zero.
        let mut falling = all;
        falling[..4].copy_from_slice(&[0x00, 0xbc, 0x00, 0x00]);
        for (name, block) in
            [("the block on paper", paper), ("a block", all), ("a negative scale", falling)]
        {
            let found = weights(&block);
            let count = found.len();
            p.see(name, found.clone());
            p.rule(count == 32, || {
                format!(
                    "{name}: {count} weights came out, and a block holds 32. How many numbers are \
                     in a byte?"
                )
            });
            let truth = read(&block);
            let wrong = found.iter().zip(&truth).position(|(a, b)| (a - b).abs() > 1e-6);
            p.rule(wrong.is_none(), || {
                let i = wrong.unwrap_or_default();
                format!(
                    "{name}: weight {i} is {}, and must be {}. In which byte, and in which half of \
                     it, is number {i}?",
                    found[i], truth[i]
                )
            });
        }
    });
}
