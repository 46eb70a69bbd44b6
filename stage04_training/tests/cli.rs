//! The program: every command on a small model, and resumed runs.

#![cfg(feature = "cli")]

mod place;

use std::fs;
use std::process::ExitCode;

use place::{MODEL, Place, STATE, TINY};
use serde_json::Value;
use stage03_gpt::model::Model;

#[test]
fn a_run_writes_all_its_files() {
    let place = Place::new();
    let run = place.train("--out-dir model --max-iters 20 --eval-interval 7").succeeds();
    for word in [
        "prepared just now",
        "What to expect",
        "(the bigram)",
        "CPU, 2 threads; 100 GFLOP/s",
        "of the validation set",
        "The model is in model, its best in model/best,",
        "cargo run -p stage04_training -- sample --model model\n",
    ] {
        assert!(run.out.contains(word), "{word:?} in\n{}", run.out);
    }
    for file in [MODEL, STATE, "config.json", "tokenizer.json", "best/model.safetensors"] {
        assert!(!place.read(&format!("model/{file}")).is_empty());
    }
    Model::load(&place.path("model/best")).unwrap();

    let log = place.log("model");
    assert_eq!(log.len(), 21); // 20 steps, and the evaluation after the last
    for (iter, line) in log.iter().enumerate() {
        assert_eq!(line["iter"], iter);
        assert!(line["elapsed_s"].is_f64());
        for key in ["train_loss", "lr", "grad_norm", "tokens_per_second", "mfu"] {
            assert_eq!(line[key].is_f64(), iter < 20, "{key} of {line}");
        }
        let measured = iter % 7 == 0 || iter == 20;
        assert_eq!(line["val_loss"].is_f64(), measured, "{line}");
        assert_eq!(line["position"].as_u64(), measured.then_some(4 * iter as u64), "{line}");
        assert_eq!(line["sample"].is_string(), measured && iter > 0, "{line}");
    }
    let report = place.text("model/report.html");
    for word in ["Finished", "best", "step 14", "step 20", "<td>char</td>", "</html>"] {
        assert!(report.contains(word), "{word}");
    }
    assert!(!report.contains("http-equiv"));

    // The text is not prepared again.
    let again = place.train("--out-dir other --max-iters 2").succeeds();
    assert!(again.out.contains("prepared before"), "{}", again.out);
    let data = place.data();
    let named = place.run(&format!("{TINY} --tokenizer char --data {data} --max-iters 2"));
    assert_eq!(named.code, Some(1), "a directory and a tokenizer: {}", named.out);
    let flags = TINY.replace("--tokenizer char", "");
    place.run(&format!("{flags} --data {data} --max-iters 2 --out-dir third")).succeeds();
    assert!(place.read("third/model.safetensors") == place.read("other/model.safetensors"));
}

#[test]
fn no_command_is_the_command_train_and_the_same_seed_the_same_bytes() {
    let place = Place::new();
    let flags = "--max-iters 20 --dropout 0.1 --gradient-accumulation-steps 2 --out-dir";
    place.train(&format!("{flags} named")).succeeds();
    place.run(&format!("--text text.txt {TINY} {flags} plain")).succeeds();
    place.train(&format!("{flags} other --seed 2")).succeeds();
    place.same("named", "plain");
    assert_ne!(place.read("named/model.safetensors"), place.read("other/model.safetensors"));
}

#[test]
fn a_recipe_and_its_flags_give_the_same_run() {
    let place = Place::new();
    let flags = TINY.replace("--", "\n").replace('-', "_");
    let recipe: String = flags
        .lines()
        .filter_map(|line| line.trim().split_once(' '))
        .map(|(name, value)| match value.parse::<f64>() {
            Ok(_) => format!("{name} = {value}\n"),
            Err(_) => format!("{name} = \"{value}\"\n"),
        })
        .collect();
    place.write("mine.toml", format!("about = \"mine\"\ntext = 'text.txt'\n{recipe}max_iters = 9"));
    place.run("--recipe mine.toml --max-iters 5 --out-dir recipe").succeeds();
    place.train("--max-iters 5 --out-dir flags").succeeds();
    place.same("recipe", "flags");
}

