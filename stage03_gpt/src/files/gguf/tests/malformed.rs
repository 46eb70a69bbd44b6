//! Damaged and hostile files: each is refused with one short line, or read as it is. None panics,
//! and none makes the reader allocate by a number that the file merely claims.

use proptest::prelude::*;
use stage01_bigram::Error;

use super::super::{TensorType, Value};
use super::{open, small, written};

/// Reads everything in a file.
fn read_all(bytes: &[u8]) -> Result<usize, Error> {
    let file = open(bytes)?;
    let mut numbers = 0;
    for tensor in file.tensors() {
        numbers += file.read(tensor)?.len();
    }
    for (key, value) in file.metadata().entries() {
        assert!(value.to_string().len() < 700 && file.metadata().value(key).is_some());
    }
    Ok(numbers)
}

/// What a message must be, and its text.
fn message(error: &Error) -> String {
    let text = error.to_string();
    assert!(text.chars().count() < 1_500 && !text.contains(char::is_control), "{text:?}");
    text
}

fn refusal(bytes: &[u8]) -> String {
    message(&read_all(bytes).expect_err("a damaged file"))
}

#[test]
fn a_file_that_ends_anywhere_is_refused() {
    let whole = small();
    // The zeros behind the last number are not needed.
    let end = (0..=whole.len()).rev().find(|&end| read_all(&whole[..end]).is_err()).unwrap();
    assert!(whole.len() - end <= 32, "{end} of {}", whole.len());
    for end in 0..=end {
        let text = refusal(&whole[..end]);
        assert!(text.starts_with("test.gguf: "), "{text}");
    }
    assert_eq!(read_all(&whole).unwrap(), 3 + 10 + 1);
}

#[test]
fn a_file_with_any_byte_altered_is_refused_or_read() {
    let whole = small();
    let mut refused = 0;
    for at in 0..whole.len() {
        for change in [0x01, 0x80, 0xFF] {
            let mut bytes = whole.clone();
            bytes[at] ^= change;
            if let Err(error) = read_all(&bytes) {
                message(&error);
                refused += 1;
            }
        }
    }
    assert!(refused > whole.len() / 2, "{refused} of {}", 3 * whole.len());
}

/// The place of some bytes in a file.
fn find(bytes: &[u8], wanted: &[u8]) -> usize {
    bytes.windows(wanted.len()).position(|window| window == wanted).unwrap()
}

/// A small file with other bytes at a place behind some text.
fn with(behind: &str, skip: usize, new: &[u8]) -> Vec<u8> {
    let mut bytes = small();
    let at = find(&bytes, behind.as_bytes()) + behind.len() + skip;
    bytes[at..at + new.len()].copy_from_slice(new);
    bytes
}

