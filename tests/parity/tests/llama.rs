//! Models of today that `transformers` saved, of Llama's family: logits, gradients, texts and files are
//! the same. What each of them has, `golden_llama.py` says.

mod common;

use std::collections::BTreeMap;

use parity::golden_directory;
use stage03_gpt::files::{MODEL_FILE, hugging_face};

const MODELS: [&str; 3] = ["llama_tiny", "llama3_tiny", "qwen2_tiny"];

#[test]
fn logits_loss_and_every_gradient() {
    for model in MODELS {
        for part in ["full", "short"] {
            common::check_batch::<f64>(model, part, 1e-9);
            common::check_batch::<f32>(model, part, 1e-5);
        }
    }
}

#[test]
fn decoding_with_a_cache_gives_the_text_of_full_forward_passes() {
    MODELS.into_iter().for_each(common::check_decoding);
}

/// Names, shapes and bytes, and that what was written is read again.
#[test]
fn our_model_file_equals_that_of_transformers() {
    for model in MODELS {
        let (gpt, params) = common::load(model);
        let directory = tempfile::tempdir().unwrap();
        hugging_face::save_model(directory.path(), &gpt, &params).unwrap();
        let [ours, theirs] = [directory.path(), &golden_directory().join(model)].map(|directory| {
            let bytes = std::fs::read(directory.join(MODEL_FILE)).unwrap();
            let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
            let tensors = file.tensors().into_iter();
            let tensors = tensors.map(|(name, t)| (name, (t.shape().to_vec(), t.data().to_vec())));
            tensors.collect::<BTreeMap<_, _>>()
        });
        assert!(ours == theirs, "{model}: {:?} {:?}", ours.keys(), theirs.keys());
        assert_eq!(hugging_face::read_model(directory.path(), &gpt).unwrap(), params);
    }
}
