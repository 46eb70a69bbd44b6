//! Mixed precision: what becomes of numbers that keep 8 significant bits of 24, which numbers of a
//! training run may be kept so, and why the weights may not.
//!
//! Nothing here needs a GPU: bf16 is the upper half of an f32, and every
//! processor can make one. `--plot FILE` draws the losses of the runs.

use std::path::Path;
use std::time::Instant;

use rand::RngExt;
use stage01_bigram::Result;
use stage01_bigram::plot::{LineChart, Series};
use stage01_bigram::random::{Generator, Purpose, generator};
use stage02_attention::matmul::Dtype;
use stage03_gpt::config::GptConfig;
use stage03_gpt::gpt::Gpt;
use stage03_gpt::schedule::Schedule;
use stage03_gpt::trainer::Trainer;

use crate::setup::{self, CharData, mean_before, small_gpt, smooth, validation_loss};

/// Runs the experiment.
pub fn run(plot: Option<&Path>) -> Result<()> {
    on_paper();
    around_one();
    swamping();
    dot_products();
    let data = CharData::king_james(LENGTH)?;
    let curves = runs(&data)?;
    if let Some(file) = plot {
        chart(curves).save(file)?;
    }
    small_gradients(&data)?;
    times(&data)
}

/// The nearest number with the upper 16 bits of an f32; of two equally near, the one whose last
/// bit is 0.
// ANCHOR: bf16
fn bf16(x: f32) -> f32 {
    let bits = x.to_bits();
    let last_kept = bits >> 16 & 1;
    let nearest = bits + 0x7fff + last_kept; // half a step, or just under it
    f32::from_bits(nearest & 0xffff_0000)
}
// ANCHOR_END: bf16

/// A number format: the bits of its exponent and of its mantissa.
#[derive(Clone, Copy)]
pub(crate) struct Format {
    name: &'static str,
    exponent: i32,
    mantissa: i32,
}

pub(crate) const F32: Format = Format { name: "f32", exponent: 8, mantissa: 23 };
const TF32: Format = Format { name: "tf32", exponent: 8, mantissa: 10 };
pub(crate) const BF16: Format = Format { name: "bf16", exponent: 8, mantissa: 7 };
pub(crate) const F16: Format = Format { name: "f16", exponent: 5, mantissa: 10 };
const FORMATS: [Format; 4] = [F32, TF32, BF16, F16];

impl Format {
    /// What is added to the exponent when it is stored.
    fn bias(self) -> i32 {
        (1 << (self.exponent - 1)) - 1
    }

    /// The smallest normal number: the smallest power of two with all significant bits.
    fn smallest_normal(self) -> f64 {
        2f64.powi(1 - self.bias())
    }

    /// The largest number.
    fn largest(self) -> f64 {
        (2.0 - 2f64.powi(-self.mantissa)) * 2f64.powi(self.bias())
    }

    /// The nearest number of this format; infinite if there is none as large.
    pub(crate) fn nearest(self, x: f64) -> f64 {
        if x == 0.0 || x.is_infinite() {
            return x;
        }
        // Below the smallest normal number the steps grow no finer: precision is lost.
        let exponent = x.abs().log2().floor().max(f64::from(1 - self.bias()));
        let step = 2f64.powf(exponent - f64::from(self.mantissa));
        let near = (x / step).round_ties_even() * step;
        if near.abs() > self.largest() { f64::INFINITY.copysign(x) } else { near }
    }

    /// The bits of a normal number: sign, exponent, mantissa.
    fn bits(self, x: f64) -> [String; 3] {
        let x = self.nearest(x);
        let exponent = x.abs().log2().floor();
        let mantissa = (x.abs() / 2f64.powf(exponent) - 1.0) * 2f64.powi(self.mantissa);
        let (wide, long) = (self.exponent as usize, self.mantissa as usize);
        [
            u8::from(x < 0.0).to_string(),
            format!("{:0wide$b}", exponent as i32 + self.bias()),
            format!("{:0long$b}", mantissa as u32),
        ]
    }
}

fn on_paper() {
    println!("ON PAPER: a third");
    println!("      sign  exponent  mantissa                  is");
    for format in FORMATS {
        let [sign, exponent, mantissa] = format.bits(1.0 / 3.0);
        println!(
            "{:<6}{sign:<6}{exponent:<10}{mantissa:<26}{:.9}",
            format.name,
            format.nearest(1.0 / 3.0)
        );
    }
    println!("\nTHE RANGE");
    println!("      bits            smallest normal    largest    step after 1");
    for format in FORMATS {
        let bits = 1 + format.exponent + format.mantissa;
        println!(
            "{:<6}{bits:>4}{:>27.2e}{:>11.2e}{:>16.7}",
            format.name,
            format.smallest_normal(),
            format.largest(),
            2f64.powi(-format.mantissa)
        );
    }
}

