//! `sample`, `chat` and `eval` with special models: special tokens, NaN, wrong sizes in the files.

mod common;

use std::path::Path;

use common::Place;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::tokenizer::{Tokenizer, TokenizerKind};
use stage02_attention::params::{Params, fill_normal};
use stage03_gpt::config::GptConfig;
use stage03_gpt::files::hugging_face::{save_description, save_model};
use stage03_gpt::gpt::Gpt;

/// Saves a model with an end-of-text token and with weights as `fill` leaves them, and returns
/// the token.
fn save(directory: &Path, fill: impl Fn(&Gpt, u32, &mut Params<f32>)) -> u32 {
    let tokenizer = TokenizerKind::Bpe { vocab_size: 260 }.train("one or two words or more");
    let Tokenizer::Bpe(bpe) = tokenizer.unwrap() else { panic!("another kind") };
    let tokenizer = Tokenizer::Bpe(bpe.with_end_of_text());
    let end = tokenizer.end_of_text().unwrap();
    let (n_layer, n_head, n_embd, dropout, bias) = (1, 1, 8, 0.0, true);
    let (vocab_size, block_size) = (tokenizer.vocab_size(), 16);
    let config = GptConfig {
        vocab_size,
        block_size,
        n_layer,
        n_head,
        n_embd,
        dropout,
        bias,
        ..GptConfig::default()
    };
    let gpt = Gpt::new(config).unwrap();
    let mut params = Params::zeros(gpt.layout());
    fill(&gpt, end, &mut params);
    std::fs::create_dir_all(directory).unwrap();
    save_description(directory, gpt.config(), &tokenizer).unwrap();
    save_model(directory, &gpt, &params).unwrap();
    end
}

fn range(gpt: &Gpt, name: &str) -> std::ops::Range<usize> {
    gpt.layout().tensors().iter().find(|tensor| tensor.name == name).unwrap().range()
}

/// A model that gives these tokens these logits, whatever it reads.
fn always(favourites: &[(u32, f32)], gpt: &Gpt, params: &mut Params<f32>) {
    // The result of the last layer norm is its bias; its product with a token's row is the logit.
    params.values[range(gpt, "ln_f.bias").start] = 1.0;
    let wte = range(gpt, "wte.weight").start;
    for &(token, logit) in favourites {
        params.values[wte + 8 * token as usize] = logit;
    }
}

/// Runs a command with a text as its standard input.
fn typed(place: &Place, command: &str, text: &str) -> common::Finished {
    place.write("typed.txt", text);
    let input = std::fs::File::open(place.path("typed.txt")).unwrap();
    common::Finished::new(command, place.command(command).stdin(input).output().unwrap())
}

#[test]
fn a_text_ends_at_the_end_token() {
    let place = Place::new();
    save(&place.path("ends"), |gpt, end, params| always(&[(end, 2.0)], gpt, params));
    let sample = |flags: &str| {
        place.run(&format!("sample --model ends --temperature 0 --max-new-tokens 3 {flags}"))
    };
    let ended = sample("--prompt one").succeeds();
    assert_eq!(ended.out, "one\n");
    assert!(ended.err.contains("(0 tokens and the end of the text, "), "{}", ended.err);
    assert_eq!(sample("--num-samples 2").succeeds().out, "\n\n---\n\n");
    let on = sample("--prompt one --ignore-eos").succeeds();
    assert_eq!(on.out, format!("one{}\n", "<|endoftext|>".repeat(3)));
    assert!(on.err.contains("(3 tokens, "), "{}", on.err);

    let chat = |flags: &str| {
        let command = format!("chat --model ends --temperature 0 --max-new-tokens 2 {flags}");
        typed(&place, &command, "one\ntwo\n").succeeds().out
    };
    assert_eq!(chat(""), "\n\n");
    assert_eq!(chat("--ignore-eos"), "<|endoftext|><|endoftext|>\n".repeat(2));
}

#[test]
fn a_text_begins_with_the_begin_token() {
    let place = Place::new();
    save(&place.path("model"), |gpt, _, params| {
        fill_normal(&mut params.values, 1.0, &mut generator(1, Purpose::Initialisation, 0));
        // Zero, so that the tokens decide, and neither their positions nor a constant.
        params.values[range(gpt, "ln_f.bias")].fill(0.0);
        params.values[range(gpt, "wpe.weight")].fill(0.0);
    });
    let sample = |prompt: Option<&str>| {
        let mut command = place.command("sample --model model --temperature 0 --ignore-eos");
        command.args(["--max-new-tokens", "12"]);
        command.args(prompt.iter().flat_map(|prompt| ["--prompt", prompt]));
        common::Finished::new("sample", command.output().unwrap()).succeeds().out
    };
    let text = sample(None);
    assert_eq!(sample(Some("")), text);
    // Read as the token, not as letters.
    assert_eq!(sample(Some("<|endoftext|>")), format!("<|endoftext|>{text}"));
    assert_ne!(sample(Some("\n")), text);
}

