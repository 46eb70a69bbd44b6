//! What `count_pairs` is asked.

use std::collections::HashMap;

use super::answer::{count_pairs, most_frequent};
use exercises::probe::Probe;
use ndarray::Array2;
use stage01_bigram::tokenizer::bpe::plain;

/// A row for each pair: its two tokens and its count. In the order of the pairs.
fn table(counts: &HashMap<(u32, u32), usize>) -> Array2<f64> {
    let mut rows: Vec<_> =
        counts.iter().map(|(&(a, b), &n)| [a as f64, b as f64, n as f64]).collect();
    rows.sort_by(|x, y| x[..2].partial_cmp(&y[..2]).expect("tokens are no NaN"));
    Array2::from_shape_fn((rows.len(), 3), |(i, j)| rows[i][j])
}

fn shown(pair: Option<(u32, u32)>) -> String {
    format!("{pair:?}")
}

pub fn probe(p: &mut Probe) {
    let low = [vec![1, 2, 3], vec![0, 1, 2, 3], vec![0, 1, 2, 3, 4, 5], vec![0, 1, 2, 3, 4, 6, 7]];
    p.part("count_pairs", |p| {
        let found = count_pairs(&low);
        p.rule(!found.contains_key(&(3, 0)), || {
            "the pair (3, 0) was counted in 1·2·3  0·1·2·3. There a 3 ends one pre-token and a 0 \
             begins the next, and a pair must not reach across: where does your loop over \
             neighbours begin anew?"
                .into()
        });
        p.see(
            "pairs of low ␣low ␣lower ␣lowest (␣lowest = 0·1·2·3·4·6·7), each with its count",
            table(&found),
        );
        let runs = [vec![9, 9, 9], vec![9, 9, 9, 9, 8], vec![8], vec![]];
        let found = count_pairs(&runs);
        p.rule(found.get(&(9, 9)) == Some(&5), || {
            format!(
                "in 9·9·9 and 9·9·9·9·8 the pair (9, 9) was counted {} times. It must be 2 + 3: \
                 each place with a right neighbour is a pair, also where two pairs share a token",
                found.get(&(9, 9)).copied().unwrap_or(0)
            )
        });
        p.see("pairs of 9·9·9, 9·9·9·9·8, 8 and an empty pre-token", table(&found));
        p.see("pairs of 1·2 and 2·1", table(&count_pairs(&[vec![1, 2], vec![2, 1]])));
        let text = plain::to_bytes("In the beginning God created the heaven and the earth.");
        p.see("pairs of the first sentence of the Bible", table(&count_pairs(&text)));
    });
    p.part("most_frequent", |p| {
        // Counted by the library, so that this function is judged by itself.
        p.see("the choice in the example of low", shown(most_frequent(&plain::count_pairs(&low))));
        for (what, counts) in [
            ("(7, 1) 3, (2, 9) 4, (8, 8) 2", vec![((7, 1), 3), ((2, 9), 4), ((8, 8), 2)]),
            ("(5, 6) 2, (5, 2) 2, (256, 1) 2", vec![((5, 6), 2), ((5, 2), 2), ((256, 1), 2)]),
            ("(9, 1) 2, (3, 300) 2, (3, 400) 2", vec![((9, 1), 2), ((3, 300), 2), ((3, 400), 2)]),
            ("(4, 4) 1, (1, 1) 1", vec![((4, 4), 1), ((1, 1), 1)]),
            ("no pair", vec![]),
        ] {
            let found = most_frequent(&counts.into_iter().collect());
            p.see(format!("the choice among {what}"), shown(found));
        }
        let many = (0..100u32).map(|i| ((i * 37 % 100, i), (i as usize * 61 % 83) + 1));
        p.see("the choice among a hundred pairs", shown(most_frequent(&many.collect())));
    });
}
