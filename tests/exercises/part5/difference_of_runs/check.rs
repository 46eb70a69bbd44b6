//! What `difference` is asked.

use super::answer::difference;
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    p.part("difference", |p| {
        let asked: [(&str, &[f64], &[f64]); 4] = [
            ("1, 2, 3 and 4, 4, 7", &[1.0, 2.0, 3.0], &[4.0, 4.0, 7.0]),
            ("two and five runs", &[3.0, 3.5], &[2.0, 2.5, 3.0, 2.0, 2.5]),
            ("SwiGLU and GPT-2", &[4.6269, 4.6362, 4.6357], &[4.6549, 4.6577, 4.6639]),
            ("RMSNorm and GPT-2", &[4.6431, 4.6741, 4.6603], &[4.6549, 4.6577, 4.6639]),
        ];
        for (what, new, old) in asked {
            let (found, error) = difference(new, old);
            p.see(format!("difference of {what}"), found);
            p.see(format!("standard error of {what}"), error);
        }
        let (a, b) = difference(&[2.0; 3], &[2.0; 4]);
        p.rule(a == 0.0 && b == 0.0, || {
            format!(
                "equal runs differ by {a} with the standard error {b}; both must be 0: are the \
                 means subtracted before they are squared?"
            )
        });
    });
}
