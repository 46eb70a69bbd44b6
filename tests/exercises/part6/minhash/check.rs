//! What `minhash` is asked.

use std::collections::BTreeSet;

use super::answer::{agreement, jaccard, shingles, signature};
use exercises::probe::Probe;

fn set(elements: &[&str]) -> BTreeSet<String> {
    elements.iter().map(|element| element.to_string()).collect()
}

pub fn probe(p: &mut Probe) {
    p.part("shingles", |p| {
        for text in
            ["What is a token here", "to be or not to be or not", "one  two\nthree", "two words"]
        {
            let found: Vec<String> = shingles(text).into_iter().collect();
            p.see(format!("the shingles of {text:?}"), found.join(" | "));
        }
    });
    p.part("jaccard", |p| {
        for (a, b) in [
            (&["a", "b", "c"][..], &["b", "c", "d"][..]),
            (&["a", "b"], &["a", "b"]),
            (&["a"], &["b", "c"]),
            (&["a", "b", "c", "d", "e"], &["e"]),
            (&[], &[]),
        ] {
            let found = jaccard(&set(a), &set(b));
            p.rule((0.0..=1.0).contains(&found), || {
                format!(
                    "the similarity of {a:?} and {b:?} is {found}, and must lie between 0 and 1; \
                     how often is what is in both counted below the line?"
                )
            });
            p.see(format!("the similarity of {a:?} and {b:?}"), found);
        }
    });
    p.part("signature", |p| {
        p.see("the signature of {a, b, c}, k = 4", signature(&set(&["a", "b", "c"]), 4));
        p.see("the signature of {a}, k = 4", signature(&set(&["a"]), 4));
        p.see("the signature of the empty set, k = 2", signature(&set(&[]), 2));
        // Sets with a known similarity: 0 to 59, and 20 to 79; 40 in both, 80 in at least one.
        let numbers = |from: u32| (from..from + 60).map(|i| format!("shingle {i}")).collect();
        let (a, b) = (signature(&numbers(0), 400), signature(&numbers(20), 400));
        p.rule(a.len() == 400 && b.len() == 400, || {
            format!("for k = 400 the signature has {} numbers", a.len())
        });
        if a.len() != 400 || b.len() != 400 {
            return;
        }
        let equal = a.iter().zip(&b).filter(|(a, b)| a == b).count() as f64 / 400.0;
        p.rule((equal - 0.5).abs() < 0.12, || {
            format!(
                "two sets of the similarity 0.5 have signatures that agree at {equal} of 400 \
                 places, as a part; it should be near 0.5: is each place made by a hash function of \
                 its own?"
            )
        });
        p.see("how far signatures of the similarity 0.5 agree, k = 400", equal);
    });
    p.part("agreement", |p| {
        p.see("(3, 7, 5, 1) and (3, 2, 5, 4)", agreement(&[3, 7, 5, 1], &[3, 2, 5, 4]));
        p.see("(1, 2) and (2, 1)", agreement(&[1, 2], &[2, 1]));
        p.see("(1, 2, 3) and itself", agreement(&[1, 2, 3], &[1, 2, 3]));
    });
}
