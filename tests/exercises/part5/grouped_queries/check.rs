//! What `kv_head` and `add_groups` are asked.

use super::answer::{add_groups, kv_head};
use exercises::numbers::table;
use exercises::probe::Probe;
use ndarray::Array2;

/// Query heads and key/value heads.
const SIZES: [(usize, usize); 6] = [(6, 2), (9, 3), (4, 4), (4, 1), (8, 4), (12, 2)];

pub fn probe(p: &mut Probe) {
    p.part("kv_head", |p| {
        for (n_head, n_kv_head) in SIZES {
            let found: Vec<usize> = (0..n_head).map(|h| kv_head(h, n_head, n_kv_head)).collect();
            let too_large = found.iter().position(|&g| g >= n_kv_head);
            p.rule(too_large.is_none(), || {
                let h = too_large.unwrap_or_default();
                format!(
                    "{n_head} query heads over {n_kv_head} key/value heads: query head {h} reads \
                     key/value head {}, and there are only {n_kv_head}, counted from 0. How many \
                     query heads has a group?",
                    found[h]
                )
            });
            p.see(format!("{n_head} query heads over {n_kv_head} key/value heads"), found);
        }
    });

    p.part("add_groups", |p| {
        let paper: Vec<_> = (1..=6).map(|g| Array2::from_elem((1, 1), f64::from(g))).collect();
        for (g, sum) in add_groups(&paper, 2).into_iter().enumerate() {
            p.see(format!("the example on paper, key/value head {g}"), sum);
        }
        for (n_head, n_kv_head) in SIZES {
            let dheads: Vec<_> = (0..n_head).map(|h| table(3, 2, h)).collect();
            let sums = add_groups(&dheads, n_kv_head);
            p.rule(sums.len() == n_kv_head, || {
                format!(
                    "{n_kv_head} key/value heads have {} gradients, and must have one each",
                    sums.len()
                )
            });
            let total: f64 = dheads.iter().map(|d| d.sum()).sum();
            let found: f64 = sums.iter().map(|d| d.sum()).sum();
            p.rule((total - found).abs() < 1e-9, || {
                format!(
                    "{n_head} query heads over {n_kv_head}: all gradients that came in add up to \
                     {total:.4}, and all that are returned to {found:.4}. Both must be equal, for \
                     none may be lost or scaled. Is every gradient added, and not put in the place \
                     of another?"
                )
            });
            for (g, sum) in sums.into_iter().enumerate() {
                p.see(format!("{n_head} query heads over {n_kv_head}, key/value head {g}"), sum);
            }
        }
    });
}
