//! What `safetensors_head` is asked.

use super::answer::{LONGEST, head, tensor};
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    p.part("head", |p| {
        let file = |length: u64, head: &[u8], numbers: &[u8]| {
            [&length.to_le_bytes()[..], head, numbers].concat()
        };
        let said = |bytes: &[u8]| match head(bytes) {
            Some((head, data)) => format!("head {head:?}, then {} bytes", data.len()),
            None => "refused".into(),
        };
        p.see("the example", said(&file(2, b"{}", &[0; 8])));
        let long = format!("{{{}}}", " ".repeat(300));
        p.see("a head of 302 bytes", said(&file(302, long.as_bytes(), &[1; 12])).replace(' ', ""));
        p.see("a head of 2 bytes and no numbers", said(&file(2, b"{}", &[])));
        p.see("seven bytes", said(&[0; 7]));
        p.see("no bytes", said(&[]));
        p.see("a head of 3 bytes, of which 2 are there", said(&file(3, b"{}", &[])));
        for length in [1 << 40, u64::MAX, u64::MAX - 7] {
            p.see(format!("a head of {length} bytes"), said(&file(length, b"{}", &[0; 8])));
        }
        p.see("a head that is no text", said(&file(2, &[0xff, 0xfe], &[0; 8])));
        let mut large = vec![0; LONGEST as usize + 9];
        large[..8].copy_from_slice(&(LONGEST + 1).to_le_bytes());
        p.see("a head above the limit, all there: is it read?", head(&large).is_some());
    });
    p.part("tensor", |p| {
        let data: Vec<u8> = (0..40).collect();
        let said = |begin, end, shape: &[u64]| match tensor(&data, begin, end, shape) {
            Some(bytes) => bytes.iter().map(|&byte| u32::from(byte)).collect(),
            None => vec![999],
        };
        let mut ask = |what: &str, begin, end, shape: &[u64]| {
            p.see(
                format!("{what}: {begin} to {end}, shape {shape:?} (999 for refused)"),
                said(begin, end, shape),
            );
        };
        ask("the example", 0, 8, &[2]);
        ask("two rows of two", 8, 24, &[2, 2]);
        ask("a single number without a shape", 36, 40, &[]);
        ask("an empty tensor", 12, 12, &[0, 5]);
        ask("too short for its shape", 0, 8, &[3]);
        ask("too long for its shape", 0, 16, &[3]);
        ask("beyond the end", 36, 44, &[2]);
        ask("the end before the beginning", 16, 8, &[2]);
        ask("the same, and a shape that makes up for it", 12, 8, &[(1 << 62) - 1]);
        ask("a product that overflows to 8", 0, 8, &[(1 << 62) + 2]);
        ask("another that overflows to 0", 4, 4, &[1 << 32, 1 << 32]);
        ask("far beyond the end", u64::MAX - 7, u64::MAX - 3, &[1]);
    });
}
