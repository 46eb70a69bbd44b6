//! What `repetition_penalty` is asked.

use super::answer::penalised;
use exercises::probe::Probe;
use stage01_bigram::sampling::repetition::RepetitionPenalty;

pub fn probe(p: &mut Probe) {
    p.part("penalised", |p| {
        let paper = [2.2, 2.1, -1.1, -1.2];
        let long: Vec<f64> = (0..9).map(|i| f64::from(i * 37 % 19) / 2.0 - 4.5).collect();
        let context: Vec<u32> = (0..40).map(|i| i * i % 23).collect();
        for (what, logits, context, penalty, window) in [
            (
                "logits 2.2 2.1 -1.1 -1.2, context 0 2, penalty 1.1",
                &paper[..],
                &[0, 2][..],
                1.1,
                64,
            ),
            ("the same, but context 0 0 2 0", &paper, &[0, 0, 2, 0], 1.1, 64),
            ("the same, but context 0 1 2 3 and a window of 2", &paper, &[0, 1, 2, 3], 1.1, 2),
            ("an empty context", &paper, &[], 1.1, 64),
            ("penalty 1", &paper, &[0, 1, 2, 3], 1.0, 64),
            ("nine logits, 40 tokens, penalty 1.3, window 5", &long, &context, 1.3, 5),
            ("the same with window 64", &long, &context, 1.3, 64),
        ] {
            let found = penalised(logits, context, penalty, window);
            p.see(what, found.clone());
            let raised = (0..logits.len().min(found.len())).find(|&i| found[i] > logits[i] + 1e-12);
            p.rule(raised.is_none(), || {
                let i = raised.unwrap_or_default();
                format!(
                    "{what}: the logit {} became {:.3}. A penalty must not make a token likelier. \
                     What does a division do to a number below 0?",
                    logits[i], found[i]
                )
            });
            let mut truth = logits.to_vec();
            RepetitionPenalty::new(penalty, window).expect("a penalty").apply(context, &mut truth);
            let same = found.len() == truth.len()
                && found.iter().zip(&truth).all(|(a, b)| (a - b).abs() < 1e-9);
            p.rule(same, || {
                format!(
                    "{what}: the logits are {found:.3?}, and the program's are {truth:.3?}. Which \
                     tokens are among the last {window}, and does it matter how often?"
                )
            });
        }
    });
}
