//! What `roofline` is asked.

use super::answer::{intensity, limit, rows_needed};
use exercises::probe::Probe;

const H100: (f64, f64) = (989e12, 3.35e12);

pub fn probe(p: &mut Probe) {
    p.part("intensity", |p| {
        p.see("4 rows, n = 4, two bytes", intensity(4, 4, 2));
        for (rows, n, size) in [(1, 768, 2), (64, 768, 2), (768, 768, 4), (12_288, 512, 2)] {
            p.see(format!("{rows} rows, n = {n}, {size} bytes"), intensity(rows, n, size));
        }
    });
    p.part("limit", |p| {
        let (peak, bandwidth) = H100;
        p.see("an H100 at 1.5 operations per byte", limit(peak, bandwidth, 1.5));
        p.see("an H100 at 300 operations per byte", limit(peak, bandwidth, 300.0));
        p.see("the computer of the speed ladder at 3", limit(204.7e9, 37.1e9, 3.0));
        p.see("the same at 30", limit(204.7e9, 37.1e9, 30.0));
    });
    p.part("rows_needed", |p| {
        let found = |peak, bandwidth, n, size| match rows_needed(peak, bandwidth, n, size) {
            Some(rows) => format!("{rows} rows"),
            None => "no number of rows".into(),
        };
        p.see("peak 10, bandwidth 10, n = 100, one byte", found(10.0, 10.0, 100, 1));
        p.see("the computer of the speed ladder, n = 768, f32", found(204.7e9, 37.1e9, 768, 4));
        p.see("an H100, n = 768, bf16", found(H100.0, H100.1, 768, 2));
        p.see("an H100, n = 4096, bf16", found(H100.0, H100.1, 4096, 2));
        p.see("an H100, n = 512, bf16", found(H100.0, H100.1, 512, 2));
    });
}
