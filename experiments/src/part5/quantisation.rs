//! Quantisation: blocks on paper with 8 and 4 bits, the error of rounding, what the formats of GGUF make
//! of normal weights, how many weights share a scale, an outlier, ties, and dot products of blocks.
//!
//! `--plot FILE` draws the error against the size of the block.

use std::path::Path;

use rand::RngExt;
use stage01_bigram::Result;
use stage01_bigram::plot::{LineChart, Series};
use stage01_bigram::random::{Purpose, generator};
use stage02_attention::params::fill_normal;
use stage03_gpt::files::gguf::{GgufFile, Scale, TensorType, quantise};

use super::real_weights::gguf_file;

/// Runs the experiment.
///
/// # Errors
/// When the figure cannot be written.
pub fn run(plot: Option<&Path>) -> Result<()> {
    eight_bits();
    four_bits();
    better_scale();
    grid();
    formats()?;
    block_sizes();
    outlier_column();
    ties();
    dot_products();
    integers();
    sums();
    if let Some(file) = plot {
        chart().save(file)?;
    }
    Ok(())
}

/// A block: the weights are d q + m. Shape of q: as many as the block has weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    d: f64,
    m: f64,
    q: Vec<i32>,
}

impl Block {
    /// The weights, read again.
    pub fn read(&self) -> Vec<f64> {
        self.q.iter().map(|&q| self.d * f64::from(q) + self.m).collect()
    }
}

/// The nearest whole number to a / d, from `low` to `high`. A block of zeros has d = 0.
fn nearest(a: f64, d: f64, [low, high]: [i32; 2]) -> i32 {
    if d == 0.0 { 0 } else { ((a / d).round() as i32).clamp(low, high) }
}

// ANCHOR: absmax
/// Absmax: the weight of the largest size becomes `most` or -`most`. For 8 bits that is 127.
pub fn absmax(w: &[f64], most: i32) -> Block {
    let largest = w.iter().fold(0.0, |largest: f64, w| largest.max(w.abs()));
    let d = largest / f64::from(most);
    let q = w.iter().map(|&w| nearest(w, d, [-most, most])).collect();
    Block { d, m: 0.0, q }
}
// ANCHOR_END: absmax

// ANCHOR: q4_0
/// Q4_0: the weight of the largest size becomes -8, whatever its sign.
pub fn q4_0(w: &[f64]) -> Block {
    let far = w.iter().fold(0.0, |far: f64, &w| if w.abs() > far.abs() { w } else { far });
    let d = far / -8.0;
    let q = w.iter().map(|&w| nearest(w, d, [-8, 7])).collect();
    Block { d, m: 0.0, q }
}

// ANCHOR: q4_1
/// Q4_1: the smallest weight becomes 0, the largest 15.
fn q4_1(w: &[f64]) -> Block {
    let m = w.iter().fold(f64::INFINITY, |m, &w| m.min(w));
    let top = w.iter().fold(f64::NEG_INFINITY, |top, &w| top.max(w));
    let d = (top - m) / 15.0;
    let q = w.iter().map(|&w| nearest(w - m, d, [0, 15])).collect();
    Block { d, m, q }
}
// ANCHOR_END: q4_1
// ANCHOR_END: q4_0

// ANCHOR: least_squares
/// The best d for these q.
fn least_squares(w: &[f64], q: &[i32]) -> f64 {
    let wq: f64 = w.iter().zip(q).map(|(w, &q)| w * f64::from(q)).sum();
    let qq: f64 = q.iter().map(|&q| f64::from(q * q)).sum();
    wq / qq
}
// ANCHOR_END: least_squares

/// The blocks for paper.
const EIGHT: [f64; 4] = [0.506, -0.354, 0.128, -1.27];
const FOUR: [f64; 4] = [0.8, -0.35, 0.12, -1.6];
const X: [f64; 4] = [0.5, 1.0, 1.27, 0.2];

/// A number without the noise of its last digits, and without a minus in front of 0.
fn tidy(x: f64) -> f64 {
    (x * 1e6).round() / 1e6 + 0.0
}

