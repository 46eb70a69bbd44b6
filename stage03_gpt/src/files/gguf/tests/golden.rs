//! A file that llama.cpp's Python package wrote, and the numbers that it reads: see
//! `golden/make_golden.py`.

use super::super::{Array, Scale, TensorInfo, TensorType, Value, quantise};
use super::open;

const BLOCKS: &[u8] = include_bytes!("../golden/blocks.gguf");

#[test]
fn dequantised_blocks_are_equal_bit_by_bit() {
    let file = open(BLOCKS).unwrap();
    for kind in TensorType::READABLE {
        let tensor = file.tensor(kind.name()).unwrap();
        assert_eq!(tensor.kind, kind);
        let expected = file.tensor(&format!("{kind}.expected")).unwrap();
        assert_eq!((tensor.dims.as_slice(), expected.kind), (&expected.dims[..], TensorType::F32));
        let (numbers, expected) = (file.read(tensor).unwrap(), file.read(expected).unwrap());
        for (i, (number, expected)) in numbers.iter().zip(&expected).enumerate() {
            assert_eq!(number.to_bits(), expected.to_bits(), "{kind}, number {i}: {number}");
        }
        let sizes: Vec<f32> = expected.iter().map(|number| number.abs()).collect();
        assert!(sizes.iter().any(|&size| size > 0.0), "{kind}: all zero");
    }
}

/// The bytes are those that llama.cpp's package writes, where both choose the scale in the same way.
#[test]
fn quantised_blocks_are_equal_byte_by_byte() {
    let bytes: &[u8] = include_bytes!("../golden/quantised.gguf");
    let file = open(bytes).unwrap();
    let weights = file.read(file.tensor("weights").unwrap()).unwrap();
    // Behind the head, whose length is not told, stands the data.
    let end = |tensor: &TensorInfo| (tensor.offset + tensor.bytes).next_multiple_of(32);
    let data = bytes.len() as u64 - file.tensors().iter().map(end).max().unwrap();
    for kind in TensorType::WRITABLE.into_iter().filter(|&kind| kind != TensorType::F32) {
        let tensor = file.tensor(kind.name()).unwrap();
        let start = (data + tensor.offset) as usize;
        let expected = &bytes[start..start + tensor.bytes as usize];
        let ours = quantise(kind, Scale::Largest, &weights);
        let differ = |(a, b): (&[u8], &[u8])| a != b;
        let blocks = ours.chunks(kind.block_bytes()).zip(expected.chunks(kind.block_bytes()));
        let wrong: Vec<usize> =
            blocks.enumerate().filter(|(_, pair)| differ(*pair)).map(|(i, _)| i).collect();
        assert!(wrong.is_empty(), "{kind}: blocks {wrong:?} of {}", weights.len() / 32);
    }
}

#[test]
fn metadata_of_every_type_is_read() {
    let file = open(BLOCKS).unwrap();
    let strings = ["a", "", "Ġb"].map(String::from).to_vec();
    for (key, value) in [
        ("uint8", Value::U8(200)),
        ("int8", Value::I8(-100)),
        ("uint16", Value::U16(60_000)),
        ("int16", Value::I16(-30_000)),
        ("uint32", Value::U32(4_000_000_000)),
        ("int32", Value::I32(-2_000_000_000)),
        ("uint64", Value::U64(1 << 63)),
        ("int64", Value::I64(-(1 << 62))),
        ("float32", Value::F32(0.1)),
        ("float64", Value::F64(0.1)),
        ("bool", Value::Bool(true)),
        ("string", Value::String("Grüße".into())),
        ("strings", Value::Array(Array::String(strings))),
        ("numbers", Value::Array(Array::I32(vec![1, -2, 3]))),
        ("floats", Value::Array(Array::F32(vec![0.5, -1.5]))),
        ("bools", Value::Array(Array::Bool(vec![true, false]))),
    ] {
        assert_eq!(file.metadata().value(&format!("test.{key}")), Some(&value), "{key}");
    }
}

#[test]
fn getters_name_the_key_what_it_holds_and_what_was_expected() {
    let file = open(BLOCKS).unwrap();
    let metadata = file.metadata();
    assert_eq!(metadata.required::<u64>("test.uint64").unwrap(), 1 << 63);
    assert_eq!(metadata.required::<usize>("test.uint8").unwrap(), 200);
    assert_eq!(metadata.required::<f64>("test.float64").unwrap(), 0.1);
    assert_eq!(metadata.required::<f64>("test.uint8").unwrap(), 200.0);
    assert!(metadata.required::<bool>("test.bool").unwrap());
    assert_eq!(metadata.required::<&[i32]>("test.numbers").unwrap(), [1, -2, 3]);
    assert_eq!(metadata.required::<&[String]>("test.strings").unwrap()[2], "Ġb");
    assert_eq!(metadata.optional::<&str>("test.nothing").unwrap(), None);
    for (error, parts) in [
        (metadata.required::<u32>("test.uint64").err(), ["test.uint64 is 9223372036", "32 bits"]),
        (metadata.required::<usize>("test.int8").err(), ["test.int8 is -100 (i8)", "negative"]),
        (metadata.required::<bool>("test.string").err(), ["is \"Grüße\" (string)", "a bool"]),
        (metadata.required::<&str>("test.strings").err(), ["is [3 x string]", "a string"]),
        (metadata.required::<&str>("x").err(), ["entry x of its metadata is missing", "a string"]),
    ] {
        let error = error.unwrap().to_string();
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    }
}
