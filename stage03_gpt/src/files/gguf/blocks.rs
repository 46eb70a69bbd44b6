//! Reading a model for inference: quantised matrices stay in blocks, and everything else is f32.
//!
//! A file stores a matrix with a row for each output, and so does
//! [`BlockWeights`]: a row of blocks moves as a whole, for
//! example to its place among the queries and keys, and no weight changes.

use std::collections::BTreeMap;

use ndarray::Array2;
use stage01_bigram::{Error, Result};
use stage02_attention::matmul::blocks::{BlockMatrix, BlockType};
use stage02_attention::params::Tensor;
use stage02_attention::weights::{BlockWeights, Part};

use super::super::bounded::shown;
use super::load::read_head;
use super::names::Mapping;
use super::{GgufFile, TensorInfo, TensorType};
use crate::gpt::Gpt;
use crate::memory;

/// The blocks of a type of tensor, where they are multiplied as they are.
fn block_type(kind: TensorType) -> Option<BlockType> {
    match kind {
        TensorType::Q8_0 => Some(BlockType::Q8_0),
        TensorType::Q4_0 => Some(BlockType::Q4_0),
        TensorType::Q4_1 => Some(BlockType::Q4_1),
        _ => None,
    }
}

/// Whether a file has such tensors.
pub(super) fn has_blocks(file: &GgufFile) -> bool {
    file.tensors().iter().any(|tensor| block_type(tensor.kind).is_some())
}

/// Reads the sizes and the weights.
///
/// # Errors
/// As [`load`](super::load::load).
pub(super) fn read_model(file: &GgufFile) -> Result<(Gpt, BlockWeights)> {
    let (config, tensors) = read_head(file)?;
    let wrong = |e: Error| Error::format(file.path(), e.to_string(), "take another file");
    let bytes = |(mapping, tensor): &(Mapping, &TensorInfo)| match block_type(tensor.kind) {
        Some(_) if !mapping.is_vector() => tensor.bytes as f64,
        _ => 4.0 * tensor.len() as f64,
    };
    let bytes = tensors.iter().map(bytes).sum();
    memory::require(bytes, "the weights of this model", "take a smaller model").map_err(wrong)?;
    let gpt = Gpt::declare(config).map_err(wrong)?;
    // The tensors of the file that make up each of ours, in the order of their outputs.
    let mut parts: BTreeMap<&str, Vec<(&Mapping, &TensorInfo)>> = BTreeMap::new();
    for (mapping, tensor) in &tensors {
        parts.entry(&mapping.ours).or_default().push((mapping, tensor));
    }
    let mut weights = BlockWeights::default();
    for ours in gpt.layout().tensors() {
        let parts = parts.remove(ours.name.as_str()).expect("every tensor is in the file");
        match ours.shape.len() {
            1 => weights.insert_vector(ours, read_vector(file, ours, &parts)?),
            _ => weights.insert_matrix(ours, read_matrix(file, &parts)?),
        }
    }
    weights.join_memory();
    Ok((gpt, weights))
}

fn read_vector(
    file: &GgufFile,
    ours: &Tensor,
    parts: &[(&Mapping, &TensorInfo)],
) -> Result<Vec<f32>> {
    let mut values = vec![0.0; ours.len()];
    for (mapping, tensor) in parts {
        mapping.scatter(&file.read(tensor)?, &mut values);
    }
    Ok(values)
}

fn read_matrix(file: &GgufFile, parts: &[(&Mapping, &TensorInfo)]) -> Result<Vec<Part>> {
    let mut matrix = Vec::new();
    // Neighbours of one type become one matrix: queries, keys and values, mostly.
    for parts in parts.chunk_by(|(_, a), (_, b)| a.kind == b.kind && block_type(a.kind).is_some()) {
        let n_in = parts[0].1.dims[0];
        let n_out = parts.iter().map(|(_, tensor)| tensor.dims[1]).sum();
        match block_type(parts[0].1.kind) {
            Some(kind) => {
                let mut bytes = Vec::new();
                for (mapping, tensor) in parts {
                    let part = file.bytes(tensor)?;
                    check_scales(file, tensor, kind, &part)?;
                    bytes.extend(in_our_order(mapping, part, tensor.dims[1]));
                }
                matrix.push(Part::Blocks(BlockMatrix::new(kind, n_out, n_in, &bytes)));
            }
            None => {
                let (mapping, tensor) = parts[0];
                let numbers = in_our_order(mapping, file.read(tensor)?, n_out);
                let rows = Array2::from_shape_vec((n_out, n_in), numbers);
                matrix.push(Part::Full(rows.expect("the dimensions were checked")));
            }
        }
    }
    Ok(matrix)
}

/// Rows of a tensor, in the order of our outputs.
fn in_our_order<T: Copy + Default>(mapping: &Mapping, rows: Vec<T>, n_out: usize) -> Vec<T> {
    let Some(order) = mapping.output_order() else { return rows };
    let length = rows.len() / n_out;
    let mut ours = vec![T::default(); rows.len()];
    for (row, output) in rows.chunks_exact(length).zip(order) {
        ours[output * length..][..length].copy_from_slice(row);
    }
    ours
}

/// Checks that no scale and no minimum is NaN or infinite.
fn check_scales(file: &GgufFile, tensor: &TensorInfo, kind: BlockType, bytes: &[u8]) -> Result<()> {
    /// The exponent of a float16, whose largest value stands for these.
    const EXPONENT: u8 = 0x7C;
    let is_finite = |half: &[u8]| half[1] & EXPONENT != EXPONENT;
    let is_sound =
        |block: &[u8]| is_finite(block) && (kind != BlockType::Q4_1 || is_finite(&block[2..]));
    if bytes.chunks_exact(kind.bytes()).all(is_sound) {
        return Ok(());
    }
    Err(Error::format(
        file.path(),
        format!("the tensor {} has a scale that is NaN or infinite", shown(&tensor.name)),
        "the file is damaged; copy it again",
    ))
}
