//! RMSNorm: what two norms make of the rows of two numbers.

use super::axes::Axes;
use super::draw::{Anchor, Area, Dimension, Drawing, Letters, Point};

/// Rows of two numbers.
const ROWS: [Point; 5] = [(1.0, 3.0), (3.0, 2.0), (-2.4, 1.4), (-1.0, -2.6), (0.6, 0.5)];

/// The row with the root mean square 1: the point on the circle in the same direction.
fn rms_norm((x, y): Point) -> Point {
    let rms = ((x * x + y * y) / 2.0).sqrt();
    (x / rms, y / rms)
}

/// The row less its mean: the nearest point on the line of all rows with the mean 0.
fn centred((x, y): Point) -> Point {
    let mean = (x + y) / 2.0;
    (x - mean, y - mean)
}

/// One plane with the rows, and what is made of them.
fn panel(drawing: &mut Drawing, left: f64, title: &str) -> Axes {
    let area = Area { at: (left, 84.0), size: (300.0, 300.0) };
    let axes = Axes { area, x: (-3.5, 3.5), y: (-3.5, 3.5) };
    axes.plane(drawing, "x₁", "x₂");
    drawing.write((area.top().0, 22.0), Anchor::Middle, Letters::STRONG, title);
    axes
}

/// On the left RMSNorm, on the right layer norm.
pub fn norms_in_the_plane() -> String {
    let mut drawing = Drawing::new(760.0, 430.0);
    let axes = panel(&mut drawing, 20.0, "RMSNorm");
    let radius = 2f64.sqrt();
    let circle: Vec<Point> = (0..=72)
        .map(|step| f64::from(step) * std::f64::consts::TAU / 72.0)
        .map(|angle| axes.point(radius * angle.cos(), radius * angle.sin()))
        .collect();
    drawing.curve(&circle, Dimension::Accent);
    for row in ROWS {
        let to = rms_norm(row);
        drawing.dashes(&[axes.point(row.0, row.1), axes.point(to.0, to.1)]);
        drawing.dot(axes.point(row.0, row.1), Dimension::Plain);
        drawing.dot(axes.point(to.0, to.1), Dimension::Accent);
    }
    let below = axes.area.bottom();
    drawing.words((below.0, below.1 + 28.0), Anchor::Middle, "along its own direction");

    let axes = panel(&mut drawing, 410.0, "layer norm");
    let line = [axes.point(-3.3, 3.3), axes.point(3.3, -3.3)];
    drawing.stroke(&line, 3.0, Dimension::Accent);
    for row in ROWS {
        let to = centred(row);
        drawing.dashes(&[axes.point(row.0, row.1), axes.point(to.0, to.1)]);
        drawing.dot(axes.point(row.0, row.1), Dimension::Plain);
        let end = rms_norm(to);
        drawing.dot(axes.point(end.0, end.1), Dimension::Accent);
    }
    let below = axes.area.bottom();
    let words = "on to the line of the mean 0, then along it";
    drawing.words((below.0, below.1 + 28.0), Anchor::Middle, words);
    drawing.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_two_numbers_leave_rms_norm_on_a_circle_and_layer_norm_at_two_points() {
        for row in ROWS {
            let (x, y) = rms_norm(row);
            assert!((x.hypot(y) - 2f64.sqrt()).abs() < 1e-12);
            let (x, y) = rms_norm(centred(row));
            assert!((x.abs() - 1.0).abs() < 1e-12 && (x + y).abs() < 1e-12);
        }
    }
}
