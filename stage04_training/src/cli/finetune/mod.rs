//! `finetune`: a trained model learns from conversations, or from more text.
//!
//! The loop is stage 3's, the data and the files are `crate::finetune`'s. This file assembles a run,
//! prints its facts before it starts, and what it gained and forgot at its end.

mod table;
mod watch;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{ArgMatches, Args};
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::text::{printable, thousands, wrap};
use stage01_bigram::{Error, Result};
use stage02_attention::params::Params;
use stage03_gpt::cli::introduction;
use stage03_gpt::cli::resumed::resume_message;
use stage03_gpt::cli::run::typed;
use stage03_gpt::cli::screen::{Screen, directory_flag, remark, width};
use stage03_gpt::cli::stop;
use stage03_gpt::files::hugging_face::is_known_elsewhere;
use stage03_gpt::files::metrics_log::MetricsLog;
use stage03_gpt::files::resume::text_checksum;
use stage03_gpt::files::run_directory::{self, OutDir, Place};
use stage03_gpt::files::{ADAPTER_CONFIG_FILE, TOKENIZER_FILE};
use stage03_gpt::gpt::Gpt;
use stage03_gpt::lora;
use stage03_gpt::model::{Model, ModelWeights};
use stage03_gpt::settings::require_text;
use stage03_gpt::training::{Ending, train};

use self::watch::{Findings, Watch};
use crate::backend;
use crate::checkpoint::BEST;
use crate::finetune::{
    Batches, FinetuneCheckpoints, FinetuneSettings, FinetuneTraining, Gathered, OUT_DIR,
    SavedFinetune, Summary, end_token, for_answers, gather, show, weights_checksum,
};

/// Teach a trained model: to answer, or a text of your own.
///
/// It starts from the weights of a model (--init-from) and trains low-rank adapters (LoRA) beside
/// them, or with --full the weights themselves. Of conversations only the answers are learned. At the
/// end it prints what was gained on held-out examples, and what the model answers before and after.
/// Ctrl-C finishes the step, saves, and prints how to resume.
#[derive(Clone, Debug, Args)]
pub struct Flags {
    /// Resume the run that was saved in the directory. On the CPU the result is the same to the byte
    /// as without the stop.
    #[arg(long)]
    resume: bool,

    /// Print the first N examples as the model reads them, what is learned marked, and train nothing.
    #[arg(long, value_name = "N")]
    show: Option<usize>,

    #[command(flatten)]
    settings: FinetuneSettings,
}

/// Runs the command.
pub fn finetune(flags: &Flags, matches: &ArgMatches) -> Result<ExitCode> {
    let screen = Screen::new();
    if let Some(n) = flags.show {
        let (settings, model) = match flags.resume {
            true => resume(&flags.settings, matches).map(|ready| (ready.settings, ready.model))?,
            false => (flags.settings.clone(), opened(&flags.settings)?),
        };
        let gathered = gather(&settings, &model, &screen)?;
        return show_examples(&screen, gathered.batches.learned(), n, &model);
    }
    let ready = match flags.resume {
        true => resume(&flags.settings, matches)?,
        false => begin(&flags.settings)?,
    };
    stop::listen();
    run(screen, ready)
}

/// Everything a run needs.
struct Ready {
    settings: FinetuneSettings,
    /// The model that it starts from, and where that is.
    model: Model,
    base: PathBuf,
    start: Start,
}

/// The starting point of a run.
enum Start {
    /// Where it will be, and the place of the model that it starts from within that directory, if it
    /// is there: it may be moved aside with the directory.
    New(Place, Option<PathBuf>),
    Saved(Box<SavedFinetune>, OutDir),
}

/// A remark where adapters are of a model that only this project knows.
fn remark_family(gpt: &Gpt) {
    if gpt.lora().is_some() && !is_known_elsewhere(gpt.config()) {
        remark(
            "note: this mixture of parts is known to no other program: peft cannot open its \
             adapters",
        );
    }
}

fn begin(settings: &FinetuneSettings) -> Result<Ready> {
    settings.validate()?;
    let base = named_base(settings)?;
    // First, because what follows may take long.
    let place = run_directory::reserve(&settings.out_dir)?;
    let real = |path: &Path| path.canonicalize().ok();
    let within = real(&base).zip(real(&settings.out_dir));
    let within = within.and_then(|(base, out)| base.strip_prefix(out).ok().map(PathBuf::from));
    let model = opened(settings)?;
    let mut settings = settings.clone();
    settings.threads = Some(settings.training(1).threads); // the rounding depends on it
    Ok(Ready { settings, model, base, start: Start::New(place, within) })
}

