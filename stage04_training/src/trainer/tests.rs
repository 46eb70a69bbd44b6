use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use rand::RngExt;
use serde_json::json;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::tokenizer::TokenizerKind;
use stage02_attention::params::Params;
use stage03_gpt::adamw::Moments;
use stage03_gpt::files::resume::State;
use stage03_gpt::files::run_directory::{self, OutDir};
use stage03_gpt::gpt::Gpt;
use stage03_gpt::model::Model;
use stage03_gpt::settings::RunSettings;
use stage03_gpt::trainer::PackedBatch;
use tempfile::TempDir;

use super::*;
use crate::backend::cpu::Cpu;
use crate::checkpoint::{BEST, CheckpointManager, Saved};
use crate::prepare;
use crate::progress::Silent;

/// Data in which every token occurs once, so that the first token of a window is its position.
fn data() -> (TempDir, Shards) {
    let directory = tempfile::tempdir().unwrap();
    let text: String = ('\u{4e00}'..).take(400).collect();
    let path = directory.path().join("text.txt");
    std::fs::write(&path, text).unwrap();
    let shards = directory.path().join("shards");
    let settings = prepare::Settings {
        input: vec![path],
        tokenizer: TokenizerKind::Char,
        out: shards.clone(),
        ..prepare::Settings::default()
    };
    prepare::prepare(&settings, &Silent).unwrap();
    (directory, Shards::open(&shards).unwrap())
}

/// The engine of stage 3 with a record of the windows it was trained on. Its losses can be given.
struct Spy {
    cpu: Cpu,
    seen: Rc<RefCell<Vec<u32>>>,
    losses: Vec<f64>,
}

impl Backend for Spy {
    fn name(&self) -> String {
        self.cpu.name()
    }
    fn gpt(&self) -> &Gpt {
        self.cpu.gpt()
    }
    fn settings(&self) -> &Settings {
        self.cpu.settings()
    }
    fn iter(&self) -> usize {
        self.cpu.iter()
    }
    fn accumulate(&mut self, inputs: &[u32], targets: &[u32]) -> Result<()> {
        let firsts = inputs.chunks(self.gpt().config().block_size).map(|window| window[0]);
        self.seen.borrow_mut().extend(firsts);
        self.cpu.accumulate(inputs, targets)
    }
    fn accumulate_packed(&mut self, _: &PackedBatch) -> Result<()> {
        unreachable!("shards have whole windows")
    }
    fn evaluate_packed(&mut self, _: &PackedBatch) -> Result<f64> {
        unreachable!("shards have whole windows")
    }
    fn step(&mut self) -> Result<Step> {
        self.cpu.step()
    }
    fn evaluate(&mut self, inputs: &[u32], targets: &[u32]) -> Result<f64> {
        match self.losses.is_empty() {
            true => self.cpu.evaluate(inputs, targets),
            false => Ok(self.losses.remove(0) * inputs.len() as f64),
        }
    }
    fn state(&mut self) -> Result<(&Params<f32>, &Moments<f32>)> {
        self.cpu.state()
    }
    fn restore(&mut self, iter: usize, weights: Params<f32>, moments: Moments<f32>) -> Result<()> {
        self.cpu.restore(iter, weights, moments)
    }
}

type Seen = Rc<RefCell<Vec<u32>>>;

/// losses: the losses of successive evaluations; if empty, the real ones.
fn trainer<'a>(
    data: &'a Shards,
    batch_size: usize,
    micro_batches: usize,
    losses: &[f64],
) -> (ShardTraining<'a>, Seen) {
    let run = RunSettings {
        n_layer: 1,
        n_head: 2,
        n_embd: 8,
        block_size: 4,
        dropout: 0.1,
        batch_size,
        gradient_accumulation_steps: micro_batches,
        threads: Some(1),
        ..RunSettings::default()
    };
    let gpt = run.gpt(400).unwrap();
    let weights = gpt.initialise(&mut generator(1, Purpose::Initialisation, 0));
    let seen = Seen::default();
    // Each evaluation uses two: for the training set, and for the validation set.
    let losses = losses.iter().flat_map(|&loss| [loss, loss]).collect();
    let cpu = Cpu::new(gpt, weights, run.settings()).unwrap();
    let spy = Spy { cpu, seen: seen.clone(), losses };
    (ShardTraining::new(Box::new(spy), data).unwrap(), seen)
}

