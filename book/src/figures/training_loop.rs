//! The mean of a batch that is read in parts.

use super::draw::{Anchor, Area, Dimension, Drawing, Letters, number};

/// The derivatives of four tokens.
const DERIVATIVES: [f64; 4] = [4.0, 2.0, 6.0, 8.0];
const UNIT: f64 = 19.0;
const WIDTH: f64 = 38.0;
const GROUND: f64 = 228.0;
const PANEL: f64 = 262.0;

/// The mean of some numbers.
fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

/// The mean of the means of the two parts that a cut makes.
fn of_means(cut: usize) -> f64 {
    let (a, b) = DERIVATIVES.split_at(cut);
    mean(&[mean(a), mean(b)])
}

/// One way to read the four: in parts of these lengths.
fn panel(drawing: &mut Drawing, left: f64, title: &str, lengths: &[usize], below: &str) {
    let gap = 22.0;
    let whole = 4.0 * WIDTH + (lengths.len() - 1) as f64 * gap;
    let middle = left + PANEL / 2.0;
    let (mut x, mut from) = (middle - whole / 2.0, 0);
    drawing.write((middle, 20.0), Anchor::Middle, Letters::STRONG, title);
    for &length in lengths {
        let part = &DERIVATIVES[from..from + length];
        let begin = x;
        for &derivative in part {
            let size = (WIDTH, UNIT * derivative);
            let area = Area { at: (x, GROUND - size.1), size };
            drawing.bar(area, Dimension::Time, 0.2);
            let at = (x + WIDTH / 2.0, GROUND - 12.0);
            drawing.words(at, Anchor::Middle, &number(derivative, 0));
            x += WIDTH;
        }
        let y = GROUND - UNIT * mean(part);
        drawing.stroke(&[(begin - 5.0, y), (x + 5.0, y)], 4.0, Dimension::Accent);
        let at = (begin - 8.0, y);
        drawing.write(at, Anchor::End, Letters::STRONG, &number(mean(part), 2));
        drawing.bracket((begin + 2.0, GROUND + 14.0), x - 2.0, -6.0, Dimension::Plain);
        x += gap;
        from += length;
    }
    drawing
        .line(&[(middle - whole / 2.0 - 8.0, GROUND), (middle + whole / 2.0 + 8.0, GROUND)], 1.2);
    drawing.lines((middle, GROUND + 44.0), below);
}

/// Four derivatives as a whole, in equal and in unequal parts.
pub fn mean_of_means() -> String {
    let mut drawing = Drawing::new(3.0 * PANEL, 300.0);
    panel(
        &mut drawing,
        0.0,
        "as a whole",
        &[4],
        &format!("mean {}", number(mean(&DERIVATIVES), 2)),
    );
    for (place, title, cut) in [(1.0, "two and two", 2), (2.0, "one and three", 1)] {
        let below = format!("mean of the means {}", number(of_means(cut), 2));
        panel(&mut drawing, place * PANEL, title, &[cut, 4 - cut], &below);
        let x = place * PANEL;
        drawing.faint(&[(x, 10.0), (x, 285.0)]);
    }
    drawing.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_means_are_those_of_the_chapter() {
        assert_eq!((mean(&DERIVATIVES), of_means(2)), (5.0, 5.0));
        assert_eq!(number(of_means(1), 2), "4.67");
    }
}
