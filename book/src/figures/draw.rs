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

/// What a table or a vector runs over. Each has one colour in the whole book; those are told
/// apart with any kind of colour vision (Okabe and Ito 2008).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// The texts of a batch.
    Batch,
    /// The tokens of a text, one after the other.
    Time,
    /// The numbers of a token: `n_embd`.
    Channel,
    /// The heads of attention.
    Head,
    /// The tokens that exist.
    Vocabulary,
    /// No dimension of the model.
    Plain,
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

/// A sheet that is being drawn on.
#[derive(Clone, Debug)]
pub struct Drawing {
    size: Point,
    body: String,
}

/// The size of letters.
const LETTERS: f64 = 14.0;

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
    pub fn words(&mut self, (x, y): Point, anchor: Anchor, words: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let (y, words) = (y + LETTERS * 0.35, crate::markdown::escape(words));
        self.put(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"currentColor\">{words}</text>"
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
        let lines: Vec<&str> = words.lines().collect();
        let first = y + height / 2.0 - (lines.len() as f64 - 1.0) * 9.0;
        for (number, line) in lines.into_iter().enumerate() {
            self.words((x + width / 2.0, first + 18.0 * number as f64), Anchor::Middle, line);
        }
        Area { at, size }
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
        let colour = dimension.colour();
        let columns = rows.first().map_or(0, Vec::len);
        for (i, row) in rows.iter().enumerate() {
            for (j, words) in row.iter().enumerate() {
                let (x, y) = (at.0 + j as f64 * cell, at.1 + i as f64 * cell);
                self.put(format_args!(
                    "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{cell:.1}\" height=\"{cell:.1}\" \
                     fill=\"{colour}\" fill-opacity=\"0.2\" stroke=\"{colour}\"/>"
                ));
                if !words.as_ref().is_empty() {
                    self.words((x + cell / 2.0, y + cell / 2.0), Anchor::Middle, words.as_ref());
                }
            }
        }
        Area { at, size: (columns as f64 * cell, rows.len() as f64 * cell) }
    }

    /// A straight arrow. It ends a little before the point, so that it does not touch.
    pub fn arrow(&mut self, from: Point, to: Point) {
        let length = (to.0 - from.0).hypot(to.1 - from.1).max(1e-9);
        let (dx, dy) = ((to.0 - from.0) / length, (to.1 - from.1) / length);
        let tip = (to.0 - 4.0 * dx, to.1 - 4.0 * dy);
        let neck = (tip.0 - 9.0 * dx, tip.1 - 9.0 * dy);
        self.line(&[(from.0 + 4.0 * dx, from.1 + 4.0 * dy), neck], 1.5);
        let (a, b) =
            ((neck.0 - 4.5 * dy, neck.1 + 4.5 * dx), (neck.0 + 4.5 * dy, neck.1 - 4.5 * dx));
        self.put(format_args!(
            "<path d=\"M{:.1} {:.1}L{:.1} {:.1}L{:.1} {:.1}Z\" fill=\"currentColor\"/>",
            tip.0, tip.1, a.0, a.1, b.0, b.1
        ));
    }

    /// A line through points, in the colour of the text.
    pub fn line(&mut self, points: &[Point], width: f64) {
        self.path(points, "currentColor", width, false);
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
        let mut way = String::new();
        for (number, (x, y)) in points.iter().enumerate() {
            let _ = write!(way, "{}{x:.1} {y:.1}", if number == 0 { 'M' } else { 'L' });
        }
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
             font-family=\"sans-serif\" font-size=\"{LETTERS}\">\n{}</svg>\n",
            self.body
        )
    }
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
    fn words_cannot_break_a_picture() {
        let mut drawing = Drawing::new(10.0, 10.0);
        drawing.words((0.0, 0.0), Anchor::Start, "a < b & c");
        assert!(drawing.finish().contains("a &lt; b &amp; c"));
    }
}
