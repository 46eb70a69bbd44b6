//! What `choose_an_ending` is asked.

use super::answer::{By, Ending, choice, score};
use exercises::probe::Probe;

const WAYS: [(&str, By); 3] =
    [("the sum", By::Nothing), ("the sum per token", By::Tokens), ("the sum per byte", By::Bytes)];

/// The last one has letters of two bytes.
fn endings() -> Vec<Ending> {
    vec![
        Ending { text: "a b", log_p: &[-1.0, -3.0] },
        Ending { text: "a longer one", log_p: &[-2.0, -2.0, -1.0] },
        Ending { text: "in small pieces", log_p: &[-1.5, -1.5, -1.5, -1.5] },
        Ending { text: "über", log_p: &[-2.5] },
    ]
}

pub fn probe(p: &mut Probe) {
    p.part("score", |p| {
        for ending in endings() {
            for (name, by) in WAYS {
                p.see(format!("{name} of {:?}", ending.text), score(&ending, by));
            }
        }
    });
    p.part("choice", |p| {
        for (name, by) in WAYS {
            p.see(format!("the choice among all four by {name}"), choice(&endings(), by));
            p.see(format!("the choice among the first two by {name}"), choice(&endings()[..2], by));
        }
        let twins = || Ending { text: "one", log_p: &[-1.0] };
        p.see("the choice among two that are equal", choice(&[twins(), twins()], By::Nothing));
    });
}
