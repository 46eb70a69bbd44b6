//! What `kv_cache` is asked.

use super::answer::append_and_attend;
use super::given::causal_attention::attention;
use exercises::probe::{Part, Probe};
use ndarray::{Array2, array, s};

pub fn probe(p: &mut Probe) {
    p.part("append_and_attend", |p| {
        let q = array![[1.0], [1.0], [1.0]];
        let k = array![[0.0], [2.0f64.ln()], [3.0f64.ln()]];
        let v = array![[6.0], [3.0], [12.0]];
        read(p, "the example for paper", [&q, &k, &v], &[1, 1, 1]);
        let table = |a: f64| Array2::from_shape_fn((9, 4), |(i, j)| (a * (4 * i + j) as f64).sin());
        let tokens = [&table(1.7), &table(2.3), &table(0.9)];
        read(p, "nine tokens, one by one", tokens, &[1; 9]);
        read(p, "a prompt of five, then four tokens", tokens, &[5, 1, 1, 1, 1]);
        read(p, "pieces of 2, 3 and 4 tokens", tokens, &[2, 3, 4]);
    });
}

/// Reads the tokens in pieces of these sizes.
fn read(p: &mut Part, name: &str, [q, k, v]: [&Array2<f64>; 3], sizes: &[usize]) {
    let whole = attention(q, k, v).1;
    let (mut keys, mut values) = (Array2::zeros((0, q.ncols())), Array2::zeros((0, q.ncols())));
    let mut start = 0;
    for n in sizes {
        let end = start + n;
        let [q, k, v] = [q, k, v].map(|x| x.slice(s![start..end, ..]).to_owned());
        let y = append_and_attend(&mut keys, &mut values, &q, &k, &v);
        p.rule(keys.nrows() == end, || {
            format!(
                "{name}: after {end} tokens the cache holds {} keys, and must hold {end}, those \
                 of the older tokens first: what is kept for the next call?",
                keys.nrows()
            )
        });
        let which = match *n {
            1 => format!("token {end} finds"),
            _ => format!("tokens {} to {end} find", start + 1),
        };
        let expected = whole.slice(s![start..end, ..]);
        let same =
            y.dim() == expected.dim() && y.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9);
        p.rule(same, || {
            format!(
                "{name}: {which} something else with the cache than when all is read at once, \
                 and it must be the same: which keys and values did the queries see?"
            )
        });
        p.see(format!("{name}: what {which}"), y);
        start = end;
    }
    p.see(format!("{name}: the cached keys at the end"), keys);
    p.see(format!("{name}: the cached values at the end"), values);
}