/// The model that a new run starts from, with a token that ends an answer.
fn opened(settings: &FinetuneSettings) -> Result<Model> {
    settings.validate()?;
    let base = named_base(settings)?;
    if !settings.full && base.join(ADAPTER_CONFIG_FILE).is_file() {
        let expected = format!(
            "these are adapters, and new ones cannot stand on them; first cargo run -p stage03_gpt \
             -- merge{} --out-dir MERGED, and start from that",
            directory_flag("--model", &base, ""),
        );
        return Err(Error::setting("--init-from", base.display(), expected));
    }
    let model = Model::load(&base)?;
    if !end_token::is_missing(&model) {
        return Ok(model);
    }
    let model = end_token::add(model)?;
    if !settings.full {
        let expected = "it has no token that ends an answer, and adapters cannot learn one; with \
                        --full it gets one";
        return Err(Error::setting("--init-from", base.display(), expected));
    }
    remark("note: the model had no token that ends a text; it got one, <|endoftext|>");
    Ok(model)
}

fn named_base(settings: &FinetuneSettings) -> Result<PathBuf> {
    settings.init_from.clone().ok_or_else(|| {
        let expected = "name the model to start from: a directory or a GGUF file, such as \
                        models/SmolLM2-135M-Instruct.Q4_1.gguf";
        Error::setting("--init-from", "nothing", expected)
    })
}

/// Sets a setting of the first to its value in the second.
type Take = fn(&mut FinetuneSettings, &FinetuneSettings);

/// Settings that a resumed run may change: they do not change what it computes, but for its length.
const FREE: [(&str, Take); 6] = [
    ("init_from", |to, from| to.init_from.clone_from(&from.init_from)),
    ("epochs", |to, from| to.epochs = from.epochs),
    ("threads", |to, from| to.threads = from.threads),
    ("device", |to, from| to.device.clone_from(&from.device)),
    ("eval_interval", |to, from| to.eval_interval = from.eval_interval),
    ("save_minutes", |to, from| to.save_minutes = from.save_minutes),
];

fn resume(given: &FinetuneSettings, matches: &ArgMatches) -> Result<Ready> {
    let out = run_directory::resume(&given.out_dir)?;
    let saved = SavedFinetune::load(&out.path)?;
    let mut settings = saved.settings.clone();
    settings.out_dir.clone_from(&given.out_dir);
    // clap counts the groups of flags as arguments, too.
    let others = ["resume", "show", "out_dir", "Flags", "FinetuneSettings"];
    for name in matches.ids().map(|id| id.as_str()).filter(|name| !others.contains(name)) {
        if !typed(matches, name) {
            continue;
        }
        let Some((_, take)) = FREE.iter().find(|(free, _)| *free == name) else {
            let expected = "a resumed run keeps its settings; leave the flag out";
            let flag = format!("--{}", name.replace('_', "-"));
            return Err(Error::setting(flag, "given", expected));
        };
        take(&mut settings, given);
    }
    settings.validate()?;
    // Where all weights are trained, the directory of the run has the whole model.
    let base = if settings.full { out.path.clone() } else { named_base(&settings)? };
    let model = Model::load(&base)?;
    if text_checksum(&model.tokenizer.to_json()) != saved.tokenizer_sum {
        let problem = "this is not the tokenizer that the run was saved with";
        let remedy = "restore the model that it started from, or name it with --init-from";
        return Err(Error::format(base.join(TOKENIZER_FILE), problem, remedy));
    }
    Ok(Ready { settings, model, base, start: Start::Saved(Box::new(saved), out) })
}

/// Prints examples.
fn show_examples(screen: &Screen, batches: &Batches, n: usize, model: &Model) -> Result<ExitCode> {
    for (i, example) in batches.examples().iter().take(n).enumerate() {
        if i > 0 {
            screen.line("");
        }
        show(example, &model.tokenizer)?.iter().for_each(|line| screen.line(line));
    }
    screen.end()
}

