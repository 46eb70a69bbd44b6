//! What `measured_old_text` is asked.

use super::answer::{first_unseen, known, measured};
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    let texts = [2, 3, 10, 25, 100].map(|n| (0..n).collect::<Vec<u32>>());
    p.part("first_unseen", |p| {
        for text in &texts {
            let n = text.len();
            p.see(format!("the first unseen of {n} pieces"), first_unseen(n));
        }
    });
    p.part("known", |p| {
        for text in &texts {
            let found = known(text);
            p.see(format!("how many of {} may be replayed", text.len()), found.len());
            p.see("the last of them", found.last().copied().unwrap_or(u32::MAX));
        }
    });
    p.part("measured", |p| {
        for (text, most) in texts.iter().flat_map(|text| [(text, 4), (text, 32)]) {
            let (replayed, found) = (known(text), measured(text, most));
            p.rule(found.len() <= most, || {
                format!("{} pieces are measured, and should be {most} at most", found.len())
            });
            let both = found.iter().filter(|piece| replayed.contains(piece)).count();
            p.rule(both == 0, || {
                format!(
                    "{both} of the {} measured pieces of {} may be replayed; what does their loss \
                     say about forgetting?",
                    found.len(),
                    text.len()
                )
            });
            let found = found.iter().map(u32::to_string).collect::<Vec<_>>().join(" ");
            p.see(format!("at most {most} of {} pieces", text.len()), found);
        }
    });
}
