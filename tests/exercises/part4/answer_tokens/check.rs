//! What `answer_tokens` is asked.

use super::answer::{Token, step};
use exercises::probe::Probe;
use exercises::value::short;

pub fn probe(p: &mut Probe) {
    p.part("step", |p| {
        let token = |loss, derivative, counts| Token { loss, derivative, counts };
        // The paper example of the chapter: 4, 2, 6 and 8, in one and three.
        let yes = |derivative: f64| token(derivative / 2.0, derivative, true);
        let (loss, derivative) = step(&[vec![yes(4.0)], vec![yes(2.0), yes(6.0), yes(8.0)]]);
        p.see("the loss of 4, 2, 6, 8, cut into one and three", loss);
        p.see("the derivative of the same", derivative);

        let tokens: Vec<Token> = (0..24)
            .map(|i| {
                let x = f64::from(i);
                token(1.0 + x.sin(), x.cos(), i % 5 == 0 || i > 17)
            })
            .collect();
        let whole = step(std::slice::from_ref(&tokens));
        p.see("24 tokens of which 9 count, in one piece: the loss", whole.0);
        p.see("the derivative", whole.1);
        for size in [12, 6, 7, 3] {
            let parts: Vec<Vec<Token>> = tokens.chunks(size).map(<[Token]>::to_vec).collect();
            let (loss, derivative) = step(&parts);
            p.rule((derivative - whole.1).abs() < 1e-9, || {
                format!(
                    "the same 24 tokens in pieces of {size} have the derivative {}, and in one \
                     piece {}; it must be the same: by what is divided, and when?",
                    short(derivative),
                    short(whole.1)
                )
            });
            p.see(format!("in pieces of {size}: the loss"), loss);
            p.see("the derivative", derivative);
        }
        let question = vec![token(3.0, 1.0, false); 4];
        let (loss, derivative) = step(&[question, vec![yes(4.0), yes(2.0)]]);
        p.see("a micro-batch without an answer, and one with two tokens: the loss", loss);
        p.see("the derivative", derivative);
    });
}
