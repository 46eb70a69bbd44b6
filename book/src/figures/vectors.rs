//! Lists of numbers as arrows: added, cut by a line, multiplied by a matrix.

use super::axes::Axes;
use super::draw::{Anchor, Area, Dimension, Drawing, Letters, Point, number};

/// The words of the chapter.
const DOG: [f64; 2] = [1.0, -2.0];
const DOGS: [f64; 2] = [1.0, 2.0];
const PLURAL: [f64; 2] = [0.0, 4.0];
/// Rows: noun, many. Columns: the weights of these words.
const WEIGHTS: [[f64; 3]; 2] = [[1.0, 2.0, -2.0], [3.0, -1.0, 0.0]];
const NEXT: [&str; 3] = ["bark", "barks", "the"];

fn dot(a: [f64; 2], b: [f64; 2]) -> f64 {
    a[0] * b[0] + a[1] * b[1]
}

fn column(j: usize) -> [f64; 2] {
    [WEIGHTS[0][j], WEIGHTS[1][j]]
}

fn pair(name: &str, [a, b]: [f64; 2]) -> String {
    format!("{name} ({}, {})", number(a, 1), number(b, 1))
}

/// A plane on which one step is `unit` wide and high.
fn plane(at: Point, unit: f64, x: (f64, f64), y: (f64, f64)) -> Axes {
    Axes { area: Area { at, size: (unit * (x.1 - x.0), unit * (y.1 - y.0)) }, x, y }
}

/// Adding is walking: dog, then plural.
pub fn vectors_add() -> String {
    let mut drawing = Drawing::new(420.0, 460.0);
    let axes = plane((44.0, 44.0), 64.0, (-1.0, 3.0), (-3.0, 3.0));
    axes.plane(&mut drawing, "noun", "many");
    let point = |[x, y]: [f64; 2]| axes.point(x, y);
    let (origin, dog) = (axes.point(0.0, 0.0), point(DOG));
    let dogs = point([DOG[0] + PLURAL[0], DOG[1] + PLURAL[1]]);
    let half = [DOG[0] + PLURAL[0] / 2.0, DOG[1] + PLURAL[1] / 2.0];
    drawing.vector(origin, dog, Dimension::Channel);
    drawing.vector(origin, dogs, Dimension::Channel);
    drawing.vector(dog, dogs, Dimension::Accent);
    drawing.dot(point(half), Dimension::Accent);
    let beside = |(x, y): Point, up: f64| (x + 14.0, y - up);
    drawing.write(beside(dog, -14.0), Anchor::Start, Letters::STRONG, &pair("dog", DOG));
    drawing.write(beside(dogs, 14.0), Anchor::Start, Letters::STRONG, &pair("dogs", DOGS));
    drawing.words(beside(point(half), 18.0), Anchor::Start, &pair("half of plural:", half));
    drawing.words(beside(axes.point(1.0, -0.5), 0.0), Anchor::Start, &pair("plural", PLURAL));
    drawing.finish()
}

/// The weights of a word cut the plane in two.
pub fn vectors_dot() -> String {
    let mut drawing = Drawing::new(490.0, 460.0);
    let axes = plane((20.0, 44.0), 56.0, (-3.5, 3.5), (-3.5, 3.5));
    let point = |[x, y]: [f64; 2]| axes.point(x, y);
    let bark = column(0);
    // Where the score is 0: along (3, -1), at a right angle to the weights.
    let steepness = -bark[0] / bark[1];
    let edge = |x: f64| axes.point(x, steepness * x);
    let corners = [edge(-3.5), axes.point(-3.5, 3.5), axes.point(3.5, 3.5), edge(3.5)];
    drawing.tint(&corners, Dimension::Vocabulary);
    axes.plane(&mut drawing, "noun", "many");
    drawing.dashes(&[edge(-3.5), edge(3.5)]);
    let length = bark[0].hypot(bark[1]) / 0.36;
    let (along, across) =
        ([bark[0] / length, bark[1] / length], [bark[1] / length, -bark[0] / length]);
    let corner = point([along[0] + across[0], along[1] + across[1]]);
    drawing.line(&[point(along), corner, point(across)], 1.5);
    drawing.vector(point([0.0; 2]), point(bark), Dimension::Vocabulary);
    let (x, y) = point(bark);
    drawing.words((x + 12.0, y - 13.0), Anchor::Start, &pair("weights of bark", bark));
    for (name, word) in [("dogs", DOGS), ("dog", DOG)] {
        let (x, y) = point(word);
        drawing.dot((x, y), Dimension::Channel);
        let words = format!("{name}: {}", number(dot(word, bark), 1));
        // Beside the dot, and off the line of the grid.
        let y = if word[1] > 0.0 { y - 13.0 } else { y + 13.0 };
        drawing.write((x + 14.0, y), Anchor::Start, Letters::STRONG, &words);
    }
    let (x, y) = edge(2.6);
    drawing.words((x, y + 22.0), Anchor::Middle, "score 0");
    drawing.finish()
}