#[test]
fn a_model_whose_logits_are_nan_is_refused() {
    let place = Place::new();
    save(&place.path("model"), |_, _, params| params.values.fill(1e30));
    for command in ["sample --model model", "eval --model model --text text.txt"] {
        place.run(command).refuses(&["the model is broken"]);
    }
    typed(&place, "chat --model model", "one\n").refuses(&["the model is broken"]);
}

/// Every size in the files that could ask for memory, in a process that has little.
#[test]
#[cfg(target_os = "linux")]
fn sizes_that_only_a_file_claims_take_no_memory() {
    let place = Place::with_model();
    let config = place.text("model/config.json");
    let limited = |command: &str| {
        let output = std::process::Command::new("sh")
            .current_dir(place.path("."))
            .args([
                "-c",
                "ulimit -v 1500000; exec \"$0\" \"$@\"",
                env!("CARGO_BIN_EXE_stage03_gpt"),
            ])
            .args(command.split(' '))
            .output()
            .unwrap();
        common::Finished::new(command, output)
    };
    for (entry, own) in [("n_layer", 1), ("vocab_size", 31), ("n_positions", 8), ("n_embd", 16)] {
        for size in ["10000000", "1000000000", "1000000000000"] {
            let from = format!("\"{entry}\": {own},");
            assert!(config.contains(&from), "{config}");
            let altered = config.replace(&from, &format!("\"{entry}\": {size},"));
            place.write("model/config.json", altered);
            for command in ["sample --model model", "eval --model model --text text.txt"] {
                limited(command).refuses(&["config.json", entry, size, "model.safetensors"]);
            }
        }
    }
    place.write("model/config.json", &config);
    limited("sample --model model --max-new-tokens 2 --seed 1").succeeds();
    place.train("--n-layer 10000000").refuses(&["--n-layer = 10000000", "at most 20000"]);
}

#[test]
fn an_export_replaces_no_file_of_another_kind() {
    let place = Place::new();
    save(&place.path("ends"), |gpt, end, params| always(&[(end, 2.0)], gpt, params));
    let before = place.read("ends/model.safetensors");
    place
        .run("export --model ends --gguf ends/model.safetensors")
        .refuses(&["--gguf = ends/model.safetensors", "ends in .gguf"]);
    assert!(place.read("ends/model.safetensors") == before);
    place.run("export --model ends --gguf model.gguf").succeeds();
    let sample = "sample --temperature 0 --prompt one --max-new-tokens 3 --model";
    let [directory, file] = ["ends", "model.gguf --context 4"]
        .map(|model| place.run(&format!("{sample} {model}")).succeeds().out);
    assert_eq!(directory, file);
    place.run(&format!("{sample} ends --context 17")).refuses(&["--context = 17", "own, 16"]);
}

#[test]
fn a_quantised_model_writes_the_same_text_and_reports_its_error() {
    let place = Place::new();
    save(&place.path("ends"), |gpt, end, params| always(&[(end, 2.0)], gpt, params));
    let before = place.read("ends/model.safetensors");
    place
        .run("quantize --model ends --to q4_0 --out ends/model.safetensors")
        .refuses(&["--out = ends/model.safetensors", "ends in .gguf"]);
    assert!(place.read("ends/model.safetensors") == before);
    let sample = "sample --temperature 0 --prompt one --max-new-tokens 3 --model";
    let expected = place.run(&format!("{sample} ends")).succeeds().out;
    for kind in ["q8_0", "q4_0", "q4_1"] {
        let quantize = format!("quantize --model ends --to {kind} --out {kind}.gguf");
        let report = place.run(&quantize).succeeds().out;
        assert!(
            report.contains("bits per weight") && report.contains("% of the weights"),
            "{report}"
        );
        let found = place.run(&format!("{sample} {kind}.gguf")).succeeds().out;
        assert_eq!(found, expected, "{kind}");
    }
    let before = place.read("q8_0.gguf");
    for same in ["q8_0.gguf", "./ends/../q8_0.gguf"] {
        let command = format!("quantize --model q8_0.gguf --to q4_0 --out {same}");
        place.run(&command).refuses(&["q8_0.gguf: it is the model that is to be read"]);
    }
    assert!(place.read("q8_0.gguf") == before);
}
