//! What `context_shift` is asked.

use super::answer::shifted;
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    p.part("shifted", |p| {
        for (start, end) in [(0, 5), (0, 8), (0, 9), (4, 12), (4, 13), (0, 20)] {
            p.see(format!("block size 8, start {start}, end {end}"), shifted(start, end, 8));
        }
        // Of a context that must be cut, more than half a block stays, and a block at most.
        for block_size in 1..=9 {
            for (start, end) in [(0, 1), (0, 7), (2, 13), (5, 40)] {
                let found = shifted(start, end, block_size);
                let length = end as i64 - found as i64;
                p.rule((1..=block_size as i64).contains(&length), || {
                    format!(
                        "with block size {block_size}, start {start} and end {end} the context \
                         begins at {found} and has {length} tokens; it must have 1 to \
                         {block_size}: by how many tokens was it too long?"
                    )
                });
            }
        }
        for block_size in [1, 2, 7] {
            let (mut start, mut starts) = (0, Vec::new());
            for end in 1..=25 {
                start = shifted(start, end, block_size);
                starts.push(start);
            }
            p.see(
                format!("the starts while 25 tokens are written, block size {block_size}"),
                starts,
            );
        }
        p.see("a prompt of 1,000 tokens, block size 64", shifted(0, 1000, 64));
        p.see("the same 1,000 tokens, if the context began at 40", shifted(40, 1000, 64));
    });
}
