//! The small base model with adapters of several ranks: what they train and what they reach; and four
//! bugs, measured by the loss on held-out answers.

use rayon::prelude::*;
use stage01_bigram::Result;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::text::thousands;
use stage02_attention::parallel::single_threaded;
use stage02_attention::params::Params;
use stage03_gpt::gpt::Gpt;
use stage03_gpt::lora::{LoraSettings, adapt, declare, merge};
use stage04_training::finetune::{Batches, course};

use super::base::{Base, loss_of, mean_loss, teach};

const EPOCHS: u64 = 3;

/// Learning rates of adapters and of all weights.
const RATE: f64 = 1e-2;
const RATE_OF_ALL: f64 = 2e-3;

const RANKS: [usize; 6] = [1, 2, 4, 8, 16, 32];

/// The rank whose adapters the bugs are shown with.
const RANK: usize = 8;

/// A model that was taught.
struct Taught {
    name: String,
    gpt: Gpt,
    weights: Params<f32>,
    trained: usize,
    /// The losses on what was learned, and on held-out answers.
    losses: [f64; 2],
}

/// Adapters of this rank; alpha is twice the rank, so that the scale is 2.
fn settings(rank: usize) -> LoraSettings {
    LoraSettings { rank, alpha: 2.0 * rank as f64, ..LoraSettings::default() }
}

/// The model with new adapters.
fn adapted(base: &Base, rank: usize) -> Result<(Gpt, Params<f32>)> {
    let rng = &mut generator(1337, Purpose::Initialisation, 1);
    adapt(&base.gpt, base.weights.clone(), &settings(rank), rng)
}

/// Runs the experiment.
///
/// # Errors
/// None that can be caused.
pub fn run() -> Result<()> {
    let (base, other) = rayon::join(|| Base::train(1337, 1), || Base::train(1338, 1));
    let (base, other) = (base?, other?);
    let train = base.batches(&base.course(course::INSTRUCTIONS)?.examples)?;
    let held_out = base.batches(&base.course(course::HELD_OUT)?.examples)?;

    let ranks: Vec<Option<usize>> = RANKS.into_iter().map(Some).chain([None]).collect();
    let taught = ranks.par_iter().with_max_len(1).map(|&rank| {
        single_threaded(|| match rank {
            Some(rank) => {
                let name = format!("rank {rank}");
                taught(name, adapted(&base, rank)?, (&train, &held_out), RATE)
            }
            None => {
                let model = (base.gpt.clone(), base.weights.clone());
                taught("all weights".into(), model, (&train, &held_out), RATE_OF_ALL)
            }
        })
    });
    let taught = taught.collect::<Result<Vec<_>>>()?;
    table(&base, &taught, (&train, &held_out))?;
    let at = RANKS.iter().position(|&rank| rank == RANK).expect("it is one of them");
    bugs((&base, &other), &taught[at], (&train, &held_out))
}

fn taught(
    name: String,
    model: (Gpt, Params<f32>),
    (train, held_out): (&Batches, &Batches),
    rate: f64,
) -> Result<Taught> {
    let mut trainer = teach(model, train, EPOCHS, rate, |_, _| Ok(()))?;
    let losses = [mean_loss(&mut trainer, train), mean_loss(&mut trainer, held_out)];
    let (gpt, weights) = trainer.into_parts();
    let trained = gpt.trained();
    Ok(Taught { name, gpt, weights, trained, losses })
}

fn table(base: &Base, taught: &[Taught], (train, held_out): (&Batches, &Batches)) -> Result<()> {
    let all = base.gpt.layout().len();
    println!("RANKS: {EPOCHS} epochs, losses in nats per token; {} weights", thousands(all));
    println!(
        "  {:<14}{:>9}{:>8}{:>14}{:>9}{:>10}{:>10}",
        "", "trained", "%", "grad, moments", "train", "held out", "old text"
    );
    let before = [train, held_out].map(|batches| loss_of(&base.gpt, &base.weights, batches));
    let [a, b] = before;
    let old = base.old_loss(&base.gpt, &base.weights)?;
    println!("  {:<45}{:>9.3}{:>10.3}{old:>10.3}", "before", a?, b?);
    for Taught { name, gpt, weights, trained, losses: [train, held_out] } in taught {
        let part = 100.0 * *trained as f64 / all as f64;
        let kilobytes = format!("{:.0} kB", 12.0 * *trained as f64 / 1e3);
        let old = base.old_loss(gpt, weights)?;
        println!(
            "  {name:<14}{:>9}{part:>8.1}{kilobytes:>14}{train:>9.3}{held_out:>10.3}{old:>10.3}",
            thousands(*trained)
        );
    }
    Ok(())
}

// ANCHOR: bugs
/// The adapters of a model beside other weights.
fn beside(adapters: &[f32], weights: &[f32]) -> Params<f32> {
    Params { values: [adapters, weights].concat() }
}
// ANCHOR_END: bugs

fn bugs(
    (base, other): (&Base, &Base),
    taught: &Taught,
    (train, held_out): (&Batches, &Batches),
) -> Result<()> {
    println!("\nBUGS: rank {RANK}, the loss on held-out answers");
    let show = |name: &str, gpt: &Gpt, weights: &Params<f32>| {
        println!("  {name:<40}{:>10.4}", loss_of(gpt, weights, held_out)?);
        Ok::<_, stage01_bigram::Error>(())
    };
    let adapters = &taught.weights.values[..taught.trained];
    show("the base model", &base.gpt, &base.weights)?;
    show("with the adapters", &taught.gpt, &taught.weights)?;
    let (merged, once) = merge(&taught.gpt, taught.weights.clone())?;
    show("merged", &merged, &once)?;

    let (gpt, mut zeros) = adapted(base, RANK)?;
    zeros.values[..taught.trained].fill(0.0);
    let trainer = teach((gpt, zeros), train, EPOCHS, RATE, |_, _| Ok(()))?;
    show("both zero at the beginning, three epochs", trainer.gpt(), &trainer.weights)?;

    // A scale of 1 in place of 2.
    let without = LoraSettings { alpha: RANK as f64, ..settings(RANK) };
    let (gpt, weights) = merge(&declare(&base.gpt, &without)?, taught.weights.clone())?;
    show("merged without the scale", &gpt, &weights)?;
    let (gpt, twice) = merge(&taught.gpt, beside(adapters, &once.values))?;
    show("merged twice", &gpt, &twice)?;
    show("another base, without adapters", &other.gpt, &other.weights)?;
    show("these adapters on the other base", &taught.gpt, &beside(adapters, &other.weights.values))
}
