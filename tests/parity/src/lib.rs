//! Shared by the parity tests: reference numbers from files, and three measures of difference.
//!
//! PyTorch made the numbers in `golden/`; the README beside them lists all tensors and tolerances.
//! A [`Golden`] file records which of its tensors were read, so that a test can assert that none
//! was left out.
//!
//! ```
//! use parity::difference;
//!
//! assert_eq!(difference(&[1.0, 9.0], &[2.0, 10.0]), 0.1);
//! ```
//!
//! Functions here panic on errors, because they are only for tests.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ndarray::Array2;
use safetensors::{Dtype, SafeTensors};
use stage01_bigram::Float;
use stage02_attention::params::{Layout, Params};
use stage03_gpt::adamw::AdamW;
use stage03_gpt::schedule::Schedule;
use stage03_gpt::trainer::{Settings, Step};

/// The directory of PyTorch's numbers: `tests/parity/golden`.
pub fn golden_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

/// A tensor of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its shape; empty for a single number.
    pub shape: Vec<usize>,
    /// Its numbers, row after row. Exact: the files have F64, F32, and small whole numbers.
    pub values: Vec<f64>,
}

impl Tensor {
    /// The numbers in the type of an engine.
    pub fn to<T: Float>(&self) -> Vec<T> {
        self.values.iter().map(|&value| T::of(value)).collect()
    }

    /// The tensor as one matrix, whose columns are its last dimension.
    pub fn matrix<T: Float>(&self) -> Array2<T> {
        let columns = *self.shape.last().expect("at least one dimension");
        Array2::from_shape_vec((self.values.len() / columns, columns), self.to()).expect("a matrix")
    }

    /// The tensor as a list of matrices of its last two dimensions.
    pub fn matrices<T: Float>(&self) -> Vec<Array2<T>> {
        let [.., rows, columns] = self.shape[..] else {
            panic!("{:?} is not a list of matrices", self.shape)
        };
        let matrix = |part: &[T]| Array2::from_shape_vec((rows, columns), part.to_vec());
        let values = self.to();
        values.chunks(rows * columns).map(|part| matrix(part).expect("a matrix")).collect()
    }

    /// The numbers as token numbers.
    pub fn tokens(&self) -> Vec<u32> {
        self.values.iter().map(|&value| value as u32).collect()
    }
}

/// A safetensors file in memory.
pub struct Golden {
    path: PathBuf,
    tensors: BTreeMap<String, Tensor>,
    used: RefCell<BTreeSet<String>>,
}

impl Golden {
    /// Reads a file of `golden/`.
    ///
    /// # Panics
    /// As [`Golden::read`].
    pub fn open(name: &str) -> Self {
        Self::read(&golden_directory().join(name))
    }