fn around_one() {
    println!("\nAROUND ONE, in bf16");
    for parts in [1, 2, 3, 4, 5] {
        let x = 1.0 + parts as f32 / 256.0;
        println!("1 + {parts}/256 = {x:<11} becomes {}", bf16(x));
    }
}

/// Adds the same number again and again, and rounds each sum, to bf16 or not at all.
fn sum(start: f32, addend: f32, times: usize, round: fn(f32) -> f32) -> f32 {
    // ANCHOR: sum
    let mut sum = start;
    for _ in 0..times {
        sum = round(sum + addend);
    }
    // ANCHOR_END: sum
    sum
}

fn exact(x: f32) -> f32 {
    x
}

fn swamping() {
    println!("\nSWAMPING: small numbers added one by one     f32       bf16");
    for (start, addend, times, words) in [
        (1.0, 1.0 / 256.0, 256, "1, and 256 times 1/256"),
        (0.0, 1.0 / 256.0, 256, "0, and 256 times 1/256"),
        (0.0, 1.0, 1000, "0, and 1,000 times 1"),
        (0.0, 0.01, 1000, "0, and 1,000 times 0.01"),
    ] {
        let [full, half] = [exact, bf16].map(|round| sum(start, addend, times, round));
        println!("{words:<40}{full:>10.4}{half:>11.4}");
    }
    let many = sum(0.0, 1.0, 20_000_000, exact);
    println!("0, and 20,000,000 times 1{many:>25.0}");
}

/// The root mean square.
fn rms(x: &[f64]) -> f64 {
    (x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64).sqrt()
}

/// The error of dot products of random numbers, relative to their root mean square: with rounded
/// factors, and with rounded factors and sums.
fn dot_errors(length: usize) -> [f64; 2] {
    let mut rng = generator(1, Purpose::Batch, length as u64);
    let mut number = || rng.random_range(-1.0f32..1.0);
    let (mut truth, mut factors, mut sums) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..400 {
        let pairs: Vec<(f32, f32)> = (0..length).map(|_| (number(), number())).collect();
        let right: f64 = pairs.iter().map(|&(x, y)| f64::from(x) * f64::from(y)).sum();
        // ANCHOR: dots
        let rounded = pairs.iter().map(|&(x, y)| bf16(x) * bf16(y));
        let in_f32: f32 = rounded.clone().sum();
        let in_bf16 = rounded.fold(0.0, |sum, product| bf16(sum + product));
        // ANCHOR_END: dots
        truth.push(right);
        factors.push(f64::from(in_f32) - right);
        sums.push(f64::from(in_bf16) - right);
    }
    [rms(&factors) / rms(&truth), rms(&sums) / rms(&truth)]
}

fn dot_products() {
    println!("\nDOT PRODUCTS: off by, as a share of their usual size");
    println!("length   factors in bf16, sum in f32   sum in bf16 as well");
    for length in [16, 256, 4096, 65_536] {
        let [factors, sums] = dot_errors(length).map(|error| 100.0 * error);
        println!("{length:>6}{factors:>28.2} %{sums:>20.2} %");
    }
}

/// How many tokens a window has.
const LENGTH: usize = 32;

/// How many steps a run has.
const STEPS: usize = 200;

/// A trainer of a small GPT with this embedding width, learning rate and precision of products.
fn trainer(
    data: &CharData,
    n_embd: usize,
    learning_rate: f64,
    dtype: Dtype,
) -> Result<Trainer<f32>> {
    let mut gpt = Gpt::new(GptConfig { n_embd, ..small_gpt(data.vocab_size(), LENGTH) })?;
    gpt.set_dtype(dtype);
    let schedule = Schedule {
        learning_rate,
        min_lr: learning_rate / 10.0,
        warmup_iters: 20,
        lr_decay_iters: STEPS,
    };
    setup::trainer_of(gpt, setup::settings(12, schedule))
}

/// How weights are rounded between two steps.
#[derive(Clone, Copy, PartialEq)]
enum Kept {
    Full,
    Nearest,
    ByChance,
}

