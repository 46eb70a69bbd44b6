//! The values of metadata: numbers, strings, and lists of them.
//!
//! A value is a type number of 32 bits and then the value itself, little-endian:
//!
//! | number | type | bytes |
//! |---|---|---|
//! | 0, 1 | u8, i8 | 1 |
//! | 2, 3 | u16, i16 | 2 |
//! | 4, 5, 6 | u32, i32, f32 | 4 |
//! | 7 | bool | 1: 0 or 1 |
//! | 8 | string | 8 for its length, then UTF-8 |
//! | 9 | array | 4 for the type of its elements, 8 for their number, then the elements |
//! | 10, 11, 12 | u64, i64, f64 | 8 |
//!
//! Arrays of arrays have a place in the format, but no file has them and llama.cpp refuses them;
//! so does this reader.
//!
//! Source: the format's specification, `docs/gguf.md` in the repository of ggml.

use std::fmt;
use std::io::Read;

use super::super::bounded::shown;
use super::cursor::{Cursor, Fault, damaged};

/// One value of the metadata.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number of 8 bits.
    U8(u8),
    /// A number of 8 bits with a sign.
    I8(i8),
    /// A number of 16 bits.
    U16(u16),
    /// A number of 16 bits with a sign.
    I16(i16),
    /// A number of 32 bits.
    U32(u32),
    /// A number of 32 bits with a sign.
    I32(i32),
    /// A number of 64 bits.
    U64(u64),
    /// A number of 64 bits with a sign.
    I64(i64),
    /// A floating-point number of 32 bits.
    F32(f32),
    /// A floating-point number of 64 bits.
    F64(f64),
    /// True or false.
    Bool(bool),
    /// A text.
    String(String),
    /// A list.
    Array(Array),
}

/// A list of values of one type.
#[derive(Clone, Debug, PartialEq)]
pub enum Array {
    /// Numbers of 8 bits.
    U8(Vec<u8>),
    /// Numbers of 8 bits with a sign.
    I8(Vec<i8>),
    /// Numbers of 16 bits.
    U16(Vec<u16>),
    /// Numbers of 16 bits with a sign.
    I16(Vec<i16>),
    /// Numbers of 32 bits.
    U32(Vec<u32>),
    /// Numbers of 32 bits with a sign.
    I32(Vec<i32>),
    /// Numbers of 64 bits.
    U64(Vec<u64>),
    /// Numbers of 64 bits with a sign.
    I64(Vec<i64>),
    /// Floating-point numbers of 32 bits.
    F32(Vec<f32>),
    /// Floating-point numbers of 64 bits.
    F64(Vec<f64>),
    /// True or false.
    Bool(Vec<bool>),
    /// Texts.
    String(Vec<String>),
}

/// The type number of a list.
const ARRAY: u32 = 9;

/// What a list can hold.
trait Element: Sized {
    /// The type number.
    const NUMBER: u32;
    /// The name of the type.
    const NAME: &'static str;
    /// The smallest number of bytes of an element.
    const LEAST: u64;
    fn read(cursor: &mut Cursor<impl Read>) -> Result<Self, Fault>;
    fn write(&self, to: &mut Vec<u8>);
}

macro_rules! numbers {
    ($($number:literal $type:ident),*) => { $(
        impl Element for $type {
            const NUMBER: u32 = $number;
            const NAME: &'static str = stringify!($type);
            const LEAST: u64 = size_of::<$type>() as u64;
            fn read(cursor: &mut Cursor<impl Read>) -> Result<Self, Fault> {
                cursor.bytes().map($type::from_le_bytes)
            }
            fn write(&self, to: &mut Vec<u8>) {
                to.extend(self.to_le_bytes());
            }
        }
    )* };
}
numbers!(0 u8, 1 i8, 2 u16, 3 i16, 4 u32, 5 i32, 6 f32, 10 u64, 11 i64, 12 f64);

impl Element for bool {
    const NUMBER: u32 = 7;
    const NAME: &'static str = "bool";
    const LEAST: u64 = 1;
    fn read(cursor: &mut Cursor<impl Read>) -> Result<Self, Fault> {
        match cursor.bytes()? {
            [0] => Ok(false),
            [1] => Ok(true),
            [other] => damaged(format!("a bool is {other}, not 0 or 1")),
        }
    }
    fn write(&self, to: &mut Vec<u8>) {
        to.push(u8::from(*self));
    }
}

impl Element for String {
    const NUMBER: u32 = 8;
    const NAME: &'static str = "string";
    const LEAST: u64 = 8;
    fn read(cursor: &mut Cursor<impl Read>) -> Result<Self, Fault> {
        cursor.string()
    }
    fn write(&self, to: &mut Vec<u8>) {
        write_string(self, to);
    }
}

/// A string as the format has it.
pub(super) fn write_string(text: &str, to: &mut Vec<u8>) {
    to.extend((text.len() as u64).to_le_bytes());
    to.extend(text.as_bytes());
}

/// The elements of a list, behind their number.
fn read_list<T: Element>(cursor: &mut Cursor<impl Read>) -> Result<Vec<T>, Fault> {
    let count = cursor.u64()?;
    let count = cursor.list(count, T::LEAST, &format!("elements of the type {}", T::NAME))?;
    (0..count).map(|_| T::read(cursor)).collect()
}

fn write_list<T: Element>(list: &[T], to: &mut Vec<u8>) {
    to.extend(T::NUMBER.to_le_bytes());
    to.extend((list.len() as u64).to_le_bytes());
    list.iter().for_each(|element| element.write(to));
}

fn write_one<T: Element>(value: &T, to: &mut Vec<u8>) {
    to.extend(T::NUMBER.to_le_bytes());
    value.write(to);
}

