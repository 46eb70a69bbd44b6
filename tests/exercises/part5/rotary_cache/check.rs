//! What `rotary_cache` is asked.

use super::answer::scores;
use super::given::rotary::rotate;
use exercises::numbers::table;
use exercises::probe::{Part, Probe};
use ndarray::{Array2, s};

pub fn probe(p: &mut Probe) {
    p.part("scores", |p| {
        read(p, "six tokens, one by one", &[1; 6]);
        read(p, "a prompt of four, then two tokens", &[4, 1, 1]);
        read(p, "six tokens at once", &[6]);
    });
}

/// Reads six tokens in pieces of these sizes.
fn read(p: &mut Part, name: &str, sizes: &[usize]) {
    let (q, k) = (table(6, 4, 1), table(6, 4, 2));
    let whole = rotate(&q, 0).dot(&rotate(&k, 0).t());
    let (mut keys, mut start) = (Array2::zeros((0, 4)), 0);
    for n in sizes {
        let end = start + n;
        let [q, k] = [&q, &k].map(|x| x.slice(s![start..end, ..]).to_owned());
        let found = scores(&mut keys, &q, &k);
        let expected = whole.slice(s![start..end, ..end]);
        let same = found.dim() == expected.dim()
            && found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9);
        p.rule(same, || {
            format!(
                "{name}: the scores of the tokens from {start} on are not those of the text read as \
                 a whole, and must be. At which position is each query turned, and each key?"
            )
        });
        p.see(format!("{name}: scores of the tokens from {start} on"), found);
        start = end;
    }
    p.see(format!("{name}: the cached keys at the end"), keys);
}