#[test]
fn recipes_are_listed_and_printed() {
    let place = Place::new();
    let list = place.run("recipes").succeeds().out;
    for (name, about) in stage04_training::recipe::list() {
        assert!(list.contains(name) && list.contains(&about[..20]), "{list}");
        let text = place.run(&format!("recipes {name}")).succeeds().out;
        place.write("printed.toml", &text);
        let error = place.run("--recipe printed.toml --n-head 0").refuses(&["--n-head = 0"]).err;
        assert!(text.contains(&about) && !error.contains("line"), "{text}");
    }
    place.run("recipes cpu-tinny").refuses(&["did you mean cpu-tiny?"]);
}

#[test]
fn a_model_samples_chats_and_is_evaluated() {
    let place = Place::with_model();
    for directory in ["model", "model/best"] {
        let text =
            place.run(&format!("sample --model {directory} --prompt The --max-new-tokens 9"));
        assert!(text.succeeds().out.starts_with("The"));
    }
    let table = place.run("eval --model model --text text.txt").succeeds().out;
    assert!(table.contains("nats per token") && table.contains("bits per byte"));
    place.run("chat --model model").succeeds();
    // Without a flag they use the default directory of `train`.
    for command in ["sample", "eval", "chat"] {
        place.run(command).refuses(&["out/training: there is no such directory", "train a model"]);
    }
    place.train("--max-iters 1").succeeds();
    place.run("sample --max-new-tokens 3").succeeds();
}

#[test]
fn help_fits_the_width_and_explains_every_setting() {
    let place = Place::new();
    for (command, word) in [
        ("", "King James"),
        ("train", "after a crash"),
        ("recipes", "mine.toml"),
        ("sample", "out/training"),
        ("eval", "bits per byte"),
        ("chat", "does not answer questions"),
    ] {
        let help = place.run(&format!("{command} --help")).succeeds();
        let words: Vec<&str> = help.out.split_whitespace().collect();
        assert!(words.join(" ").contains(word), "{command}: {}", help.out);
        place.run(&format!("{command} -h")).succeeds();
    }
    // Every setting of a recipe is a documented flag, except stage 3's name for the precision.
    let help = place.run("train --help").succeeds().out;
    let saved = stage04_training::recipe::Recipe::default().saved();
    for setting in saved.as_object().unwrap().keys() {
        let flag = format!("--{}", setting.replace('_', "-"));
        assert_eq!(help.contains(&format!("{flag} ")), setting != "dtype", "{flag}");
    }
}

/// Compares a run of `last` steps with one that is stopped after `first` steps and resumed.
fn a_resumed_run_is_the_same(flags: &str, first: usize, last: usize) {
    let place = Place::new();
    // The schedule must be that of the whole run, and evaluations at the same steps.
    let flags = format!("{flags} --warmup-iters 10 --lr-decay-iters {last} --eval-interval 10");
    place.train(&format!("{flags} --max-iters {last} --out-dir whole")).succeeds();
    place.train(&format!("{flags} --max-iters {first} --out-dir parts")).succeeds();
    assert_ne!(place.read("whole/model.safetensors"), place.read("parts/model.safetensors"));
    let resume = format!("train --resume --max-iters {last} --out-dir parts");
    let resumed = place.run(&resume).succeeds();
    assert!(resumed.out.contains(&format!("Resuming after step {first}.")), "{}", resumed.out);
    place.same("whole", "parts");
    assert!(
        place.read("whole/best/model.safetensors") == place.read("parts/best/model.safetensors")
    );
    // The log continues, too: every step once.
    let iters: Vec<u64> =
        place.log("parts").iter().map(|line| line["iter"].as_u64().unwrap()).collect();
    assert_eq!(iters, (0..=last as u64).collect::<Vec<_>>());
}

#[test]
fn fifty_and_fifty_steps_are_a_hundred() {
    a_resumed_run_is_the_same("", 50, 100);
}

#[test]
fn with_dropout_accumulation_and_a_larger_vocabulary_too() {
    let flags = "--dropout 0.2 --gradient-accumulation-steps 2 --bias --threads 3 --batch-size 5 \
                 --vocab-multiple 64 --save-interval 7";
    a_resumed_run_is_the_same(flags, 20, 60);
}

#[test]
fn in_bf16_too() {
    a_resumed_run_is_the_same("--precision bf16", 10, 20);
}

/// A Llama with two query heads to one of keys and values, and an output layer of its own.
const LLAMA: &str = "--arch llama --n-kv-head 1 --tie-weights false --rope-theta 500";

