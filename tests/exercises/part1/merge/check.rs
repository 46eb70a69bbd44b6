//! What `merge` is asked.

use super::answer::merge;
use exercises::probe::Probe;

/// The tokens with `id` spelled as the pair again.
fn spelled(tokens: &[u32], pair: (u32, u32), id: u32) -> Vec<u32> {
    tokens.iter().flat_map(|&t| if t == id { vec![pair.0, pair.1] } else { vec![t] }).collect()
}

pub fn probe(p: &mut Probe) {
    p.part("merge", |p| {
        let long: Vec<u32> = (0..60).map(|i| i * i / 3 % 3).collect();
        let asked = [
            (vec![3, 5, 4, 3, 5], (3, 5)),
            (vec![7, 7, 7, 8], (7, 7)),
            (vec![7, 7, 7, 7], (7, 7)),
            (vec![7, 7, 7, 7, 7], (7, 7)),
            (vec![8, 7, 8], (7, 7)),
            (vec![5, 3, 5], (3, 5)),
            (vec![3, 4, 5], (3, 5)),
            (vec![3], (3, 5)),
            (vec![], (3, 5)),
            (long.clone(), (0, 1)),
            (long, (0, 0)),
        ];
        for (tokens, pair) in asked {
            let found = merge(&tokens, pair, 256);
            let what = match tokens.len() {
                60 => format!("{pair:?} in 60 tokens"),
                _ => format!("{pair:?} in {tokens:?}"),
            };
            let again = spelled(&found, pair, 256);
            p.rule(again == tokens, || {
                format!(
                    "{what} became {:?}. With 256 spelled as its pair again these are {} tokens, \
                     and it must be the same {} as before: was a token lost, or used twice?",
                    &found[..found.len().min(12)],
                    again.len(),
                    tokens.len()
                )
            });
            p.see(format!("merged {what}"), found);
        }
    });
}
