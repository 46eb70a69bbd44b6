//! Small GPTs trained with one part exchanged: rotary positions in place of a table, and fewer heads of
//! keys and values.
//!
//! Two layers of 64 numbers per token, on the characters of the King James text, with windows of 64
//! characters. `--plot FILE` draws the loss at each place of windows four times as long.

use std::path::Path;

use stage01_bigram::Result;
use stage01_bigram::loss::log_softmax;
use stage01_bigram::plot::{LineChart, Series};
use stage02_attention::attention::rotary::{Rope, Scaling};
use stage02_attention::params::Params;
use stage03_gpt::architecture::{Architecture, Positions};
use stage03_gpt::config::GptConfig;
use stage03_gpt::gpt::Gpt;
use stage03_gpt::schedule::Schedule;
use stage03_gpt::trainer::{Settings, Trainer};

use crate::setup::{self, CharData, small_gpt, validation_loss};

/// Characters in a window of training, and in a longer one.
const LENGTH: usize = 64;
const LONG: usize = 256;

const STEPS: usize = 1000;

/// Bounds of the places whose losses are shown as one number.
const BOUNDS: [usize; 7] = [0, 16, 32, 64, 96, 128, 256];

fn config(data: &CharData, block_size: usize, arch: Architecture) -> GptConfig {
    GptConfig { arch, ..small_gpt(data.vocab_size(), block_size) }
}

/// Trains a model with windows of `block_size` characters.
fn train(data: &CharData, config: GptConfig, seed: u64) -> Result<Trainer<f32>> {
    let schedule =
        Schedule { learning_rate: 3e-3, min_lr: 3e-4, warmup_iters: 20, lr_decay_iters: STEPS };
    let settings = Settings { seed, ..setup::settings(16, schedule) };
    let mut trainer = setup::trainer(config, settings)?;
    go_on(&mut trainer, data, STEPS)?;
    Ok(trainer)
}

fn go_on(trainer: &mut Trainer<f32>, data: &CharData, steps: usize) -> Result<()> {
    let batch_size = trainer.settings().batch_size;
    let block_size = trainer.gpt().config().block_size;
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for _ in 0..steps {
        data.train.sample_batch(batch_size, block_size, &mut trainer.batch_rng(), &mut x, &mut y);
        trainer.accumulate(&x, &y);
        trainer.step()?;
    }
    Ok(())
}

/// The mean loss at each place of windows as long as the context of the model.
fn loss_by_place(gpt: &Gpt, params: &Params<f32>, data: &CharData) -> Result<Vec<f64>> {
    let length = gpt.config().block_size;
    let mut log_p = vec![0.0; data.vocab_size()];
    let (mut sums, mut windows) = (vec![0.0; length], 0.0);
    let whole = data.validation.windows(length).filter(|(x, _)| x.len() == length);
    for (tokens, targets) in whole.step_by(8) {
        for (i, logits) in gpt.logits(params, tokens)?.rows().into_iter().enumerate() {
            log_softmax(logits.as_slice().expect("rows are contiguous"), &mut log_p);
            sums[i] -= f64::from(log_p[targets[i] as usize]);
        }
        windows += 1.0;
    }
    Ok(sums.iter().map(|sum| sum / windows).collect())
}

fn show(name: &str, losses: &[f64]) {
    print!("{name:<34}");
    for bounds in BOUNDS.windows(2).filter(|bounds| bounds[1] <= losses.len()) {
        let places = &losses[bounds[0]..bounds[1]];
        print!("{:>8.3}", places.iter().sum::<f64>() / places.len() as f64);
    }
    println!();
}

/// A table of positions against rotary ones, within the length of training and beyond it.
pub fn positions(plot: Option<&Path>) -> Result<()> {
    let data = CharData::king_james(LENGTH)?;
    println!("LOSS BY PLACE, nats per character; trained with windows of {LENGTH} characters");
    print!("{:<34}", "places");
    for bounds in BOUNDS.windows(2) {
        print!("{:>8}", format!("{}-{}", bounds[0], bounds[1] - 1));
    }
    println!();
    let (gpt, params) = train(&data, config(&data, LENGTH, Architecture::GPT2), 1337)?.into_parts();
    show("a table of positions", &loss_by_place(&gpt, &params, &data)?);

    let rope = Rope::new(10_000.0);
    let rotary = |rope| Architecture { positions: Positions::Rotary(rope), ..Architecture::GPT2 };
    // ANCHOR: longer
    let trained = train(&data, config(&data, LENGTH, rotary(rope)), 1337)?;
    let (_, params) = trained.into_parts();
    // The same weights with a longer context.
    let longer = Gpt::new(config(&data, LONG, rotary(rope)))?;
    let beyond = loss_by_place(&longer, &params, &data)?;
    // ANCHOR_END: longer
    show("rotary positions", &beyond);

    let schedule = setup::constant_rate(3e-4, 0);
    let long_data = CharData::king_james(LONG)?;
    let mut cured = Vec::new();
    for (name, rope) in [
        ("  all angles a quarter", Rope { scaling: Scaling::Linear { factor: 4.0 }, ..rope }),
        ("  theta 50,000", Rope::new(50_000.0)),
    ] {
        let gpt = Gpt::new(config(&data, LONG, rotary(rope)))?;
        show(name, &loss_by_place(&gpt, &params, &data)?);
        let mut trainer = Trainer::new(gpt, params.clone(), setup::settings(4, schedule))?;
        go_on(&mut trainer, &long_data, STEPS / 10)?;
        let (gpt, params) = trainer.into_parts();
        cured = loss_by_place(&gpt, &params, &data)?;
        show("    and 100 steps, 256 characters", &cured);
    }

    if let Some(file) = plot {
        chart(&beyond, &cured).save(file)?;
    }
    Ok(())
}

fn chart(beyond: &[f64], cured: &[f64]) -> LineChart {
    // Means of eight places: a single one jitters.
    let series = |name: &str, losses: &[f64]| Series {
        name: name.into(),
        points: losses
            .chunks(8)
            .enumerate()
            .map(|(i, part)| (8.0 * i as f64 + 4.0, part.iter().sum::<f64>() / 8.0))
            .collect(),
    };
    LineChart {
        title: "Rotary positions beyond the length of training, 64".into(),
        x_label: "place in the window".into(),
        y_label: "loss (nats per character)".into(),
        series: vec![
            series("trained with 64", beyond),
            series("theta 50,000, and 100 more steps with 256", cured),
        ],
        references: vec![],
    }
}

/// Four query heads over four, two and one heads of keys and values.
pub fn groups() -> Result<()> {
    let data = CharData::king_james(LENGTH)?;
    println!("FEWER HEADS OF KEYS AND VALUES: 2 layers, 4 query heads, {STEPS} steps, two seeds");
    println!(
        "{:>9}{:>10}{:>19}{:>25}",
        "kv heads", "weights", "numbers per token", "validation losses"
    );
    for n_kv_head in [4, 2, 1] {
        let arch = Architecture { n_kv_head: Some(n_kv_head), ..Architecture::GPT2 };
        let config = config(&data, LENGTH, arch);
        let (weights, head_size) = (config.n_params(), config.n_embd / config.n_head);
        let cached = 2 * config.n_layer * n_kv_head * head_size;
        print!("{n_kv_head:>9}{weights:>10}{cached:>19}   ");
        for seed in [1337, 1338] {
            let mut trainer = train(&data, config.clone(), seed)?;
            print!("{:>11.4}", validation_loss(&mut trainer, &data.validation));
        }
        println!();
    }
    Ok(())
}