/// A block, weight by weight. `stored`: what is added to q in the file.
fn table(w: &[f64], block: &Block, stored: i32) {
    println!(
        "  {:>10}{:>10}{:>6}{:>8}{:>10}{:>10}",
        "w", "(w-m)/d", "q", "stored", "read", "off by"
    );
    for ((w, q), read) in w.iter().zip(&block.q).zip(block.read()) {
        let (exact, off) = (tidy((w - block.m) / block.d), tidy(read - w));
        println!("  {w:>10}{exact:>10}{q:>6}{:>8}{:>10}{off:>10}", q + stored, tidy(read));
    }
}

/// The sum of squared errors.
fn squared(w: &[f64], read: &[f64]) -> f64 {
    w.iter().zip(read).map(|(w, read)| (w - read).powi(2)).sum()
}

fn eight_bits() {
    let block = absmax(&EIGHT, 127);
    println!("EIGHT BITS: d = 1.27 / 127 = {}", tidy(block.d));
    table(&EIGHT, &block, 0);
}

fn four_bits() {
    let block = q4_0(&FOUR);
    println!("\nFOUR BITS, Q4_0: d = -1.6 / -8 = {}", tidy(block.d));
    table(&FOUR, &block, 8);
    println!("  squared errors: {}", tidy(squared(&FOUR, &block.read())));
    let block = q4_1(&FOUR);
    println!("\nA MINIMUM, Q4_1: d = 2.4 / 15 = {}, m = {}", tidy(block.d), block.m);
    table(&FOUR, &block, 0);
    println!("  squared errors: {}", tidy(squared(&FOUR, &block.read())));
}

fn better_scale() {
    let Block { q, m, .. } = q4_0(&FOUR);
    println!("\nANOTHER SCALE for the same q, of Q4_0");
    let best = least_squares(&FOUR, &q);
    for d in [0.205, 0.2, best, 0.195] {
        let read = Block { d, m, q: q.clone() }.read();
        println!("  d = {d:<10.5} squared errors: {:.6}", squared(&FOUR, &read));
    }
}

fn grid() {
    println!("\nROUNDING a million numbers between -1 and 1");
    println!(
        "  {:>4}{:>8}{:>10}{:>14}{:>18}",
        "bits", "steps", "step", "RMS error", "error / step"
    );
    let mut rng = generator(1, Purpose::Other, 0);
    for bits in [8, 7, 6, 5, 4, 3, 2] {
        let steps = 2f64.powi(bits) - 1.0;
        let step = 2.0 / steps;
        let mut sum = 0.0;
        // ANCHOR: grid
        for _ in 0..1_000_000 {
            let x = rng.random_range(0.0..steps);
            sum += (step * (x - x.round())).powi(2);
        }
        // ANCHOR_END: grid
        let rms = (sum / 1e6).sqrt();
        println!("  {bits:>4}{steps:>8}{step:>10.5}{rms:>14.6}{:>18.4}", rms / step);
    }
    println!("  1 / root of 12: {:.4}", 1.0 / 12f64.sqrt());
}

/// Normal weights.
fn normal(count: usize, stream: u64) -> Vec<f64> {
    let mut w = vec![0.0; count];
    fill_normal(&mut w, 1.0, &mut generator(1, Purpose::Other, stream));
    w
}

/// The root mean square of the errors, as a part of that of the weights.
pub fn relative(w: &[f64], read: &[f64]) -> f64 {
    (squared(w, read) / w.iter().map(|w| w * w).sum::<f64>()).sqrt()
}

/// The weights as a file of this type gives them back.
fn in_a_file(kind: TensorType, scale: Scale, w: &[f64]) -> Result<Vec<f64>> {
    let w: Vec<f32> = w.iter().map(|&w| w as f32).collect();
    let bytes = gguf_file(kind, w.len(), &quantise(kind, scale, &w));
    let file = GgufFile::from_bytes(Path::new("weights.gguf"), &bytes)?;
    Ok(file.read(&file.tensors()[0])?.into_iter().map(f64::from).collect())
}

/// The root mean square of the steps of blocks of 32.
fn step(w: &[f64], block: impl Fn(&[f64]) -> Block) -> f64 {
    let squares = w.chunks(32).map(|w| block(w).d.powi(2));
    (squares.sum::<f64>() / (w.len() / 32) as f64).sqrt()
}

const TYPES: [TensorType; 3] = [TensorType::Q8_0, TensorType::Q4_1, TensorType::Q4_0];

