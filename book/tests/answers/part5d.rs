//! The numeric answers of the quiz about the files of models.
//!
//! A question names one of these functions in `computed`; the right choice must be its number.

use std::path::Path;

use stage03_gpt::files::gguf::{GgufFile, TensorType};

use crate::Answer;

/// Every answer by its name.
pub const ANSWERS: &[Answer] = answers![
    weight_in_the_upper_half,
    bits_of_eighteen_bytes,
    where_a_tensor_begins,
    row_three_of_a_head,
];

/// A GGUF file with one block of Q4_1, as the reader of the course reads it: weight 16.
pub fn weight_in_the_upper_half() -> f64 {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(3u32.to_le_bytes());
    [1u64, 0, 1].iter().for_each(|number| bytes.extend(number.to_le_bytes()));
    bytes.push(b'w');
    bytes.extend(1u32.to_le_bytes());
    bytes.extend(32u64.to_le_bytes());
    bytes.extend(TensorType::Q4_1.number().to_le_bytes());
    bytes.extend(0u64.to_le_bytes());
    bytes.resize(bytes.len().next_multiple_of(32), 0);
    // The scale 0.5 and the minimum -3 in float16.
    bytes.extend([0x00, 0x38, 0x00, 0xc2, 0x92]);
    bytes.extend([0; 15]);
    let file = GgufFile::from_bytes(Path::new("quiz.gguf"), &bytes).unwrap();
    file.read(&file.tensors()[0]).unwrap()[16].into()
}

/// 18 bytes for 32 weights: Q4_0.
pub fn bits_of_eighteen_bytes() -> f64 {
    let kind = TensorType::Q4_0;
    assert_eq!((kind.block_bytes(), kind.block_len()), (18, 32));
    kind.block_bytes() as f64 * 8.0 / kind.block_len() as f64
}

/// The length of the header in eight bytes, the header, and the offset.
pub fn where_a_tensor_begins() -> f64 {
    (size_of::<u64>() + 200 + 64) as f64
}

/// The number whose pair and place in the pair are those of row 3 of 64.
pub fn row_three_of_a_head() -> f64 {
    // Column c of the halves is row 2 c, or 2 c + 1 from the middle on.
    let row = |column: usize| 2 * (column % 32) + column / 32;
    (0..64).position(|column| row(column) == 3).unwrap() as f64
}
