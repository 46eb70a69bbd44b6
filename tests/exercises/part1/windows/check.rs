//! What `windows` is asked.

use super::answer::window;
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    p.part("window", |p| {
        let word = [0, 1, 4, 0, 2, 0, 3, 0, 1, 4, 0];
        // Of this text every token is another one, so each can be seen where it lands.
        let text: Vec<u32> = (0..40).map(|i| 7 * i + 100).collect();
        let asked =
            [(&word[..], 0, 4), (&word, 4, 4), (&text, 9, 8), (&text, 31, 8), (&text, 38, 1)];
        for (tokens, start, length) in asked {
            let (inputs, targets) = window(tokens, start, length);
            let what = format!("of the window at {start} of {} tokens", tokens.len());
            for (name, row) in [("inputs", &inputs), ("targets", &targets)] {
                p.rule(row.len() == length, || {
                    format!(
                        "the {name} {what} are {} tokens, and must be {length}: a window asks one \
                         question at each of its places. Where does your slice end?",
                        row.len()
                    )
                });
            }
            for (t, (input, target)) in inputs.iter().skip(1).zip(&targets).enumerate() {
                p.rule(input == target, || {
                    format!(
                        "target {t} {what} is {target}, and the token that came next, input {}, \
                         is {input}. The target must be what comes after the input: by how many \
                         places did you shift?",
                        t + 1
                    )
                });
            }
            p.see(format!("inputs {what}, length {length}"), inputs);
            p.see(format!("targets {what}, length {length}"), targets);
        }
    });
}