/// A row times a matrix: each number of the result is one dot product.
pub fn vectors_row_times_matrix() -> String {
    let mut drawing = Drawing::new(640.0, 304.0);
    let result: [f64; 3] = std::array::from_fn(|j| dot(DOGS, column(j)));
    let row = |numbers: &[f64]| numbers.iter().map(|n| number(*n, 1)).collect::<Vec<_>>();
    const CELL: f64 = 50.0;
    let x = drawing.table((24.0, 101.0), CELL, &[row(&DOGS)], Dimension::Channel);
    let w = drawing.table((246.0, 76.0), CELL, &WEIGHTS.map(|r| row(&r)), Dimension::Plain);
    let y = drawing.table((466.0, 101.0), CELL, &[row(&result)], Dimension::Vocabulary);
    drawing.sides(w, Dimension::Channel, Dimension::Vocabulary);
    for (area, name) in [(x, "x"), (w, "W"), (y, "y")] {
        drawing.write((area.top().0, 18.0), Anchor::Middle, Letters::NAME, name);
    }
    let small = Letters::SMALL;
    for (i, name) in ["noun", "many"].into_iter().enumerate() {
        let middle = (i as f64 + 0.5) * CELL;
        drawing.write((x.at.0 + middle, x.at.1 - 14.0), Anchor::Middle, small, name);
        drawing.write((w.at.0 - 14.0, w.at.1 + middle), Anchor::End, small, name);
    }
    for (j, name) in NEXT.into_iter().enumerate() {
        let middle = (j as f64 + 0.5) * CELL;
        drawing.write((w.at.0 + middle, w.at.1 - 20.0), Anchor::Middle, small, name);
        drawing.write((y.at.0 + middle, y.at.1 - 14.0), Anchor::Middle, small, name);
    }
    drawing.words((160.0, 126.0), Anchor::Middle, "times");
    drawing.words((431.0, 126.0), Anchor::Middle, "=");
    let chosen =
        |area: Area, height: f64| Area { at: (area.at.0 + CELL, area.at.1), size: (CELL, height) };
    drawing.frame(chosen(w, 2.0 * CELL), Dimension::Vocabulary);
    drawing.frame(chosen(y, CELL), Dimension::Vocabulary);
    // The shapes, digit by digit, so that the brackets find them.
    let (middle, level) = (w.top().0, 204.0);
    let (two, three) = (middle - 11.0, middle + 10.0);
    drawing.words((x.top().0, level), Anchor::Middle, "(2)");
    drawing.words((y.top().0, level), Anchor::Middle, "(3)");
    for (at, sign) in [(-19.0, "("), (-11.0, "2"), (-3.0, ","), (10.0, "3"), (18.0, ")")] {
        drawing.words((middle + at, level), Anchor::Middle, sign);
    }
    for (from, to, words) in [(x.top().0, two, "must agree"), (three, y.top().0, "remains")] {
        drawing.bracket((from, level + 22.0), to, -8.0, Dimension::Plain);
        let middle = ((from + to) / 2.0, level + 36.0);
        drawing.write(middle, Anchor::Middle, small, words);
    }
    let terms: Vec<_> = DOGS
        .iter()
        .zip(column(1))
        .map(|(x, w)| {
            let w = if w < 0.0 { format!("({})", number(w, 1)) } else { number(w, 1) };
            format!("{} · {w}", number(*x, 1))
        })
        .collect();
    let sum = format!("barks: {} = {}", terms.join(" + "), number(result[1], 1));
    drawing.write((320.0, 282.0), Anchor::Middle, Letters::STRONG, &sum);
    drawing.finish()
}