    /// Reads any safetensors file.
    ///
    /// # Panics
    /// When it cannot be read, or has numbers that are not F64, F32, I64 or I32.
    pub fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let file = SafeTensors::deserialize(&bytes);
        let file = file.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let tensors = file.tensors().into_iter().map(|(name, tensor)| {
            let data = tensor.data();
            let values = match tensor.dtype() {
                Dtype::F64 => numbers(data, f64::from_le_bytes),
                Dtype::F32 => numbers(data, |bytes| f32::from_le_bytes(bytes).into()),
                Dtype::I64 => numbers(data, |bytes| i64::from_le_bytes(bytes) as f64),
                Dtype::I32 => numbers(data, |bytes| i32::from_le_bytes(bytes).into()),
                other => panic!("{}: {name} holds numbers of the type {other:?}", path.display()),
            };
            (name, Tensor { shape: tensor.shape().to_vec(), values })
        });
        let tensors = tensors.collect();
        Golden { path: path.to_path_buf(), tensors, used: RefCell::default() }
    }

    /// The tensor of a name.
    ///
    /// # Panics
    /// When there is none.
    pub fn tensor(&self, name: &str) -> &Tensor {
        self.used.borrow_mut().insert(name.to_string());
        let missing = || panic!("{}: there is no tensor {name}", self.path.display());
        self.tensors.get(name).unwrap_or_else(missing)
    }

    /// The single number of the tensor of a name.
    ///
    /// # Panics
    /// When there is no such tensor, or it has more numbers.
    pub fn number(&self, name: &str) -> f64 {
        let [value] = self.tensor(name).values[..] else { panic!("{name} is not one number") };
        value
    }

    /// The names that begin with `prefix`.
    pub fn names<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.tensors.keys().map(String::as_str).filter(move |name| name.starts_with(prefix))
    }

    /// Whether a tensor was read with [`Golden::tensor`].
    pub fn was_used(&self, name: &str) -> bool {
        self.used.borrow().contains(name)
    }

    /// Asserts that every tensor whose name begins with `prefix` was read.
    ///
    /// # Panics
    /// When one was not: the test does not compare everything in the file.
    pub fn assert_all_used(&self, prefix: &str) {
        let left: Vec<_> = self.names(prefix).filter(|name| !self.was_used(name)).collect();
        assert!(left.is_empty(), "never compared: {left:?}");
    }

    /// The values of all parameters of a layout.
    ///
    /// file_name: the name in the file of a tensor of the layout.
    ///
    /// # Panics
    /// When a tensor is missing or has another shape.
    pub fn params<T: Float>(
        &self,
        layout: &Layout,
        file_name: impl Fn(&str) -> String,
    ) -> Params<T> {
        let mut params = Params::zeros(layout);
        for tensor in layout.tensors() {
            let found = self.tensor(&file_name(&tensor.name));
            assert_eq!(found.shape, tensor.shape, "{}", tensor.name);
            params.values[tensor.range()].copy_from_slice(&found.to());
        }
        params
    }
}

/// Little-endian numbers of `N` bytes each.
fn numbers<const N: usize>(data: &[u8], convert: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    data.chunks_exact(N).map(|bytes| convert(bytes.try_into().expect("N bytes"))).collect()
}

/// The largest difference between two lists, divided by the largest number of the second.
///
/// For tensors whose numbers have similar magnitudes: logits, gradients, parameters. NaN if either
/// list has one.
///
/// # Panics
/// When the lists have different lengths.
pub fn difference<T: Float>(ours: &[T], golden: &[f64]) -> f64 {
    assert_eq!(ours.len(), golden.len(), "as many numbers");
    let largest = golden.iter().fold(0.0f64, |largest, g| largest.max(g.abs()));
    worst(ours.iter().zip(golden).map(|(o, g)| (o.f64() - g).abs() / largest.max(1e-30)))
}

/// The largest of difference / (1 + size of the number), number by number.
///
/// For tensors with numbers of very different magnitudes. NaN if either list has one.
///
/// # Panics
/// When the lists have different lengths.
pub fn difference_each<T: Float>(ours: &[T], golden: &[f64]) -> f64 {
    assert_eq!(ours.len(), golden.len(), "as many numbers");
    worst(ours.iter().zip(golden).map(|(o, g)| (o.f64() - g).abs() / (1.0 + g.abs())))
}

/// The norm of the difference of two lists, divided by the norm of the second.
///
/// For tensors of which a few numbers may differ more without consequence.
///
/// # Panics
/// When the lists have different lengths.
pub fn difference_in_norm<T: Float>(ours: &[T], golden: &[f64]) -> f64 {
    assert_eq!(ours.len(), golden.len(), "as many numbers");
    let difference: f64 = ours.iter().zip(golden).map(|(o, g)| (o.f64() - g).powi(2)).sum();
    let whole: f64 = golden.iter().map(|g| g * g).sum();
    (difference / whole.max(1e-30)).sqrt()
}

/// The largest number, or NaN if there is one: `f64::max` would ignore it.
fn worst(errors: impl Iterator<Item = f64>) -> f64 {
    errors.fold(0.0, |worst, e| if e > worst || e.is_nan() { e } else { worst })
}

/// Checks a [`difference`].
///
/// # Panics
/// When it is above the tolerance, or NaN.
pub fn assert_close<T: Float>(what: &str, ours: &[T], golden: &[f64], tolerance: f64) {
    let error = difference(ours, golden);
    assert!(error <= tolerance, "{what}: differs by {error:.1e} of its largest number");
}