/// Creates the trainer, and trains.
fn run(screen: Screen, ready: Ready) -> Result<ExitCode> {
    let Ready { mut settings, model, base, start } = ready;
    let gathered = gather(&settings, &model, &screen)?;
    let Gathered { batches, batch_size, replayed, identity, template, ends } = gathered;
    // A resumed run keeps them.
    settings.batch_size = Some(batch_size);
    settings.epochs = Some(settings.epochs(batches.per_epoch()));
    let summary = Summary::of(batches.learned());
    let steps = settings.steps(batches.per_epoch())?;
    let Model { gpt, weights, tokenizer, mut special, mut text_settings } = model;
    let ModelWeights::Full(weights) = weights else { unreachable!("read in full") };
    if text_settings.chat_template.is_none() {
        text_settings.chat_template = template;
    }
    // Other programs stop at these, too.
    for &end in &ends {
        if !special.eos.contains(&end) {
            special.eos.push(end);
        }
    }
    let known_as = std::path::absolute(&base).unwrap_or(base.clone());
    if !settings.full {
        require_text("--init-from", &known_as)?; // the adapters' files name their model
    }
    let base_sum = match &start {
        Start::Saved(saved, _) if settings.full => saved.base_sum.clone(),
        _ => weights_checksum(&weights),
    };
    let (gpt, weights) = with_adapters(&settings, gpt, weights)?;
    remark_family(&gpt);
    let mut checkpoints = FinetuneCheckpoints::new(
        gpt.clone(),
        (known_as, base_sum),
        tokenizer,
        (special, text_settings),
        (settings.clone(), identity),
    );
    let mut run_gpt = gpt.clone();
    run_gpt.shorten_context(batches.train.block_size())?;
    let training = settings.training(steps);
    let (device, precision) = (&settings.device, &settings.precision);
    let backend = backend::open_packed(device, precision, run_gpt, weights, training)?;
    let mut trainer = FinetuneTraining::new(backend, batches);
    let (mut moved_base, resumed) = (None, matches!(start, Start::Saved(..)));
    let facts = facts(&settings, &checkpoints, &trainer, &base, (&summary, replayed), steps);
    let show_facts = || facts.iter().for_each(|(name, text)| screen.fact(name, text));
    let out = match start {
        Start::New(place, within) => {
            show_facts(); // first, because reading all pairs takes a while
            if trainer.batches.pairs.is_some() {
                screen.fact("reference", "reading both answers of all pairs, once");
            }
            trainer.refer_to_present()?;
            let out = checkpoints.create(&mut trainer, place)?;
            if let Some((moved, within)) = out.moved.as_ref().zip(within) {
                let moved = std::path::absolute(moved).unwrap_or(moved.clone());
                let is_whole = within.as_os_str().is_empty();
                moved_base = Some(if is_whole { moved } else { moved.join(within) });
            }
            out
        }
        Start::Saved(saved, out) => {
            require_same(&saved, &checkpoints, &base)?;
            saved.restore(&mut trainer, &gpt)?;
            show_facts();
            out
        }
    };
    let moved = out.moved.clone();
    let directory = out.path.clone();
    checkpoints.out = Some(out);
    if let Some(base) = moved_base {
        checkpoints.follow(base, &mut trainer)?;
    } else if resumed {
        checkpoints.describe_again()?; // the base may have another name now, and files may be lost
    }
    let first = trainer.backend.iter();
    let log = MetricsLog::open(&directory, first)?;

    if let Some(moved) = moved {
        screen.fact("", &format!("(the model that was there is now in {})", shown(&moved)));
    }
    if first > 0 {
        let words = resume_message(first, steps, "--epochs");
        screen.line(format!("\n{}", wrap(&words, width(), "")));
    }
    let answering = for_answers(&checkpoints.gpt, trainer.batches.train.block_size())?;
    let asked = (checkpoints.tokenizer.clone(), ends, answering);
    let mut watch = Watch::new(screen, log, &trainer, asked, steps);
    watch.begin(&mut trainer)?;
    let config = settings.loop_config(steps);
    let ending = train(&mut trainer, &config, &checkpoints, &mut watch);
    watch.screen.end_bar();
    match ending.map_err(|error| start_again(error, &settings))? {
        Ending::Finished => {
            let findings = watch.findings(&mut trainer)?;
            finished(watch, &findings, &directory, &checkpoints.gpt)
        }
        Ending::Stopped => {
            let iter = trainer.backend.iter();
            watch.screen.line(format!(
                "\nStopped after step {} and saved. To resume:\n  cargo run -p \
                 stage04_training -- finetune --resume{}",
                thousands(iter),
                directory_flag("--out-dir", &directory, OUT_DIR),
            ));
            stop::status(&watch.screen)
        }
    }
}

/// An error of a run whose loss became NaN: what can be done about it here, where a resumed run keeps
/// its settings.
fn start_again(error: Error, settings: &FinetuneSettings) -> Error {
    match error {
        Error::Diverged { iter, loss, .. } => {
            let smaller = match settings.preferences {
                true => "--learning-rate or a smaller --beta",
                false => "--learning-rate",
            };
            let remedy = format!("start a new run with a smaller {smaller}");
            Error::Diverged { iter, loss, remedy }
        }
        other => other,
    }
}

/// The model with new adapters, or as it is where all weights are trained.
fn with_adapters(
    settings: &FinetuneSettings,
    gpt: Gpt,
    weights: Params<f32>,
) -> Result<(Gpt, Params<f32>)> {
    match settings.lora() {
        None => Ok((gpt, weights)),
        Some(lora) => {
            // The stream of index 0 made the weights of the model itself.
            let rng = &mut generator(settings.seed, Purpose::Initialisation, 1);
            lora::adapt(&gpt, weights, &lora, rng)
        }
    }
}