fn checkpoints(directory: &Path, data: &Shards) -> CheckpointManager {
    CheckpointManager::new(directory, data.tokenizer().unwrap(), json!({}), json!("this"))
}

fn create(checkpoints: &CheckpointManager, run: &mut ShardTraining) -> OutDir {
    checkpoints.create(run, run_directory::reserve(&checkpoints.directory).unwrap()).unwrap()
}

fn config(max_iters: usize) -> LoopConfig {
    LoopConfig { eval_interval: 1000, eval_iters: 1, ..LoopConfig::steps(max_iters) }
}

#[test]
fn every_window_comes_once_before_any_comes_again() {
    let (_directory, data) = data();
    let (mut run, seen) = trainer(&data, 3, 2, &[]);
    let windows = run.windows() as usize;
    assert!(windows > 60, "{windows}");
    while seen.borrow().len() < 2 * windows {
        run.step().unwrap();
    }
    let seen = seen.borrow();
    for epoch in [&seen[..windows], &seen[windows..2 * windows]] {
        let mut starts = epoch.to_vec();
        starts.sort_unstable();
        // Windows of four tokens that do not overlap.
        assert!(starts.windows(2).all(|pair| pair[0] + 4 <= pair[1]), "{starts:?}");
        assert_ne!(epoch, starts, "not shuffled");
    }
    assert_ne!(seen[..windows], seen[windows..2 * windows]);
    assert_eq!(run.position, seen.len() as u64);
}

/// The position determines the next windows, also with another batch size.
#[test]
fn a_resumed_run_continues_at_its_position_with_any_batch_size() {
    let (directory, data) = data();
    let (mut first, seen) = trainer(&data, 4, 1, &[]);
    let checkpoints = checkpoints(&directory.path().join("run"), &data);
    let _out = create(&checkpoints, &mut first);
    train(&mut first, &config(5), &checkpoints, &mut ()).unwrap();

    let (mut second, more) = trainer(&data, 3, 2, &[]);
    let saved = Saved::load(&checkpoints.directory).unwrap();
    saved.restore(&mut second, &json!("this")).unwrap();
    assert_eq!((second.backend.iter(), second.position), (5, 20));
    for _ in 0..4 {
        second.step().unwrap();
    }
    let parts = [seen.borrow().clone(), more.borrow().clone()].concat();

    let (mut whole, seen) = trainer(&data, 4, 1, &[]);
    for _ in 0..11 {
        whole.step().unwrap();
    }
    assert_eq!(parts, seen.borrow()[..44]);

    // On other data it begins at the first window.
    let (mut other, _) = trainer(&data, 3, 2, &[]);
    saved.restore(&mut other, &json!("that")).unwrap();
    assert_eq!((other.backend.iter(), other.position, other.best), (5, 0, f64::INFINITY));
}

#[test]
fn evaluation_changes_nothing_and_uses_the_same_windows() {
    let (_directory, data) = data();
    let (mut run, seen) = trainer(&data, 2, 1, &[]);
    let first = run.evaluate(3).unwrap();
    assert!((first.validation - 400f64.ln()).abs() < 0.1 && first.best, "{first:?}");
    let again = run.evaluate(3).unwrap();
    assert_eq!((again.train, again.validation, again.best), (first.train, first.validation, false));
    assert_eq!((run.position, seen.borrow().len(), run.backend.iter()), (0, 0, 0));
    // The same windows at every step of a run.
    let (weights, moments) = run.backend.state().unwrap();
    let (weights, moments) = (weights.clone(), moments.clone());
    run.backend.restore(7, weights, moments).unwrap();
    assert_eq!(run.evaluate(3).unwrap(), again);
    // All of the validation set: 40 tokens are 9 windows, which are 4 batches of 2.
    assert_eq!(run.evaluate_all(1000).unwrap().1, 32);
    assert_eq!(run.evaluate_all(17).unwrap().1, 16);
    assert_eq!(run.evaluate_all(0).unwrap().1, 8);
}

