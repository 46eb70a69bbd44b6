//! Writing a GGUF file: the head first, then the data of each tensor.
//!
//! The file is written atomically, with the same bytes for the same content. Each tensor is asked for
//! when its turn comes, so that one of them at a time is in memory.
//!
//! What this file leaves out: which metadata and which tensors a model has (`export`).

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::{self, Write};
use std::path::Path;

use stage01_bigram::{Error, Result, files};

use super::super::bounded::shown;
use super::quantise::{Scale, largest, quantise};
use super::tensor_info::{LONGEST_NAME, MOST_DIMS};
use super::tensor_type::TensorType;
use super::value::{Value, write_string};
use super::{ALIGNMENT, ALIGNMENT_KEY, MAGIC, VERSION};

/// How many numbers are converted at a time: whole blocks of every type.
const PIECE: usize = 1 << 20;

/// A tensor to be written: its description.
#[derive(Clone, Debug, PartialEq)]
pub struct NewTensor {
    /// The name, at most 64 bytes.
    pub name: String,
    /// The dimensions, the length of a row first; at most 4.
    pub dims: Vec<usize>,
    /// The type, one of [`TensorType::WRITABLE`]. A row is a whole number of its blocks.
    pub kind: TensorType,
}

impl NewTensor {
    fn len(&self) -> usize {
        self.dims.iter().product()
    }

    fn bytes(&self) -> usize {
        self.len() / self.kind.block_len() * self.kind.block_bytes()
    }
}

/// Writes a GGUF file atomically. Data is aligned to 32 bytes.
///
/// The scales of quantised tensors are those of the smallest squared error.
///
/// numbers: gives the numbers of each tensor, row after row, in the order of the list.
///
/// # Errors
/// [`Error::Setting`] for names or types that the format or this writer does not have;
/// [`Error::Format`] for a number that is NaN, infinite, or too large for its type;
/// [`Error::File`] when the file cannot be written.
///
/// # Panics
/// When `numbers` gives another count than the dimensions.
pub fn write_gguf<'a>(
    path: &Path,
    metadata: &[(String, Value)],
    tensors: &[NewTensor],
    mut numbers: impl FnMut(usize) -> Cow<'a, [f32]>,
) -> Result<()> {
    check(metadata, tensors)?;
    let head = head(metadata, tensors);
    let mut unfit = None;
    let written = files::write_atomically(path, |file| {
        file.write_all(&head)?;
        for (number, tensor) in tensors.iter().enumerate() {
            let values = numbers(number);
            assert_eq!(values.len(), tensor.len(), "{} numbers of {tensor:?}", values.len());
            let largest = largest(tensor.kind);
            // NaN is not in the range either.
            let unfits = |value: &&f32| !(-largest..=largest).contains(*value);
            if let Some(value) = values.iter().find(unfits) {
                unfit = Some(format!("the tensor {} would hold {value}", shown(&tensor.name)));
                return Err(io::Error::other("a number does not fit"));
            }
            for values in values.chunks(PIECE) {
                file.write_all(&quantise(tensor.kind, Scale::LeastSquares, values))?;
            }
            let bytes = tensor.bytes();
            file.write_all(&vec![0; bytes.next_multiple_of(ALIGNMENT as usize) - bytes])?;
        }
        Ok(())
    });
    match unfit {
        Some(problem) => {
            let remedy = "its type has no such number (as float16 the largest is 65504); write f32, \
                          and check that the model is whole";
            Err(Error::format(path, problem, remedy))
        }
        None => written,
    }
}

/// Everything before the data, with the zeros behind it.
fn head(metadata: &[(String, Value)], tensors: &[NewTensor]) -> Vec<u8> {
    let mut head = MAGIC.to_vec();
    head.extend(VERSION.to_le_bytes());
    head.extend((tensors.len() as u64).to_le_bytes());
    head.extend((metadata.len() as u64).to_le_bytes());
    for (key, value) in metadata {
        write_string(key, &mut head);
        value.write(&mut head);
    }
    let mut offset = 0u64;
    for tensor in tensors {
        write_string(&tensor.name, &mut head);
        head.extend((tensor.dims.len() as u32).to_le_bytes());
        tensor.dims.iter().for_each(|&dim| head.extend((dim as u64).to_le_bytes()));
        head.extend(tensor.kind.number().to_le_bytes());
        head.extend(offset.to_le_bytes());
        offset += (tensor.bytes() as u64).next_multiple_of(ALIGNMENT);
    }
    head.resize(head.len().next_multiple_of(ALIGNMENT as usize), 0);
    head
}

/// Checks what a reader would refuse.
fn check(metadata: &[(String, Value)], tensors: &[NewTensor]) -> Result<()> {
    let mut keys = HashSet::new();
    for (key, _) in metadata {
        if key == ALIGNMENT_KEY {
            return Err(Error::setting(key, "an entry", "this writer always aligns to 32 bytes"));
        }
        if !keys.insert(key) || key.len() > usize::from(u16::MAX) {
            let expected = "a key of GGUF stands once, and has at most 65535 bytes";
            return Err(Error::setting("the metadata", shown(key), expected));
        }
    }
    let mut names = HashSet::new();
    for NewTensor { name, dims, kind } in tensors {
        let refuse = |expected: &str| Err(Error::setting("the tensor", shown(name), expected));
        if !names.insert(name) || name.len() > LONGEST_NAME {
            return refuse("a name of GGUF stands once, and has at most 64 bytes");
        }
        if dims.len() > MOST_DIMS as usize {
            return refuse("a tensor of GGUF has at most 4 dimensions");
        }
        if !kind.is_writable() {
            let types = TensorType::WRITABLE.map(TensorType::name).join(", ");
            return refuse(&format!("this writer has the types {types}"));
        }
        if !dims.first().unwrap_or(&1).is_multiple_of(kind.block_len()) {
            return refuse(&format!("a row is a whole number of blocks of {}", kind.block_len()));
        }
    }
    Ok(())
}
