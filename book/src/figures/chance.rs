//! A tree of chances, a stick that is cut, the noise of a mean, and the bell that it makes.

use rand::RngExt;
use stage01_bigram::random::{Generator, Purpose, generator};

use super::axes::Axes;
use super::draw::{Anchor, Area, Dimension, Drawing, Letters, Point, number};

const TEXT: &str = "abracadabra";

/// What came after a letter in the text, with the probability of each: p(next | letter).
fn next(letter: char) -> Vec<(char, f64)> {
    let followers: Vec<char> = TEXT
        .chars()
        .zip(TEXT.chars().skip(1))
        .filter(|(a, _)| *a == letter)
        .map(|(_, b)| b)
        .collect();
    let mut different = followers.clone();
    different.sort_unstable();
    different.dedup();
    let share = |b: char| followers.iter().filter(|&&other| other == b).count() as f64;
    different.into_iter().map(|b| (b, share(b) / followers.len() as f64)).collect()
}

/// A tree that begins with a and ends where the next a is written.
pub fn chance_tree() -> String {
    let mut drawing = Drawing::new(600.0, 300.0);
    let root = (40.0, 160.0);
    let level = |depth: usize| 40.0 + 102.0 * depth as f64;
    let letter = |drawing: &mut Drawing, at: Point, letter: char| {
        drawing.disc(at, 20.0, &letter.to_string(), Dimension::Vocabulary);
    };
    for (row, (first, share)) in next('a').into_iter().enumerate() {
        let y = 60.0 + 100.0 * row as f64;
        let (mut path, mut factors) = (vec![(first, share)], vec![share]);
        while let Some(&(last, _)) = path.last()
            && last != 'a'
        {
            let (b, p) = next(last)[0];
            path.push((b, p));
            factors.push(p);
        }
        let mut from = root;
        let mut product = 1.0;
        for (depth, (b, p)) in path.iter().enumerate() {
            product *= p;
            let to = (level(depth + 1), y);
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            let (dx, dy) = (20.0 * (to.0 - from.0) / length, 20.0 * (to.1 - from.1) / length);
            let (start, end) = ((from.0 + dx, from.1 + dy), (to.0 - dx, to.1 - dy));
            // As wide as this much of all that is written passes here.
            drawing.stroke(&[start, end], 16.0 * product, Dimension::Plain);
            // Above the branch: to the side where it does not climb.
            let middle = ((start.0 + end.0) / 2.0, (start.1 + end.1) / 2.0);
            let aside = if to.1 < from.1 { -16.0 } else { 0.0 };
            let up = if to.1 > from.1 { 24.0 } else { -18.0 };
            let place = (middle.0 + if up > 0.0 { -14.0 } else { aside }, middle.1 + up);
            drawing.write(place, Anchor::Middle, Letters::PLAIN, &number(*p, 2));
            letter(&mut drawing, to, *b);
            from = to;
        }
        let word: String = path.iter().map(|(b, _)| b).collect();
        let terms: Vec<_> = factors.iter().map(|p| number(*p, 2)).collect();
        let words = format!("{word}: {} = {}", terms.join(" · "), number(product, 2));
        drawing.write((from.0 + 34.0, y), Anchor::Start, Letters::STRONG, &words);
    }
    letter(&mut drawing, root, 'a');
    drawing.finish()
}

/// Three tokens: their lengths in letters, and how probable they are.
const LENGTHS: [f64; 3] = [1.0, 3.0, 5.0];
const PROBABILITIES: [f64; 3] = [0.5, 0.25, 0.25];

/// A stick cut by the probabilities, and a dart.
pub fn chance_stick() -> String {
    let mut drawing = Drawing::new(640.0, 160.0);
    let pieces: Vec<_> = LENGTHS
        .iter()
        .zip(PROBABILITIES)
        .map(|(n, p)| (p, format!("{n} {}", if *n == 1.0 { "letter" } else { "letters" })))
        .collect();
    drawing.stick(Area { at: (30.0, 66.0), size: (580.0, 50.0) }, &pieces, 0.6);
    drawing.finish()
}

/// Draws by the probabilities, as the chapter's example does.
fn draw(rng: &mut Generator) -> f64 {
    let mut point = rng.random::<f64>();
    for (length, share) in LENGTHS.iter().zip(PROBABILITIES) {
        if point < share {
            return *length;
        }
        point -= share;
    }
    LENGTHS[2]
}

