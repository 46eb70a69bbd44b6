//! Two axes, and curves between them.

use super::draw::{Anchor, Area, Drawing, Point};

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

    /// Draws both axes, with a name at the end of each.
    pub fn draw(&self, drawing: &mut Drawing, x_name: &str, y_name: &str) {
        let Area { at, size } = self.area;
        let origin = (at.0, at.1 + size.1);
        drawing.arrow(origin, (at.0 + size.0 + 12.0, origin.1));
        drawing.arrow(origin, (at.0, at.1 - 12.0));
        drawing.words((at.0 + size.0 + 12.0, origin.1 + 16.0), Anchor::End, x_name);
        drawing.words((at.0 + 10.0, at.1 - 8.0), Anchor::Start, y_name);
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