#[test]
fn with_the_parts_of_today_too() {
    a_resumed_run_is_the_same(LLAMA, 10, 20);
    a_resumed_run_is_the_same("--norm rms --mlp swiglu --n-inner 20 --qkv-bias true", 10, 20);
}

#[test]
fn a_llama_from_a_recipe_is_sampled_resumed_and_fine_tuned() {
    let place = Place::new();
    place.train(&format!("{LLAMA} --max-iters 5 --out-dir model")).succeeds();
    let config: Value = serde_json::from_str(&place.text("model/config.json")).unwrap();
    assert_eq!(
        (&config["model_type"], &config["num_key_value_heads"]),
        (&"llama".into(), &1.into())
    );
    let recipe = "arch = 'llama'\nn_kv_head = 1\ntie_weights = false\nrope_theta = 500\n";
    place.write("mine.toml", recipe);
    let tiny = format!("--recipe mine.toml --text text.txt {TINY} --max-iters 5 --out-dir recipe");
    place.run(&tiny).succeeds();
    place.same("model", "recipe");

    let text = place.run("sample --model model --prompt The --max-new-tokens 20").succeeds().out;
    assert!(text.starts_with("The"), "{text}");
    place.run("eval --model model --text text.txt").succeeds();

    // A resumed run keeps its parts.
    let resume = "train --resume --out-dir recipe --max-iters 7";
    place.run(&format!("{resume} --arch gpt2")).refuses(&["--arch = ", "llama"]);
    place.run(&format!("{resume} --n-kv-head 2")).refuses(&["--n-kv-head = 2", "has 1"]);
    place.run(resume).succeeds();
    let on = "train --resume --text @text.txt --max-iters 9 --out-dir @recipe";
    assert_eq!(stage3(&place, on), ExitCode::SUCCESS);

    // So does one that begins with its weights.
    let flags = "--peak-tflops 1 --batch-size 4 --eval-iters 1 --threads 2 --out-dir tuned";
    let run = format!("--init-from model --text text.txt {flags}");
    place.run(&format!("{run} --max-iters 0")).succeeds();
    assert!(place.read("tuned/model.safetensors") == place.read("model/model.safetensors"));
    place.run(&format!("{run} --max-iters 3 {LLAMA}")).succeeds();
    place.run("train --resume --out-dir tuned --max-iters 5").succeeds();
    let tuned: Value = serde_json::from_str(&place.text("tuned/config.json")).unwrap();
    assert_eq!(tuned, config);
    for flag in ["--n-kv-head 2", "--norm layer", "--positions rotary --rope-theta 10000"] {
        let name = flag.split(' ').next().unwrap();
        place.run(&format!("{run} {flag}")).refuses(&[name, "--init-from has its own parts"]);
    }
}

/// The position in the data remains when the batch size changes.
#[test]
fn another_batch_size_continues_in_the_data() {
    let place = Place::with_model();
    place.run("train --resume --out-dir model --max-iters 7 --batch-size 3").succeeds();
    let last = place.log("model").pop().unwrap();
    assert_eq!((last["iter"].as_u64(), last["position"].as_u64()), (Some(7), Some(4 * 4 + 3 * 3)));
}

#[test]
fn a_new_run_begins_with_the_weights_of_a_model() {
    let place = Place::with_model();
    let flags = "--peak-tflops 1 --batch-size 4 --eval-iters 1 --threads 2 --out-dir tuned";
    let run = format!("--init-from model --text text.txt {flags}");
    place.run(&format!("{run} --max-iters 0")).succeeds();
    assert!(place.read("tuned/model.safetensors") == place.read("model/model.safetensors"));
    place.run(&format!("{run} --max-iters 5 --dropout 0.1")).succeeds();
    assert!(place.read("tuned/model.safetensors") != place.read("model/model.safetensors"));
    assert_eq!(place.log("tuned")[0]["position"], 0);
    // The sizes are the model's.
    place.run(&format!("{run} --n-layer 2")).refuses(&["--n-layer = 2", "--init-from has 1"]);
    place.run("train --init-from nowhere").refuses(&["nowhere: there is no such directory"]);
    assert_eq!(place.run("train --resume --init-from model").code, Some(2));
    // A text with other letters.
    place.write("greek.txt", "αβγδε\n".repeat(50));
    place.run("train --init-from model --text greek.txt").refuses(&["'α'", "vocabulary of 31"]);
    place.run("prepare --input greek.txt --tokenizer char --out greek").succeeds();
    place.run("train --init-from model --data greek").refuses(&[
        "--data = greek",
        "another tokenizer",
        "model/tokenizer.json",
    ]);
}

