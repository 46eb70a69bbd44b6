//! What fewer bits cost a trained model: its loss in each type of GGUF, by bits, by the number of weights
//! that share a scale, with the output layer in 4 bits; and what it writes when blocks are read wrongly.
//!
//! `--model DIR` is a model that was trained, or a GGUF file; `--tokens N` reads the first N tokens of
//! the King James text and not all; `--types-only` prints the first table alone.

use std::path::{Path, PathBuf};

use clap::Parser;
use stage01_bigram::corpus::Corpus;
use stage01_bigram::float16::from_f16;
use stage01_bigram::loss::perplexity;
use stage01_bigram::text::{thousands, wrap};
use stage01_bigram::{Error, Result};
use stage03_gpt::evaluate::evaluate;
use stage03_gpt::files::gguf::{
    GgufFile, NewTensor, Scale, TensorType, Value, quantise, write_gguf,
};
use stage03_gpt::model::{GenerateSettings, Model};
use tempfile::TempDir;

use super::quantisation::{absmax, q4_0, rounded};
use crate::arguments::{self, Outcome};

/// The flags of this experiment.
#[derive(Parser)]
struct Flags {
    /// The model: a directory or a GGUF file.
    #[arg(long, value_name = "DIR", default_value = "out/gpt")]
    model: PathBuf,
    /// How many tokens of the King James text are read. [default: all]
    #[arg(long, value_name = "N")]
    tokens: Option<usize>,
    /// Print the first table alone: the costs of each type.
    #[arg(long)]
    types_only: bool,
}

/// Runs the experiment.
///
/// # Errors
/// When the model cannot be read.
pub fn run(arguments: &[String]) -> Outcome {
    let flags: Flags = arguments::parse("quantisation_costs", arguments)?;
    let bench = Bench::new(&flags.model, flags.tokens)?;
    let file = bench.types()?;
    if flags.types_only {
        return Ok(());
    }
    // What follows needs fewer tokens.
    let few = (bench.tokens.len() / 10).max(2048).min(bench.tokens.len());
    let bench = Bench { tokens: bench.tokens[..few].to_vec(), ..bench };
    bench.bits()?;
    bench.scales()?;
    bench.output_layer(&file)?;
    bench.bugs(&file)?;
    Ok(())
}

/// A tensor of the model in f32: name and dimensions, and its numbers, row after row.
type Tensor = (NewTensor, Vec<f32>);

/// A model and a text.
struct Bench {
    model: Model,
    metadata: Vec<(String, Value)>,
    tensors: Vec<Tensor>,
    tokens: Vec<u32>,
    directory: TempDir,
}

/// Windows are no longer than that, so that the logits of one fit into memory.
const WINDOW: usize = 512;

/// Whether the weights of a tensor are rounded: matrices whose rows are whole blocks.
fn is_rounded(tensor: &NewTensor) -> bool {
    tensor.dims.len() > 1 && tensor.dims[0].is_multiple_of(32) && !tensor.name.contains("position")
}

impl Bench {
    fn new(model: &Path, tokens: Option<usize>) -> Result<Bench> {
        let model = Model::load(model)?;
        let failed = Error::file("create a directory in", std::env::temp_dir());
        let directory = tempfile::tempdir().map_err(failed)?;
        let path = directory.path().join("f32.gguf");
        model.save_gguf(&path, "before", TensorType::F32)?;
        let file = GgufFile::open(&path)?;
        let read = |tensor: &stage03_gpt::files::gguf::TensorInfo| {
            let (name, dims) = (tensor.name.clone(), tensor.dims.clone());
            Ok((NewTensor { name, dims, kind: TensorType::F32 }, file.read(tensor)?))
        };
        let tensors = file.tensors().iter().map(read).collect::<Result<_>>()?;
        let metadata = file.metadata().entries().to_vec();
        let text = Corpus::built_in().text;
        // A token is a byte at least.
        let enough = tokens.map_or(text.len(), |n| 8 * n);
        let text: String = text.chars().take(enough).collect();
        let mut all = model.tokenizer.encode(&text)?;
        all.truncate(tokens.unwrap_or(usize::MAX));
        Ok(Bench { model, metadata, tensors, tokens: all, directory })
    }

