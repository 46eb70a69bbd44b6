//! The table of all experiments, how one of them is found by its name, and the index that is
//! printed.

use std::fmt::Write;
use std::path::Path;

use stage01_bigram::Result;
use stage01_bigram::text::{printable, wrap};

use crate::arguments::{self, Outcome};
use crate::{appendix, part0, part1, part2, part3, part4, part5, part6};

/// One row of the table.
struct Experiment {
    name: &'static str,
    /// The chapter that shows it: a file of `book/text`, without `.md`.
    chapter: &'static str,
    /// About how long it takes.
    seconds: u32,
    /// What it shows, in one line.
    shows: &'static str,
    program: Program,
}

/// How an experiment is called.
#[derive(Clone, Copy)]
enum Program {
    /// It takes nothing and cannot fail.
    Prints(fn()),
    /// It takes nothing.
    Tries(fn() -> Result<()>),
    /// It takes `--plot FILE`.
    Plots(fn(Option<&Path>) -> Result<()>),
    /// It reads its arguments itself.
    #[cfg_attr(not(feature = "book"), allow(dead_code))]
    Takes(fn(&[String]) -> Outcome),
    /// It was not compiled: it needs this feature of the package.
    #[cfg_attr(all(feature = "book", feature = "chat", feature = "torch"), allow(dead_code))]
    Needs(&'static str),
}

use Program::{Needs, Plots, Prints, Takes, Tries};

#[cfg(feature = "book")]
const DECODED_TOO_LATE: Program = Takes(part4::surviving_decoded_too_late::run);
#[cfg(not(feature = "book"))]
const DECODED_TOO_LATE: Program = Needs("book");

#[cfg(feature = "chat")]
const CHAT: [Program; 3] =
    [Tries(part5::chat::run), Tries(part5::chat_smollm2::run), Tries(part5::chat_repetition::run)];
#[cfg(not(feature = "chat"))]
const CHAT: [Program; 3] = [Needs("chat"), Needs("chat"), Needs("chat")];

#[cfg(feature = "chat")]
const PREFERENCES_SMOLLM2: Program = Tries(part6::preferences_smollm2::run);
#[cfg(not(feature = "chat"))]
const PREFERENCES_SMOLLM2: Program = Needs("chat");

#[cfg(feature = "chat")]
const BEFORE_AND_AFTER: Program = Takes(part6::before_and_after::run);
#[cfg(not(feature = "chat"))]
const BEFORE_AND_AFTER: Program = Needs("chat");

#[cfg(feature = "torch")]
const GPU_LADDER: Program = Takes(part4::gpu_ladder::run);
#[cfg(not(feature = "torch"))]
const GPU_LADDER: Program = Needs("torch");

const fn row(
    name: &'static str,
    chapter: &'static str,
    seconds: u32,
    program: Program,
    shows: &'static str,
) -> Experiment {
    Experiment { name, chapter, seconds, shows, program }
}

/// All experiments, in the order of the book.
#[rustfmt::skip]
const EXPERIMENTS: &[Experiment] = &[
    row("rust", "part0/rust", 1, Prints(part0::rust::run),
        "each piece of Rust that the book uses, run once"),
    row("processor_rounding", "part0/how_to_use", 1, Prints(part0::processor_rounding::run),
        "a few matrix products as bits, to tell how this processor rounds"),
    row("vectors", "part0/vectors", 1, Prints(part0::vectors::run),
        "lists of numbers, and matrices that mix them"),
    row("slopes", "part0/slopes", 1, Prints(part0::slopes::run),
        "slopes by nudging, and a walk downhill"),
    row("exp_and_log", "part0/exp_and_log", 1, Prints(part0::exp_and_log::run),
        "doubling, exp and logarithms"),
    row("chance", "part0/chance", 1, Prints(part0::chance::run),
        "counts, conditional probability, draws and their noise"),

    row("text_as_numbers", "part1/text_as_numbers", 2, Tries(part1::text_as_numbers::run),
        "tokens, windows and batches, and targets that are the inputs"),
    row("bytes_and_pairs", "part1/bytes_and_pairs", 2, Plots(part1::bytes_and_pairs::run),
        "byte-pair encoding as a textbook has it, and what it gains"),
    row("tokenizer_speed", "part1/bytes_and_pairs", 1, Takes(part1::tokenizer_speed::run),
        "how fast the tokenizers are on a text of yours"),
    row("counting", "part1/counting", 2, Tries(part1::counting::run),
        "the bigram table on paper and of the Bible, and a count of zero"),
    row("surprise", "part1/surprise", 5, Plots(part1::surprise::run),
        "the loss on paper, with smoothing, and with larger vocabularies"),
    row("learning", "part1/learning", 5, Plots(part1::learning::run),
        "gradient descent on a bigram table, learning rates, and two bugs"),
    row("sampling", "part1/sampling", 2, Tries(part1::sampling::run),
        "temperature, top-k, top-p, and a seed used twice"),

    row("tokens_as_vectors", "part2/tokens_as_vectors", 6, Tries(part2::tokens_as_vectors::run),
        "an embedding matrix, its gradient, and the neighbours that it learns"),
    row("tokens_as_vectors_without_positions", "part2/tokens_as_vectors", 10,
        Plots(part2::ablation::positions),
        "the attention model trained with and without its position embedding"),
    row("linear_layers", "part2/linear_layers", 1, Tries(part2::linear_layers::run),
        "a linear layer, its gradient by nudging, and a forgotten transpose"),
    row("self_attention", "part2/self_attention", 1, Prints(part2::self_attention::run),
        "one head on paper, and a softmax along the wrong axis"),
    row("scaling", "part2/scaling", 1, Plots(part2::scaling::run),
        "how dot products grow, and what the softmax does with large scores"),
    row("scaling_without_division", "part2/scaling", 30, Plots(part2::ablation::division),
        "the attention model trained with and without the division of scores, and why it matters"),
    row("masks_without_mask", "part2/masks", 10, Plots(part2::ablation::mask),
        "the attention model trained with and without its causal mask"),
    row("many_heads", "part2/many_heads", 17, Tries(part2::many_heads::run),
        "which columns a head owns, and how many heads are good"),
    row("gradient_of_attention", "part2/gradient_of_attention", 1,
        Prints(part2::gradient_of_attention::run),
        "attention backward by nudging and by formula, and a forgotten mean"),
    row("attention_beats_the_bigram", "part2/attention_beats_the_bigram", 12,
        Plots(part2::attention_beats_the_bigram::run),
        "the loss at each place of a window, and what comes next"),

    row("feed_forward", "part3/feed_forward", 2, Plots(part3::feed_forward::run),
        "the feed-forward layer with and without its activation function"),
    row("residuals", "part3/residuals", 2, Plots(part3::residuals::run),
        "the gradient behind 24 layers, with residual connections and without"),
    row("layer_norm", "part3/layer_norm", 3, Tries(part3::layer_norm::run),
        "layer norm on paper, its backward pass, and where it stands"),
    row("the_whole_gpt", "part3/the_whole_gpt", 1, Tries(part3::the_whole_gpt::run),
        "every tensor of a tiny GPT, known sizes, and which token sees which"),
    row("initialisation", "part3/initialisation", 8, Plots(part3::initialisation::run),
        "what the first weights do to a GPT before it has learned anything"),
    row("backpropagation", "part3/backpropagation", 3, Tries(part3::backpropagation::run),
        "every derivative of a small GPT against a nudge, and two bugs"),
    row("adamw", "part3/adamw", 1, Prints(part3::adamw::run),
        "AdamW one idea at a time, with one weight or two"),
    row("learning_rate", "part3/learning_rate", 25, Plots(part3::learning_rate::run),
        "a small GPT trained many times, one setting changed each time"),
    row("overfitting", "part3/overfitting", 25, Plots(part3::overfitting::run),
        "a small text, the same with dropout, and a larger text"),
    row("generation", "part3/generation", 2, Tries(part3::generation::run),
        "generation with a KV cache and without: the same logits, other times"),
    row("checkpoints", "part3/checkpoints", 5, Tries(part3::checkpoints::run),
        "the files of a model, a run that is resumed, and a file cut off"),
    row("speed", "part3/speed", 2, Prints(part3::speed::run),
        "the smallest loops that show what makes a processor fast"),
    row("speed_ladder", "part3/speed", 40, Takes(part3::speed_ladder::run),
        "training steps from plain loops to all threads, rung by rung"),

    row("data_at_scale", "part4/data_at_scale", 5, Takes(part4::data_at_scale::run),
        "documents become shards, windows are permuted, `prepare` is killed"),
    row("training_loop", "part4/training_loop", 20, Tries(part4::training_loop::run),
        "gradient accumulation, the position in the data, what a run costs"),
    row("gpus_and_libtorch", "part4/gpus_and_libtorch", 3, Prints(part4::gpus_and_libtorch::run),
        "what a GPU is good at, by its data sheet, and a device with a queue"),
    row("gpu_ladder", "part4/gpus_and_libtorch", 180, GPU_LADDER,
        "training steps with libtorch from f32 to a GPU at work"),
    row("half_the_digits", "part4/half_the_digits", 20, Plots(part4::half_the_digits::run),
        "numbers in bf16 and f16, and a GPT whose weights are stored in bf16"),
    row("surviving", "part4/surviving", 8, Takes(part4::surviving::run),
        "a run that is killed again and again, and three wrong ways to resume"),
    row("surviving_decoded_too_late", "part4/surviving", 1, DECODED_TOO_LATE,
        "a file server that can be led out of its directory"),

    row("rms_norm", "part5/rms_norm", 2, Prints(part5::rms_norm::run),
        "RMSNorm beside layer norm, its gradient in steps, and squares that f16 cannot hold"),
    row("rotary", "part5/rotary", 1, Plots(part5::rotary::run),
        "queries and keys that are turned, how fast each pair turns, and bugs"),
    row("rotary_longer_texts", "part5/rotary", 30, Plots(part5::trained::positions),
        "rotary positions against a table, and texts longer than those of training"),
    row("swiglu", "part5/swiglu", 8, Plots(part5::swiglu::run),
        "two gated units that make a square, widths, two tasks, and gate and up exchanged"),
    row("grouped_queries", "part5/grouped_queries", 1, Prints(part5::grouped_queries::run),
        "heads that share keys and values, the size of caches, and a bug"),
    row("grouped_queries_trained", "part5/grouped_queries", 60, Tries(part5::trained::groups),
        "a small GPT trained with fewer and fewer heads of keys and values"),
    row("what_each_part_brings", "part5/what_each_part_brings", 900,
        Takes(part5::what_each_part_brings::run),
        "one part exchanged at a time, at equal weights and equal time, three seeds"),
    row("real_weights", "part5/real_weights", 1, Tries(part5::real_weights::run),
        "a safetensors file and a block of Q4_1 byte by byte, and what is refused"),
    row("smollm2", "part5/real_weights", 30, Tries(part5::smollm2::run),
        "SmolLM2-135M-Instruct: its file, a question in ChatML, and three mistakes"),
    row("quantisation", "part5/quantisation", 3, Plots(part5::quantisation::run),
        "blocks of 8 and 4 bits, the error of rounding, outliers, and dot products of blocks"),
    row("quantisation_costs", "part5/quantisation", 150, Takes(part5::quantisation_costs::run),
        "what fewer bits cost a trained model, and what it writes when blocks are read wrongly"),
    row("chat", "part5/chat", 1, CHAT[0],
        "a conversation as one text, its tokens, a context shift, and a repetition penalty on paper"),
    row("chat_smollm2", "part5/chat", 20, CHAT[1],
        "a conversation with SmolLM2, without its template, and with three mistakes"),
    row("chat_repetition", "part5/chat", 120, CHAT[2],
        "how often SmolLM2 repeats itself, with repetition penalties"),

    row("fine_tuning", "part6/fine_tuning", 1, Tries(part6::fine_tuning::run),
        "which targets are learned, a packed row, and similar questions, on paper"),
    row("fine_tuning_trained", "part6/fine_tuning", 180, Tries(part6::fine_tuning_trained::run),
        "a small base model learns to answer: epochs, rates, what it loses, and four bugs"),
    row("lora", "part6/lora", 1, Tries(part6::lora::run),
        "an adapter of rank 1 on paper, its gradients, its first steps, and what it saves"),
    row("lora_trained", "part6/lora", 180, Tries(part6::lora_trained::run),
        "the small base model with adapters of several ranks, and four bugs"),
    row("preferences", "part6/preferences", 1, Tries(part6::preferences::run),
        "DPO's loss and its derivatives on paper, reward and penalty, sums and means"),
    row("preferences_trained", "part6/preferences", 180, Tries(part6::preferences_trained::run),
        "the small base model learns from pairs of answers: epochs, betas, and four bugs"),
    row("preferences_smollm2", "part6/preferences", 240, PREFERENCES_SMOLLM2,
        "SmolLM2 learns from the course's pairs: margins, answers, and what a step costs"),
    row("forgetting", "part6/forgetting", 1, Tries(part6::forgetting::run),
        "two tasks and one or two weights on paper, tokens of replay, and averaged weights"),
    row("forgetting_trained", "part6/forgetting", 60, Plots(part6::forgetting_trained::run),
        "what the small base model forgets: replay, LoRA, rates, averages, a second task, four bugs"),
    row("evaluation", "part6/evaluation", 1, Tries(part6::evaluation::run),
        "endings by three rules, the error of an accuracy, and a paired comparison, on paper"),
    row("evaluation_trained", "part6/evaluation", 30, Tries(part6::evaluation_trained::run),
        "small models compared: paired losses, test items learned, and three bugs"),
    row("before_and_after", "part6/evaluation", 240, BEFORE_AND_AFTER,
        "what fine-tuning changes in a small model and in SmolLM2: one table"),

    row("clinic_data_bugs", "appendix/clinic", 30, Tries(appendix::clinic_data_bugs::run),
        "a validation split that leaks, and a batch from one window"),
];

/// Runs the experiment that the first argument names, or prints the index.
///
/// # Errors
/// When the name is unknown, when its arguments are not understood, or as the experiment fails.
pub fn run(arguments: &[String], width: usize) -> Outcome {
    let Some((name, arguments)) = arguments.split_first() else {
        print!("{}", index(width));
        return Ok(());
    };
    if let "--help" | "-h" | "help" = name.as_str() {
        print!("{}", index(width));
        return Ok(());
    }
    let Some(experiment) = EXPERIMENTS.iter().find(|experiment| experiment.name == name) else {
        print!("{}", index(width));
        let shown = printable(name);
        return Err(format!("no experiment `{shown}`; did you mean `{}`?", nearest(name)).into());
    };
    if let ([flag], Plots(_) | Prints(_) | Tries(_) | Needs(_)) = (arguments, &experiment.program)
        && matches!(flag.as_str(), "--help" | "-h")
    {
        print!("{}", entry(experiment, width));
        return Ok(());
    }
    match experiment.program {
        Prints(run) => {
            arguments::none(arguments)?;
            run();
        }
        Tries(run) => {
            arguments::none(arguments)?;
            run()?;
        }
        Plots(run) => run(arguments::plot(arguments)?)?,
        Takes(run) => run(arguments)?,
        Needs(feature) => {
            let command = format!("cargo run -p experiments --features {feature} -- {name}");
            return Err(format!("{name} needs the feature `{feature}`: {command}").into());
        }
    }
    Ok(())
}

/// The experiment whose name is most like this one.
fn nearest(name: &str) -> &'static str {
    let likeness = |other: &str| strsim::jaro_winkler(name, other);
    let names = EXPERIMENTS.iter().map(|experiment| experiment.name);
    names.max_by(|a, b| likeness(a).total_cmp(&likeness(b))).unwrap_or_default()
}