/// Stage 3's program, in this process.
fn stage3(place: &Place, command: &str) -> ExitCode {
    let path = |word: &str| match word.starts_with('@') {
        true => place.path(&word[1..]).into_os_string(),
        false => word.into(),
    };
    stage03_gpt::cli::main(["stage03_gpt"].into_iter().chain(command.split(' ')).map(path))
}

const TINY_3: &str = "--tokenizer char --n-layer 1 --n-head 2 --n-embd 16 --block-size 8 \
                      --batch-size 4 --eval-iters 1 --threads 2";

#[test]
fn a_run_of_stage_3_can_be_resumed_here_and_back_again() {
    let place = Place::new();
    let begun =
        stage3(&place, &format!("train --text @text.txt {TINY_3} --max-iters 5 --out-dir @model"));
    assert_eq!(begun, ExitCode::SUCCESS);
    let here = place.run("train --resume --out-dir model --max-iters 9 --peak-tflops 1").succeeds();
    let words: Vec<&str> = here.out.split_whitespace().collect();
    let words = words.join(" ");
    assert!(words.contains("stage 3 does not save a position in the data"), "{words}");
    assert!(!words.contains("other data"), "{words}");
    assert!(words.contains("Resuming after step 5."), "{words}");

    let back = "train --resume --text @text.txt --max-iters 12 --out-dir @model";
    assert_eq!(stage3(&place, back), ExitCode::SUCCESS);
    place.run("train --resume --out-dir model --max-iters 14 --peak-tflops 1").succeeds();
    let state = stage03_gpt::files::resume::State::load(&place.path("model")).unwrap();
    assert_eq!((state.iter, state.run["position"].as_u64()), (14, Some(2 * 4)));
    let iters: Vec<u64> =
        place.log("model").iter().map(|line| line["iter"].as_u64().unwrap()).collect();
    assert_eq!(iters, (0..=14).collect::<Vec<u64>>());
}

#[test]
fn stage_3_resumes_a_run_with_a_padded_vocabulary() {
    let place = Place::new();
    place.train("--vocab-multiple 64 --max-iters 2 --out-dir model").succeeds();
    let config: Value = serde_json::from_str(&place.text("model/config.json")).unwrap();
    assert_eq!(config["vocab_size"], 64);
    let on = "train --resume --text @text.txt --max-iters 4 --out-dir @model";
    assert_eq!(stage3(&place, on), ExitCode::SUCCESS);
    place.run("sample --model model --max-new-tokens 50").succeeds();
}

#[test]
fn a_run_whose_text_has_moved_can_be_resumed() {
    let place = Place::with_model();
    fs::rename(place.path("text.txt"), place.path("moved.txt")).unwrap();
    place.run("train --resume --max-iters 5 --out-dir model").refuses(&["text.txt"]);
    let flags = "train --resume --out-dir model --text moved.txt --max-iters";
    place.run(&format!("{flags} 5")).succeeds();
    place.run("train --resume --max-iters 6 --out-dir model").succeeds();
    assert_eq!(place.log("model").pop().unwrap()["position"], 24);
}

#[test]
fn odd_lengths_of_runs() {
    let place = Place::new();
    place.train("--out-dir none --max-iters 0").succeeds();
    place.run("sample --model none --max-new-tokens 5").succeeds();
    place.run("train --resume --out-dir none --max-iters 2").succeeds();
    // A run that has already finished.
    place.run("train --resume --out-dir none --max-iters 1").succeeds();
    place.train("--out-dir rare --max-iters 2 --eval-interval 100 --warmup-iters 0").succeeds();
    place.train("--out-dir threads --max-iters 2 --batch-size 1 --threads 9").succeeds();
    place.train("--out-dir one --max-iters 2 --block-size 1").succeeds();
    place.train("--out-dir long --max-iters 2 --save-minutes 1e300 --save-interval 1").succeeds();
    // A batch that is larger than the validation set.
    place.train("--out-dir wide --max-iters 2 --batch-size 200").succeeds();
}
