//! What `feistel` is asked.

use super::answer::{at, back, network};
use exercises::probe::Probe;

const PAPER: &[u64] = &[1, 3, 2];
const KEYS: &[u64] = &[17, 4, 29, 11, 2, 23];

pub fn probe(p: &mut Probe) {
    p.part("network", |p| {
        p.see(
            "the example: 0 to 15 through the keys 1, 3, 2",
            numbers(16, |x| network(x, 2, PAPER)),
        );
        p.see("one round, key 1, of 0 to 15", numbers(16, |x| network(x, 2, &[1])));
        p.see("six rounds of 5 bits, 0 to 63", numbers(64, |x| network(x, 5, KEYS)));
        once(p, 1024, "network", |x| network(x, 5, KEYS));
    });
    p.part("back", |p| {
        p.see("back from 0 to 15, keys 1, 3, 2", numbers(16, |x| back(x, 2, PAPER)));
        for x in 0..1024 {
            let found = back(network(x, 5, KEYS), 5, KEYS);
            p.rule(found == x, || {
                format!(
                    "{x} becomes {} in your network, and back makes {found} of it: which key \
                     comes first on the way back, and which half is still known?",
                    network(x, 5, KEYS)
                )
            });
        }
        p.see("back from 0 to 63, six keys of 5 bits", numbers(64, |x| back(x, 5, KEYS)));
    });
    p.part("at", |p| {
        p.see("the order of ten windows, keys 1, 3, 2", numbers(10, |x| at(x, 10, 2, PAPER)));
        once(p, 10, "at", |x| at(x, 10, 2, PAPER));
        once(p, 700, "at", |x| at(x, 700, 5, KEYS));
        p.see("the first 40 of 700 windows", numbers(40, |x| at(x, 700, 5, KEYS)));
    });
}

fn numbers(n: u64, of: impl Fn(u64) -> u64) -> Vec<f64> {
    (0..n).map(|x| of(x) as f64).collect()
}

/// Each number below n must come out once.
fn once(p: &mut exercises::probe::Part, n: u64, name: &str, of: impl Fn(u64) -> u64) {
    let mut from = vec![None; n as usize];
    for x in 0..n {
        let y = of(x);
        let before = from.get(y as usize).copied();
        p.rule(before == Some(None), || match before {
            Some(Some(other)) => format!(
                "{name} leads from {other} and from {x} to {y}, and every number must come \
                 out once: can each of your steps be undone?"
            ),
            _ => format!("{name} leads from {x} to {y}, and must stay below {n}: what is cut off?"),
        });
        if let Some(from) = from.get_mut(y as usize) {
            *from = Some(x);
        }
    }
}
