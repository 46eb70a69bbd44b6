//! The tosses of `coin_tosses`, and what is asked of it.

use super::answer::{TOSSES, after_ten_heads, distance_of_the_number, tosses_for_one_hundredth};
use exercises::probe::Probe;

const PEOPLE: usize = 1000;

/// 64 random bits (Vigna's SplitMix).
fn bits(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// How often `tosses` tosses show heads: each bit is a toss.
fn heads(tosses: usize, state: &mut u64) -> usize {
    let whole: u32 = (0..tosses / 64).map(|_| bits(state).count_ones()).sum();
    let rest = bits(state) & ((1 << (tosses % 64)) - 1);
    (whole + rest.count_ones()) as usize
}

fn print(p: &Probe) {
    let (tosses, state) = (TOSSES.clamp(1, 1_000_000), &mut 1);
    p.note(format!("{tosses} tosses each. The first five people:"));
    p.note(format!("{:>10}{:>12}{:>16}", "heads", "share", "heads - half"));
    let mut squares = 0.0;
    for person in 0..PEOPLE {
        let heads = heads(tosses, state) as f64;
        let distance = heads - tosses as f64 / 2.0;
        squares += distance * distance;
        if person < 5 {
            p.note(format!("{heads:>10}{:>12.4}{distance:>16}", heads / tosses as f64));
        }
    }
    let typical = (squares / PEOPLE as f64).sqrt();
    p.note(format!("Typically, over {PEOPLE} people:"));
    p.note(format!("the share is off by {:.4}", typical / tosses as f64));
    p.note(format!("the number is off by {typical:.2}"));
    p.note("");
}

pub fn probe(p: &mut Probe) {
    if p.talks {
        print(p);
    }
    p.part("tosses_for_one_hundredth", |p| {
        p.see("the tosses for an error of 0.01", tosses_for_one_hundredth());
    });
    p.part("distance_of_the_number", |p| {
        p.see("the distance of the number of heads", distance_of_the_number());
    });
    p.part("after_ten_heads", |p| p.see("after ten heads in a row", after_ten_heads()));
}
