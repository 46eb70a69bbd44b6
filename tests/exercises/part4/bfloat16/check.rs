//! What `bfloat16` is asked.

use super::answer::{from_bf16, to_bf16};
use exercises::probe::Probe;
use exercises::value::short;
use rand::RngExt;
use stage01_bigram::random::{Purpose, generator};

pub fn probe(p: &mut Probe) {
    p.part("to_bf16", |p| {
        let hex = |x: f32| format!("{:#06x}", to_bf16(x));
        for (name, x) in [
            ("1", 1.0),
            ("1 + 1/256, a tie", 1.0 + 1.0 / 256.0),
            ("1 + 3/256, a tie", 1.0 + 3.0 / 256.0),
            ("a little below the first tie", f32::from_bits(0x3f80_7fff)),
            ("a little above the first tie", f32::from_bits(0x3f80_8001)),
            ("1/3", 1.0 / 3.0),
            ("-1/3", -1.0 / 3.0),
            ("-(1 + 3/256), a tie", -(1.0 + 3.0 / 256.0)),
            ("a little below 2: the carry goes into the exponent", 1.999_999_9),
            ("0", 0.0),
            ("-0", -0.0),
            ("the smallest number above 0", f32::from_bits(1)),
            ("the largest f32: nearest is infinity", f32::MAX),
            ("minus infinity", f32::NEG_INFINITY),
            ("NaN", f32::from_bits(0x7fc0_0000)),
            ("NaN with all bits set", f32::from_bits(0x7fff_ffff)),
            ("NaN with the lowest bit alone", f32::from_bits(0xff80_0001)),
        ] {
            p.see(format!("the bf16 of {name}"), hex(x));
        }
        let mut rng = generator(2, Purpose::Other, 0);
        let xs: Vec<f32> = (0..200).map(|_| rng.random::<f32>() * 8.0 - 4.0).collect();
        for &x in &xs {
            let found = f32::from_bits(u32::from(to_bf16(x)) << 16);
            p.rule((found - x).abs() <= x.abs() / 256.0, || {
                format!(
                    "{} becomes {}, which is more than 1/256 of it away: is it rounded to the \
                     nearest?",
                    short(x.into()),
                    short(found.into())
                )
            });
        }
        p.see("200 random numbers", xs.iter().map(|&x| to_bf16(x).into()).collect::<Vec<u32>>());
    });
    p.part("from_bf16", |p| {
        for x in [0x3f80, 0x3f81, 0xbeab, 0x0001, 0x7f80, 0x8000] {
            p.see(format!("the f32 of {x:#06x}"), from_bf16(x));
        }
    });
}
