//! What the log-probability of an answer is asked.

use super::answer::{log_probability, log_ratio};
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    let paper = [-1.0, -9.0, -2.0, -3.0];
    let long = [-1.0, -9.0, -0.5, -0.25, -4.0, -1.5, -2.25];
    p.part("log_probability", |p| {
        p.see("the example for paper", log_probability(&paper, 3));
        p.see("an answer of five tokens", log_probability(&long, 3));
        p.see("an answer of one token", log_probability(&paper, 4));
        let other = log_probability(&[-7.0, -8.0, -2.0, -3.0], 3);
        p.see("another question", other);
        p.rule(other == log_probability(&paper, 3), || {
            "two questions that differ in what the model gave to *their* tokens must not change the \
             answer's log-probability: which positions do you add up?"
                .into()
        });
    });
    p.part("log_ratio", |p| {
        p.see("five tokens beside two", log_ratio((&long, 3), (&paper, 3)));
        p.see("two beside five", log_ratio((&paper, 3), (&long, 3)));
        p.see("another start", log_ratio((&long, 5), (&paper, 4)));
        p.see("and the other way round", log_ratio((&paper, 4), (&long, 5)));
    });
}