#[test]
fn the_first_bytes_say_what_a_file_is() {
    let version = |version: u32| {
        let mut bytes = small();
        bytes[4..8].copy_from_slice(&version.to_le_bytes());
        refusal(&bytes)
    };
    assert!(version(2).contains("GGUF of version 2"), "{}", version(2));
    assert!(version(3u32.swap_bytes()).contains("big-endian"));
    for (bytes, expected) in [
        (&b""[..], "it is empty"),
        (b"GG", "no GGUF file"),
        (b"GGUF", "head ends at byte 4"),
        (b"version https://git-lfs", "git lfs pull"),
        (b"tjgg\x03\0\0\0", "before GGUF"),
        (b"\x08\0\0\0\0\0\0\0{}      ", "safetensors"),
        (b"PK\x03\x04........", "a zip archive"),
        (b"\0\0\0\0\0\0\0\0", "binary data"),
        (b"once upon a time", "does not begin with `GGUF`"),
    ] {
        let text = refusal(bytes);
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn claims_are_compared_with_the_file() {
    let huge = (1u64 << 60).to_le_bytes();
    let most = u64::MAX.to_le_bytes();
    for (bytes, expected) in [
        (with("GGUF", 4, &huge), "would have 1152921504606846976 tensors"),
        (with("GGUF", 4, &most), "would have 18446744073709551615 tensors"),
        (with("GGUF", 12, &huge), "would have 1152921504606846976 entries"),
        (with("GGUF", 20, &huge), "1152921504606846976 bytes of a string"),
        (with("general.architecture", 4, &huge), "entry 1 of the metadata, general.architecture"),
        (with("tokens", 8, &huge), "elements of the type string"),
        (with("types", 8, &most), "elements of the type i32"),
        (with("types", 4, &9u32.to_le_bytes()), "entry 6 of the metadata, types: it is a list of"),
        (with("types", 4, &99u32.to_le_bytes()), "no type of values with the number 99"),
        (with("yes", 4, &[2]), "a bool is 2"),
        (with("yes", 0, &77u32.to_le_bytes()), "no type of values with the number 77"),
        (with("one", 0, &5u32.to_le_bytes()), "5 dimensions"),
        (with("one", 4, &huge), "has 4611686018427387904 bytes from byte 0"),
        (with("two", 4, &most), "the tensor two: it has more numbers than can be counted"),
        (with("one", 4, &(1u64 << 40).to_le_bytes()), "bytes from byte 0 of the data on"),
        (with("one", 12, &4u32.to_le_bytes()), "type number is 4"),
        (with("one", 12, &2u32.to_le_bytes()), "no whole number of blocks of Q4_0"),
        (with("one", 16, &7u64.to_le_bytes()), "begins at byte 7 of the data"),
        (with("one", 16, &most), "18446744073709551615"),
        (with("one", 16, &(u64::MAX - 31).to_le_bytes()), "from byte 18446744073709551584"),
        (with("one", 16, &32u64.to_le_bytes()), "overlap"),
        (with("llama.block_coun", 0, b"\xFF"), "not UTF-8"),
    ] {
        let text = refusal(&bytes);
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn names_are_unique_and_short() {
    let mut bytes = small();
    let (one, two) = (find(&bytes, b"one"), find(&bytes, b"two"));
    bytes.copy_within(one..one + 3, two);
    assert!(refusal(&bytes).contains("two tensors are called one"));
    let mut bytes = small();
    let (eps, yes) = (find(&bytes, b"eps"), find(&bytes, b"yes"));
    bytes.copy_within(eps..eps + 3, yes);
    assert!(refusal(&bytes).contains("two entries of the metadata are called eps"));
    let mut bytes = b"GGUF\x03\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x41\0\0\0\0\0\0\0".to_vec();
    bytes.resize(200, b'x');
    assert!(refusal(&bytes).contains("the name of tensor 1 has 65 bytes of 64"));
}

#[test]
fn types_that_are_not_read_are_named() {
    let numbers = vec![0.0; 256];
    let new = super::NewTensor { name: "w".into(), dims: vec![256], kind: TensorType::F32 };
    let mut bytes = written(&[], &[(new, numbers)]);
    let at = find(&bytes, b"w") + 1 + 4 + 8;
    bytes[at] = 13;
    let file = open(&bytes).unwrap();
    assert_eq!(file.tensors()[0].kind.name(), "Q5_K");
    let text = refusal(&bytes);
    assert!(text.contains("the tensor w is of the type Q5_K; choose a file"), "{text}");
}

#[test]
fn numbers_that_are_not_finite_are_refused() {
    let mut bytes = small();
    let at = find(&bytes, &(-1f32).to_le_bytes());
    bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    assert!(refusal(&bytes).contains("the tensor one holds NaN"));
}

#[test]
fn the_alignment_is_a_power_of_two_and_moves_the_data() {
    let metadata = |key: &str| [(key.to_string(), Value::U32(32))];
    let new = super::NewTensor { name: "w".into(), dims: vec![3], kind: TensorType::F32 };
    // A key as long as that of the alignment, which the writer does not take.
    let bytes = written(&metadata("general.alignmenX"), &[(new, vec![1.0, 2.0, 3.0])]);
    let with = |alignment: u32| {
        let mut bytes = bytes.clone();
        let at = find(&bytes, b"general.alignmenX") + 16;
        bytes[at] = b't';
        bytes[at + 5..at + 9].copy_from_slice(&alignment.to_le_bytes());
        bytes
    };
    let read = |bytes: &[u8]| {
        let file = open(bytes).unwrap();
        file.read(&file.tensors()[0]).unwrap()
    };
    assert_eq!(read(&with(32)), [1.0, 2.0, 3.0]);
    for bad in [0, 3, 48] {
        let text = refusal(&with(bad));
        assert!(text.contains(&format!("general.alignment is {bad} (u32)")), "{text}");
    }
    assert!(refusal(&with(1 << 31)).contains("the data has 0"));
    // With 8 the data may begin earlier; the same bytes moved there are read.
    let mut bytes = with(8);
    let at = find(&bytes, &1f32.to_le_bytes());
    let end = find(&bytes, b"w") + 1 + 4 + 8 + 4 + 8;
    bytes.drain(end.next_multiple_of(8)..at);
    assert_eq!(read(&bytes), [1.0, 2.0, 3.0]);
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_read(
        tail in proptest::collection::vec(any::<u8>(), 0..300),
        counts in (0u64..3, 0u64..4),
    ) {
        let mut bytes = b"GGUF\x03\0\0\0".to_vec();
        bytes.extend(counts.0.to_le_bytes());
        bytes.extend(counts.1.to_le_bytes());
        bytes.extend(tail);
        if let Err(error) = read_all(&bytes) {
            message(&error);
        }
    }

    #[test]
    fn several_changes_at_once_are_refused_or_read(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = small();
        for (at, new) in changes {
            let at = at.index(bytes.len());
            bytes[at] = new;
        }
        if let Err(error) = read_all(&bytes) {
            message(&error);
        }
    }
}
