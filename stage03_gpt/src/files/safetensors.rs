//! The safetensors format: a header, then named tensors.
//!
//! | bytes | hold |
//! |---|---|
//! | 8 | the length of the header |
//! | that many | the header: a JSON object with the type, the shape and the offsets of every tensor |
//! | the rest | the data, one tensor after another |
//!
//! Files are untrusted. The header is read first and checked against the length of the file, so
//! that no more memory is allocated than the file has data. The data is read in pieces, directly
//! to its place.
//!
//! What this file leaves out: which tensors a GPT-2 has (`hugging_face::weights`), and which a run
//! has (`resume`).

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};

use safetensors::{Dtype, View};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::json;
use stage01_bigram::{Error, Result, files};
use stage02_attention::params::{Layout, Params};

use super::CONFIG_FILE;
use super::bounded::shown;
use super::source::Source;
use stage01_bigram::float16::{from_bf16, from_f16};

/// A tensor to be written.
pub(crate) struct F32Tensor<'a> {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: &'a [f32],
}

impl View for F32Tensor<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        if cfg!(target_endian = "little") {
            Cow::Borrowed(bytemuck::cast_slice(self.values))
        } else {
            Cow::Owned(self.values.iter().flat_map(|value| value.to_le_bytes()).collect())
        }
    }
    fn data_len(&self) -> usize {
        4 * self.values.len()
    }
}

/// Writes a safetensors file atomically, with the same bytes for the same tensors.
///
/// The data is written from where it is in memory, without a second copy.
///
/// note: a name and a text, written to the header's `__metadata__`.
pub(crate) fn write_tensors<V: View>(
    path: &Path,
    tensors: impl Iterator<Item = (String, V)>,
    (name, note): (&str, &str),
) -> Result<()> {
    let tensors: Vec<(String, V)> = tensors.collect();
    let mut head = json!({ "__metadata__": { name: note } });
    let mut end = 0;
    // ANCHOR: write_tensors
    for (name, tensor) in &tensors {
        let start = end;
        end += tensor.data_len();
        head[name] = json!({
            "dtype": tensor.dtype(), "shape": tensor.shape(), "data_offsets": [start, end],
        });
    }
    // Spaces after the header align the data to 8 bytes.
    let mut head = head.to_string();
    head.push_str(&" ".repeat(head.len().next_multiple_of(8) - head.len()));
    files::write_atomically(path, |file| {
        file.write_all(&(head.len() as u64).to_le_bytes())?;
        file.write_all(head.as_bytes())?;
        tensors.iter().try_for_each(|(_, tensor)| file.write_all(&tensor.data()))
    })
    // ANCHOR_END: write_tensors
}

/// The longest header: the limit of the format itself.
pub(crate) const HEAD_LIMIT: u64 = 100_000_000;

/// How many bytes are read at once.
const PIECE: usize = 1 << 16;

/// The header's entry for one tensor, checked against the file.
#[derive(Debug)]
pub(crate) struct Info {
    pub(crate) name: String,
    dtype: String,
    pub(crate) shape: Vec<usize>,
    /// Where its bytes begin and end, counted from the end of the header.
    start: u64,
    end: u64,
}

impl Info {
    /// How many numbers the tensor has; none where the product overflows.
    pub(crate) fn len(&self) -> Option<usize> {
        self.shape.iter().try_fold(1, |product: usize, &n| product.checked_mul(n))
    }
}

/// The header.
#[derive(Debug)]
struct Head {
    tensors: Vec<Info>,
    places: HashMap<String, usize>,
    /// The texts in `__metadata__`.
    notes: HashMap<String, String>,
}

impl Head {
    /// Parses a header and checks it. data: how many bytes of data follow it in the file.
    fn parse(json: &[u8], data: u64) -> std::result::Result<Head, String> {
        let Listing { mut tensors, notes } = serde_json::from_slice(json)
            .map_err(|e| format!("its header is damaged: {}", shown(&e.to_string())))?;
        tensors.sort_by_key(|tensor| (tensor.start, tensor.end));
        let mut expected = 0;
        for tensor in &tensors {
            let name = || shown(&tensor.name);
            let Info { start, end, .. } = *tensor;
            // One tensor after another: no gaps, no overlap.
            if start != expected || end < start {
                let problem = "should begin at byte";
                return Err(format!("the tensor {} {problem} {expected}, not {start}", name()));
            }
            if end > data {
                let name = name();
                return Err(format!("the tensor {name} ends at byte {end} of {data}"));
            }
            if let Some(width) = width(&tensor.dtype) {
                let bytes = tensor.len().and_then(|n| (n as u64).checked_mul(width));
                if bytes != Some(end - start) {
                    let (name, held, shape) = (name(), end - start, &tensor.shape);
                    return Err(format!(
                        "the tensor {name} of the shape {} has {held} bytes",
                        dims(shape)
                    ));
                }
            }
            expected = end;
        }
        if expected != data {
            return Err(format!("its tensors have {expected} bytes, and {data} are there"));
        }
        let mut places = HashMap::with_capacity(tensors.len());
        for (place, tensor) in tensors.iter().enumerate() {
            if places.insert(tensor.name.clone(), place).is_some() {
                return Err(format!("two tensors are called {}", shown(&tensor.name)));
            }
        }
        Ok(Head { tensors, places, notes })
    }
}

