//! Adapters as a directory: each command takes them in place of a model, and `merge` makes one of both.

mod common;

use common::Place;
use stage01_bigram::random::{Purpose, generator};
use stage02_attention::params::fill_normal;
use stage03_gpt::files::peft;
use stage03_gpt::lora::{self, LoraSettings};
use stage03_gpt::model::{Model, ModelWeights};

/// A trained model in `model`, and adapters in `adapter` that change what it writes.
fn place() -> Place {
    let place = Place::with_model();
    let base = Model::load(&place.path("model")).unwrap();
    let rng = &mut generator(1, Purpose::Initialisation, 0);
    let settings = LoraSettings { rank: 2, ..LoraSettings::default() };
    let (gpt, mut params) = lora::adapt(&base.gpt, base.params().clone(), &settings, rng).unwrap();
    fill_normal(&mut params.values[..gpt.trained()], 0.3, rng);
    let adapted = Model { gpt, weights: ModelWeights::Full(params), ..base };
    peft::save(&place.path("adapter"), &adapted, "../model").unwrap();
    place
}

#[test]
fn adapters_are_taken_as_a_model_and_merged_they_write_the_same() {
    let place = place();
    let sample = |model: &str| {
        let flags = "--temperature 0 --max-new-tokens 20";
        place.run(&format!("sample {flags} --model {model}")).succeeds().out
    };
    let (base, adapted) = (sample("model"), sample("adapter"));
    assert_ne!(base, adapted);
    let screen = place.run("merge --model adapter --out-dir merged").succeeds().out;
    assert!(screen.contains("4 adapters") && screen.contains("--model merged"), "{screen}");
    assert!(screen.lines().all(|line| line.chars().count() <= 60), "{screen}");
    assert_eq!(sample("merged"), adapted);
    assert_eq!(place.text("merged/tokenizer.json"), place.text("model/tokenizer.json"));
    place.run("quantize --model adapter --to q8_0 --out small.gguf").succeeds();
    place.run("export --model adapter --gguf whole.gguf").succeeds();
    assert_eq!(sample("whole.gguf"), adapted);
    place.run("eval --model adapter --text text.txt").succeeds();

    // Another base, by a flag; and what is there is moved aside.
    place.run("merge --model adapter --base whole.gguf --out merged").succeeds();
    assert!(place.names().contains(&"merged.1".to_string()));
    place.run("merge --model adapter --out-dir adapter").succeeds();
    assert_eq!(sample("adapter"), adapted);
    assert!(place.names().contains(&"adapter.1".to_string()));
}

#[test]
fn adapters_without_their_base_say_what_to_do() {
    let place = place();
    std::fs::rename(place.path("model"), place.path("elsewhere")).unwrap();
    for command in ["sample --model", "eval --text text.txt --model", "merge --out-dir new --model"]
    {
        let refused = place.run(&format!("{command} adapter"));
        refused.refuses(&["../model", "no such directory", "merge --model adapter --base"]);
    }
    assert!(!place.path("new").exists());
    place.run("merge --model adapter --base elsewhere --out-dir new").succeeds();
    place
        .run("merge --model new --out-dir newer")
        .refuses(&["new: it is no directory of adapters"]);
    place.run("merge --model adapter --base adapter --out-dir newer").refuses(&["adapter", "base"]);
    assert!(!place.path("newer").exists());
}
