//! A small box of tools to draw with: grids, boxes, arrows, curves.
//!
//! Everything that is drawn gives back the [`Area`] it takes, and areas have edges that arrows
//! can join. So a picture is written as it is thought: this box, that grid to its right, an
//! arrow between them.
//!
//! ```
//! use book::figures::draw::{Dimension, Drawing};
//! let mut drawing = Drawing::new(400.0, 120.0);
//! let text = drawing.boxed((20.0, 40.0), (110.0, 40.0), "text");
//! let tokens = drawing.grid((220.0, 48.0), 24.0, 1, 4, Dimension::Time);
//! drawing.arrow(text.right(), tokens.left());
//! assert!(drawing.finish().starts_with("<svg"));
//! ```

use std::fmt::Write;

/// A point: x to the right, y down.
pub type Point = (f64, f64);

/// The dimension that a matrix or a vector runs over. Each has one colour in the whole book; those are told
/// apart with any kind of colour vision (Okabe and Ito 2008).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// The texts of a batch.
    Batch,
    /// The tokens of a text, one after the other.
    Time,
    /// The embedding: `n_embd` numbers per token.
    Channel,
    /// The heads of attention.
    Head,
    /// The tokens that exist.
    Vocabulary,
    /// No dimension of the model.
    Plain,
    /// No dimension of the model, but what the picture is about: a nudge, a derivative, a dart.
    Accent,
    /// The colour of the text around the picture.
    Ink,
}

impl Dimension {
    /// The colour, as SVG writes it.
    pub fn colour(self) -> &'static str {
        match self {
            Self::Batch => "#cc79a7",
            Self::Time => "#0072b2",
            Self::Channel => "#009e73",
            Self::Head => "#e69f00",
            Self::Vocabulary => "#d55e00",
            Self::Plain => "#808080",
            Self::Accent => "#8a63d2",
            Self::Ink => "currentColor",
        }
    }
}

/// A rectangle on the sheet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    /// The corner at the top left.
    pub at: Point,
    /// Width and height.
    pub size: Point,
}

impl Area {
    /// The middle of the left edge.
    pub fn left(self) -> Point {
        (self.at.0, self.at.1 + self.size.1 / 2.0)
    }

    /// The middle of the right edge.
    pub fn right(self) -> Point {
        (self.at.0 + self.size.0, self.at.1 + self.size.1 / 2.0)
    }

    /// The middle of the upper edge.
    pub fn top(self) -> Point {
        (self.at.0 + self.size.0 / 2.0, self.at.1)
    }

    /// The middle of the lower edge.
    pub fn bottom(self) -> Point {
        (self.at.0 + self.size.0 / 2.0, self.at.1 + self.size.1)
    }

    /// The middle.
    pub fn middle(self) -> Point {
        (self.at.0 + self.size.0 / 2.0, self.at.1 + self.size.1 / 2.0)
    }
}

/// Where a text stands in relation to its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// It begins there.
    Start,
    /// Its middle is there.
    Middle,
    /// It ends there.
    End,
}

/// How letters look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Letters {
    /// Their height.
    pub size: f64,
    /// Whether they are heavy.
    pub bold: bool,
    /// Whether they slant, as the letters of formulas do.
    pub italic: bool,
}

impl Letters {
    /// The default.
    pub const PLAIN: Self = Self { size: 16.0, bold: false, italic: false };
    /// For what can be read second: the numbers of an axis, remarks.
    pub const SMALL: Self = Self { size: 14.0, ..Self::PLAIN };
    /// For what should be read first.
    pub const STRONG: Self = Self { bold: true, ..Self::PLAIN };
    /// The name of a number, as in a formula.
    pub const NAME: Self = Self { size: 18.0, italic: true, ..Self::PLAIN };
}

/// A number with at most `places` digits after the point, and with a minus sign as long as a plus.
pub fn number(value: f64, places: usize) -> String {
    let digits = format!("{value:.places$}");
    let digits = if digits.contains('.') {
        digits.trim_end_matches('0').trim_end_matches('.')
    } else {
        &digits
    };
    if digits == "-0" { "0".into() } else { digits.replace('-', "\u{2212}") }
}

/// A sheet that is being drawn on.
#[derive(Clone, Debug)]
pub struct Drawing {
    size: Point,
    body: String,
}

impl Drawing {
    /// An empty sheet.
    pub fn new(width: f64, height: f64) -> Self {
        Self { size: (width, height), body: String::new() }
    }

    fn put(&mut self, element: std::fmt::Arguments<'_>) {
        let _ = self.body.write_fmt(element);
        self.body.push('\n');
    }

    /// Words at a point; `y` is the middle of their height.
    pub fn words(&mut self, at: Point, anchor: Anchor, words: &str) {
        self.write(at, anchor, Letters::PLAIN, words);
    }

