//! Surviving: what saving costs and what a failure costs, and how saves and failures follow each
//! other in time.

use super::axes::Axes;
use super::draw::{Anchor, Area, Dimension, Drawing, Letters};

/// Seconds that a save takes, and the mean time between failures: the example on paper.
const SAVE: f64 = 20.0;
const FAIL: f64 = 36_000.0;

/// The share of time that is lost, by the time between saves.
pub fn best_interval() -> String {
    let mut drawing = Drawing::new(760.0, 330.0);
    let area = Area { at: (90.0, 40.0), size: (500.0, 220.0) };
    let axes = Axes { area, x: (0.0, 3600.0), y: (0.0, 0.1) };
    axes.draw(&mut drawing, "", "share of the time that is lost");
    let minutes = [0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0];
    axes.x_marks(&mut drawing, &minutes.map(|m| (60.0 * m, format!("{m} min"))));
    axes.y_marks(
        &mut drawing,
        &[0.0, 2.0, 4.0, 6.0, 8.0, 10.0].map(|p| (p / 100.0, format!("{p} %"))),
    );
    drawing.words((340.0, 310.0), Anchor::Middle, "time between two saves");
    let saving = |gap: f64| SAVE / gap;
    let repeating = |gap: f64| gap / (2.0 * FAIL);
    drawing.curve(&axes.points(200.0, 3600.0, saving), Dimension::Time);
    drawing.curve(&axes.points(0.0, 3600.0, repeating), Dimension::Vocabulary);
    let sum = |gap: f64| saving(gap) + repeating(gap);
    drawing.curve(&axes.points(208.0, 3600.0, sum), Dimension::Accent);
    let best = (2.0 * SAVE * FAIL).sqrt();
    drawing.dashes(&[axes.point(best, 0.0), axes.point(best, sum(best))]);
    drawing.dot(axes.point(best, sum(best)), Dimension::Accent);
    // The last two end close to each other, so their names stand a little apart.
    let ends = [
        (saving(3600.0), 0.0, "saving"),
        (repeating(3600.0), 8.0, "doing again"),
        (sum(3600.0), -8.0, "both"),
    ];
    for (y, down, words) in ends {
        let (x, y) = axes.point(3600.0, y);
        drawing.write((x + 18.0, y + down), Anchor::Start, Letters::PLAIN, words);
    }
    drawing.finish()
}

/// A line of time: steps, saves, a failure, and what is done again.
pub fn what_is_lost() -> String {
    let mut drawing = Drawing::new(816.0, 230.0);
    let (left, scale, y) = (40.0, 70.0, 70.0);
    let place = |time: f64| left + scale * time;
    let work = |drawing: &mut Drawing, y: f64, from: f64, to: f64, dimension, strength| {
        let area = Area { at: (place(from), y), size: (scale * (to - from), 34.0) };
        drawing.bar(area, dimension, strength);
    };
    for (from, to) in [(0.0, 3.0), (3.2, 6.2), (6.4, 8.2)] {
        let lost = from > 6.0;
        let dimension = if lost { Dimension::Vocabulary } else { Dimension::Time };
        work(&mut drawing, y, from, to, dimension, 0.25);
    }
    for save in [3.0, 6.2] {
        work(&mut drawing, y, save, save + 0.2, Dimension::Ink, 0.7);
        drawing.write((place(save + 0.1), y - 16.0), Anchor::Middle, Letters::SMALL, "save");
    }
    let end = place(8.2);
    drawing.stroke(&[(end - 9.0, y + 8.0), (end + 9.0, y + 26.0)], 4.0, Dimension::Vocabulary);
    drawing.stroke(&[(end - 9.0, y + 26.0), (end + 9.0, y + 8.0)], 4.0, Dimension::Vocabulary);
    drawing.write((end, y - 16.0), Anchor::Middle, Letters::SMALL, "killed");
    drawing.write((place(7.3), y + 17.0), Anchor::Middle, Letters::SMALL, "lost");
    let second = 150.0;
    work(&mut drawing, second, 6.4, 8.2, Dimension::Vocabulary, 0.25);
    work(&mut drawing, second, 8.2, 10.4, Dimension::Time, 0.25);
    drawing.write((place(7.3), second + 17.0), Anchor::Middle, Letters::SMALL, "done again");
    drawing.write(
        (place(6.2), second + 17.0),
        Anchor::End,
        Letters::SMALL,
        "resumed from the last save:",
    );
    drawing.arrow((left, 212.0), (place(10.6), 212.0));
    drawing.write((place(10.2), 200.0), Anchor::End, Letters::SMALL, "steps");
    drawing.finish()
}