fn formats() -> Result<()> {
    println!("\nTHE TYPES: errors in per cent of the weights, 320,000 normal ones");
    println!("  type   bytes for 32  bits each   step  step/√12  by the largest  least squares");
    let w = normal(320_000, 1);
    let steps = [step(&w, |w| absmax(w, 127)), step(&w, q4_1), step(&w, q4_0)];
    for (kind, step) in TYPES.into_iter().zip(steps) {
        let [largest, best] = [Scale::Largest, Scale::LeastSquares]
            .map(|scale| in_a_file(kind, scale, &w).map(|read| 100.0 * relative(&w, &read)));
        let (bytes, expected) = (kind.block_bytes(), 100.0 * step / 12f64.sqrt());
        let bits = bytes as f64 / 4.0;
        println!(
            "  {:<7}{bytes:>12}{bits:>11}{step:>7.3}{expected:>10.2}{:>16.2}{:>15.2}",
            kind.name(),
            largest?,
            best?
        );
    }
    Ok(())
}

// ANCHOR: shared
/// The weights, read again, where so many share a scale.
pub fn rounded(w: &[f64], per: usize, block: impl Fn(&[f64]) -> Block) -> Vec<f64> {
    w.chunks(per).flat_map(|w| block(w).read()).collect()
}
// ANCHOR_END: shared

/// Normal weights, of which one in 500 is ten times as large.
fn with_outliers(count: usize) -> Vec<f64> {
    let mut w = normal(count, 2);
    w.iter_mut().step_by(500).for_each(|w| *w *= 10.0);
    w
}

/// For blocks of 4 to 4,096 weights: bits per weight with a scale of 16 bits, and the error, of
/// normal weights and of those with outliers. The outliers' own errors are left out.
fn by_block_size() -> Vec<(usize, f64, [f64; 2])> {
    let count = 4096 * 250;
    let (plain, mut outliers) = (normal(count, 2), with_outliers(count));
    let sizes = (2..=12).map(|power| 1 << power);
    let mut rows = Vec::new();
    for per in sizes {
        let mut read = rounded(&outliers, per, q4_0);
        let of_plain = relative(&plain, &rounded(&plain, per, q4_0));
        for i in (0..count).step_by(500) {
            (outliers[i], read[i]) = (0.0, 0.0);
        }
        let of_others = relative(&outliers, &read);
        outliers = with_outliers(count);
        rows.push((per, 4.0 + 16.0 / per as f64, [of_plain, of_others]));
    }
    rows
}

fn block_sizes() {
    println!("\nTHE SIZE OF A BLOCK: 4 bits, errors in per cent");
    println!("  {:>8}{:>12}{:>10}{:>18}", "weights", "bits each", "normal", "with outliers");
    for (per, bits, [plain, outliers]) in by_block_size() {
        let [plain, outliers] = [plain, outliers].map(|error| 100.0 * error);
        println!("  {per:>8}{bits:>12.3}{plain:>10.2}{outliers:>18.2}");
    }
}

fn outlier_column() {
    const COLUMNS: usize = 576;
    let mut w = normal(64 * COLUMNS, 3);
    w.iter_mut().skip(100).step_by(COLUMNS).for_each(|w| *w *= 50.0);
    println!("\nA BUG: one column of 576 is 50 times as large. The weights of the other columns:");
    println!("  {:<26}{:>14}{:>14}{:>14}", "one scale for", "bits", "error, %", "are 0, %");
    for (most, bits) in [(127, 8), (7, 4)] {
        for (name, per) in [("the matrix", w.len()), ("a row", COLUMNS), ("a block of 32", 32)] {
            let read = rounded(&w, per, |w| absmax(w, most));
            let others = || (0..w.len()).filter(|i| i % COLUMNS != 100);
            let before: Vec<f64> = others().map(|i| w[i]).collect();
            let after: Vec<f64> = others().map(|i| read[i]).collect();
            let zeros = after.iter().filter(|&&w| w == 0.0).count() as f64 / after.len() as f64;
            let (error, zeros) = (100.0 * relative(&before, &after), 100.0 * zeros);
            println!("  {name:<26}{bits:>14}{error:>14.1}{zeros:>14.1}");
        }
    }
}

