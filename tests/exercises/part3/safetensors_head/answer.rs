//! Read the head of a `.safetensors` file, and believe nothing in it.
//!
//! The file begins with eight bytes: the length of the head, a u64, the lowest byte first. Then
//! comes the head, a text of so many bytes. Then the numbers. The head says of each tensor
//! where its numbers begin and end, counted in bytes from the end of the head, and its shape.
//!
//! A file that somebody else made may say anything. It may be shorter than it says, and a
//! length may be 18 billion billion. So each number is compared with what is really there
//! before it is used, and no sum or product may overflow: `a.checked_add(b)` and
//! `a.checked_mul(b)` give an `Option`, which is None where the result does not fit.
//!
//! Example: the bytes 2 0 0 0 0 0 0 0 and then `{}` and then eight bytes of numbers are a file
//! of 18 bytes. Its head is "{}". A tensor of the shape [2] that begins at 0 and ends at 8 has
//! all eight bytes.
//!
//! `bytes.get(a..b)` is `bytes[a..b]`, or None where that is out of reach. `?` behind an Option
//! returns None at once. `std::str::from_utf8(bytes).ok()` is the text, or None if it is none.

/// The longest head that is read, in bytes: that of the format itself.
pub const LONGEST: u64 = 100_000_000;

/// The head of a file, and the bytes after it; None if the file is not what it says.
pub fn head(file: &[u8]) -> Option<(&str, &[u8])> {
    // SOLUTION
    let (length, rest) = file.split_first_chunk::<8>()?;
    let length = u64::from_le_bytes(*length);
    if length > LONGEST {
        return None;
    }
    let length = usize::try_from(length).ok()?;
    let head = std::str::from_utf8(rest.get(..length)?).ok()?;
    Some((head, rest.get(length..)?))
    // STUB
    // todo!()
    // END
}

/// The bytes of a tensor of f32; None unless they lie within `data`, in this order, and are
/// four for each number of the shape.
///
/// data: all bytes after the head; begin, end, shape: what the head says.
pub fn tensor<'a>(data: &'a [u8], begin: u64, end: u64, shape: &[u64]) -> Option<&'a [u8]> {
    // SOLUTION
    let mut size = 4u64;
    for &length in shape {
        size = size.checked_mul(length)?;
    }
    if begin > end || end - begin != size {
        return None;
    }
    data.get(usize::try_from(begin).ok()?..usize::try_from(end).ok()?)
    // STUB
    // todo!()
    // END
}