// ANCHOR: by_chance
/// One of the two bf16 around a number, by chance: the nearer it is, the likelier.
fn by_chance(x: f32, rng: &mut Generator) -> f32 {
    let bits = x.to_bits() + rng.random_range(0..0x1_0000);
    f32::from_bits(bits & 0xffff_0000)
}
// ANCHOR_END: by_chance

/// What was measured of a run.
struct Curve {
    losses: Vec<f64>,
    validation: f64,
    /// The fraction of the weights that a step of the last tenth of the run moved.
    moved: f64,
}

fn train(data: &CharData, rate: f64, dtype: Dtype, kept: Kept) -> Result<Curve> {
    let mut trainer = trainer(data, 64, rate, dtype)?;
    let mut chance = generator(1337, Purpose::Sampling, 0);
    let (mut x, mut y) = (Vec::new(), Vec::new());
    let (mut losses, mut moved) = (Vec::new(), 0.0);
    for step in 0..STEPS {
        data.train.sample_batch(12, LENGTH, &mut trainer.batch_rng(), &mut x, &mut y);
        let before = trainer.weights.values.clone();
        trainer.accumulate(&x, &y);
        losses.push(trainer.step()?.loss);
        // ANCHOR: kept
        for weight in &mut trainer.weights.values {
            *weight = match kept {
                Kept::Full => *weight,
                Kept::Nearest => bf16(*weight),
                Kept::ByChance => by_chance(*weight, &mut chance),
            };
        }
        // ANCHOR_END: kept
        if step >= STEPS - STEPS / 10 {
            let pairs = before.iter().zip(&trainer.weights.values);
            let count = pairs.filter(|(before, after)| before != after).count();
            moved += count as f64 / before.len() as f64 / (STEPS / 10) as f64;
        }
    }
    let validation = validation_loss(&mut trainer, &data.validation);
    Ok(Curve { losses, validation, moved })
}

fn runs(data: &CharData) -> Result<Vec<(String, Curve)>> {
    println!(
        "\nA SMALL GPT, {STEPS} steps      step 10     50    100    200    val  moved at the end"
    );
    let mut curves = Vec::new();
    for rate in [3e-3, 3e-4, 3e-5] {
        println!("rate {rate:.0e}");
        for (name, dtype, kept) in [
            ("all in f32", Dtype::Float32, Kept::Full),
            ("products in bf16", Dtype::Bfloat16, Kept::Full),
            ("weights kept in bf16", Dtype::Float32, Kept::Nearest),
            ("weights by chance", Dtype::Float32, Kept::ByChance),
        ] {
            let curve = train(data, rate, dtype, kept)?;
            let around = |step| mean_before(&curve.losses, step);
            println!(
                "  {name:<26}{:>8.3}{:>7.3}{:>7.3}{:>7.3}{:>7.3}{:>16.0} %",
                around(10),
                around(50),
                around(100),
                around(200),
                curve.validation,
                100.0 * curve.moved
            );
            if rate == 3e-5 {
                curves.push((name.to_string(), curve));
            }
        }
    }
    Ok(curves)
}

fn chart(curves: Vec<(String, Curve)>) -> LineChart {
    let series = |(name, curve): (String, Curve)| Series { name, points: smooth(&curve.losses) };
    LineChart {
        title: "Two hundred steps at the rate 3e-5".into(),
        x_label: "step".into(),
        y_label: "training loss (nats per token)".into(),
        series: curves.into_iter().map(series).collect(),
        references: Vec::new(),
    }
}

/// The fractions of a gradient's numbers that are too small for a format: that become zero, and
/// that lose precision.
fn too_small(gradient: &[f32], format: Format, scale: f64) -> [f64; 2] {
    let (mut zero, mut less_precise, mut all) = (0.0, 0.0, 0.0);
    for &g in gradient.iter().filter(|&&g| g != 0.0) {
        // ANCHOR: scaled
        let kept = format.nearest(f64::from(g) * scale) / scale;
        // ANCHOR_END: scaled
        all += 1.0;
        zero += f64::from(u8::from(kept == 0.0));
        less_precise += f64::from(u8::from(f64::from(g.abs()) * scale < format.smallest_normal()));
    }
    [zero / all, less_precise / all]
}