/// A shape for a message, shortened where it is long.
pub(crate) fn dims(shape: &[usize]) -> String {
    match shape.len() {
        0..=8 => format!("{shape:?}"),
        n => format!("{:?} and {} more", &shape[..8], n - 8),
    }
}

/// The size of a number of a type in bytes, for the types that are read here.
fn width(dtype: &str) -> Option<u64> {
    match dtype {
        "F64" => Some(8),
        "F32" => Some(4),
        "F16" | "BF16" => Some(2),
        _ => None,
    }
}

/// The header as it is written. A map would keep only the last of two tensors with one name; this
/// keeps both, so that duplicates are noticed.
struct Listing {
    tensors: Vec<Info>,
    notes: HashMap<String, String>,
}

impl<'de> Deserialize<'de> for Listing {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Said {
            dtype: String,
            shape: Vec<usize>,
            data_offsets: (u64, u64),
        }
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Listing;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object with an entry for each tensor")
            }
            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Listing, A::Error> {
                let mut listing = Listing { tensors: Vec::new(), notes: HashMap::new() };
                while let Some(name) = map.next_key::<String>()? {
                    if name == "__metadata__" {
                        listing.notes = map.next_value::<Option<_>>()?.unwrap_or_default();
                        continue;
                    }
                    let Said { dtype, shape, data_offsets: (start, end) } = map.next_value()?;
                    listing.tensors.push(Info { name, dtype, shape, start, end });
                }
                Ok(listing)
            }
        }
        from.deserialize_map(Reader)
    }
}

/// A safetensors file whose header has been read, and its name for messages.
pub(crate) struct TensorFile<'a> {
    path: PathBuf,
    source: Source<'a>,
    head: Head,
    /// Where the data begins.
    data: u64,
}

impl<'a> TensorFile<'a> {
    /// Reads the header of a file that is in memory.
    pub(crate) fn open(path: &Path, bytes: &'a [u8]) -> Result<Self> {
        Self::read_head(path, Source::Memory(bytes), bytes.len() as u64)
    }

