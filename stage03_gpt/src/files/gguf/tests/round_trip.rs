//! What is written is read back.

use std::borrow::Cow;

use proptest::collection::{hash_map, vec};
use proptest::prelude::*;

use super::super::{Array, GgufFile, NewTensor, TensorType, Value, write_gguf};
use super::{open, written};
use stage01_bigram::float16::{from_f16, to_f16};

fn value() -> impl Strategy<Value = Value> {
    let finite = -1e30f32..1e30;
    prop_oneof![
        any::<u8>().prop_map(Value::U8),
        any::<i8>().prop_map(Value::I8),
        any::<u16>().prop_map(Value::U16),
        any::<i16>().prop_map(Value::I16),
        any::<u32>().prop_map(Value::U32),
        any::<i32>().prop_map(Value::I32),
        any::<u64>().prop_map(Value::U64),
        any::<i64>().prop_map(Value::I64),
        finite.clone().prop_map(Value::F32),
        (-1e300f64..1e300).prop_map(Value::F64),
        any::<bool>().prop_map(Value::Bool),
        ".{0,12}".prop_map(Value::String),
        vec(any::<u8>(), 0..9).prop_map(|list| Value::Array(Array::U8(list))),
        vec(any::<i8>(), 0..9).prop_map(|list| Value::Array(Array::I8(list))),
        vec(any::<u16>(), 0..9).prop_map(|list| Value::Array(Array::U16(list))),
        vec(any::<i16>(), 0..9).prop_map(|list| Value::Array(Array::I16(list))),
        vec(any::<u32>(), 0..9).prop_map(|list| Value::Array(Array::U32(list))),
        vec(any::<i32>(), 0..9).prop_map(|list| Value::Array(Array::I32(list))),
        vec(any::<u64>(), 0..9).prop_map(|list| Value::Array(Array::U64(list))),
        vec(any::<i64>(), 0..9).prop_map(|list| Value::Array(Array::I64(list))),
        vec(finite, 0..9).prop_map(|list| Value::Array(Array::F32(list))),
        vec(-1e300f64..1e300, 0..9).prop_map(|list| Value::Array(Array::F64(list))),
        vec(any::<bool>(), 0..9).prop_map(|list| Value::Array(Array::Bool(list))),
        vec(".{0,6}", 0..5).prop_map(|list| Value::Array(Array::String(list))),
    ]
}

fn tensor() -> impl Strategy<Value = (Vec<usize>, TensorType, Vec<f32>)> {
    let kind = prop_oneof![Just(TensorType::F32), Just(TensorType::F16)];
    (vec(0usize..6, 0..4), kind).prop_flat_map(|(dims, kind)| {
        let len: usize = dims.iter().product();
        (Just(dims), Just(kind), vec(-60_000f32..60_000.0, len))
    })
}

proptest! {
    #[test]
    fn metadata_and_tensors_come_back(
        metadata in hash_map("[a-z.]{1,20}", value(), 0..6),
        tensors in hash_map("[a-z.]{1,20}", tensor(), 0..5),
    ) {
        let metadata: Vec<(String, Value)> = metadata.into_iter().collect();
        let tensors: Vec<(NewTensor, Vec<f32>)> = tensors
            .into_iter()
            .map(|(name, (dims, kind, numbers))| (NewTensor { name, dims, kind }, numbers))
            .collect();
        let bytes = written(&metadata, &tensors);
        prop_assert_eq!(&bytes, &written(&metadata, &tensors));
        let file = open(&bytes).unwrap();
        prop_assert_eq!(file.metadata().entries(), &metadata[..]);
        prop_assert_eq!(file.tensors().len(), tensors.len());
        for (new, numbers) in &tensors {
            let found = file.tensor(&new.name).unwrap();
            prop_assert_eq!((&found.dims, found.kind), (&new.dims, new.kind));
            let mut expected = numbers.clone();
            if new.kind == TensorType::F16 {
                expected.iter_mut().for_each(|number| *number = from_f16(to_f16(*number)));
            }
            prop_assert_eq!(file.read(found).unwrap(), expected);
        }
    }
}

/// Longer than what is read at once, and no multiple of it.
#[test]
fn a_tensor_of_several_pieces_comes_back_from_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("long.gguf");
    let numbers: Vec<f32> = (0..3_000_001).map(|i| i as f32).collect();
    let new = NewTensor { name: "long".into(), dims: vec![numbers.len()], kind: TensorType::F32 };
    write_gguf(&path, &[], &[new], |_| Cow::Borrowed(&numbers)).unwrap();
    let file = GgufFile::open(&path).unwrap();
    assert_eq!(file.read(&file.tensors()[0]).unwrap(), numbers);
}

#[test]
fn what_cannot_be_written_leaves_the_old_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file.gguf");
    std::fs::write(&path, "old").unwrap();
    let write = |name: &str, dims: &[usize], kind, number: f32| {
        let new = NewTensor { name: name.into(), dims: dims.to_vec(), kind };
        write_gguf(&path, &[], &[new], |_| Cow::Owned(vec![number; dims.iter().product()]))
            .unwrap_err()
            .to_string()
    };
    let long = "x".repeat(65);
    for (text, expected) in [
        (write("w", &[2], TensorType::F16, 70_000.0), "the tensor w would hold 70000"),
        (write("w", &[2], TensorType::F32, f32::NAN), "the tensor w would hold NaN"),
        (write("w", &[2], TensorType::F32, f32::NEG_INFINITY), "would hold -inf"),
        (write("w", &[256], TensorType::Q6_K, 0.0), "has the types F32, F16, Q8_0"),
        (write("w", &[33, 32], TensorType::Q8_0, 0.0), "a whole number of blocks of 32"),
        (write("w", &[32], TensorType::Q4_0, 1e6), "the tensor w would hold 1000000"),
        (write("w", &[1; 5], TensorType::F32, 0.0), "at most 4 dimensions"),
        (write(&long, &[1], TensorType::F32, 0.0), "at most 64 bytes"),
    ] {
        assert!(text.contains(expected), "{text}");
    }
    let entry = |key: &str| (key.to_string(), Value::Bool(true));
    for metadata in [[entry("a"), entry("a")], [entry("a"), entry("general.alignment")]] {
        assert!(write_gguf(&path, &metadata, &[], |_| unreachable!()).is_err());
    }
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}
