//! What `best_interval` is asked.

use super::answer::{best_gap, best_whole_gap, lost_share};
use exercises::probe::Probe;
use exercises::value::short;

pub fn probe(p: &mut Probe) {
    p.part("lost_share", |p| {
        for (save, gap, fail) in
            [(20.0, 1200.0, 36e3), (20.0, 300.0, 36e3), (20.0, 4800.0, 36e3), (5.0, 60.0, 7200.0)]
        {
            p.see(
                format!("a save of {save} s every {gap} s, a failure every {fail} s"),
                lost_share(save, gap, fail),
            );
        }
    });
    p.part("best_gap", |p| {
        for (save, fail) in [(20.0, 36e3), (5.0, 36e3), (20.0, 144e3), (60.0, 11_100.0)] {
            let found = best_gap(save, fail);
            let lost = |gap: f64| save / gap + gap / (2.0 * fail);
            for nudged in [0.99 * found, 1.01 * found] {
                p.rule(lost(found) < lost(nudged), || {
                    format!(
                        "a save of {save} s, a failure every {fail} s: with your gap of {} s \
                         {:.3} % are lost, and with {} s less, {:.3} %: where are both parts \
                         of the loss equal?",
                        short(found),
                        100.0 * lost(found),
                        short(nudged),
                        100.0 * lost(nudged)
                    )
                });
            }
            p.see(format!("a save of {save} s, a failure every {fail} s"), found);
        }
    });
    p.part("best_whole_gap", |p| {
        for (save, fail, period) in [
            (20.0, 36e3, 3600.0),
            (20.0, 36e3, 3100.0),
            (20.0, 36e3, 1640.0),
            (20.0, 36e3, 1250.0),
            (5.0, 7200.0, 1000.0),
            (60.0, 1e6, 5000.0),
            (1.0, 100.0, 86_400.0),
        ] {
            p.see(
                format!("a save of {save} s, a failure every {fail} s, off after {period} s"),
                best_whole_gap(save, fail, period),
            );
        }
    });
}
