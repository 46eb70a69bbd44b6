//! Tests of the container, by what they are about.

mod blocks;
mod golden;
mod malformed;
mod model;
mod round_trip;
mod smollm2;

use std::borrow::Cow;
use std::path::Path;

use super::{Array, GgufFile, NewTensor, TensorType, Value, write_gguf};

/// The content of a file with this metadata and these tensors.
fn written(metadata: &[(String, Value)], tensors: &[(NewTensor, Vec<f32>)]) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file.gguf");
    let new: Vec<NewTensor> = tensors.iter().map(|(new, _)| new.clone()).collect();
    write_gguf(&path, metadata, &new, |i| Cow::Borrowed(&tensors[i].1)).unwrap();
    std::fs::read(&path).unwrap()
}

/// Opens a file in memory.
fn open(bytes: &[u8]) -> stage01_bigram::Result<GgufFile<'_>> {
    GgufFile::from_bytes(Path::new("test.gguf"), bytes)
}

/// A small file that has every kind of entry.
fn small() -> Vec<u8> {
    let entry = |key: &str, value| (key.to_string(), value);
    let texts = ["a", "", "Ġb"].map(String::from).to_vec();
    let metadata = [
        entry("general.architecture", Value::String("llama".into())),
        entry("llama.block_count", Value::U32(2)),
        entry("eps", Value::F32(1e-5)),
        entry("yes", Value::Bool(true)),
        entry("tokens", Value::Array(Array::String(texts))),
        entry("types", Value::Array(Array::I32(vec![1, -2, 3]))),
    ];
    let tensor = |name: &str, dims: &[usize], kind| {
        let len: usize = dims.iter().product();
        let numbers = (0..len).map(|i| i as f32 / 4.0 - 1.0).collect();
        (NewTensor { name: name.into(), dims: dims.to_vec(), kind }, numbers)
    };
    let tensors = [
        tensor("one", &[3], TensorType::F32),
        tensor("two", &[5, 2], TensorType::F16),
        tensor("none", &[0], TensorType::F32),
        tensor("scalar", &[], TensorType::F32),
    ];
    written(&metadata, &tensors)
}