/// Records the saved step after each step, read from the files.
struct Log(std::path::PathBuf, Vec<usize>);
impl Callback<ShardTraining<'_>> for Log {
    fn stepped(&mut self, _: &ShardTraining, _: &Step, _: Duration) -> Result<()> {
        self.1.push(State::load(&self.0)?.iter);
        Ok(())
    }
}

#[test]
fn a_run_is_saved_at_its_intervals() {
    let (directory, data) = data();
    let saved = |config: &LoopConfig, name: &str| {
        let (mut run, _) = trainer(&data, 2, 1, &[]);
        let checkpoints = checkpoints(&directory.path().join(name), &data);
        let _out = create(&checkpoints, &mut run);
        let mut log = Log(checkpoints.directory.clone(), Vec::new());
        assert_eq!(train(&mut run, config, &checkpoints, &mut log).unwrap(), Ending::Finished);
        assert_eq!(State::load(&checkpoints.directory).unwrap().iter, config.max_iters);
        log.1
    };
    assert_eq!(saved(&config(5), "rare"), [0, 0, 0, 0, 0]);
    let interval = LoopConfig { save_interval: Some(2), ..config(5) };
    assert_eq!(saved(&interval, "interval"), [0, 0, 2, 2, 4]);
    let measured = LoopConfig { eval_interval: 3, ..config(5) };
    assert_eq!(saved(&measured, "measured"), [0, 0, 0, 3, 3]);
    let always = LoopConfig { save_after: Duration::ZERO, ..config(5) };
    assert_eq!(saved(&always, "always"), [0, 1, 2, 3, 4]);
}

/// Stops after this many steps.
struct Impatient(usize);
impl Callback<ShardTraining<'_>> for Impatient {
    fn wants_to_stop(&self) -> bool {
        self.0 == 0
    }
    fn stepped(&mut self, _: &ShardTraining, _: &Step, _: Duration) -> Result<()> {
        self.0 -= 1;
        Ok(())
    }
}

#[test]
fn a_stopped_run_finishes_its_step_and_is_saved() {
    let (directory, data) = data();
    let (mut run, _) = trainer(&data, 2, 3, &[]);
    let checkpoints = checkpoints(&directory.path().join("run"), &data);
    let _out = create(&checkpoints, &mut run);
    let ending = train(&mut run, &config(1000), &checkpoints, &mut Impatient(7)).unwrap();
    assert_eq!(ending, Ending::Stopped);
    let saved = Saved::load(&checkpoints.directory).unwrap();
    assert_eq!((saved.state.iter, saved.position), (7, 42));
    assert_eq!(
        Model::load(&checkpoints.directory).unwrap().into_params(),
        *run.backend.state().unwrap().0
    );
}

#[test]
fn the_best_weights_are_kept_and_worse_ones_are_not() {
    let (directory, data) = data();
    // Evaluated before the steps 0, 2, 4, 6 and after the last.
    let (mut run, _) = trainer(&data, 2, 1, &[5.0, 4.0, 4.5, 4.0, 4.2]);
    let checkpoints = checkpoints(&directory.path().join("run"), &data);
    let _out = create(&checkpoints, &mut run);
    struct Memory(Vec<Params<f32>>);
    impl Callback<ShardTraining<'_>> for Memory {
        fn saved(&mut self, run: &mut ShardTraining, _: Option<&Evaluation>) -> Result<()> {
            self.0.push(run.backend.state()?.0.clone());
            Ok(())
        }
    }
    let mut memory = Memory(Vec::new());
    train(&mut run, &LoopConfig { eval_interval: 2, ..config(8) }, &checkpoints, &mut memory)
        .unwrap();
    let best = Model::load(&checkpoints.directory.join(BEST)).unwrap().into_params();
    assert_eq!(memory.0.iter().position(|weights| *weights == best), Some(1));
    assert_eq!(Saved::load(&checkpoints.directory).unwrap().best, 4.0);
    assert!(!checkpoints.directory.join("best.1").exists(), "nothing is moved aside");
}