/// All experiments by part and chapter, in lines of at most `width` columns.
fn index(width: usize) -> String {
    let about = "The experiments of the book. NAME runs one; --plot FILE draws its figure, where \
                 it has one. The time is that of two cores.";
    let mut text = format!("cargo run -p experiments -- NAME\n\n{}\n", wrap(about, width, ""));
    let mut part = "";
    for experiment in EXPERIMENTS {
        let (directory, _) = experiment.chapter.split_once('/').expect("a part and a chapter");
        if directory != part {
            part = directory;
            let title =
                directory.strip_prefix("part").map_or("Appendix".into(), |n| format!("Part {n}"));
            let _ = writeln!(text, "\n{title}");
        }
        text += &entry(experiment, width);
    }
    text
}

/// One experiment: its name, how long it takes, and what it shows.
fn entry(experiment: &Experiment, width: usize) -> String {
    let Experiment { name, chapter, seconds, shows, ref program } = *experiment;
    let flag = if let Plots(_) = program { " [--plot FILE]" } else { "" };
    let (head, time) = (format!("  {name}{flag}"), format!("{seconds} s"));
    let rest = width.saturating_sub(head.len());
    let (_, chapter) = chapter.split_once('/').expect("a part and a chapter");
    let mut about = shows.to_string();
    if chapter != name {
        let _ = write!(about, "; chapter {chapter}");
    }
    if let Needs(feature) = program {
        let _ = write!(about, "; needs --features {feature}");
    }
    format!("{head}{time:>rest$}\n{}\n", wrap(&about, width, "      "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::path::PathBuf;

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    fn read(path: &Path) -> String {
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The experiment that a command of cargo runs.
    fn named(command: &str) -> Option<&str> {
        let words = command.trim_matches(['"', '`']);
        let (cargo, rest) = words.split_once(" -- ")?;
        let ours = cargo.contains("cargo run") && cargo.contains("-p experiments");
        ours.then(|| rest.split_whitespace().next())?
    }

    /// Each experiment that the book's outputs and figures name, and how long an output says that
    /// it takes.
    fn in_outputs() -> BTreeMap<String, Option<u32>> {
        let outputs = root().join("book/outputs");
        let mut found = BTreeMap::new();
        for line in read(&outputs.join("figures.toml")).lines() {
            let command = line.strip_prefix("command = ").and_then(named);
            found.extend(command.map(|name| (name.to_string(), None)));
        }
        for file in fs::read_dir(&outputs).unwrap().map(|file| file.unwrap().path()) {
            if file.extension().is_some_and(|extension| extension == "txt") {
                let text = read(&file);
                let head: Vec<&str> =
                    text.lines().take_while(|line| line.starts_with(['$', '#'])).collect();
                let Some(name) = head.first().copied().and_then(named) else { continue };
                let after = |start| head.iter().find_map(move |line| line.strip_prefix(start));
                let time = after("# time: ").map_or(1, |time| match time.split_once(' ') {
                    Some((number, "min")) => 60 * number.parse::<u32>().unwrap(),
                    Some((number, _)) => number.parse().unwrap(),
                    None => panic!("{time}"),
                });
                // With arguments, or behind another command, it takes a time of its own.
                let is_alone = head[0].ends_with(name) && after("# before: ").is_none();
                let seconds = found.entry(name.to_string()).or_insert(None);
                if is_alone {
                    *seconds = Some(time);
                }
            }
        }
        found
    }

    #[test]
    fn every_experiment_that_the_book_names_exists_and_takes_the_time_that_is_said() {
        let found = in_outputs();
        assert!(found.len() > 30, "only {} experiments are named", found.len());
        for (name, seconds) in found {
            let experiment = EXPERIMENTS.iter().find(|experiment| experiment.name == name);
            let experiment = experiment.unwrap_or_else(|| panic!("no experiment {name}"));
            assert!(seconds.is_none_or(|s| s == experiment.seconds), "{name}: {seconds:?}");
        }
    }

    #[test]
    fn every_experiment_is_used_by_an_output_a_comparison_or_a_script() {
        let mut used: BTreeSet<String> = in_outputs().into_keys().collect();
        let mut scripts = vec![root().join(".ci/run")];
        for stage in ["stage01_bigram", "stage03_gpt", "stage04_training"] {
            let directory = root().join(stage).join("benches/compare");
            scripts.extend(fs::read_dir(directory).unwrap().map(|file| file.unwrap().path()));
        }
        for script in scripts.iter().filter(|script| script.is_file()) {
            let text = read(script);
            let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            used.extend(words.map(String::from));
        }
        let unused: Vec<_> =
            EXPERIMENTS.iter().map(|e| e.name).filter(|&name| !used.contains(name)).collect();
        assert!(unused.is_empty(), "nothing uses {unused:?}");
    }

    #[test]
    fn names_are_unique_and_chapters_exist_in_their_order() {
        let names: BTreeSet<_> = EXPERIMENTS.iter().map(|experiment| experiment.name).collect();
        assert_eq!(names.len(), EXPERIMENTS.len());
        let summary = read(&root().join("book/text/SUMMARY.md"));
        let places = EXPERIMENTS.iter().map(|experiment| {
            let link = format!("({}.md)", experiment.chapter);
            summary.find(&link).unwrap_or_else(|| panic!("no chapter {}", experiment.chapter))
        });
        assert!(places.is_sorted(), "the chapters stand in another order in SUMMARY.md");
    }

    #[test]
    fn the_index_names_every_experiment_in_lines_that_fit() {
        for width in [60, 80] {
            let text = index(width);
            for line in text.lines() {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
            for experiment in EXPERIMENTS {
                assert!(text.contains(&format!("\n  {} ", experiment.name)), "{}", experiment.name);
            }
        }
    }

    #[test]
    fn the_nearest_name_is_suggested() {
        for (given, meant) in
            [("slope", "slopes"), ("adamW", "adamw"), ("speed_lader", "speed_ladder")]
        {
            let error = run(&[given.to_string()], 60).unwrap_err().to_string();
            assert_eq!(error, format!("no experiment `{given}`; did you mean `{meant}`?"));
        }
    }

    #[test]
    fn what_an_experiment_does_not_take_is_refused() {
        let refused = |arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(|&word| word.into()).collect();
            run(&arguments, 60).unwrap_err().to_string()
        };
        assert_eq!(refused(&["slopes", "--plot"]), "this experiment takes no `--plot`");
        assert_eq!(refused(&["surprise", "-x"]), "this experiment takes no `-x`");
        assert_eq!(refused(&["data_at_scale", "x"]), "this experiment takes no `x`");
        #[cfg(not(feature = "torch"))]
        assert_eq!(
            refused(&["gpu_ladder", "--json"]),
            "gpu_ladder needs the feature `torch`: \
             cargo run -p experiments --features torch -- gpu_ladder"
        );
    }
}
