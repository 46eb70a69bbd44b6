//! Counting, conditional probability, drawing at random: the numbers of the book's chapter on chance.
//!
//! What is left out: a real text and a real vocabulary. `stage01_bigram::bigram` has both.

use rand::RngExt;
use stage01_bigram::random::{Generator, Purpose, generator};

/// The whole text of the chapter, and the letters in it.
const TEXT: &str = "abracadabra";
const LETTERS: [char; 5] = ['a', 'b', 'c', 'd', 'r'];

/// A table with a row and a column for each letter.
type Table = [[f64; 5]; 5];

/// The row, and the column, of a letter.
fn place(letter: char) -> usize {
    LETTERS.iter().position(|&known| known == letter).expect("a known letter")
}

// ANCHOR: count
/// Row a, column b: how often b came right after a.
fn count_pairs(text: &str) -> Table {
    let mut counts = [[0.0; 5]; 5];
    for (a, b) in text.chars().zip(text.chars().skip(1)) {
        counts[place(a)][place(b)] += 1.0;
    }
    counts
}

/// Each count as a share of its row: p(b | a).
fn shares_of_rows(counts: &Table) -> Table {
    counts.map(|row| {
        let total: f64 = row.iter().sum();
        row.map(|count| count / total)
    })
}
// ANCHOR_END: count

/// A bug: each count as a share of its column.
fn shares_of_columns(counts: &Table) -> Table {
    let mut totals = [0.0; 5];
    for row in counts {
        for j in 0..5 {
            totals[j] += row[j];
        }
    }
    counts.map(|row| std::array::from_fn(|j| row[j] / totals[j]))
}

// ANCHOR: product
/// The probability of each letter of a text after the one before.
fn factors(text: &str, table: &Table) -> Vec<f64> {
    text.chars().zip(text.chars().skip(1)).map(|(a, b)| table[place(a)][place(b)]).collect()
}
// ANCHOR_END: product

/// Three tokens: their lengths in letters, and how probable they are.
const LENGTHS: [f64; 3] = [1.0, 3.0, 5.0];
const PROBABILITIES: [f64; 3] = [0.5, 0.25, 0.25];

// ANCHOR: expectation
/// The mean of some values, each weighted by its probability.
fn expectation(values: &[f64], probabilities: &[f64]) -> f64 {
    let mut sum = 0.0;
    for i in 0..values.len() {
        sum += probabilities[i] * values[i];
    }
    sum
}
// ANCHOR_END: expectation

// ANCHOR: draw
/// Draws by the probabilities: a random point on a line of length 1, where each has its share.
fn draw(probabilities: &[f64], rng: &mut Generator) -> usize {
    let mut point = rng.random::<f64>();
    for (i, share) in probabilities.iter().enumerate() {
        if point < *share {
            return i;
        }
        point -= share;
    }
    probabilities.len() - 1 // rounding may leave the point a hair beyond the end
}
// ANCHOR_END: draw

/// The mean length of `n` tokens that are drawn.
fn mean_of_draws(n: usize, rng: &mut Generator) -> f64 {
    (0..n).map(|_| LENGTHS[draw(&PROBABILITIES, rng)]).sum::<f64>() / n as f64
}

/// How far the mean of `n` draws is typically off: the root of the mean square over many tries.
fn typical_error(n: usize, tries: usize, rng: &mut Generator) -> f64 {
    let truth = expectation(&LENGTHS, &PROBABILITIES);
    let squares: f64 = (0..tries).map(|_| (mean_of_draws(n, rng) - truth).powi(2)).sum();
    (squares / tries as f64).sqrt()
}

/// A table of letters, each entry by `show`, and the total of each row.
fn print_table(table: &Table, show: impl Fn(f64) -> String) {
    println!("  after{:>6}{:>6}{:>6}{:>6}{:>6}{:>9}", 'a', 'b', 'c', 'd', 'r', "total");
    for (letter, row) in LETTERS.iter().zip(table) {
        let entries: String = row.iter().map(|&entry| format!("{:>6}", show(entry))).collect();
        println!("  {letter:>5}{entries}{:>9}", show(row.iter().sum()));
    }
}

