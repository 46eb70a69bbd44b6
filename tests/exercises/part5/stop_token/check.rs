//! What `stop_token` is asked.

use super::answer::answer;
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    p.part("answer", |p| {
        for (tokens, ends) in [
            (&[5, 6, 2, 8][..], &[2][..]),
            (&[5, 6, 7], &[2]),
            (&[5, 2, 6, 2, 7], &[2]),
            (&[5, 6, 0, 7, 2], &[2, 0]),
            (&[2, 5], &[2, 0]),
            (&[5, 2, 2], &[2]),
            (&[5, 6], &[]),
            (&[], &[2]),
        ] {
            let found = answer(tokens, ends);
            p.see(format!("tokens {tokens:?}, end tokens {ends:?}"), found.clone());
            let count = found.iter().filter(|token| ends.contains(token)).count();
            p.rule(count == 0, || {
                format!(
                    "the answer to {tokens:?} is {found:?} and has {count} of the end tokens \
                     {ends:?}; it must have none. Is the token that ends the answer a part of it?"
                )
            });
        }
    });
}