impl Value {
    /// Reads a value behind its key.
    pub(super) fn read(cursor: &mut Cursor<impl Read>) -> Result<Value, Fault> {
        Ok(match cursor.u32()? {
            u8::NUMBER => Value::U8(Element::read(cursor)?),
            i8::NUMBER => Value::I8(Element::read(cursor)?),
            u16::NUMBER => Value::U16(Element::read(cursor)?),
            i16::NUMBER => Value::I16(Element::read(cursor)?),
            u32::NUMBER => Value::U32(Element::read(cursor)?),
            i32::NUMBER => Value::I32(Element::read(cursor)?),
            u64::NUMBER => Value::U64(Element::read(cursor)?),
            i64::NUMBER => Value::I64(Element::read(cursor)?),
            f32::NUMBER => Value::F32(Element::read(cursor)?),
            f64::NUMBER => Value::F64(Element::read(cursor)?),
            bool::NUMBER => Value::Bool(Element::read(cursor)?),
            String::NUMBER => Value::String(Element::read(cursor)?),
            ARRAY => Value::Array(Array::read(cursor)?),
            other => return damaged(format!("there is no type of values with the number {other}")),
        })
    }

    /// The value as the format has it, with its type number in front.
    pub(super) fn write(&self, to: &mut Vec<u8>) {
        match self {
            Value::U8(value) => write_one(value, to),
            Value::I8(value) => write_one(value, to),
            Value::U16(value) => write_one(value, to),
            Value::I16(value) => write_one(value, to),
            Value::U32(value) => write_one(value, to),
            Value::I32(value) => write_one(value, to),
            Value::U64(value) => write_one(value, to),
            Value::I64(value) => write_one(value, to),
            Value::F32(value) => write_one(value, to),
            Value::F64(value) => write_one(value, to),
            Value::Bool(value) => write_one(value, to),
            Value::String(value) => write_one(value, to),
            Value::Array(array) => {
                to.extend(ARRAY.to_le_bytes());
                array.write(to);
            }
        }
    }
}

impl Array {
    fn read(cursor: &mut Cursor<impl Read>) -> Result<Array, Fault> {
        Ok(match cursor.u32()? {
            u8::NUMBER => Array::U8(read_list(cursor)?),
            i8::NUMBER => Array::I8(read_list(cursor)?),
            u16::NUMBER => Array::U16(read_list(cursor)?),
            i16::NUMBER => Array::I16(read_list(cursor)?),
            u32::NUMBER => Array::U32(read_list(cursor)?),
            i32::NUMBER => Array::I32(read_list(cursor)?),
            u64::NUMBER => Array::U64(read_list(cursor)?),
            i64::NUMBER => Array::I64(read_list(cursor)?),
            f32::NUMBER => Array::F32(read_list(cursor)?),
            f64::NUMBER => Array::F64(read_list(cursor)?),
            bool::NUMBER => Array::Bool(read_list(cursor)?),
            String::NUMBER => Array::String(read_list(cursor)?),
            ARRAY => {
                let remedy = "this reader takes lists of numbers, of bools and of strings";
                return Err(Fault::Unsupported("it is a list of lists".into(), remedy));
            }
            other => return damaged(format!("there is no type of values with the number {other}")),
        })
    }

    fn write(&self, to: &mut Vec<u8>) {
        match self {
            Array::U8(list) => write_list(list, to),
            Array::I8(list) => write_list(list, to),
            Array::U16(list) => write_list(list, to),
            Array::I16(list) => write_list(list, to),
            Array::U32(list) => write_list(list, to),
            Array::I32(list) => write_list(list, to),
            Array::U64(list) => write_list(list, to),
            Array::I64(list) => write_list(list, to),
            Array::F32(list) => write_list(list, to),
            Array::F64(list) => write_list(list, to),
            Array::Bool(list) => write_list(list, to),
            Array::String(list) => write_list(list, to),
        }
    }

    /// Number of elements, and the name of their type.
    fn described(&self) -> (usize, &'static str) {
        match self {
            Array::U8(list) => (list.len(), u8::NAME),
            Array::I8(list) => (list.len(), i8::NAME),
            Array::U16(list) => (list.len(), u16::NAME),
            Array::I16(list) => (list.len(), i16::NAME),
            Array::U32(list) => (list.len(), u32::NAME),
            Array::I32(list) => (list.len(), i32::NAME),
            Array::U64(list) => (list.len(), u64::NAME),
            Array::I64(list) => (list.len(), i64::NAME),
            Array::F32(list) => (list.len(), f32::NAME),
            Array::F64(list) => (list.len(), f64::NAME),
            Array::Bool(list) => (list.len(), bool::NAME),
            Array::String(list) => (list.len(), String::NAME),
        }
    }
}

impl fmt::Display for Value {
    /// What it is, for messages and lists: `8192 (u32)`, `"llama" (string)`, `[49152 x string]`.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Value::U8(value) => write!(f, "{value} (u8)"),
            Value::I8(value) => write!(f, "{value} (i8)"),
            Value::U16(value) => write!(f, "{value} (u16)"),
            Value::I16(value) => write!(f, "{value} (i16)"),
            Value::U32(value) => write!(f, "{value} (u32)"),
            Value::I32(value) => write!(f, "{value} (i32)"),
            Value::U64(value) => write!(f, "{value} (u64)"),
            Value::I64(value) => write!(f, "{value} (i64)"),
            Value::F32(value) => write!(f, "{value:?} (f32)"),
            Value::F64(value) => write!(f, "{value:?} (f64)"),
            Value::Bool(value) => write!(f, "{value} (bool)"),
            Value::String(value) => write!(f, "{:?} (string)", shown(value)),
            Value::Array(array) => {
                let (length, name) = array.described();
                write!(f, "[{length} x {name}]")
            }
        }
    }
}
