//! The bits of a third in four forms of numbers.

use super::draw::{Anchor, Area, Dimension, Drawing, Letters};

const CELL: f64 = 19.0;
const LEFT: f64 = 74.0;
const ROW: f64 = 52.0;

/// A form's name, how many bits say the size, and how many the digits.
const FORMS: [(&str, u32, u32); 4] =
    [("f32", 8, 23), ("tf32", 8, 10), ("bf16", 8, 7), ("f16", 5, 10)];

/// The bits of a third: its size as it is stored, and its digits, to the nearest.
fn third(size: u32, digits: u32) -> (u32, u32) {
    let bias = (1 << (size - 1)) - 1;
    let digits = ((4.0 / 3.0 - 1.0) * f64::from(1u32 << digits)).round() as u32;
    (bias - 2, digits)
}

/// A row of cells, each with a bit in it, from the highest on.
fn bits(drawing: &mut Drawing, at: (f64, f64), value: u32, n: u32, dimension: Dimension) -> f64 {
    for bit in 0..n {
        let at = (at.0 + CELL * f64::from(bit), at.1);
        let area = drawing.bar(Area { at, size: (CELL, 26.0) }, dimension, 0.2);
        let word = if value >> (n - 1 - bit) & 1 == 1 { "1" } else { "0" };
        drawing.write(area.middle(), Anchor::Middle, Letters::SMALL, word);
    }
    at.0 + CELL * f64::from(n)
}

/// Sign, size and digits of a third.
pub fn bits_of_a_third() -> String {
    let mut drawing = Drawing::new(760.0, 258.0);
    for (row, (name, size, digits)) in FORMS.into_iter().enumerate() {
        let y = 46.0 + ROW * row as f64;
        drawing.write((LEFT - 14.0, y + 13.0), Anchor::End, Letters::STRONG, name);
        let (exponent, fraction) = third(size, digits);
        let x = bits(&mut drawing, (LEFT, y), 0, 1, Dimension::Plain) + 6.0;
        let x = bits(&mut drawing, (x, y), exponent, size, Dimension::Head) + 6.0;
        bits(&mut drawing, (x, y), fraction, digits, Dimension::Channel);
    }
    let size_at = LEFT + CELL + 6.0;
    for (x, words) in [
        (LEFT - 4.0, "sign"),
        (size_at + 4.0 * CELL, "exponent"),
        (size_at + 8.0 * CELL + 6.0 + 11.0 * CELL, "mantissa"),
    ] {
        let anchor = if words == "sign" { Anchor::Start } else { Anchor::Middle };
        drawing.write((x, 22.0), anchor, Letters::SMALL, words);
    }
    // Where the upper half of an f32 ends.
    let x = size_at + 8.0 * CELL + 6.0 + 7.0 * CELL;
    drawing.dashed(&[(x, 36.0), (x, 46.0 + 2.0 * ROW + 34.0)], Dimension::Accent);
    let at = (x + 10.0, 46.0 + 2.0 * ROW + 13.0);
    drawing.words(at, Anchor::Start, "the upper half of f32, rounded");
    drawing.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bits_are_those_of_a_processor() {
        let (size, digits) = third(8, 23);
        assert_eq!(size << 23 | digits, (1.0f32 / 3.0).to_bits());
        assert_eq!(third(8, 7), (0b0111_1101, 0b010_1011));
        assert_eq!(third(5, 10), (0b01101, 0b01_0101_0101));
    }
}
