//! The roofline of a GPU, and the queue before it.

use super::axes::Axes;
use super::draw::{Anchor, Area, Dimension, Drawing, Letters, Point};

/// TB per second of an H100's memory, and its TFLOP/s in bf16 and in f32.
const BANDWIDTH: f64 = 3.35;
const BF16: f64 = 989.0;
const F32: f64 = 67.0;

/// Both axes count powers of ten.
fn power(x: f64) -> f64 {
    x.log10()
}

/// Arithmetic intensity, and the operations per second that are possible with it.
pub fn two_walls() -> String {
    let mut drawing = Drawing::new(760.0, 430.0);
    let area = Area { at: (76.0, 50.0), size: (600.0, 300.0) };
    let axes = Axes { area, x: (power(0.3), power(4000.0)), y: (power(1.0), power(2000.0)) };
    for x in [1.0, 10.0, 100.0, 1000.0] {
        drawing.faint(&[axes.point(power(x), axes.y.0), axes.point(power(x), axes.y.1)]);
    }
    for y in [10.0, 100.0, 1000.0] {
        drawing.faint(&[axes.point(axes.x.0, power(y)), axes.point(axes.x.1, power(y))]);
    }
    axes.draw(&mut drawing, "", "TFLOP/s");
    let mark = |x: f64, words: &str| (power(x), words.to_string());
    axes.x_marks(
        &mut drawing,
        &[mark(1.0, "1"), mark(10.0, "10"), mark(100.0, "100"), mark(1000.0, "1,000")],
    );
    axes.y_marks(
        &mut drawing,
        &[mark(1.0, "1"), mark(10.0, "10"), mark(100.0, "100"), mark(1000.0, "1,000")],
    );
    let below = (area.at.0 + area.size.0 / 2.0, area.at.1 + area.size.1 + 48.0);
    drawing.words(
        below,
        Anchor::Middle,
        "arithmetic intensity: operations per byte that is fetched",
    );

    let roof = |per_byte: f64, peak: f64| axes.point(power(per_byte), power(peak));
    let (start, end) = (10f64.powf(axes.x.0), 10f64.powf(axes.x.1));
    drawing.dashed(&[roof(F32 / BANDWIDTH, F32), roof(end, F32)], Dimension::Plain);
    let corner = BF16 / BANDWIDTH;
    let slope = [roof(start, (start * BANDWIDTH).max(1.0)), roof(corner, BF16), roof(end, BF16)];
    drawing.curve(&slope, Dimension::Accent);
    let at = roof(3200.0, F32);
    drawing.write((at.0, at.1 - 14.0), Anchor::End, Letters::SMALL, "f32 on its lanes: 67");
    let at = roof(3900.0, BF16);
    drawing.write((at.0, at.1 - 14.0), Anchor::End, Letters::SMALL, "bf16: 989");
    let at = roof(14.0, 14.0 * BANDWIDTH);
    drawing.write((at.0 - 16.0, at.1 - 12.0), Anchor::End, Letters::SMALL, "memory-bound");
    let at = roof(3200.0, BF16);
    drawing.write((at.0, at.1 + 20.0), Anchor::End, Letters::SMALL, "compute-bound");

    let works: [(f64, &str, Point); 5] = [
        (16.0 / 28.0, "AdamW", (14.0, 8.0)),
        (768.0 / 770.0, "1 row", (14.0, 8.0)),
        (64.0 * 768.0 / 896.0, "64 rows", (14.0, 8.0)),
        (256.0, "768 rows", (-80.0, -4.0)),
        (12_288.0 * 768.0 / 25_344.0, "12,288 rows", (-12.0, -16.0)),
    ];
    for (per_byte, words, (dx, dy)) in works {
        let at = roof(per_byte, BF16.min(per_byte * BANDWIDTH));
        drawing.dot(at, Dimension::Time);
        drawing.write((at.0 + dx, at.1 + dy), Anchor::Start, Letters::SMALL, words);
    }
    drawing.finish()
}

const LEFT: f64 = 128.0;
/// How long it takes to ask, and how long to do.
const ASK: f64 = 20.0;
const DO: f64 = 120.0;
const TASKS: usize = 4;

/// A row of the picture: its name at the left.
fn row(drawing: &mut Drawing, y: f64, name: &str) {
    drawing.words((LEFT - 14.0, y + 15.0), Anchor::End, name);
    drawing.faint(&[(LEFT, y + 15.0), (740.0, y + 15.0)]);
}

fn task(drawing: &mut Drawing, (x, y): Point, width: f64, number: usize, dimension: Dimension) {
    let area = drawing.bar(Area { at: (x, y), size: (width, 30.0) }, dimension, 0.35);
    drawing.words(area.middle(), Anchor::Middle, &(number + 1).to_string());
}

/// A moment at which somebody looks at a clock.
fn moment(drawing: &mut Drawing, x: f64, top: f64, words: &str) {
    drawing.dashes(&[(x, top), (x, top + 118.0)]);
    drawing.write((x + 6.0, top - 8.0), Anchor::Start, Letters::SMALL, words);
}

/// Asking is not doing: what a clock sees, and what a look costs.
pub fn queue_and_clock() -> String {
    let mut drawing = Drawing::new(760.0, 400.0);
    let top = 64.0;
    drawing.write((LEFT, 18.0), Anchor::Start, Letters::STRONG, "Look at the end");
    row(&mut drawing, top, "the program");
    row(&mut drawing, top + 58.0, "the device");
    for number in 0..TASKS {
        task(&mut drawing, (LEFT + ASK * number as f64, top), ASK, number, Dimension::Time);
        let x = LEFT + ASK + DO * number as f64;
        task(&mut drawing, (x, top + 58.0), DO, number, Dimension::Accent);
    }
    moment(&mut drawing, LEFT + ASK * TASKS as f64, top - 6.0, "all are asked for");
    moment(&mut drawing, LEFT + ASK + DO * TASKS as f64, top - 6.0, "all are done");
    drawing.faint(&[(10.0, 208.0), (750.0, 208.0)]);

    let top = 282.0;
    drawing.write((LEFT, 236.0), Anchor::Start, Letters::STRONG, "Look at each");
    row(&mut drawing, top, "the program");
    row(&mut drawing, top + 58.0, "the device");
    // The answer takes its time as well.
    let each = ASK + DO + ASK;
    for number in 0..3 {
        let x = LEFT + each * number as f64;
        task(&mut drawing, (x, top), ASK, number, Dimension::Time);
        let waits = [(x + ASK, top + 15.0), (x + each, top + 15.0)];
        drawing.dashed(&waits, Dimension::Time);
        task(&mut drawing, (x + ASK, top + 58.0), DO, number, Dimension::Accent);
    }
    moment(&mut drawing, LEFT + 3.0 * each, top - 6.0, "only three");
    drawing.finish()
}