    /// The mean loss, in nats per token.
    fn loss(&self, model: &Model) -> Result<f64> {
        let window = model.gpt.config().block_size;
        if window <= WINDOW {
            return Ok(evaluate(&model.gpt, model.params(), &self.tokens, window)?.per_token());
        }
        let (mut nats, mut tokens) = (0.0, 0);
        for part in self.tokens.chunks(WINDOW).filter(|part| part.len() > 1) {
            let loss = evaluate(&model.gpt, model.params(), part, window)?;
            (nats, tokens) = (nats + loss.nats, tokens + loss.tokens);
        }
        Ok(nats / tokens as f64)
    }

    /// The model with other numbers, and their error as a part of all weights that were rounded.
    fn changed(&self, change: impl Fn(&NewTensor, &[f32]) -> Vec<f32>) -> Result<(Model, f64)> {
        let (mut error, mut size) = (0.0, 0.0);
        let new: Vec<Vec<f32>> = self
            .tensors
            .iter()
            .map(|(tensor, w)| {
                if !is_rounded(tensor) {
                    return w.clone();
                }
                let new = change(tensor, w);
                for (w, new) in w.iter().zip(&new) {
                    error += f64::from(w - new).powi(2);
                    size += f64::from(*w).powi(2);
                }
                new
            })
            .collect();
        let tensors: Vec<NewTensor> =
            self.tensors.iter().map(|(tensor, _)| tensor.clone()).collect();
        let path = self.directory.path().join("changed.gguf");
        write_gguf(&path, &self.metadata, &tensors, |i| (&new[i]).into())?;
        Ok((Model::load(&path)?, (error / size).sqrt()))
    }

    /// The same with a rounding of f64.
    fn rounded(&self, round: impl Fn(&NewTensor, &[f64]) -> Vec<f64>) -> Result<(Model, f64)> {
        self.changed(|tensor, w| {
            let w: Vec<f64> = w.iter().map(|&w| w.into()).collect();
            round(tensor, &w).into_iter().map(|w| w as f32).collect()
        })
    }

    /// The costs of each type. Returns the file in Q4_0.
    fn types(&self) -> Result<PathBuf> {
        println!("THE TYPES, on {} tokens of the King James text", thousands(self.tokens.len()));
        println!(
            "  {:<6}{:>13}{:>12}{:>16}{:>11}{:>13}",
            "type", "bytes", "error, %", "nats per token", "rise", "perplexity"
        );
        let (mut path, mut before) = (PathBuf::new(), 0.0);
        for kind in [TensorType::F32, TensorType::Q8_0, TensorType::Q4_1, TensorType::Q4_0] {
            path = self.directory.path().join(format!("{kind}.gguf"));
            self.model.save_gguf(&path, "after", kind)?;
            let bytes = std::fs::metadata(&path).map_or(0, |file| file.len() as usize);
            let model = Model::load(&path)?;
            let (mut error, mut size) = (0.0, 0.0);
            for (w, read) in self.model.params().values.iter().zip(&model.params().values) {
                error += f64::from(w - read).powi(2);
                size += f64::from(*w).powi(2);
            }
            let (error, loss) = (100.0 * f64::sqrt(error / size), self.loss(&model)?);
            if kind == TensorType::F32 {
                before = loss;
            }
            println!(
                "  {:<6}{:>13}{error:>12.2}{loss:>16.4}{:>+11.5}{:>13.2}",
                kind.name(),
                thousands(bytes),
                loss - before,
                perplexity(loss)
            );
        }
        Ok(path)
    }

