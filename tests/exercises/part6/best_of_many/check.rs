//! What `best_of_many` is asked.

use super::answer::{RUNS, best_of_20, on_new_items, what_to_report};
use exercises::probe::Probe;
use rand::RngExt;
use stage01_bigram::random::{Purpose, generator};

const ITEMS: usize = 100;
const CONTESTS: usize = 2000;

/// The mean accuracy of all, of the best, and of the best on new items.
fn contests(runs: usize) -> [f64; 3] {
    let mut rng = generator(1, Purpose::Other, 0);
    let mut test = || (0..ITEMS).filter(|_| rng.random_bool(0.25)).count();
    let mut sums = [0.0; 3];
    for _ in 0..CONTESTS {
        let (mut all, mut best, mut new) = (0, 0, 0);
        for _ in 0..runs {
            let (found, elsewhere) = (test(), test());
            all += found;
            if found > best {
                (best, new) = (found, elsewhere);
            }
        }
        sums[0] += all as f64 / runs as f64;
        sums[1] += best as f64;
        sums[2] += new as f64;
    }
    sums.map(|sum| sum / (CONTESTS * ITEMS) as f64)
}

pub fn probe(p: &mut Probe) {
    if p.talks {
        let runs = RUNS.clamp(1, 100);
        let [all, best, new] = contests(runs);
        p.note(format!("{runs} runs, mean over {CONTESTS} contests"));
        p.note(format!("accuracy of all runs      {all:.3}"));
        p.note(format!("accuracy of the best      {best:.3}"));
        p.note(format!("the best on new items     {new:.3}"));
    }
    let rounded = |x: f64| (100.0 * x).round() / 100.0;
    p.part("best_of_20", |p| {
        p.predict("the accuracy of the best", rounded(best_of_20()), rounded(contests(20)[1]));
    });
    p.part("on_new_items", |p| {
        p.predict("on new items", rounded(on_new_items()), rounded(contests(20)[2]));
    });
    p.part("what_to_report", |p| p.see("what to report?", what_to_report()));
}