/// Checks a [`difference_in_norm`].
///
/// # Panics
/// When it is above the tolerance, or NaN.
pub fn assert_close_in_norm<T: Float>(what: &str, ours: &[T], golden: &[f64], tolerance: f64) {
    let error = difference_in_norm(ours, golden);
    assert!(error <= tolerance, "{what}: differs by {error:.1e} of its norm");
}

/// Checks a [`difference_each`].
///
/// # Panics
/// When it is above the tolerance, or NaN.
pub fn assert_each_close<T: Float>(what: &str, ours: &[T], golden: &[f64], tolerance: f64) {
    let error = difference_each(ours, golden);
    assert!(error <= tolerance, "{what}: a number x differs by {error:.1e} (1 + |x|)");
}

/// The name of the number type, for messages.
pub fn type_name<T>() -> &'static str {
    std::any::type_name::<T>()
}

/// The settings of a training run in a golden file: its tensors `setting.NAME`.
///
/// # Panics
/// When one of them is missing, or there is an unknown one.
pub fn settings(golden: &Golden, batch_size: usize, threads: usize) -> Settings {
    let number = |name: &str| golden.number(&format!("setting.{name}"));
    let settings = Settings {
        batch_size,
        gradient_accumulation_steps: 1,
        schedule: Schedule {
            learning_rate: number("learning_rate"),
            min_lr: number("min_lr"),
            warmup_iters: number("warmup_iters") as usize,
            lr_decay_iters: number("lr_decay_iters") as usize,
        },
        adamw: AdamW {
            beta1: number("beta1"),
            beta2: number("beta2"),
            eps: 1e-8,
            weight_decay: number("weight_decay"),
            grad_clip: number("grad_clip"),
        },
        seed: 0,
        threads,
    };
    golden.assert_all_used("setting.");
    settings
}

/// Compares the steps of a run with the tensors `loss`, `grad_norm` and `lr`.
///
/// # Panics
/// When one differs by more than the tolerance.
pub fn assert_same_steps(what: &str, steps: &[Step], golden: &Golden, tolerance: f64) {
    type Column = fn(&Step) -> f64;
    let columns: [(&str, Column); 3] =
        [("loss", |s| s.loss), ("grad_norm", |s| s.grad_norm), ("lr", |s| s.lr)];
    for (name, column) in columns {
        let ours: Vec<f64> = steps.iter().map(column).collect();
        let golden = &golden.tensor(name).values;
        assert_each_close(&format!("{what}, {name}"), &ours, golden, tolerance);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_those_of_the_readme() {
        assert_eq!(difference(&[1.0, 9.0], &[2.0, 10.0]), 0.1);
        assert_eq!(difference_each(&[1.0, 9.0], &[3.0, 9.0]), 0.5);
        assert_eq!(difference_in_norm(&[3.0, 4.5], &[3.0, 4.0]), 0.1);
        let nan = f64::NAN;
        for nan in [
            difference(&[nan, 1.0], &[0.0, 1.0]),
            difference_each(&[1.0], &[nan]),
            difference_in_norm(&[nan, 1.0], &[0.0, 1.0]),
        ] {
            assert!(nan.is_nan());
        }
    }

    #[test]
    #[should_panic(expected = "differs by 1.0e-1")]
    fn a_difference_above_the_tolerance_fails() {
        assert_close("logits", &[1.0f32, 9.0], &[2.0, 10.0], 0.09);
    }

    #[test]
    #[should_panic(expected = "differs by NaN")]
    fn nan_is_never_close() {
        assert_each_close("logits", &[1.0, f64::NAN], &[1.0, 10.0], 1.0);
    }

    #[test]
    #[should_panic(expected = "never compared: [\"gelu.dx\", \"gelu.dy\", \"gelu.y\"]")]
    fn an_unread_tensor_is_named() {
        let golden = Golden::open("layers.safetensors");
        golden.tensor("gelu.x");
        golden.assert_all_used("gelu.");
    }
}