    /// The costs by bits, for blocks of 32, by absmax; also with every error turned round. In the
    /// mean of both there is nothing left of the slope, for which one of them goes downhill.
    fn bits(&self) -> Result<()> {
        let before = self.loss(&self.model)?;
        println!(
            "\nBITS, blocks of 32 by absmax; the first {} tokens",
            thousands(self.tokens.len())
        );
        println!(
            "  {:>4}{:>8}{:>11}{:>12}{:>18}{:>18}",
            "bits", "most", "error, %", "rise", "errors reversed", "mean / error²"
        );
        for bits in (3..=8).rev() {
            let most = (1 << (bits - 1)) - 1;
            let round = |w: &[f64]| rounded(w, 32, |w| absmax(w, most));
            let reversed =
                |w: &[f64]| round(w).iter().zip(w).map(|(read, w)| 2.0 * w - read).collect();
            let (there, error) = self.rounded(|_, w| round(w))?;
            let (back, _) = self.rounded(|_, w| reversed(w))?;
            let [rise, fall] = [self.loss(&there)? - before, self.loss(&back)? - before];
            let mean = (rise + fall) / 2.0 / (error * error);
            let error = 100.0 * error;
            println!("  {bits:>4}{most:>8}{error:>11.2}{rise:>+12.5}{fall:>+18.5}{mean:>18.2}");
        }
        Ok(())
    }

    /// The costs of 4 bits by how many weights share a scale.
    fn scales(&self) -> Result<()> {
        let before = self.loss(&self.model)?;
        println!("\nONE SCALE for a block, a row, a matrix: rounded as Q4_0");
        println!("  {:<18}{:>12}{:>12}", "one scale for", "error, %", "rise");
        type Per = fn(&NewTensor) -> usize;
        let ways: [(&str, Per); 3] = [
            ("32 weights", |_| 32),
            ("a row", |tensor| tensor.dims[0]),
            ("a matrix", |tensor| tensor.dims.iter().product()),
        ];
        for (name, per) in ways {
            let (model, error) = self.rounded(|tensor, w| rounded(w, per(tensor), q4_0))?;
            let rise = self.loss(&model)? - before;
            println!("  {name:<18}{:>12.2}{rise:>+12.5}", 100.0 * error);
        }
        Ok(())
    }

    /// Q4_0 with the output layer in 8 bits, as in the file, and in 4 bits.
    fn output_layer(&self, file: &Path) -> Result<()> {
        let before = self.loss(&self.model)?;
        let as_written = self.loss(&Model::load(file)?)? - before;
        let (model, _) = self.changed(|_, w| read(&bytes(w), RIGHT))?;
        let all = self.loss(&model)? - before;
        println!("\nTHE OUTPUT LAYER, the other matrices in Q4_0");
        println!("  in Q8_0{as_written:>+12.5}\n  in Q4_0{all:>+12.5}");
        Ok(())
    }

    /// What the model writes, and its loss, when the blocks of Q4_0 are read wrongly.
    fn bugs(&self, file: &Path) -> Result<()> {
        let prompt = "And the king said";
        let (right, written) = (Model::load(file)?, GgufFile::open(file)?);
        println!("\nREAD as written: {:.2} nats per token", self.loss(&right)?);
        println!("{}", wrap(&greedy(&right, prompt)?, 92, "  "));
        for (name, reader) in [
            ("A BUG: the 8 is not subtracted", Reader { zero: 0, ..RIGHT }),
            ("A BUG: the halves of a byte are exchanged", Reader { swapped: true, ..RIGHT }),
            ("A BUG: neighbours in a byte", Reader { neighbours: true, ..RIGHT }),
        ] {
            // The output layer is in Q8_0, and is read rightly.
            let (model, error) = self.changed(|tensor, w| match written.tensor(&tensor.name) {
                Some(tensor) if tensor.kind == TensorType::Q4_0 => read(&bytes(w), reader),
                _ => w.to_vec(),
            })?;
            let loss = self.loss(&model)?;
            println!("\n{name}: {loss:.2} nats per token, weights off by {:.0} %", 100.0 * error);
            println!("{}", wrap(&greedy(&model, prompt)?, 92, "  "));
        }
        let uniform = (self.model.gpt.config().vocab_size as f64).ln();
        println!("\nEvery token equally likely: {uniform:.2}");
        Ok(())
    }
}

