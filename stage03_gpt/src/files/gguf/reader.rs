//! Opening a GGUF file: the head is read and checked, the data stays where it is.
//!
//! | bytes | hold |
//! |---|---|
//! | 4 | the letters `GGUF` |
//! | 4 | the version, 3 |
//! | 8 | the number of tensors |
//! | 8 | the number of entries of metadata |
//! | | the metadata: key, type number, value (`value`) |
//! | | the descriptions of the tensors (`tensor_info`) |
//! | | zeros up to a multiple of the alignment |
//! | | the data of the tensors, each from a multiple of the alignment on |
//!
//! Files are untrusted: the head is checked against the length of the file before anything is
//! allocated by it. The data is read in pieces, and dequantised directly to its place.
//!
//! What this file leaves out: the meaning of the bytes of a tensor (`dequantise`), and which
//! tensors a model has (`names`).

use std::path::{Path, PathBuf};

use stage01_bigram::{Error, Result, form};

use super::super::bounded::shown;
use super::super::source::Source;
use super::cursor::{Cursor, Fault, HEAD_LIMIT, damaged};
use super::dequantise::dequantise;
use super::metadata::Metadata;
use super::tensor_info::{TensorInfo, Tensors};
use super::tensor_type::TensorType;
use super::{ALIGNMENT, ALIGNMENT_KEY, MAGIC, VERSION};

/// How many bytes are read at once, at most.
const PIECE: usize = 1 << 20;

/// A GGUF file whose head has been read.
///
/// ```
/// use std::borrow::Cow;
/// use stage03_gpt::files::gguf::{GgufFile, NewTensor, TensorType, Value, write_gguf};
/// # let directory = tempfile::tempdir().unwrap();
/// # let path = directory.path().join("two.gguf");
/// let metadata = [("general.architecture".to_string(), Value::String("llama".into()))];
/// let tensor = NewTensor { name: "a".into(), dims: vec![3, 2], kind: TensorType::F32 };
/// let numbers = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
/// write_gguf(&path, &metadata, &[tensor], |_| Cow::Borrowed(&numbers))?;
///
/// let file = GgufFile::open(&path)?;
/// assert_eq!(file.metadata().required::<&str>("general.architecture")?, "llama");
/// let tensor = file.tensor("a").unwrap();
/// assert_eq!(tensor.dims, [3, 2]); // two rows of three numbers
/// assert_eq!(file.read(tensor)?, numbers);
/// # Ok::<(), stage01_bigram::Error>(())
/// ```
#[derive(Debug)]
pub struct GgufFile<'a> {
    path: PathBuf,
    source: Source<'a>,
    metadata: Metadata,
    tensors: Tensors,
    /// Where the data begins.
    data: u64,
}

impl<'a> GgufFile<'a> {
    /// Opens a file on the disk and reads its head.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read; [`Error::Format`] when it is damaged, of another
    /// version or byte order, or no GGUF file.
    pub fn open(path: &Path) -> Result<GgufFile<'static>> {
        let (source, length) = Source::open(path)?;
        GgufFile::read_head(path, source, length)
    }

    /// Reads the head of a file whose bytes are in memory, for tests and fuzzers. path: the name
    /// for messages.
    ///
    /// # Errors
    /// [`Error::Format`], as [`GgufFile::open`].
    pub fn from_bytes(path: &Path, bytes: &'a [u8]) -> Result<GgufFile<'a>> {
        GgufFile::read_head(path, Source::Memory(bytes), bytes.len() as u64)
    }

    fn read_head(path: &Path, source: Source<'a>, length: u64) -> Result<GgufFile<'a>> {
        check_magic(path, &source, length)?;
        let parsed = source.reader().map_err(Fault::Read).and_then(|bytes| {
            let mut cursor = Cursor::new(bytes, length);
            parse(path, &mut cursor, length)
        });
        let (metadata, tensors, data) = parsed.map_err(|fault| match fault {
            Fault::Read(source) => Error::file("read", path)(source),
            Fault::Unsupported(why, remedy) => Error::format(path, why, remedy),
            Fault::Damaged(why) => {
                let size = format!("the file has {length} bytes");
                Error::format(path, format!("damaged ({why}); {size}"), "copy it again")
            }
        })?;
        Ok(GgufFile { path: path.to_path_buf(), source, metadata, tensors, data })
    }

    /// The name of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The metadata.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// All tensors, in the order of their data.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors.all
    }

    /// The tensor of this name.
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        self.tensors.places.get(name).map(|&place| &self.tensors.all[place])
    }

    /// The numbers of a tensor, row after row.
    ///
    /// # Errors
    /// As [`GgufFile::read_to`].
    pub fn read(&self, tensor: &TensorInfo) -> Result<Vec<f32>> {
        self.check_readable(tensor)?;
        // Each block of the file gives at most 256 numbers.
        let mut numbers = vec![0.0; tensor.len()];
        self.read_to(tensor, &mut numbers)?;
        Ok(numbers)
    }

    /// The numbers of a tensor, row after row, into a slice of its length.
    ///
    /// # Errors
    /// [`Error::File`] when the file cannot be read; [`Error::Format`] for a type that is not read
    /// here, and for NaN and infinities.
    ///
    /// # Panics
    /// When the slice has another length.
    pub fn read_to(&self, tensor: &TensorInfo, to: &mut [f32]) -> Result<()> {
        self.check_readable(tensor)?;
        assert_eq!(to.len(), tensor.len(), "a place for each number");
        let kind = tensor.kind;
        let blocks = (PIECE / kind.block_bytes()).min(to.len().div_ceil(kind.block_len()));
        let mut bytes = vec![0; blocks * kind.block_bytes()];
        let mut start = self.data + tensor.offset;
        for numbers in to.chunks_mut(blocks.max(1) * kind.block_len()) {
            let piece = &mut bytes[..numbers.len() / kind.block_len() * kind.block_bytes()];
            self.source.read_at(start, piece).map_err(Error::file("read", &self.path))?;
            start += piece.len() as u64;
            if dequantise(kind, piece, numbers) {
                continue;
            }
            if let Some(bad) = numbers.iter().find(|number| !number.is_finite()) {
                return Err(Error::format(
                    &self.path,
                    format!("the tensor {} holds {bad}", shown(&tensor.name)),
                    "the file is damaged; copy it again",
                ));
            }
        }
        Ok(())
    }

    /// The bytes of a tensor, as they are.
    ///
    /// # Errors
    /// [`Error::File`] when the file cannot be read.
    pub(super) fn bytes(&self, tensor: &TensorInfo) -> Result<Vec<u8>> {
        // The file has as many: that was checked when its head was read.
        let mut bytes = vec![0; tensor.bytes as usize];
        let start = self.data + tensor.offset;
        self.source.read_at(start, &mut bytes).map_err(Error::file("read", &self.path))?;
        Ok(bytes)
    }

    /// Whether two tensors have the same type, the same dimensions and the same bytes.
    pub(super) fn are_equal(&self, a: &TensorInfo, b: &TensorInfo) -> Result<bool> {
        if (a.kind, &a.dims) != (b.kind, &b.dims) {
            return Ok(false);
        }
        let mut pieces = [vec![0; PIECE], vec![0; PIECE]];
        let mut done = 0;
        while done < a.bytes {
            let length = (a.bytes - done).min(PIECE as u64) as usize;
            for (tensor, piece) in [a, b].into_iter().zip(&mut pieces) {
                let start = self.data + tensor.offset + done;
                self.source
                    .read_at(start, &mut piece[..length])
                    .map_err(Error::file("read", &self.path))?;
            }
            if pieces[0][..length] != pieces[1][..length] {
                return Ok(false);
            }
            done += length as u64;
        }
        Ok(true)
    }

    fn check_readable(&self, tensor: &TensorInfo) -> Result<()> {
        if tensor.kind.is_readable() {
            return Ok(());
        }
        let readable = TensorType::READABLE.map(TensorType::name).join(", ");
        Err(Error::format(
            &self.path,
            format!("the tensor {} is of the type {}", shown(&tensor.name), tensor.kind),
            format!("choose a file whose tensors have these types: {readable}"),
        ))
    }
}