    /// Words at a point, in letters of some kind.
    pub fn write(&mut self, (x, y): Point, anchor: Anchor, letters: Letters, words: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let Letters { size, bold, italic } = letters;
        let size_of = if size == Letters::PLAIN.size {
            String::new()
        } else {
            format!(" font-size=\"{size}\"")
        };
        let bold = if bold { " font-weight=\"700\"" } else { "" };
        let italic = if italic { " font-style=\"italic\" font-family=\"serif\"" } else { "" };
        let (y, words) = (y + size * 0.35, crate::markdown::escape(words));
        self.put(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\"{size_of}{bold}{italic} \
             fill=\"currentColor\">{words}</text>"
        ));
    }

    /// Words that run upwards, with their middle at a point.
    pub fn upright(&mut self, (x, y): Point, words: &str) {
        let words = crate::markdown::escape(words);
        self.put(format_args!(
            "<text transform=\"translate({x:.1} {y:.1}) rotate(-90)\" dy=\"0.35em\" \
             text-anchor=\"middle\" fill=\"currentColor\">{words}</text>"
        ));
    }

    /// A box with words in it, one line for each line of them.
    pub fn boxed(&mut self, at: Point, size: Point, words: &str) -> Area {
        self.tinted(at, size, words, Dimension::Plain)
    }

    /// A box with words in it, in the colour of a dimension.
    pub fn tinted(&mut self, at: Point, size: Point, words: &str, dimension: Dimension) -> Area {
        let ((x, y), (width, height), colour) = (at, size, dimension.colour());
        self.put(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"6\" \
             fill=\"{colour}\" fill-opacity=\"0.15\" stroke=\"{colour}\" stroke-width=\"1.5\"/>"
        ));
        let area = Area { at, size };
        self.lines(area.middle(), words);
        area
    }

    /// Words around a point, one line for each line of them.
    pub fn lines(&mut self, (x, y): Point, words: &str) {
        let first = y - (words.lines().count() as f64 - 1.0) * 10.0;
        for (number, line) in words.lines().enumerate() {
            self.words((x, first + 20.0 * number as f64), Anchor::Middle, line);
        }
    }

    /// A table of cells, in the colour of the dimension that matters.
    pub fn grid(
        &mut self,
        at: Point,
        cell: f64,
        rows: usize,
        columns: usize,
        dimension: Dimension,
    ) -> Area {
        self.table(at, cell, &vec![vec![""; columns]; rows], dimension)
    }

    /// A table of cells with something written in each.
    pub fn table<S: AsRef<str>>(
        &mut self,
        at: Point,
        cell: f64,
        rows: &[Vec<S>],
        dimension: Dimension,
    ) -> Area {
        let columns = rows.first().map_or(0, Vec::len);
        for (i, row) in rows.iter().enumerate() {
            for (j, words) in row.iter().enumerate() {
                let at = (at.0 + j as f64 * cell, at.1 + i as f64 * cell);
                let area = self.bar(Area { at, size: (cell, cell) }, dimension, 0.2);
                if !words.as_ref().is_empty() {
                    self.words(area.middle(), Anchor::Middle, words.as_ref());
                }
            }
        }
        Area { at, size: (columns as f64 * cell, rows.len() as f64 * cell) }
    }

    /// A rectangle that is filled as strongly as `strength` says, from 0 to 1.
    pub fn bar(&mut self, area: Area, dimension: Dimension, strength: f64) -> Area {
        let Area { at: (x, y), size: (width, height) } = area;
        let colour = dimension.colour();
        self.put(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
             fill=\"{colour}\" fill-opacity=\"{strength:.2}\" stroke=\"{colour}\"/>"
        ));
        area
    }

    /// A rectangle without an edge, for the many squares of a shaded matrix.
    pub fn square(&mut self, (x, y): Point, side: f64, dimension: Dimension, strength: f64) {
        self.put(format_args!(
            "<rect x=\"{x:.0}\" y=\"{y:.0}\" width=\"{side:.0}\" height=\"{side:.0}\" \
             fill=\"{}\" fill-opacity=\"{strength:.2}\"/>",
            dimension.colour()
        ));
    }

    /// A strong outline around what should be seen.
    pub fn frame(&mut self, area: Area, dimension: Dimension) {
        let Area { at: (x, y), size: (width, height) } = area;
        self.put(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"2\" \
             fill=\"none\" stroke=\"{}\" stroke-width=\"3\"/>",
            dimension.colour()
        ));
    }

    /// Says by colour what the rows and the columns of a matrix are: a line along its left side,
    /// and one along its upper side.
    pub fn sides(&mut self, area: Area, rows: Dimension, columns: Dimension) {
        let Area { at: (x, y), size: (width, height) } = area;
        self.path(&[(x - 5.0, y), (x - 5.0, y + height)], rows.colour(), 5.0, false);
        self.path(&[(x, y - 5.0), (x + width, y - 5.0)], columns.colour(), 5.0, false);
    }

    /// A surface between corners, lightly tinted.
    pub fn tint(&mut self, corners: &[Point], dimension: Dimension) {
        let points: Vec<_> = corners.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        self.put(format_args!(
            "<polygon points=\"{}\" fill=\"{}\" fill-opacity=\"0.14\"/>",
            points.join(" "),
            dimension.colour()
        ));
    }

    /// A circle with words in it.
    pub fn disc(&mut self, (x, y): Point, radius: f64, words: &str, dimension: Dimension) -> Area {
        let colour = dimension.colour();
        self.put(format_args!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\" fill=\"{colour}\" \
             fill-opacity=\"0.15\" stroke=\"{colour}\" stroke-width=\"1.5\"/>"
        ));
        if !words.is_empty() {
            self.words((x, y), Anchor::Middle, words);
        }
        Area { at: (x - radius, y - radius), size: (2.0 * radius, 2.0 * radius) }
    }

    /// A stick of length 1 that is cut into pieces of these lengths, with the borders written
    /// below it, and a dart that comes down from above.
    pub fn stick(&mut self, area: Area, pieces: &[(f64, String)], dart: f64) {
        let Area { at: (left, top), size: (width, height) } = area;
        let place = |share: f64| left + width * share;
        let mut from = 0.0;
        let border = |drawing: &mut Self, share: f64| {
            let x = place(share);
            drawing.line(&[(x, top + height), (x, top + height + 8.0)], 1.5);
            let at = (x, top + height + 20.0);
            drawing.write(at, Anchor::Middle, Letters::PLAIN, &number(share, 2));
        };
        border(self, 0.0);
        for (i, (share, words)) in pieces.iter().enumerate() {
            let area = Area { at: (place(from), top), size: (width * share, height) };
            // Neighbours differ in strength, so that the border is seen.
            self.bar(area, Dimension::Vocabulary, if i % 2 == 0 { 0.2 } else { 0.4 });
            self.lines(area.middle(), words);
            from += share;
            border(self, from);
        }
        let tip = (place(dart), top - 2.0);
        self.put(format_args!(
            "<path d=\"M{:.1} {:.1}l-9 -18h18Z\" fill=\"{}\"/>",
            tip.0,
            tip.1,
            Dimension::Accent.colour()
        ));
        self.write((tip.0, tip.1 - 30.0), Anchor::Middle, Letters::STRONG, &number(dart, 2));
    }

    /// A bracket along a level line from one place to another, its legs `legs` long: downwards,
    /// or upwards if that is below 0.
    pub fn bracket(&mut self, from: Point, to: f64, legs: f64, dimension: Dimension) {
        let ((x, y), colour) = (from, dimension.colour());
        self.path(&[(x, y + legs), (x, y), (to, y), (to, y + legs)], colour, 2.0, false);
    }

    /// A straight arrow in a colour, from point to point without a gap.
    pub fn vector(&mut self, from: Point, to: Point, dimension: Dimension) {
        let length = (to.0 - from.0).hypot(to.1 - from.1).max(1e-9);
        let (dx, dy) = ((to.0 - from.0) / length, (to.1 - from.1) / length);
        let neck = (to.0 - 11.0 * dx, to.1 - 11.0 * dy);
        self.path(&[from, neck], dimension.colour(), 2.5, false);
        self.head(neck, to, 6.0, dimension);
    }

    /// An arrow as broad as something is strong, pale so that words can stand on it.
    pub fn broad(&mut self, from: Point, to: Point, width: f64, dimension: Dimension) {
        let length = (to.0 - from.0).hypot(to.1 - from.1).max(1e-9);
        let (dx, dy) = ((to.0 - from.0) / length, (to.1 - from.1) / length);
        let far = length - 8.0 - width * 0.5;
        let place =
            |far: f64, aside: f64| (from.0 + far * dx - aside * dy, from.1 + far * dy + aside * dx);
        let (half, wing) = (width / 2.0, width / 2.0 + 6.0);
        let corners = [
            place(0.0, -half),
            place(far, -half),
            place(far, -wing),
            place(length, 0.0),
            place(far, wing),
            place(far, half),
            place(0.0, half),
        ];
        self.put(format_args!(
            "<path d=\"{}Z\" fill=\"{}\" fill-opacity=\"0.55\"/>",
            way(&corners),
            dimension.colour()
        ));
    }

    /// The head of an arrow, with half its width.
    fn head(&mut self, neck: Point, tip: Point, half: f64, dimension: Dimension) {
        let length = (tip.0 - neck.0).hypot(tip.1 - neck.1).max(1e-9);
        let (dx, dy) = (half * (tip.0 - neck.0) / length, half * (tip.1 - neck.1) / length);
        self.put(format_args!(
            "<path d=\"M{:.1} {:.1}L{:.1} {:.1}L{:.1} {:.1}Z\" fill=\"{}\"/>",
            tip.0,
            tip.1,
            neck.0 - dy,
            neck.1 + dx,
            neck.0 + dy,
            neck.1 - dx,
            dimension.colour()
        ));
    }

    /// A straight arrow. It ends a little before the point, so that it does not touch.
    pub fn arrow(&mut self, from: Point, to: Point) {
        let length = (to.0 - from.0).hypot(to.1 - from.1).max(1e-9);
        let (dx, dy) = ((to.0 - from.0) / length, (to.1 - from.1) / length);
        let tip = (to.0 - 4.0 * dx, to.1 - 4.0 * dy);
        let neck = (tip.0 - 9.0 * dx, tip.1 - 9.0 * dy);
        self.line(&[(from.0 + 4.0 * dx, from.1 + 4.0 * dy), neck], 1.5);
        self.head(neck, tip, 4.5, Dimension::Ink);
    }

    /// A line through points, in the colour of the text.
    pub fn line(&mut self, points: &[Point], width: f64) {
        self.path(points, "currentColor", width, false);
    }

    /// A line through points, in the colour of a dimension.
    pub fn stroke(&mut self, points: &[Point], width: f64, dimension: Dimension) {
        self.path(points, dimension.colour(), width, false);
    }

    /// A line of dashes, in the colour of a dimension.
    pub fn dashed(&mut self, points: &[Point], dimension: Dimension) {
        self.path(points, dimension.colour(), 2.0, true);
    }

    /// A line so faint that what lies over it can be read.
    pub fn faint(&mut self, points: &[Point]) {
        let way = way(points);
        self.put(format_args!(
            "<path d=\"{way}\" fill=\"none\" stroke=\"currentColor\" stroke-opacity=\"0.15\"/>"
        ));
    }

    /// A line of dashes.
    pub fn dashes(&mut self, points: &[Point]) {
        self.path(points, "currentColor", 1.2, true);
    }

    /// A curve through many points, in the colour of a dimension.
    pub fn curve(&mut self, points: &[Point], dimension: Dimension) {
        self.path(points, dimension.colour(), 3.0, false);
    }

    fn path(&mut self, points: &[Point], colour: &str, width: f64, dashed: bool) {
        let way = way(points);
        let dashes = if dashed { " stroke-dasharray=\"5 4\"" } else { "" };
        self.put(format_args!(
            "<path d=\"{way}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"{dashes}/>"
        ));
    }

    /// A dot.
    pub fn dot(&mut self, (x, y): Point, dimension: Dimension) {
        let colour = dimension.colour();
        self.put(format_args!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\" fill=\"{colour}\"/>"));
    }

    /// The finished picture as SVG.
    pub fn finish(self) -> String {
        let (width, height) = self.size;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" style=\"max-width:100%;height:auto\" \
             font-family=\"sans-serif\" font-size=\"{}\">\n{}</svg>\n",
            Letters::PLAIN.size,
            self.body
        )
    }
}

