//! What `whole_turns` is asked.

use super::answer::prompt;
use exercises::probe::Probe;

/// Turns of these lengths; the tokens of turn t are 100 t, 100 t + 1, and so on.
fn turns(lengths: &[u32]) -> Vec<Vec<u32>> {
    (1..).zip(lengths).map(|(t, &length)| (100 * t..100 * t + length).collect()).collect()
}

pub fn probe(p: &mut Probe) {
    p.part("prompt", |p| {
        for (system, lengths, context, answer) in [
            (8, &[16, 16, 12][..], 64, 16),
            (8, &[16, 16, 8], 64, 16),
            (8, &[16, 12], 64, 16),
            (3, &[4, 4, 4, 4, 4, 4], 25, 5),
            (0, &[5, 5, 5], 16, 2),
            (4, &[30, 40], 64, 8),
            (4, &[10], 16, 4),
            (2, &[1, 2, 3, 4, 5, 6, 7, 8, 9], 50, 9),
        ] {
            let system: Vec<u32> = (1..=system).collect();
            let turns = turns(lengths);
            let found = prompt(&system, &turns, context, answer);
            let case = format!(
                "system text of {}, turns of {lengths:?}, context {context}, {answer} for the answer",
                system.len()
            );
            p.see(format!("{case}: the length"), found.len());
            p.see(case.clone(), found.clone());
            p.rule(found.starts_with(&system), || {
                format!("{case}: the prompt does not begin with the system text. What may be left out?")
            });
            let last = turns.last().expect("a turn");
            p.rule(found.ends_with(last), || {
                format!("{case}: the prompt does not end with the last turn. Which turns are the oldest?")
            });
            let rest = &found[system.len().min(found.len())..];
            let whole = (0..turns.len()).any(|from| turns[from..].concat() == rest);
            p.rule(whole, || {
                format!(
                    "{case}: behind the system text stand {} tokens, which are no whole turns. Where \
                     does a turn begin?",
                    rest.len()
                )
            });
        }
    });
}