/// Runs the experiment.
pub fn run() {
    let counts = count_pairs(TEXT);
    let table = shares_of_rows(&counts);

    println!("HOW OFTEN IS EACH LETTER? {TEXT}");
    for letter in LETTERS {
        let count = TEXT.chars().filter(|&other| other == letter).count();
        println!("  {letter:>5}{count:>6}{:>9.3}", count as f64 / TEXT.len() as f64);
    }

    println!("\nWHAT CAME AFTER WHAT: COUNTS");
    print_table(&counts, |count| format!("{count}"));
    println!("\nEACH AS A SHARE OF ITS ROW");
    print_table(&table, |share| format!("{share:.2}"));

    println!("\nA TEXT IS A PRODUCT");
    println!("  {:>7}{:>9}{:>12}{:>8}{:>8}", "letter", "p", "product", "bits", "sum");
    let (mut product, mut bits) = (1.0, 0.0);
    for (letter, p) in TEXT.chars().skip(1).zip(factors(TEXT, &table)) {
        product *= p;
        bits += p.log2().abs();
        println!("  {letter:>7}{p:>9.2}{product:>12.6}{:>8}{bits:>8}", p.log2().abs());
    }

    println!("\nTHE EXPECTED LENGTH");
    println!("  {}", expectation(&LENGTHS, &PROBABILITIES));

    println!("\nDRAWING TOKENS OF LENGTH 1, 3 AND 5");
    println!("  {:>9}{:>9}{:>9}{:>9}{:>12}", "draws", "1", "3", "5", "mean");
    let rng = &mut generator(1, Purpose::Other, 0);
    let (mut drawn, mut hits) = (0, [0usize; 3]);
    for draws in [10, 100, 1_000, 10_000, 100_000, 1_000_000] {
        while drawn < draws {
            hits[draw(&PROBABILITIES, rng)] += 1;
            drawn += 1;
        }
        let shares = hits.map(|count| count as f64 / drawn as f64);
        let [s1, s3, s5] = shares;
        let mean = expectation(&LENGTHS, &shares);
        println!("  {drawn:>9}{s1:>9.4}{s3:>9.4}{s5:>9.4}{mean:>12.4}");
    }

    println!("\nHOW FAR OFF IS THE MEAN OF n DRAWS? (1,000 tries each)");
    println!("  {:>9}{:>16}", "n", "typical error");
    for n in [1, 4, 16, 64, 256, 1024] {
        println!("  {n:>9}{:>16.3}", typical_error(n, 1000, rng));
    }

    println!("\nWHAT GOES WRONG: SHARES OF COLUMNS");
    let wrong = shares_of_columns(&counts);
    print_table(&wrong, |share| format!("{share:.2}"));
    let product: f64 = factors(TEXT, &wrong).iter().product();
    println!("  the product for {TEXT}: {product:.6}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    #[test]
    fn the_table_on_paper() {
        let table = shares_of_rows(&count_pairs(TEXT));
        assert_eq!(table[0], [0.0, 0.5, 0.25, 0.25, 0.0]);
        assert_eq!(table[1], [0.0, 0.0, 0.0, 0.0, 1.0]);
        assert!(table.iter().all(|row| row.iter().sum::<f64>() == 1.0));
    }

    #[test]
    fn the_text_is_one_in_sixty_four() {
        let table = shares_of_rows(&count_pairs(TEXT));
        assert_eq!(factors("abra", &table), [0.5, 1.0, 1.0]);
        assert_eq!(factors(TEXT, &table).iter().product::<f64>(), 1.0 / 64.0);
        assert_eq!(factors(TEXT, &table).iter().map(|p| -p.log2()).sum::<f64>(), 6.0);
    }

    #[test]
    fn the_expected_length_on_paper() {
        assert_eq!(expectation(&LENGTHS, &PROBABILITIES), 2.5);
    }

    #[test]
    fn many_draws_come_close_to_the_shares() {
        let rng = &mut generator(2, Purpose::Other, 0);
        assert_relative_eq!(mean_of_draws(100_000, rng), 2.5, epsilon = 0.05);
        // Four times as many draws, half the error.
        let ratio = typical_error(16, 1000, rng) / typical_error(64, 1000, rng);
        assert!((1.8..2.2).contains(&ratio), "{ratio}");
    }

    #[test]
    fn shares_of_columns_give_the_text_the_same_product() {
        let wrong = shares_of_columns(&count_pairs(TEXT));
        assert_eq!(wrong[0].iter().sum::<f64>(), 3.0);
        assert_eq!(factors(TEXT, &wrong).iter().product::<f64>(), 1.0 / 64.0);
    }
}
