//! The format of the weights: named lists of numbers in a file, behind a table of contents.
//!
//! The format: the length of the head in eight bytes; the head, a JSON object that says of
//! every tensor its type, its shape and where it begins and ends; then the numbers, one tensor
//! after another.

use std::borrow::Cow;
use std::io::Write;
use std::path::{Path, PathBuf};

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors, View};
use serde_json::json;
use stage01_bigram::{Error, Result, files};
use stage02_attention::params::{Layout, Params, Tensor};

use super::CONFIG_FILE;

/// A list of numbers on its way into a file.
pub(crate) struct Entry<'a> {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: &'a [f32],
}

impl View for Entry<'_> {
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

/// Writes a safetensors file, whole or not at all, and the same bytes for the same numbers.
///
/// The format: the length of the head in eight bytes; the head, a JSON object that says of
/// every tensor its type, its shape and where it begins and ends; then the numbers, one tensor
/// after another. They are written as they stand in memory, without a second copy of them.
///
/// note: a name and a text, kept in the head.
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
    // Spaces after the head, so that the numbers begin where a processor likes them.
    let mut head = head.to_string();
    head.push_str(&" ".repeat(head.len().next_multiple_of(8) - head.len()));
    files::write_atomically(path, |file| {
        file.write_all(&(head.len() as u64).to_le_bytes())?;
        file.write_all(head.as_bytes())?;
        tensors.iter().try_for_each(|(_, tensor)| file.write_all(&tensor.data()))
    })
    // ANCHOR_END: write_tensors
}

/// A safetensors file in memory, and its name for messages.
pub(crate) struct TensorFile<'a> {
    path: PathBuf,
    pub(crate) tensors: SafeTensors<'a>,
}

impl<'a> TensorFile<'a> {
    /// Reads the head of a file.
    pub(crate) fn open(path: &Path, bytes: &'a [u8]) -> Result<Self> {
        let tensors = SafeTensors::deserialize(bytes).map_err(|e| {
            Error::format(
                path,
                format!("damaged, or not a safetensors file ({e}); it has {} bytes", bytes.len()),
                "copy it again, or train the model again",
            )
        })?;
        Ok(TensorFile { path: path.to_path_buf(), tensors })
    }

    /// The text in the head of the file under a name.
    pub(crate) fn note(bytes: &[u8], name: &str) -> Option<String> {
        let (_, metadata) = SafeTensors::read_metadata(bytes).ok()?;
        metadata.metadata().as_ref()?.get(name).cloned()
    }

    /// A tensor as it stands in the file.
    fn tensor(&self, name: &str) -> Result<TensorView<'a>> {
        self.tensors.tensor(name).map_err(|_| {
            let problem = format!("the tensor {name} is missing");
            let remedy = format!("it must come from the same model as {CONFIG_FILE}");
            Error::format(&self.path, problem, remedy)
        })
    }

    /// The numbers of a tensor.
    pub(super) fn read(&self, name: &str) -> Result<Vec<f32>> {
        let tensor = self.tensor(name)?;
        let data = tensor.data();
        match tensor.dtype() {
            Dtype::F32 => Ok(data.chunks_exact(4).map(|b| f32::from_le_bytes(four(b))).collect()),
            // The upper half of an f32.
            Dtype::BF16 => {
                Ok(data.chunks_exact(2).map(|b| f32::from_le_bytes([0, 0, b[0], b[1]])).collect())
            }
            other => Err(Error::format(
                &self.path,
                format!("the tensor {name} holds numbers of the type {other:?}"),
                "convert the model to float32 (`model.float().save_pretrained(…)`)",
            )),
        }
    }

    /// Whether a tensor of the plan is there, in its shape.
    fn check(&self, name: &str, tensor: &Tensor) -> Result<()> {
        // ANCHOR: shape
        let found = self.tensor(name)?;
        if found.shape() == tensor.shape {
            return Ok(());
        }
        Err(Error::format(
            &self.path,
            format!("the tensor {name} has the shape {:?}", found.shape()),
            format!("the model of {CONFIG_FILE} wants {:?}", tensor.shape),
        ))
        // ANCHOR_END: shape
    }

    /// All tensors of a plan as one parameter vector. Each must be there, in the right shape,
    /// and hold numbers only: neither NaN nor an infinity.
    pub(crate) fn read_params(&self, layout: &Layout, prefix: &str) -> Result<Params<f32>> {
        let named = || layout.tensors().iter().map(|t| (format!("{prefix}{}", t.name), t));
        // All shapes first: a plan that is not that of the file may be too large for memory.
        named().try_for_each(|(name, tensor)| self.check(&name, tensor))?;
        let mut params = Params::zeros(layout);
        for (name, tensor) in named() {
            let values = self.read(&name)?;
            if let Some(bad) = values.iter().find(|value| !value.is_finite()) {
                return Err(Error::format(
                    &self.path,
                    format!("the tensor {name} holds {bad}"),
                    "the file is damaged; copy it again, or train the model again",
                ));
            }
            params.values[tensor.range()].copy_from_slice(&values);
        }
        Ok(params)
    }
}

fn four(bytes: &[u8]) -> [u8; 4] {
    bytes.try_into().expect("chunks of four")
}
