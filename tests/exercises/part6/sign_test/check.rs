//! What `sign_test` is asked.

use super::answer::{only, outcomes, sign_test};
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    p.part("only", |p| {
        let (yes, no) = (true, false);
        let items = [(yes, yes), (yes, no), (no, yes), (no, no), (no, yes), (yes, yes), (no, yes)];
        let (first, second) = only(&items);
        p.see("only the first is right, of seven items", first);
        p.see("only the second is right", second);
        let (first, second) = only(&[(yes, yes), (no, no)]);
        p.see("where they never differ", first + second);
    });
    p.part("outcomes", |p| {
        for (n, k) in [(3, 0), (3, 1), (10, 8), (10, 10), (20, 10)] {
            p.see(format!("outcomes of {n} tosses with {k} heads"), outcomes(n, k));
        }
    });
    p.part("sign_test", |p| {
        for (a, b) in [(0, 3), (2, 1), (1, 9), (9, 1), (8, 2), (5, 5), (0, 0), (30, 50)] {
            let found = sign_test(a, b);
            p.rule((0.0..=1.0 + 1e-9).contains(&found), || {
                format!("for {a} and {b} it is {found}, and a probability lies between 0 and 1")
            });
            p.see(format!("the sign test of {a} and {b}"), found);
        }
    });
}
