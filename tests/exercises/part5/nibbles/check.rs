//! What `pack` and `unpack` are asked.

use super::answer::{pack, unpack};
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    let mut paper = vec![0; 32];
    (paper[0], paper[16]) = (-8, 7);
    let rising: Vec<i64> = (0..32).map(|i| i % 16 - 8).collect();
    let mixed: Vec<i64> = (0..32).map(|i| (i * 11 + 3) % 16 - 8).collect();
    p.part("pack", |p| {
        for (name, q) in [("the block on paper", &paper), ("rising", &rising), ("mixed", &mixed)] {
            let bytes = pack(q);
            let count = bytes.len();
            p.see(format!("{name}: bytes"), bytes.into_iter().map(i64::from).collect::<Vec<_>>());
            p.rule(count == 16, || {
                format!("{name}: {count} bytes for 32 numbers, and two fit into one: it must be 16")
            });
        }
    });
    p.part("unpack", |p| {
        let mut paper = [0x88; 16];
        paper[0] = 0xf0;
        let all: Vec<u8> = (0..16).map(|i| (i * 37 % 256) as u8).collect();
        for (name, bytes) in [("the block on paper", &paper[..]), ("other bytes", &all)] {
            let q = unpack(bytes);
            let beyond = q.iter().find(|q| !(-8..=7).contains(*q)).copied();
            p.see(format!("{name}: numbers"), q);
            p.rule(beyond.is_none(), || {
                format!(
                    "{name}: a number is {}, and must lie between -8 and 7. What was added before \
                     it was packed?",
                    beyond.unwrap_or_default()
                )
            });
        }
    });
    p.part("there and back", |p| {
        for (name, q) in [("rising", &rising), ("mixed", &mixed)] {
            let back = unpack(&pack(q));
            p.rule(back == *q, || {
                format!("{name}: {q:?} was packed and unpacked, and came back as {back:?}")
            });
        }
    });
}