/// The mean of draws, over their number: a funnel.
pub fn chance_noise() -> String {
    const RUNS: u64 = 20;
    const DRAWS: u32 = 1024;
    let mut drawing = Drawing::new(640.0, 400.0);
    let area = Area { at: (44.0, 44.0), size: (450.0, 300.0) };
    let axes = Axes { area, x: (0.0, f64::from(DRAWS).log2()), y: (1.0, 5.0) };
    let point = |n: u32, mean: f64| axes.point(f64::from(n).log2(), mean);
    let expectation: f64 = LENGTHS.iter().zip(PROBABILITIES).map(|(x, p)| p * x).sum();
    let spread: f64 = LENGTHS
        .iter()
        .zip(PROBABILITIES)
        .map(|(x, p)| p * (x - expectation) * (x - expectation))
        .sum::<f64>()
        .sqrt();
    for run in 0..RUNS {
        let rng = &mut generator(1, Purpose::Other, run);
        let (mut sum, mut shown, mut points) = (0.0, 0.0, Vec::new());
        for n in 1..=DRAWS {
            sum += draw(rng);
            // Not each of a thousand points: those that are far enough apart to be seen.
            let place = f64::from(n).log2();
            if n == 1 || place - shown > 0.1 || n == DRAWS {
                points.push(point(n, sum / f64::from(n)));
                shown = place;
            }
        }
        drawing.stroke(&points, 0.7, Dimension::Plain);
    }
    // The lower side begins where it comes up from below the sheet.
    let inside = (2.0 * (spread / (expectation - axes.y.0)).log2()).max(0.0);
    for (side, from) in [(-1.0, inside), (1.0, 0.0)] {
        let off = |place: f64| expectation + side * spread / 2f64.powf(place / 2.0);
        drawing.stroke(&axes.points(from, axes.x.1, off), 2.5, Dimension::Accent);
    }
    let line = [axes.point(0.0, expectation), axes.point(axes.x.1, expectation)];
    drawing.dashed(&line, Dimension::Ink);
    axes.draw(&mut drawing, "", "mean length");
    let marks = [1, 4, 16, 64, 256, 1024];
    axes.x_marks(&mut drawing, &marks.map(|n| (f64::from(n).log2(), n.to_string())));
    axes.y_marks(&mut drawing, &[1, 2, 3, 4, 5].map(|n| (f64::from(n), n.to_string())));
    drawing.words((area.bottom().0, area.at.1 + area.size.1 + 44.0), Anchor::Middle, "draws");
    let (x, y) = line[1];
    let words = format!("expectation {}", number(expectation, 2));
    drawing.words((x + 12.0, y), Anchor::Start, &words);
    let tip = axes.point(4.0, expectation + spread / 4.0);
    drawing.words((tip.0 + 50.0, tip.1 - 66.0), Anchor::Start, "typical error");
    drawing.stroke(
        &[(tip.0 + 46.0, tip.1 - 62.0), (tip.0 + 4.0, tip.1 - 5.0)],
        1.2,
        Dimension::Ink,
    );
    drawing.finish()
}

/// How probable each mean of `draws` lengths is: (mean, probability), without any chance.
///
/// A length is 1 + 2 s with s = 0, 1 or 2, so a mean is 1 + 2 S / draws, S the sum of them. The
/// probabilities of S come from those of one s less, one draw after another.
fn means(draws: usize) -> Vec<(f64, f64)> {
    let mut sums = vec![1.0];
    for _ in 0..draws {
        let mut next = vec![0.0; sums.len() + 2];
        for (sum, p) in sums.iter().enumerate() {
            for (s, share) in PROBABILITIES.iter().enumerate() {
                next[sum + s] += p * share;
            }
        }
        sums = next;
    }
    let mean = |sum: usize| 1.0 + 2.0 * sum as f64 / draws as f64;
    sums.into_iter().enumerate().map(|(sum, p)| (mean(sum), p)).collect()
}

/// The probabilities of the mean of 64 draws as bars, and the normal distribution over them.
pub fn chance_bell() -> String {
    const DRAWS: usize = 64;
    let mut drawing = Drawing::new(640.0, 330.0);
    let area = Area { at: (60.0, 40.0), size: (520.0, 220.0) };
    let axes = Axes { area, x: (1.7, 3.3), y: (0.0, 0.064) };
    let means = means(DRAWS);
    let expectation: f64 = means.iter().map(|(x, p)| p * x).sum();
    let deviation: f64 =
        means.iter().map(|(x, p)| p * (x - expectation).powi(2)).sum::<f64>().sqrt();
    let step = means[1].0 - means[0].0;
    let width = 0.8 * (axes.point(step, 0.0).0 - axes.point(0.0, 0.0).0);
    for &(mean, p) in means.iter().filter(|(x, _)| (axes.x.0..axes.x.1).contains(x)) {
        let (x, y) = axes.point(mean, p);
        let size = (width, area.at.1 + area.size.1 - y);
        let strength = if (mean - expectation).abs() <= deviation { 0.55 } else { 0.2 };
        drawing.bar(Area { at: (x - width / 2.0, y), size }, Dimension::Vocabulary, strength);
    }
    let bell = |x: f64| {
        let z = (x - expectation) / deviation;
        step * (-z * z / 2.0).exp() / (deviation * std::f64::consts::TAU.sqrt())
    };
    drawing.stroke(&axes.points(axes.x.0, axes.x.1, bell), 2.5, Dimension::Accent);
    axes.draw(&mut drawing, "", "probability");
    let marks = [1.75, 2.0, 2.25, 2.5, 2.75, 3.0, 3.25];
    axes.x_marks(&mut drawing, &marks.map(|x| (x, number(x, 2))));
    axes.y_marks(&mut drawing, &[0.02, 0.04, 0.06].map(|y| (y, number(y, 2))));
    let words = "mean length of 64 tokens";
    drawing.words((area.bottom().0, area.at.1 + area.size.1 + 44.0), Anchor::Middle, words);
    drawing.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_means_of_the_chapter() {
        let means = means(64);
        let sum = |keep: &dyn Fn(f64) -> bool| -> f64 {
            means.iter().filter(|(x, _)| keep(*x)).map(|(_, p)| p).sum()
        };
        assert!((sum(&|_| true) - 1.0).abs() < 1e-12);
        let off = 2.75f64.sqrt() / 8.0; // of one draw: 2.25 / 2 + 0.25 / 4 + 6.25 / 4 = 2.75
        assert!((off - 0.207).abs() < 5e-4);
        // About two thirds of them lie within one deviation, and 19 of 20 within two.
        assert!((sum(&|x| (x - 2.5).abs() <= off) - 0.68).abs() < 0.02);
        assert!((sum(&|x| (x - 2.5).abs() <= 2.0 * off) - 0.95).abs() < 0.01);
    }

    #[test]
    fn what_follows_in_the_word() {
        assert_eq!(next('a'), [('b', 0.5), ('c', 0.25), ('d', 0.25)]);
        assert_eq!(next('b'), [('r', 1.0)]);
    }
}
