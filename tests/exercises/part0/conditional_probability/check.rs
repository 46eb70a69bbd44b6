//! What `conditional_probability` is asked.

use super::answer::{LETTERS, conditional_probability};
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    p.part("conditional_probability", |p| {
        for text in ["abracadabra", "barb", "abc", "cabbaddacar", "dada", "r", ""] {
            let table = conditional_probability(text);
            p.see(format!("the table of {text:?}"), table.clone());
            for (a, row) in LETTERS.iter().zip(table.rows()) {
                let sum = row.sum();
                p.rule(sum == 0.0 || (sum - 1.0).abs() < 1e-9, || {
                    format!(
                        "in the table of {text:?} the row of {a} adds up to {sum:.4}, and must add \
                         up to 1, because something comes after every {a} that begins a pair. By \
                         which number was it divided?"
                    )
                });
            }
        }
    });
}
