//! Data at scale: from archives to shards, a round of a network that shuffles, and what two ways
//! of choosing windows visit.

use rand::RngExt;
use stage01_bigram::random::{Purpose, generator};

use super::draw::{Anchor, Area, Dimension, Drawing, Letters, Point};

/// Archives, documents, the hash, tokens, shards.
pub fn data_pipeline() -> String {
    let mut drawing = Drawing::new(830.0, 250.0);
    let heads = [
        (75.0, "archives"),
        (245.0, "documents"),
        (390.0, "hash"),
        (560.0, "tokens"),
        (745.0, "shards"),
    ];
    for (x, words) in heads {
        drawing.write((x, 18.0), Anchor::Middle, Letters::STRONG, words);
    }
    let archive = drawing.boxed((20.0, 80.0), (110.0, 90.0), "a.tar\n  b.tar.xz\n  c.jsonl.gz");
    // Each with whether it is for validation.
    let documents = [("day", true), ("night", false), ("sea", false), ("day", true)];
    let hash = (390.0, 125.0);
    for (row, (words, validation)) in documents.into_iter().enumerate() {
        let dimension = if validation { Dimension::Accent } else { Dimension::Plain };
        let at = (200.0, 42.0 + 44.0 * row as f64);
        let area = drawing.tinted(at, (90.0, 34.0), words, dimension);
        drawing.arrow(archive.right(), area.left());
        drawing.arrow(area.right(), (hash.0 - 26.0, hash.1));
    }
    drawing.disc(hash, 28.0, "#", Dimension::Ink);
    let rows: [(f64, &[&str], Dimension, &str); 2] = [
        (70.0, &["n", "i", "g", "h", "t", "■", "s", "…"], Dimension::Time, "train-00000.bin"),
        (
            168.0,
            &["d", "a", "y", "■", "d", "a", "y", "■"],
            Dimension::Accent,
            "validation-00000.bin",
        ),
    ];
    for (y, tokens, dimension, file) in rows {
        let tokens = drawing.table((472.0, y), 22.0, &[tokens.to_vec()], dimension);
        drawing.arrow((hash.0 + 26.0, hash.1), tokens.left());
        let shard = drawing.tinted((676.0, y - 11.0), (146.0, 44.0), "", dimension);
        drawing.write(shard.middle(), Anchor::Middle, Letters::SMALL, file);
        drawing.arrow(tokens.right(), shard.left());
    }
    drawing.write((490.0, 235.0), Anchor::Start, Letters::SMALL, "■ end of text");
    drawing.finish()
}

/// One round of a Feistel network.
pub fn feistel_round() -> String {
    let mut drawing = Drawing::new(520.0, 280.0);
    let half = |drawing: &mut Drawing, at: Point, words: &str, dimension| {
        drawing.tinted(at, (130.0, 40.0), words, dimension)
    };
    let left = half(&mut drawing, (60.0, 20.0), "left", Dimension::Accent);
    let right = half(&mut drawing, (330.0, 20.0), "right", Dimension::Time);
    let new_left = half(&mut drawing, (60.0, 220.0), "right", Dimension::Time);
    let new_right = half(&mut drawing, (330.0, 220.0), "left ⊕ f(right)", Dimension::Accent);
    let xor = drawing.disc((125.0, 110.0), 15.0, "⊕", Dimension::Ink);
    let f = drawing.boxed((220.0, 90.0), (70.0, 40.0), "f, key");
    drawing.vector(left.bottom(), xor.top(), Dimension::Accent);
    let fork = (right.bottom().0, 110.0);
    drawing.stroke(&[right.bottom(), fork], 2.5, Dimension::Time);
    drawing.vector(fork, (f.right().0 + 2.0, 110.0), Dimension::Time);
    drawing.vector(f.left(), (xor.right().0 + 2.0, 110.0), Dimension::Ink);
    drawing.stroke(&[fork, (fork.0, 140.0)], 2.5, Dimension::Time);
    drawing.vector((fork.0, 140.0), (new_left.top().0 + 6.0, 218.0), Dimension::Time);
    drawing.vector(xor.bottom(), (new_right.top().0 - 6.0, 218.0), Dimension::Accent);
    drawing.finish()
}

/// Two hundred windows, drawn with replacement and in the order of an epoch.
pub fn two_passes() -> String {
    const ROWS: usize = 10;
    const COLUMNS: usize = 20;
    const CELL: f64 = 18.0;
    let mut drawing = Drawing::new(816.0, 290.0);
    let mut rng = generator(1337, Purpose::Other, 0);
    let mut drawn = [0usize; ROWS * COLUMNS];
    (0..drawn.len()).for_each(|_| drawn[rng.random_range(0..drawn.len())] += 1);
    let once = [1; ROWS * COLUMNS];
    let strength = |times: usize| [0.0, 0.3, 0.6, 0.9][times.min(3)];
    let sides = [(10.0, "drawn with replacement", drawn), (430.0, "the order of an epoch", once)];
    for (left, title, times) in sides {
        let middle = left + CELL * COLUMNS as f64 / 2.0;
        drawing.write((middle, 18.0), Anchor::Middle, Letters::STRONG, title);
        for (i, times) in times.into_iter().enumerate() {
            let at = (left + CELL * (i % COLUMNS) as f64, 38.0 + CELL * (i / COLUMNS) as f64);
            drawing.bar(Area { at, size: (CELL, CELL) }, Dimension::Time, strength(times));
        }
        let never = times.iter().filter(|&&times| times == 0).count();
        let words = format!("{never} of {} never seen", times.len());
        drawing.words((middle, 236.0), Anchor::Middle, &words);
    }
    for (i, words) in ["never", "once", "twice", "more often"].into_iter().enumerate() {
        let at = (190.0 + 120.0 * i as f64, 262.0);
        drawing.bar(Area { at, size: (CELL, CELL) }, Dimension::Time, strength(i));
        drawing.write((at.0 + 26.0, at.1 + 9.0), Anchor::Start, Letters::SMALL, words);
    }
    drawing.finish()
}
