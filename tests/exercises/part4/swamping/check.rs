//! What `swamping` is asked.

use super::answer::{ADDEND, BITS, START};
use super::answer::{counting_in_11_bits, counting_in_24_bits, quarters_in_8_bits, why};
use exercises::probe::Probe;
use exercises::value::short;

pub fn probe(p: &mut Probe) {
    if p.talks {
        let bits = BITS.clamp(1, 24);
        p.note(format!("{bits} significant bits, from {START}, each time {ADDEND} more"));
        p.note(" additions         sum       exact");
        let mut sum = START;
        let mut next = 1u64;
        for i in 1..=20_000_000u64 {
            let before = sum;
            sum = round(sum + ADDEND, bits);
            let stopped = sum == before;
            if i == next || stopped {
                let exact = short(START + i as f64 * ADDEND);
                p.note(format!("{i:>10}  {:>10}  {exact:>10}", short(sum)));
                next *= 4;
            }
            if stopped {
                p.note("Here it stops.");
                break;
            }
        }
    }
    p.part("counting_in_11_bits", |p| {
        p.predict("where it stops", counting_in_11_bits(), stops(1.0, 11) as u64);
    });
    p.part("counting_in_24_bits", |p| {
        let guess = counting_in_24_bits();
        // The first number of 24 bits to which 1 adds nothing; counting there takes long.
        let power = (1..40).map(|k| 2f32.powi(k)).find(|x| x + 1.0 == *x);
        p.predict("where it stops", guess, power.map_or(0, |x| x as u64));
    });
    p.part("quarters_in_8_bits", |p| {
        p.predict("where it stops", quarters_in_8_bits(), stops(0.25, 8));
    });
    p.part("why", |p| p.see("why?", why()));
}

/// Where a sum of this addend stops, from 0.
fn stops(addend: f64, bits: u32) -> f64 {
    let mut sum = 0.0;
    loop {
        let next = round(sum + addend, bits);
        if next == sum {
            return sum;
        }
        sum = next;
    }
}

/// Rounds to so many significant bits, ties to even.
fn round(x: f64, bits: u32) -> f64 {
    if x == 0.0 || !x.is_finite() {
        return x;
    }
    // The distance of the neighbours: the lowest bit that is kept.
    let exponent = (x.to_bits() >> 52 & 0x7ff) as i32 - 1023;
    let unit = 2f64.powi(exponent + 1 - bits as i32);
    (x / unit).round_ties_even() * unit
}