/// Refuses to resume a run beside other weights, or on other data.
fn require_same(saved: &SavedFinetune, now: &FinetuneCheckpoints, base: &Path) -> Result<()> {
    if saved.base_sum != now.base_sum {
        let problem = "its weights are not those that the run was started with";
        let remedy = "restore them, name the right model with --init-from, or start a new run";
        return Err(Error::format(base, problem, remedy));
    }
    if saved.data != now.data {
        let problem = "it is not what the run was started with: its checksum differs";
        return Err(Error::text("the data", problem, "restore it, or start a new run"));
    }
    Ok(())
}

/// The facts of a run, for the screen.
fn facts(
    settings: &FinetuneSettings,
    checkpoints: &FinetuneCheckpoints,
    trainer: &FinetuneTraining,
    base: &Path,
    (summary, replayed): (&Summary, usize),
    steps: usize,
) -> Vec<(&'static str, String)> {
    let count = |n: usize| thousands(n);
    let names: Vec<_> = settings.text.iter().map(|path| path.display().to_string()).collect();
    let text = match (names.is_empty(), settings.preferences) {
        (true, false) => "questions about this course, with answers".to_string(),
        (true, true) => "pairs of answers to questions about this course".to_string(),
        (false, _) => names.join(", "),
    };
    let learned = 100.0 * summary.learned as f64 / summary.tokens.max(1) as f64;
    let data = format!(
        "{} tokens in {} rows of {}, {learned:.0} % of them learned",
        count(summary.tokens),
        count(summary.rows),
        count(summary.block_size),
    );
    let what = match summary.conversations {
        n if settings.preferences => format!("{} pairs of answers", count(n / 2)),
        0 => format!("{} pieces of text", count(summary.pieces)),
        n => format!("{} conversations", count(n)),
    };
    let beta = match settings.preferences {
        true => format!(", beta {}", settings.beta),
        false => String::new(),
    };
    let held_out = trainer.batches.held_out.examples().len();
    let gpt = &checkpoints.gpt;
    let trained = match gpt.lora() {
        None => format!("all {} weights", count(gpt.trained())),
        Some(lora) => format!(
            "{} of {} weights: adapters of rank {} on {} matrices",
            count(gpt.trained()),
            count(gpt.layout().len()),
            lora.rank,
            count(gpt.adapters().len()),
        ),
    };
    let mut facts = vec![
        ("text", text),
        ("data", format!("{what}, {} held out", count(held_out))),
        ("tokens", data),
        ("from", base.display().to_string()),
        ("model", introduction::model(gpt.config())),
        ("trained", trained),
        (
            "training",
            format!(
                "{} steps of {} tokens ({} epochs), learning rate {:e}{beta}",
                count(steps),
                count(trainer.tokens_per_step()),
                settings.epochs(trainer.batches.per_epoch()),
                settings.learning_rate(),
            ),
        ),
        ("device", trainer.backend.name()),
        ("directory", settings.out_dir.display().to_string()),
    ];
    if trainer.batches.old.is_some() {
        facts.insert(3, ("old text", old_text(settings, summary.tokens, replayed)));
    }
    facts
}

/// What the old text is, how much of it is replayed, and where its loss is shown. tokens: of an epoch,
/// with those that are replayed.
fn old_text(settings: &FinetuneSettings, tokens: usize, replayed: usize) -> String {
    let names: Vec<_> = settings.old_text.iter().map(|path| path.display().to_string()).collect();
    let name = if names.is_empty() { "King James Bible".into() } else { names.join(", ") };
    let replay = match replayed {
        0 => "nothing of it is replayed".to_string(),
        n => {
            let percent = 100.0 * n as f64 / tokens.max(1) as f64;
            format!("{} of the tokens are replayed from it, {percent:.0} %", thousands(n))
        }
    };
    format!("{name}; {replay}; \"old\" is the loss on its last tenth, which is never learned")
}

/// A path, without anything that a terminal obeys.
fn shown(path: &Path) -> String {
    printable(&path.display().to_string()).to_string()
}

/// The end: what was gained and what was forgotten, answers, and the paths.
fn finished(watch: Watch, findings: &Findings, directory: &Path, gpt: &Gpt) -> Result<ExitCode> {
    findings.lines(width()).iter().for_each(|line| watch.screen.line(line));
    if let Some(text) = watch.better() {
        watch.screen.line(format!("\n{}", wrap(&text, width(), "")));
        watch.screen.line(format!("Those weights are in {}", shown(&directory.join(BEST))));
    }
    let model = directory_flag("--model", directory, "");
    let what = if gpt.lora().is_some() { "The adapters are" } else { "The model is" };
    watch.screen.line(format!(
        "\n{what} in {}. Try:\n  cargo run -p stage03_gpt --features chat -- chat{model}",
        shown(directory),
    ));
    watch.screen.end()
}
