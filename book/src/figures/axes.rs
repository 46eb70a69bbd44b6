//! Two axes, and curves between them.

use super::draw::{Anchor, Area, Drawing, Letters, Point};

/// The way from a function's own numbers to points on the sheet.
#[derive(Clone, Copy, Debug)]
pub struct Axes {
    /// Where they are drawn.
    pub area: Area,
    /// The smallest and the largest x.
    pub x: (f64, f64),
    /// The smallest and the largest y.
    pub y: (f64, f64),
}

impl Axes {
    /// The point for a pair of numbers.
    pub fn point(&self, x: f64, y: f64) -> Point {
        let share = |value: f64, (low, high): (f64, f64)| (value - low) / (high - low);
        let Area { at, size } = self.area;
        (at.0 + size.0 * share(x, self.x), at.1 + size.1 * (1.0 - share(y, self.y)))
    }

    /// Points of a function from one x to another.
    pub fn points(&self, from: f64, to: f64, function: impl Fn(f64) -> f64) -> Vec<Point> {
        const STEPS: usize = 80;
        let x = |step: usize| from + (to - from) * step as f64 / STEPS as f64;
        (0..=STEPS).map(|step| self.point(x(step), function(x(step)))).collect()
    }

    /// Draws both axes, with a name at the end of each; that of x may be empty, where words are
    /// written below the axis.
    pub fn draw(&self, drawing: &mut Drawing, x_name: &str, y_name: &str) {
        let Area { at, size } = self.area;
        let origin = (at.0, at.1 + size.1);
        drawing.arrow(origin, (at.0 + size.0 + 12.0, origin.1));
        drawing.arrow(origin, (at.0, at.1 - 12.0));
        if !x_name.is_empty() {
            let end = (at.0 + size.0 + 16.0, origin.1);
            drawing.write(end, Anchor::Start, Letters::NAME, x_name);
        }
        drawing.words((at.0 + 12.0, at.1 - 8.0), Anchor::Start, y_name);
    }

    /// Marks and numbers along the horizontal axis.
    pub fn x_marks(&self, drawing: &mut Drawing, marks: &[(f64, String)]) {
        for (x, words) in marks {
            let (x, y) = (self.point(*x, 0.0).0, self.area.at.1 + self.area.size.1);
            drawing.line(&[(x, y), (x, y + 6.0)], 1.2);
            drawing.write((x, y + 18.0), Anchor::Middle, Letters::SMALL, words);
        }
    }

    /// Marks and numbers along the vertical axis.
    pub fn y_marks(&self, drawing: &mut Drawing, marks: &[(f64, String)]) {
        for (y, words) in marks {
            let (x, y) = (self.area.at.0, self.point(0.0, *y).1);
            drawing.line(&[(x - 6.0, y), (x, y)], 1.2);
            drawing.write((x - 10.0, y), Anchor::End, Letters::SMALL, words);
        }
    }

    /// Draws a plane: a faint grid at the whole numbers, and both axes through the origin.
    pub fn plane(&self, drawing: &mut Drawing, x_name: &str, y_name: &str) {
        let whole = |(low, high): (f64, f64)| low.ceil() as i32..=high.floor() as i32;
        for x in whole(self.x).map(f64::from) {
            drawing.faint(&[self.point(x, self.y.0), self.point(x, self.y.1)]);
        }
        for y in whole(self.y).map(f64::from) {
            drawing.faint(&[self.point(self.x.0, y), self.point(self.x.1, y)]);
        }
        let (right, top) = (self.point(self.x.1, 0.0), self.point(0.0, self.y.1));
        drawing.arrow(self.point(self.x.0, 0.0), (right.0 + 14.0, right.1));
        drawing.arrow(self.point(0.0, self.y.0), (top.0, top.1 - 14.0));
        drawing.words((right.0 + 16.0, right.1), Anchor::Start, x_name);
        drawing.words((top.0, top.1 - 24.0), Anchor::Middle, y_name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_turn_numbers_into_points() {
        let area = Area { at: (0.0, 0.0), size: (100.0, 50.0) };
        let axes = Axes { area, x: (0.0, 10.0), y: (0.0, 1.0) };
        assert_eq!(axes.point(5.0, 1.0), (50.0, 0.0));
        assert_eq!(axes.points(0.0, 10.0, |_| 0.0)[80], (100.0, 50.0));
    }
}