fn ties() {
    println!("\nTIES");
    println!("  {:>6}{:>10}{:>8}{:>8}{:>10}", "x", "to even", "away", "up", "cut off");
    let mut off = [0.0; 4];
    let numbers: [f64; 6] = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5];
    for x in numbers {
        // ANCHOR: ties
        let ways = [x.round_ties_even(), x.round(), (x + 0.5).floor(), x.trunc()];
        // ANCHOR_END: ties
        let [even, away, up, cut] = ways.map(tidy);
        println!("  {x:>6}{even:>10}{away:>8}{up:>8}{cut:>10}");
        off.iter_mut().zip(ways).for_each(|(off, way)| *off += (way - x) / 6.0);
    }
    let [even, away, up, cut] = off.map(tidy);
    println!("  {:>6}{even:>10}{away:>8}{up:>8}{cut:>10}", "off by");
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

// ANCHOR: integer_dot
/// The dot product of blocks with blocks of x, which have no minimum.
fn integer_dot(w: &[Block], x: &[Block]) -> f64 {
    let mut sum = 0.0;
    for (w, x) in w.iter().zip(x) {
        let products: i32 = w.q.iter().zip(&x.q).map(|(q, p)| q * p).sum();
        let of_x: i32 = x.q.iter().sum();
        sum += w.d * x.d * f64::from(products) + w.m * x.d * f64::from(of_x);
    }
    sum
}
// ANCHOR_END: integer_dot

/// The errors of 2,000 dot products of this length, as a part of the products, in per cent: with
/// the weights in Q4_0 and x exact, and with x in 8 bits.
fn dot_errors(length: usize) -> [f64; 3] {
    let times = 2000;
    let (mut size, mut off) = (0.0, [0.0; 3]);
    for i in 0..times {
        let (w, x) = (normal(length, 100 + i), normal(length, 100_000 + i));
        let exact = dot(&w, &x);
        let in_blocks = |w: &[f64], block: fn(&[f64]) -> Block| -> Vec<Block> {
            w.chunks(32).map(block).collect()
        };
        let of_x = in_blocks(&x, |x| absmax(x, 127));
        let eight = in_blocks(&w, |w| absmax(w, 127));
        let ways = [
            integer_dot(&eight, &of_x),
            dot(&rounded(&w, 32, q4_0), &x),
            integer_dot(&in_blocks(&w, q4_0), &of_x),
        ];
        size += exact * exact;
        off.iter_mut().zip(ways).for_each(|(off, way)| *off += (way - exact).powi(2));
    }
    off.map(|off| 100.0 * (off / size).sqrt())
}

fn dot_products() {
    println!("\nDOT PRODUCTS: errors in per cent of the products");
    println!(
        "  {:>8}{:>18}{:>20}{:>18}",
        "length", "Q8_0, x in 8 bits", "Q4_0, x exact", "x in 8 bits"
    );
    for length in [32, 128, 576, 2048] {
        let [eight, exact, both] = dot_errors(length);
        println!("  {length:>8}{eight:>18.2}{exact:>20.2}{both:>18.2}");
    }
}

fn integers() {
    let x = absmax(&X, 127);
    println!("\nON WHOLE NUMBERS: x = (0.5, 1, 1.27, 0.2), d of x = {}, p = {:?}", tidy(x.d), x.q);
    for (name, w) in [("Q4_0", q4_0(&FOUR)), ("Q4_1", q4_1(&FOUR))] {
        let products: i32 = w.q.iter().zip(&x.q).map(|(q, p)| q * p).sum();
        let of_x: i32 = x.q.iter().sum();
        let result = integer_dot(std::slice::from_ref(&w), std::slice::from_ref(&x));
        println!("  {name}  q = {:?}", w.q);
        println!("        sum of q p: {products}, sum of p: {of_x}, result: {}", tidy(result));
    }
    println!("  with the weights before rounding: {}", tidy(dot(&FOUR, &X)));
}

fn sums() {
    println!("\nTHE LARGEST SUM of a block of 32; i16 ends at {}, i32 at {}", i16::MAX, i32::MAX);
    for (name, q) in [("Q8_0", 127), ("Q4_1", 15), ("Q4_0", 8)] {
        println!("  {name}  32 * {q:>3} * 127 = {:>9}", 32 * q * 127);
    }
}

