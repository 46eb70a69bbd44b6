//! What rounding cost: the weights of a file, beside those of the model that was written.
//!
//! The file is read again, so what is reported is what it holds. One tensor of it at a time is in
//! memory.

use std::borrow::Cow;
use std::collections::HashMap;

use stage01_bigram::Result;

use super::GgufFile;
use super::load::read_head;
use crate::model::Model;

impl Model {
    /// The root mean square of the differences between the weights w of this model and the weights ŵ
    /// of a file that [`Model::save_gguf`] wrote, relative to that of the weights:
    ///
    /// √(Σ(w − ŵ)² / Σw²)
    ///
    /// 0 where all weights are 0.
    ///
    /// # Errors
    /// [`Error::File`](stage01_bigram::Error::File) when the file cannot be read;
    /// [`Error::Format`](stage01_bigram::Error::Format) when it holds no model.
    ///
    /// # Panics
    /// When the model was loaded by [`Model::load_quantised`].
    pub fn rounding_error(&self, file: &GgufFile) -> Result<f64> {
        let (_, tensors) = read_head(file)?;
        let layout = self.gpt.layout().tensors();
        let places: HashMap<&str, _> =
            layout.iter().map(|tensor| (tensor.name.as_str(), tensor.range())).collect();
        let (mut error, mut size) = (0f64, 0f64);
        for (mapping, tensor) in &tensors {
            // The file of a GPT-2 without biases has zeros in their place.
            let Some(place) = places.get(mapping.ours.as_str()) else { continue };
            let ours = &self.params().values[place.clone()];
            let ours = match mapping.is_same() {
                true => Cow::Borrowed(ours),
                false => Cow::Owned(mapping.gather(ours)),
            };
            // The file of a character tokenizer has a row more in its embedding, behind ours.
            for (ours, rounded) in ours.iter().zip(file.read(tensor)?) {
                error += f64::from(ours - rounded).powi(2);
                size += f64::from(*ours).powi(2);
            }
        }
        Ok(if size > 0.0 { (error / size).sqrt() } else { 0.0 })
    }
}
