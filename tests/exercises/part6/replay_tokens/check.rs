//! What `replay_tokens` is asked.

use super::answer::{old_tokens, part_of_the_loss, pieces, steps};
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    p.part("old_tokens", |p| {
        for (fraction, new) in [(0.25, 300), (0.05, 1900), (0.5, 70), (0.0, 300), (0.8, 10)] {
            let old = old_tokens(fraction, new);
            let part = old / (old + new as f64);
            p.rule((part - fraction).abs() < 1e-9, || {
                format!(
                    "{old} old tokens beside {new} new ones are {part:.4} of all tokens, and should \
                     be {fraction}"
                )
            });
            p.see(format!("a fraction of {fraction} beside {new} new tokens"), old);
        }
    });
    p.part("pieces", |p| {
        for (wanted, piece) in [(100.0, 30), (90.0, 30), (0.0, 30), (0.5, 192), (20_304.0, 192)] {
            p.see(format!("{wanted} tokens in pieces of {piece}"), pieces(wanted, piece));
        }
    });
    p.part("steps", |p| {
        for (new, old, of_step) in [(300, 0, 80), (300, 120, 80), (320, 0, 80), (1, 0, 80)] {
            p.see(format!("{new} new and {old} old, {of_step} in a step"), steps(new, old, of_step));
        }
    });
    p.part("part_of_the_loss", |p| {
        for (learned, old) in [(150, 100), (33_960, 20_304), (10, 0), (0, 10), (0, 0)] {
            p.see(
                format!("{learned} learned new tokens and {old} old"),
                part_of_the_loss(learned, old),
            );
        }
    });
}