fn chart() -> LineChart {
    let rows = by_block_size();
    let series = |name: &str, which: usize| Series {
        name: name.into(),
        points: rows
            .iter()
            .map(|(per, _, errors)| ((*per as f64).log2(), 100.0 * errors[which]))
            .collect(),
    };
    LineChart {
        title: "One scale for how many weights? Four bits, rounded as Q4_0".into(),
        x_label: "weights in a block, as a power of two (5: blocks of 32)".into(),
        y_label: "error, % of the weights".into(),
        series: vec![
            series("one weight in 500 is ten times as large", 1),
            series("normal weights", 0),
        ],
        references: vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: &[f64], b: &[f64]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12)
    }

    #[test]
    fn the_example_for_paper() {
        let block = absmax(&EIGHT, 127);
        assert!((block.d - 0.01).abs() < 1e-12);
        assert_eq!(block.q, [51, -35, 13, -127]);
        assert!(close(&block.read(), &[0.51, -0.35, 0.13, -1.27]));
        let block = q4_0(&FOUR);
        assert_eq!((block.d, &block.q[..]), (0.2, &[4, -2, 1, -8][..]));
        assert!(close(&block.read(), &[0.8, -0.4, 0.2, -1.6]));
        // The other sign: the scale turns round, and the whole numbers stay.
        let turned = q4_0(&FOUR.map(|w| -w));
        assert_eq!((turned.d, turned.q), (-0.2, block.q.clone()));
        let with_minimum = q4_1(&FOUR);
        assert!((with_minimum.d - 0.16).abs() < 1e-12 && with_minimum.m == -1.6);
        assert_eq!(with_minimum.q, [15, 8, 11, 0]);
        assert!(close(&with_minimum.read(), &[0.8, -0.32, 0.16, -1.6]));
        assert!((least_squares(&FOUR, &block.q) - 16.82 / 85.0).abs() < 1e-12);
        assert!((squared(&FOUR, &block.read()) - 0.0089).abs() < 1e-12);
    }

    #[test]
    fn the_dot_product_for_paper() {
        let x = [absmax(&X, 127)];
        assert_eq!(x[0].q, [50, 100, 127, 20]);
        assert!((integer_dot(&[q4_0(&FOUR)], &x) + 0.066).abs() < 1e-12);
        assert!((integer_dot(&[q4_1(&FOUR)], &x) + 0.0368).abs() < 1e-12);
        assert!((dot(&FOUR, &X) + 0.1176).abs() < 1e-12);
    }

    /// Whole numbers and their scales give what the weights give that are read again.
    #[test]
    fn the_dot_product_on_whole_numbers_is_that_of_the_weights() {
        let (w, x) = (normal(320, 1), normal(320, 2));
        let of_x: Vec<Block> = x.chunks(32).map(|x| absmax(x, 127)).collect();
        let x = rounded(&x, 32, |x| absmax(x, 127));
        for block in [q4_0, q4_1] {
            let in_blocks: Vec<Block> = w.chunks(32).map(block).collect();
            let read = rounded(&w, 32, block);
            assert!((integer_dot(&in_blocks, &of_x) - dot(&read, &x)).abs() < 1e-9);
        }
    }

    /// The definitions of this file give the numbers of the files, but for scale and minimum in
    /// float16. One weight that is a step off would be an error of 0.015.
    #[test]
    fn these_are_the_types_of_the_files() {
        let w = normal(320, 4);
        let plain =
            [rounded(&w, 32, |w| absmax(w, 127)), rounded(&w, 32, q4_1), rounded(&w, 32, q4_0)];
        for (kind, plain) in TYPES.into_iter().zip(plain) {
            let read = in_a_file(kind, Scale::Largest, &w).unwrap();
            assert!(relative(&plain, &read) < 2e-3, "{kind}: {}", relative(&plain, &read));
        }
    }

    #[test]
    fn the_best_scale_is_where_nudges_change_nothing() {
        let w = normal(32, 5);
        let Block { q, m, .. } = q4_0(&w);
        let error = |d: f64| squared(&w, &Block { d, m, q: q.clone() }.read());
        let best = least_squares(&w, &q);
        let slope = (error(best + 1e-4) - error(best - 1e-4)) / 2e-4;
        assert!(slope.abs() < 1e-6 && error(best) < error(best + 1e-3), "{slope}");
    }

    #[test]
    fn zeros_stay_zeros() {
        for block in [q4_0, q4_1] {
            assert_eq!(block(&[0.0; 4]).read(), [0.0; 4]);
        }
        assert_eq!(absmax(&[0.0; 4], 127).read(), [0.0; 4]);
    }
}