    /// Reads the header of a file on the disk.
    pub(crate) fn open_file(path: &Path) -> Result<TensorFile<'static>> {
        let (source, length) = Source::open(path)?;
        TensorFile::read_head(path, source, length)
    }

    fn read_head(path: &Path, source: Source<'a>, length: u64) -> Result<Self> {
        let damaged = |why: String| {
            Error::format(
                path,
                format!("damaged, or not a safetensors file ({why}); it has {length} bytes"),
                "copy it again, or train the model again",
            )
        };
        let read = |start, bytes: &mut [u8]| {
            source.read_at(start, bytes).map_err(Error::file("read", path))
        };
        let mut first = [0; 8];
        if length < 8 {
            return Err(damaged("the length of its header is missing".into()));
        }
        read(0, &mut first)?;
        if first == *b"version " {
            return Err(Error::format(
                path,
                "it is a pointer that Git LFS left in place of the file",
                "fetch the file itself with `git lfs pull`",
            ));
        }
        let head = u64::from_le_bytes(first);
        if head > length - 8 || head > HEAD_LIMIT {
            return Err(damaged(format!("its header would have {head} bytes")));
        }
        let mut json = vec![0; head as usize];
        read(8, &mut json)?;
        let head = Head::parse(&json, length - 8 - head).map_err(damaged)?;
        Ok(TensorFile { path: path.to_path_buf(), source, head, data: 8 + json.len() as u64 })
    }

    /// The text under a name in the header's `__metadata__`.
    pub(crate) fn note(bytes: &[u8], name: &str) -> Option<String> {
        let mut file = TensorFile::open(Path::new(""), bytes).ok()?;
        file.head.notes.remove(name)
    }

    /// The name of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Of a file in memory, the bytes of all its tensors, one after another.
    pub(crate) fn numbers<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        &bytes[self.data as usize..]
    }

    /// All tensors, in the order of the file.
    pub(crate) fn tensors(&self) -> &[Info] {
        &self.head.tensors
    }

    /// The header's entry for a tensor.
    pub(crate) fn tensor(&self, name: &str) -> Result<&Info> {
        self.find(name).ok_or_else(|| {
            let problem = format!("the tensor {} is missing", shown(name));
            let remedy = format!("it must come from the same model as {CONFIG_FILE}");
            Error::format(&self.path, problem, remedy)
        })
    }

    /// The header's entry for a tensor, if it is there.
    pub(crate) fn find(&self, name: &str) -> Option<&Info> {
        self.head.places.get(name).map(|&place| &self.head.tensors[place])
    }

    /// Checks the shape of a tensor.
    pub(crate) fn check(&self, found: &Info, shape: &[usize]) -> Result<()> {
        // ANCHOR: shape
        if found.shape == shape {
            return Ok(());
        }
        Err(Error::format(
            &self.path,
            format!("the tensor {} has the shape {}", shown(&found.name), dims(&found.shape)),
            format!("the model of {CONFIG_FILE} needs {shape:?}"),
        ))
        // ANCHOR_END: shape
    }

    /// The numbers of a tensor as f32, piece by piece.
    pub(crate) fn pieces(
        &self,
        tensor: &Info,
        mut each: impl FnMut(&[f32]) -> Result<()>,
    ) -> Result<()> {
        let Some(width) = width(&tensor.dtype) else {
            let (name, dtype) = (shown(&tensor.name), shown(&tensor.dtype));
            return Err(Error::format(
                &self.path,
                format!("the tensor {name} holds numbers of the type {dtype}"),
                "convert the model to float32 (`model.float().save_pretrained(…)`)",
            ));
        };
        let (mut bytes, mut numbers) = (vec![0; PIECE], Vec::with_capacity(PIECE / 2));
        let mut start = tensor.start;
        while start < tensor.end {
            let piece = &mut bytes[..(tensor.end - start).min(PIECE as u64) as usize];
            self.source
                .read_at(self.data + start, piece)
                .map_err(Error::file("read", &self.path))?;
            numbers.clear();
            let parts = piece.chunks_exact(width as usize);
            match tensor.dtype.as_str() {
                "F64" => numbers.extend(parts.map(|b| f64::from_le_bytes(of(b)) as f32)),
                "F32" => numbers.extend(parts.map(|b| f32::from_le_bytes(of(b)))),
                "F16" => numbers.extend(parts.map(|b| from_f16(u16::from_le_bytes(of(b))))),
                _ => numbers.extend(parts.map(|b| from_bf16(u16::from_le_bytes(of(b))))),
            }
            each(&numbers)?;
            start += piece.len() as u64;
        }
        Ok(())
    }

    /// Reads a tensor into a slice. NaN and infinities are errors.
    ///
    /// to: of the length of the tensor.
    pub(crate) fn read(&self, tensor: &Info, to: &mut [f32]) -> Result<()> {
        let mut done = 0;
        self.pieces(tensor, |numbers| {
            if let Some(bad) = numbers.iter().find(|number| !number.is_finite()) {
                return Err(Error::format(
                    &self.path,
                    format!("the tensor {} holds {bad}", shown(&tensor.name)),
                    "the file is damaged; copy it again, or train the model again",
                ));
            }
            to[done..done + numbers.len()].copy_from_slice(numbers);
            done += numbers.len();
            Ok(())
        })
    }

    /// All tensors of a layout as one parameter vector. Each must be in the file, under its name
    /// with the prefix, in the right shape, and finite.
    pub(crate) fn read_params(&self, layout: &Layout, prefix: &str) -> Result<Params<f32>> {
        let found = |name: &str| self.tensor(&format!("{prefix}{name}"));
        // All shapes first: a layout that is not that of the file may be too large for memory.
        for tensor in layout.tensors() {
            self.check(found(&tensor.name)?, &tensor.shape)?;
        }
        let mut params = Params::zeros(layout);
        for tensor in layout.tensors() {
            self.read(found(&tensor.name)?, &mut params.values[tensor.range()])?;
        }
        Ok(params)
    }
}

/// A few bytes as an array.
fn of<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("chunks of this length")
}
