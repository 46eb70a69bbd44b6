//! What `overlapping_pairs` is asked.

use super::answer::{merged, places};
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    let asked = [
        (vec![7, 7, 7], (7, 7)),
        (vec![3, 5, 4, 3, 5], (3, 5)),
        (vec![5, 3, 3, 5, 5, 3], (3, 5)),
        (vec![4, 3, 5, 4, 5], (3, 5)),
        (vec![7, 7, 7, 7, 8, 7, 7], (7, 7)),
        (vec![7, 7, 7, 7, 7, 7, 7], (7, 7)),
        (vec![3], (3, 5)),
        (vec![], (3, 5)),
    ];
    p.part("places", |p| {
        for (tokens, pair) in &asked {
            let found = places(tokens, *pair);
            for two in found.windows(2) {
                p.rule(two[0] + 2 <= two[1], || {
                    format!(
                        "in {tokens:?} the pair {pair:?} is to be merged at {} and at {}. Then \
                         token {} belongs to both, and each token must belong to one: where must \
                         the search go on after a pair?",
                        two[0], two[1], two[1]
                    )
                });
            }
            p.see(format!("places of {pair:?} in {tokens:?}"), found);
        }
    });
    p.part("merged", |p| {
        for (tokens, right) in [
            (vec![7, 7, 7], vec![0]),
            (vec![3, 5, 4, 3, 5], vec![0, 3]),
            (vec![7, 7, 7, 7, 8, 7, 7], vec![0, 2, 5]),
            (vec![1, 2], vec![]),
        ] {
            p.see(format!("{tokens:?} merged at {right:?}"), merged(&tokens, &right, 256));
        }
    });
    p.part("both", |p| {
        for (tokens, pair) in &asked {
            let found = merged(tokens, &places(tokens, *pair), 256);
            let length: usize = found.iter().map(|&t| if t == 256 { 2 } else { 1 }).sum();
            p.rule(length == tokens.len(), || {
                format!(
                    "{tokens:?} became {found:?}, which spells {length} tokens, and it must be {}: \
                     a text must not lose anything",
                    tokens.len()
                )
            });
            p.see(format!("{tokens:?} with {pair:?} merged"), found);
        }
    });
}
