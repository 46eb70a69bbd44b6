//! What the head of a GGUF file says of a tensor.
//!
//! | bytes | hold |
//! |---|---|
//! | 8, then so many | the name |
//! | 4 | the number of dimensions, at most 4 |
//! | 8 each | the dimensions, the length of a row first |
//! | 4 | the type number |
//! | 8 | the offset of the data, counted from the beginning of all data |

use std::collections::HashMap;
use std::io::Read;

use super::super::bounded::shown;
use super::cursor::{Cursor, Fault, damaged};
use super::tensor_type::TensorType;

/// The longest name of a tensor in bytes, and the most dimensions, by the format's specification.
pub(super) const LONGEST_NAME: usize = 64;
pub(super) const MOST_DIMS: u32 = 4;

/// The fewest bytes of an entry: an empty name and no dimensions.
const LEAST: u64 = 8 + 4 + 4 + 8;

/// A tensor of a file: its description, checked against the length of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorInfo {
    /// The name, such as `blk.0.attn_q.weight`.
    pub name: String,
    /// The dimensions in the order of the file: first the length of a row, whose numbers are
    /// neighbours. A matrix (rows, columns) has the dimensions `[columns, rows]`.
    pub dims: Vec<usize>,
    /// The type of its numbers.
    pub kind: TensorType,
    /// How many numbers it has.
    pub(super) len: usize,
    /// Where its bytes begin, counted from the beginning of all data, and how many there are.
    pub(super) offset: u64,
    pub(super) bytes: u64,
}

impl TensorInfo {
    /// How many numbers it has.
    #[allow(clippy::len_without_is_empty, reason = "a count, not a collection")]
    pub fn len(&self) -> usize {
        self.len
    }

    fn read(cursor: &mut Cursor<impl Read>, name: String) -> Result<TensorInfo, Fault> {
        let count = cursor.u32()?;
        if count > MOST_DIMS {
            return damaged(format!("it has {count} dimensions; the most are {MOST_DIMS}"));
        }
        let dims: Vec<u64> = (0..count).map(|_| cursor.u64()).collect::<Result<_, _>>()?;
        let number = cursor.u32()?;
        let Some(kind) = TensorType::from_number(number) else {
            let remedy = "convert the model again with a version of today";
            let why = format!("its type number is {number}, which no type of today has");
            return Err(Fault::Unsupported(why, remedy));
        };
        let offset = cursor.u64()?;
        let row = dims.first().copied().unwrap_or(1);
        if !row.is_multiple_of(kind.block_len() as u64) {
            let block_len = kind.block_len();
            let why = format!("a row of {row} numbers is no whole number of blocks of {kind}");
            return damaged(format!("{why}, which have {block_len}"));
        }
        let len = dims.iter().try_fold(1, |len: u64, &dim| len.checked_mul(dim));
        let sizes = len.and_then(|len| {
            let dims = dims.iter().map(|&dim| usize::try_from(dim).ok()).collect::<Option<_>>()?;
            Some((usize::try_from(len).ok()?, dims, kind.bytes_of(len)?))
        });
        let Some((len, dims, bytes)) = sizes else {
            return damaged(format!("it has more numbers than can be counted: {dims:?}"));
        };
        Ok(TensorInfo { name, dims, kind, len, offset, bytes })
    }
}

/// All tensors of a file, in the order of their data, and the place of each name.
#[derive(Debug)]
pub(super) struct Tensors {
    pub(super) all: Vec<TensorInfo>,
    pub(super) places: HashMap<String, usize>,
}

impl Tensors {
    /// Reads the descriptions of all tensors.
    pub(super) fn read(
        cursor: &mut Cursor<impl Read>,
        count: u64,
    ) -> Result<Vec<TensorInfo>, Fault> {
        let count = cursor.list(count, LEAST, "tensors")?;
        let mut all = Vec::new();
        for number in 1..=count {
            let name =
                cursor.string().map_err(|fault| fault.within(|| format!("tensor {number}")))?;
            if name.len() > LONGEST_NAME {
                let (length, most) = (name.len(), LONGEST_NAME);
                return damaged(format!(
                    "the name of tensor {number} has {length} bytes of {most}"
                ));
            }
            let place = format!("the tensor {}", shown(&name));
            all.push(TensorInfo::read(cursor, name).map_err(|fault| fault.within(|| place))?);
        }
        Ok(all)
    }

    /// Checks where the data of each tensor is.
    ///
    /// alignment: each begins at a multiple of it. available: how many bytes of data the file has.
    pub(super) fn check(
        mut all: Vec<TensorInfo>,
        alignment: u64,
        available: u64,
    ) -> Result<Tensors, Fault> {
        all.sort_by_key(|tensor| (tensor.offset, tensor.bytes));
        let mut before: Option<&TensorInfo> = None;
        for tensor in &all {
            let (name, offset) = (shown(&tensor.name), tensor.offset);
            if !offset.is_multiple_of(alignment) {
                let why = format!("the tensor {name} begins at byte {offset} of the data");
                return damaged(format!("{why}, which is no multiple of {alignment}"));
            }
            let end = offset.checked_add(tensor.bytes);
            if end.is_none_or(|end| end > available) {
                let bytes = tensor.bytes;
                return damaged(format!(
                    "the tensor {name} has {bytes} bytes from byte {offset} of the data on, and \
                     the data has {available}"
                ));
            }
            // The sum is that of a tensor that was checked.
            if let Some(before) = before.filter(|before| before.offset + before.bytes > offset) {
                let before = shown(&before.name);
                return damaged(format!("the tensors {before} and {name} overlap"));
            }
            before = Some(tensor);
        }
        let mut places = HashMap::with_capacity(all.len());
        for (place, tensor) in all.iter().enumerate() {
            if places.insert(tensor.name.clone(), place).is_some() {
                return damaged(format!("two tensors are called {}", shown(&tensor.name)));
            }
        }
        Ok(Tensors { all, places })
    }
}