fn small_gradients(data: &CharData) -> Result<()> {
    let mut trainer = trainer(data, 64, 3e-3, Dtype::Float32)?;
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for _ in 0..100 {
        data.train.sample_batch(12, LENGTH, &mut trainer.batch_rng(), &mut x, &mut y);
        trainer.accumulate(&x, &y);
        trainer.step()?;
    }
    trainer.accumulate(&x, &y);
    let gradient = trainer.gradient();
    println!("\nTHE GRADIENT after 100 steps, kept in 16 bits");
    println!("                             becomes 0   less precise");
    for (words, format, scale) in [
        ("bf16", FORMATS[2], 1.0),
        ("f16", FORMATS[3], 1.0),
        ("f16, loss times 1,024", FORMATS[3], 1024.0),
    ] {
        let [zero, less_precise] =
            too_small(&gradient.values, format, scale).map(|fraction| 100.0 * fraction);
        println!("{words:<26}{zero:>10.1} %{less_precise:>13.1} %");
    }
    Ok(())
}

/// The middle one of some numbers.
fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// How often each is measured.
const TIMES: usize = 21;

fn times(data: &CharData) -> Result<()> {
    println!(
        "\nA CLOCK: one step, products in f32 and in bf16 in turn, {TIMES} times, milliseconds"
    );
    let wide = |dtype| trainer(data, 256, 3e-4, dtype);
    let mut trainers = [wide(Dtype::Float32)?, wide(Dtype::Bfloat16)?];
    let mut all = [Vec::new(), Vec::new()];
    let (mut x, mut y) = (Vec::new(), Vec::new());
    data.train.sample_batch(12, LENGTH, &mut trainers[0].batch_rng(), &mut x, &mut y);
    // ANCHOR: in_turn
    for _ in 0..TIMES {
        for (trainer, times) in trainers.iter_mut().zip(&mut all) {
            let start = Instant::now();
            trainer.accumulate(&x, &y);
            trainer.step()?;
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    // ANCHOR_END: in_turn
    println!("       first   fastest    median      mean   slowest");
    for (name, times) in ["f32", "bf16"].into_iter().zip(&all) {
        let fastest = times.iter().copied().fold(f64::INFINITY, f64::min);
        let slowest = times.iter().copied().fold(0.0, f64::max);
        let mean = times.iter().sum::<f64>() / times.len() as f64;
        println!(
            "{name:<5}{:>7.1}{fastest:>10.1}{:>10.1}{mean:>10.1}{slowest:>10.1}",
            times[0],
            median(times.clone())
        );
    }
    let ratios: Vec<f64> = all[0].iter().zip(&all[1]).map(|(full, half)| full / half).collect();
    println!("f32 / bf16, the median of {TIMES} ratios: {:.2}", median(ratios));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_for_paper() {
        // A third is 1.0101… times a quarter: its exponent is stored as 127 − 2, or 15 − 2.
        assert_eq!(FORMATS[2].bits(1.0 / 3.0), ["0", "01111101", "0101011"]);
        assert_eq!(FORMATS[3].bits(1.0 / 3.0), ["0", "01101", "0101010101"]);
        // In bf16 that is 171/512.
        assert_eq!(bf16(1.0 / 3.0), 171.0 / 512.0);
    }

    #[test]
    fn ties_go_to_the_even_neighbour() {
        let after = |parts: f32| bf16(1.0 + parts / 256.0);
        assert_eq!([after(1.0), after(2.0)], [1.0, 1.0 + 1.0 / 128.0]);
        assert_eq!([after(3.0), after(5.0)], [1.0 + 2.0 / 128.0, 1.0 + 2.0 / 128.0]);
    }

    #[test]
    fn the_short_way_to_round_is_that_of_the_engine_and_of_the_definition() {
        let mut rng = generator(7, Purpose::Batch, 0);
        for _ in 0..10_000 {
            let x = rng.random_range(-1e3f32..1e3);
            assert_eq!(bf16(x), stage02_attention::matmul::bf16::round(x));
            assert_eq!(f64::from(bf16(x)), FORMATS[2].nearest(f64::from(x)));
            assert!((bf16(x) - x).abs() <= x.abs() / 256.0);
        }
    }

    #[test]
    fn sums_stop_at_256() {
        assert_eq!(sum(0.0, 1.0, 1000, bf16), 256.0);
        assert_eq!(sum(1.0, 1.0 / 256.0, 256, bf16), 1.0);
    }

    #[test]
    fn chance_is_right_on_average() {
        let mut rng = generator(3, Purpose::Sampling, 0);
        let x = 1.0 + 1.0 / 512.0;
        let mean = (0..40_000).map(|_| f64::from(by_chance(x, &mut rng))).sum::<f64>() / 40_000.0;
        assert!((mean - f64::from(x)).abs() < 1e-4, "{mean}");
    }
}