/// Checks the first four bytes. For other files, says what they are.
fn check_magic(path: &Path, source: &Source, length: u64) -> Result<()> {
    let mut head = vec![0; form::HEAD.min(length as usize)];
    source.read_at(0, &mut head).map_err(Error::file("read", path))?;
    if head.starts_with(MAGIC) {
        return Ok(());
    }
    let (what, remedy) = if head.is_empty() {
        ("it is empty", "copy it again")
    } else if head.starts_with(b"version ") {
        let what = "it is a pointer that Git LFS left in place of the file";
        (what, "fetch the file itself with `git lfs pull`")
    } else if [b"lmgg", b"fmgg", b"tjgg", b"algg"].iter().any(|&old| head.starts_with(old)) {
        ("it is a file of ggml from before GGUF", "convert the model again")
    } else if head.get(8) == Some(&b'{') {
        let remedy = "name the directory that it is in, or a file that ends in .gguf";
        ("it is a safetensors file, not GGUF", remedy)
    } else if let Some(form) = form::recognise(&head) {
        let problem = format!("it is {form}, not a GGUF file");
        return Err(Error::format(path, problem, "name a file that ends in .gguf"));
    } else {
        ("it is no GGUF file: it does not begin with `GGUF`", "name a file that ends in .gguf")
    };
    Err(Error::format(path, what, remedy))
}

/// The head: the metadata, the tensors, and where the data begins.
fn parse(
    path: &Path,
    cursor: &mut Cursor<impl std::io::Read>,
    length: u64,
) -> std::result::Result<(Metadata, Tensors, u64), Fault> {
    let _magic: [u8; 4] = cursor.bytes()?;
    match cursor.u32()? {
        VERSION => {}
        swapped if swapped.swap_bytes() == VERSION => {
            let why = "its numbers are big-endian, and this reader takes little-endian ones";
            return Err(Fault::Unsupported(why.into(), "convert the model on another machine"));
        }
        version => {
            let why = format!("it is GGUF of version {version}, and this reader takes {VERSION}");
            return Err(Fault::Unsupported(why, "convert the model again"));
        }
    }
    let (tensors, entries) = (cursor.u64()?, cursor.u64()?);
    let metadata = Metadata::read(path, cursor, entries)?;
    let tensors = Tensors::read(cursor, tensors)?;
    let alignment = match metadata.value(ALIGNMENT_KEY) {
        None => ALIGNMENT,
        Some(&super::Value::U32(alignment)) if alignment.is_power_of_two() => alignment.into(),
        Some(other) => {
            return damaged(format!("{ALIGNMENT_KEY} is {other}, not a power of two (u32)"));
        }
    };
    let end = cursor.at();
    let data = end.next_multiple_of(alignment);
    // A file without tensors may end at once.
    let tensors = Tensors::check(tensors, alignment, length.saturating_sub(data))?;
    debug_assert!(end <= HEAD_LIMIT);
    Ok((metadata, tensors, data))
}