/// The bytes of the blocks of Q4_0.
fn bytes(w: &[f32]) -> Vec<u8> {
    quantise(TensorType::Q4_0, Scale::LeastSquares, w)
}

/// The likeliest continuation.
fn greedy(model: &Model, prompt: &str) -> Result<String> {
    let settings = GenerateSettings { max_new_tokens: 40, temperature: 0.0, ..Default::default() };
    let text = model.generate(prompt, &settings)?;
    let text = format!("{prompt}{text}");
    Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// How the numbers of a block are taken out of its bytes.
#[derive(Clone, Copy)]
struct Reader {
    /// What is subtracted from each.
    zero: i32,
    /// The upper half of a byte comes first.
    swapped: bool,
    /// A byte holds neighbours, and not number i and number i + 16.
    neighbours: bool,
}

/// As the format has it.
const RIGHT: Reader = Reader { zero: 8, swapped: false, neighbours: false };

// ANCHOR: bug
/// The weights of blocks of Q4_0.
fn read(bytes: &[u8], reader: Reader) -> Vec<f32> {
    let mut weights = Vec::new();
    for block in bytes.chunks_exact(18) {
        let d = from_f16(u16::from_le_bytes([block[0], block[1]]));
        let mut w = [0.0; 32];
        for (i, byte) in block[2..].iter().enumerate() {
            let (lower, upper) = (byte & 15, byte >> 4);
            let (first, second) = if reader.swapped { (upper, lower) } else { (lower, upper) };
            let (a, b) = if reader.neighbours { (2 * i, 2 * i + 1) } else { (i, i + 16) };
            w[a] = d * (i32::from(first) - reader.zero) as f32;
            w[b] = d * (i32::from(second) - reader.zero) as f32;
        }
        weights.extend(w);
    }
    weights
}
// ANCHOR_END: bug

#[cfg(test)]
mod tests {
    use stage01_bigram::random::{Purpose, generator};
    use stage02_attention::params::fill_normal;

    use super::super::real_weights::gguf_file;
    use super::*;

    fn weights() -> Vec<f32> {
        let mut w = vec![0.0; 320];
        fill_normal(&mut w, 0.02, &mut generator(1, Purpose::Other, 0));
        w
    }

    #[test]
    fn the_reader_without_a_bug_is_that_of_the_program() {
        let bytes = bytes(&weights());
        let file = gguf_file(TensorType::Q4_0, 320, &bytes);
        let file = GgufFile::from_bytes(Path::new("w.gguf"), &file).unwrap();
        assert_eq!(read(&bytes, RIGHT), file.read(&file.tensors()[0]).unwrap());
    }

    #[test]
    fn each_bug_keeps_the_shape_and_changes_the_weights() {
        let bytes = bytes(&weights());
        let right = read(&bytes, RIGHT);
        for reader in [
            Reader { zero: 0, ..RIGHT },
            Reader { swapped: true, ..RIGHT },
            Reader { neighbours: true, ..RIGHT },
        ] {
            let wrong = read(&bytes, reader);
            assert_eq!(wrong.len(), right.len());
            assert_ne!(wrong, right);
        }
    }

    #[test]
    fn which_tensors_are_rounded() {
        let tensor = |name: &str, dims: &[usize]| NewTensor {
            name: name.into(),
            dims: dims.to_vec(),
            kind: TensorType::F32,
        };
        assert!(is_rounded(&tensor("blk.0.ffn_up.weight", &[64, 256])));
        assert!(!is_rounded(&tensor("output_norm.weight", &[64])));
        assert!(!is_rounded(&tensor("position_embd.weight", &[64, 64])));
        assert!(!is_rounded(&tensor("blk.0.ffn_up.weight", &[24, 96])));
    }
}