/// A line through points as SVG writes it.
fn way(points: &[Point]) -> String {
    let mut way = String::new();
    for (number, (x, y)) in points.iter().enumerate() {
        let _ = write!(way, "{}{x:.1} {y:.1}", if number == 0 { 'M' } else { 'L' });
    }
    way
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_have_edges() {
        let area = Area { at: (10.0, 20.0), size: (4.0, 6.0) };
        assert_eq!(area.left(), (10.0, 23.0));
        assert_eq!(area.right(), (14.0, 23.0));
        assert_eq!(area.top(), (12.0, 20.0));
        assert_eq!(area.bottom(), (12.0, 26.0));
        assert_eq!(area.middle(), (12.0, 23.0));
    }

    #[test]
    fn numbers_have_no_idle_digits_and_a_long_minus() {
        assert_eq!(number(2.0, 2), "2");
        assert_eq!(number(0.75, 2), "0.75");
        assert_eq!(number(-1.75, 1), "\u{2212}1.8");
        assert_eq!(number(10.0, 0), "10");
        assert_eq!(number(-0.001, 2), "0");
    }

    #[test]
    fn words_cannot_break_a_picture() {
        let mut drawing = Drawing::new(10.0, 10.0);
        drawing.words((0.0, 0.0), Anchor::Start, "a < b & c");
        assert!(drawing.finish().contains("a &lt; b &amp; c"));
    }
}
