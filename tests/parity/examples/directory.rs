//! A model as a directory that `transformers` opens, for `check_evaluation.py`: the weights of a
//! quantised GGUF file become f32.
//!
//! ```text
//! cargo run -p parity --example directory -- MODEL DIRECTORY
//! ```

use std::path::PathBuf;

use stage01_bigram::Result;
use stage03_gpt::model::Model;

fn main() -> Result<()> {
    let [model, directory] = [1, 2].map(|i| {
        PathBuf::from(std::env::args_os().nth(i).expect("a model, and the name of a directory"))
    });
    Model::load(&model)?.save(&directory)
}
