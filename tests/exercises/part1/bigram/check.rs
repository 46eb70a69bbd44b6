//! What `bigram` is asked.

use super::answer::{count, probabilities};
use exercises::probe::Probe;
use ndarray::Array2;

const ABRACADABRA: [u32; 11] = [0, 1, 4, 0, 2, 0, 3, 0, 1, 4, 0];

/// A text in which token 6 of 7 never occurs.
fn text() -> Vec<u32> {
    (0..200u32).map(|i| (i * i + i / 7) % 6).collect()
}

/// Counted here, so that `probabilities` is judged by itself.
fn counted(tokens: &[u32], vocab_size: usize) -> Array2<f64> {
    let mut table = Array2::zeros((vocab_size, vocab_size));
    tokens.windows(2).for_each(|pair| table[[pair[0] as usize, pair[1] as usize]] += 1.0);
    table
}

pub fn probe(p: &mut Probe) {
    p.part("count", |p| {
        let found = count(&ABRACADABRA, 5);
        let sum = found.sum();
        p.rule(sum == 10.0, || {
            format!(
                "abracadabra has 11 letters and 10 pairs of neighbours. Your table adds up to \
                 {sum}, and must add up to 10: what comes after the last letter?"
            )
        });
        p.see("the counts of abracadabra (rows and columns a, b, c, d, r)", found);
        p.see("the counts of a text of 200 tokens, V = 7", count(&text(), 7));
        p.see("the counts of a single token, V = 3", count(&[1], 3));
        p.see("the counts of no token, V = 3", count(&[], 3));
    });
    p.part("probabilities", |p| {
        let (word, text) = (counted(&ABRACADABRA, 5), counted(&text(), 7));
        for (name, counts) in [("abracadabra", &word), ("a text of 200 tokens", &text)] {
            for k in [0.0, 1.0, 0.1] {
                let found = probabilities(counts, k);
                for (a, row) in found.rows().into_iter().enumerate() {
                    let sum = row.sum();
                    p.rule((sum - 1.0).abs() < 1e-9, || {
                        format!(
                            "with k = {k} row {a} of {name} adds up to {sum:.4}, and must add up \
                             to 1: what did you divide by, and for how many tokens was k added?"
                        )
                    });
                }
                p.see(format!("the probabilities of {name}, k = {k}"), found);
            }
        }
    });
}
