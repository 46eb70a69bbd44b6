//! What `draw` is asked.

use super::answer::draw;
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    p.part("draw", |p| {
        let paper = [0.1, 0.2, 0.3, 0.4];
        for u in [0.25, 0.05, 0.45, 0.95] {
            p.see(format!("the dart at {u} on {paper:?}"), draw(&paper, u));
        }
        let halves = [0.0, 0.5, 0.0, 0.25, 0.25, 0.0];
        for u in [0.0, 0.5, 0.75, 0.999] {
            let token = draw(&halves, u);
            let probability = halves.get(token as usize).copied().unwrap_or(f64::NAN);
            p.rule(probability > 0.0, || {
                format!(
                    "the dart at {u} on {halves:?} drew token {token}, whose probability is \
                     {probability}. Such a token must never be drawn: to which piece does a border \
                     belong?"
                )
            });
            p.see(format!("the dart at {u} on {halves:?}"), token);
        }
        let short = [0.5, 0.499, 0.0];
        p.see(format!("the dart at 0.9999 on {short:?}, whose sum is 0.999"), draw(&short, 0.9999));
        // A thousand darts, evenly spread: each token is hit as often as its piece is long.
        let mut hits = vec![0usize; 4];
        for i in 0..1000 {
            let token = draw(&paper, (i as f64 + 0.5) / 1000.0) as usize;
            if let Some(hits) = hits.get_mut(token) {
                *hits += 1;
            }
        }
        p.rule(hits == [100, 200, 300, 400], || {
            format!(
                "of 1000 darts, evenly spread, {hits:?} hit the tokens of {paper:?}, and it must \
                 be 100, 200, 300, 400: do you compare u with the end of a piece, or with its \
                 length?"
            )
        });
        p.see("how often 1000 evenly spread darts hit each token", hits);
        let many: Vec<f64> = (0..50).map(|i| (i + 1) as f64 / 1275.0).collect();
        let drawn: Vec<u32> = (0..12).map(|i| draw(&many, (i as f64 + 0.3) / 12.0)).collect();
        p.see("twelve darts on fifty tokens", drawn);
    });
}