/// The lowest loss is read back exactly. A decimal parser with rounding errors reads the last digit
/// of this one as 8, and a resumed run ends with other bytes.
#[test]
fn the_lowest_loss_is_saved_exactly() {
    let (directory, data) = data();
    let checkpoints = checkpoints(&directory.path().join("run"), &data);
    let mut rng = generator(1, Purpose::Other, 0);
    let losses = (0..100).map(|_| rng.random_range(0.5..5.0));
    let (mut run, _) = trainer(&data, 2, 1, &[]);
    let _out = create(&checkpoints, &mut run);
    for loss in [0.942_362_965_706_400_9].into_iter().chain(losses) {
        run.best = loss;
        checkpoints.save(&mut run).unwrap();
        assert_eq!(Saved::load(&checkpoints.directory).unwrap().best, loss);
    }
}

#[test]
fn a_loss_that_is_nan_is_never_saved() {
    let (directory, data) = data();
    let (mut run, _) = trainer(&data, 2, 1, &[5.0, f64::NAN]);
    let checkpoints = checkpoints(&directory.path().join("run"), &data);
    let _out = create(&checkpoints, &mut run);
    let error =
        train(&mut run, &LoopConfig { eval_interval: 2, ..config(8) }, &checkpoints, &mut ())
            .unwrap_err();
    assert!(matches!(error, Error::Diverged { iter: 2, .. }), "{error}");
    assert_eq!(State::load(&checkpoints.directory).unwrap().iter, 0);
    // Nor is one that would be saved between two evaluations.
    let (mut run, _) = trainer(&data, 2, 1, &[5.0, f64::NAN]);
    let config = LoopConfig { save_interval: Some(3), ..config(8) };
    let error = train(&mut run, &config, &checkpoints, &mut ()).unwrap_err();
    assert!(matches!(error, Error::Diverged { iter: 3, .. }), "{error}");
    assert_eq!(State::load(&checkpoints.directory).unwrap().iter, 0);
    // Nor is a weight.
    let (gpt, (weights, moments)) = (run.backend.gpt().clone(), run.backend.state().unwrap());
    let (mut weights, moments) = (weights.clone(), moments.clone());
    weights.values[gpt.layout().len() / 2] = f32::INFINITY;
    run.backend.restore(3, weights, moments).unwrap();
    assert!(matches!(checkpoints.save(&mut run), Err(Error::Diverged { iter: 3, .. })));
    assert!(matches!(checkpoints.save_best(&mut run), Err(Error::Diverged { .. })));
    assert_eq!(State::load(&checkpoints.directory).unwrap().iter, 0);
}

#[test]
fn a_token_outside_the_vocabulary_is_named() {
    let (directory, _) = data();
    let path = directory.path().join("shards/train-00000.bin");
    let mut bytes = std::fs::read(&path).unwrap();
    for token in bytes.chunks_mut(2) {
        token.copy_from_slice(&60_000u16.to_le_bytes());
    }
    std::fs::write(&path, bytes).unwrap();
    let data = Shards::open(&directory.path().join("shards")).unwrap();
    let (mut run, _) = trainer(&data, 2, 1, &[]);
    let error = run.step().unwrap_err().to_string();
    assert!(error.contains("the token 60000, but the model knows only 400"), "{error}");
    assert!(run.evaluate(1).is_err());
}
