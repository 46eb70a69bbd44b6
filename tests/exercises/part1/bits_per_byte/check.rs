//! What `bits_per_byte` is asked.

use super::answer::{bits_per_byte, loss, perplexity, surprise};
use exercises::probe::Probe;

const PAPER: [f64; 10] = [0.5, 1.0, 1.0, 0.25, 1.0, 0.25, 1.0, 0.5, 1.0, 1.0];

pub fn probe(p: &mut Probe) {
    p.part("surprise", |p| {
        for (name, probability) in [("½", 0.5), ("¼", 0.25), ("1", 1.0), ("0.03", 0.03), ("0", 0.0)]
        {
            p.see(format!("the surprise at a token of probability {name}"), surprise(probability));
        }
    });
    p.part("loss", |p| {
        p.see("the loss of abracadabra", loss(&PAPER));
        let (half, all) = (loss(&PAPER[..5]) + loss(&PAPER[5..]), loss(&PAPER));
        p.rule((half / 2.0 - all).abs() < 1e-9, || {
            format!(
                "the two halves of the word have the mean loss {:.4}, the whole word {all:.4}. For \
                 halves of the same length both must be equal: by what did you divide the sum?",
                half / 2.0
            )
        });
        p.see("the loss of one prediction of ⅛", loss(&[0.125]));
        let many: Vec<f64> = (1..40).map(|i| i as f64 / 40.0).collect();
        p.see("the loss of 39 predictions", loss(&many));
        p.see("the loss of ½ and 0", loss(&[0.5, 0.0]));
    });
    p.part("perplexity", |p| {
        for v in [2.0f64, 73.0] {
            let found = perplexity(v.ln());
            p.rule((found - v).abs() < 1e-9, || {
                format!(
                    "the uniform baseline of {v} tokens has the loss ln {v}. You give it the \
                     perplexity {found:.4}, and it must be {v}: which power undoes ln?"
                )
            });
            p.see(format!("the perplexity of a loss of ln {v}"), found);
        }
        p.see("the perplexity of a loss of 2.33", perplexity(2.33));
        p.see("the perplexity of a loss of 0", perplexity(0.0));
    });
    p.part("bits_per_byte", |p| {
        let two = 2f64.ln();
        p.see(
            "bits per byte of abracadabra: loss 0.6 bits, 10 predictions, 11 bytes",
            bits_per_byte(0.6 * two, 10, 11),
        );
        p.see("8 bits of loss, 100 predictions, 400 bytes", bits_per_byte(8.0 * two, 100, 400));
        p.see(
            "loss 3.63 nats, 51,000 predictions, 115,000 bytes",
            bits_per_byte(3.63, 51_000, 115_000),
        );
    });
}
