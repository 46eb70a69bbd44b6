//! Ten steps of training, through warm-up, clipping, decay and the constant end of the schedule.

use parity::{
    Golden, assert_close, assert_close_in_norm, assert_same_steps, golden_directory, settings,
    type_name,
};
use stage01_bigram::Float;
use stage03_gpt::config::GptConfig;
use stage03_gpt::files::{MODEL_FILE, hugging_face};
use stage03_gpt::gpt::Gpt;
use stage03_gpt::trainer::Trainer;

/// Trains with the settings of the file, and compares all its tensors.
///
/// In f64 every number is compared. In f32 two exceptions are needed, both because AdamW divides a
/// gradient by its own magnitude: the biases of the keys, whose true gradient is zero, change only
/// by rounding and are left out; and a single weight whose first gradient happens to be near zero
/// may differ more, so that tensors are compared by their norm.
fn check<T: Float>(file: &str, bias: bool, threads: usize) {
    let single = size_of::<T>() == 4;
    let tolerance = if single { 1e-4 } else { 1e-9 };
    let golden = Golden::open(file);
    let directory = golden_directory().join("gpt2_tiny");
    let config = hugging_face::read_config(&directory).unwrap();
    let gpt = Gpt::new(GptConfig { bias, ..config }).unwrap();
    let start = Golden::read(&directory.join(MODEL_FILE));
    let weights = start.params(gpt.layout(), |name| format!("transformer.{name}"));

    let (inputs, targets) = (golden.tensor("inputs"), golden.tensor("targets"));
    let [n_steps, batch_size, length] = inputs.shape[..] else { panic!("a batch for each step") };
    let settings = settings(&golden, batch_size, threads);
    let mut trainer: Trainer<T> = Trainer::new(gpt, weights, settings).unwrap();
    let (inputs, targets) = (inputs.tokens(), targets.tokens());
    let steps: Vec<_> = (inputs.chunks(batch_size * length))
        .zip(targets.chunks(batch_size * length))
        .map(|(x, y)| {
            trainer.accumulate(x, y);
            trainer.step().unwrap()
        })
        .collect();
    assert_eq!(steps.len(), n_steps);

    let what = format!("{file}, {}, {threads} threads", type_name::<T>());
    assert_same_steps(&what, &steps, &golden, tolerance);
    let n_embd = trainer.gpt().config().n_embd;
    for tensor in trainer.gpt().layout().tensors() {
        let name = format!("param.{}", tensor.name);
        let ours = &trainer.weights.values[tensor.range()];
        let theirs = &golden.tensor(&name).values;
        // The biases of queries, keys and values are one tensor; here they are compared separately.
        let is_qkv = tensor.name.ends_with("c_attn.bias");
        let part = if is_qkv { n_embd } else { tensor.len() };
        for (i, (ours, theirs)) in ours.chunks(part).zip(theirs.chunks(part)).enumerate() {
            let what = format!("{what}, {name}, part {i}");
            match (single, is_qkv && i == 1) {
                (true, true) => {}
                (true, false) => assert_close_in_norm(&what, ours, theirs, tolerance),
                (false, _) => assert_close(&what, ours, theirs, tolerance),
            }
        }
    }
    golden.assert_all_used("");
}

#[test]
fn ten_steps() {
    for threads in 1..=3 {
        check::<f64>("adamw_steps.safetensors", true, threads);
        check::<f32>("adamw_steps.safetensors", true, threads);
    }
}

#[test]
fn ten_steps_without_biases() {
    for threads in 1..=3 {
        check::<f64>("adamw_steps_no_bias.safetensors", false, threads);
        check::<f32>("adamw_steps_no_bias.safetensors", false, threads);
    }
}
