//! Line charts, such as the loss during training.
//!
//! [`LineChart`] becomes an SVG picture, for a page or a browser; [`terminal_chart`] a few lines of
//! text, for the screen. A chart has a description in words as well, for readers who cannot see it.
//!
//! The drawing is done by the crate `plotters`. This file handles the special cases: NaN and
//! infinite values leave a gap, a first loss of a million does not flatten the rest, and a curve of
//! a million points becomes one of a thousand that looks the same.
//!
//! What this file leaves out: other kinds of pictures (heat maps are in `stage02_attention`).

mod terminal;

use std::ops::Range;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::{Result, files};

pub use terminal::terminal_chart;

/// Width and height of the picture in pixels.
const SIZE: (i32, i32) = (760, 420);
/// Scale of the drawing: `plotters` rounds coordinates to whole numbers, so it draws on a larger
/// sheet.
const FINE: i32 = 8;
/// The most points of a curve; more cannot be distinguished at this width.
const MOST_POINTS: usize = 1200;
/// Colours that people with any kind of colour vision tell apart (Okabe and Ito 2008).
const PALETTE: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
];
const TEXT: RGBColor = RGBColor(51, 51, 51);
const MUTED: RGBColor = RGBColor(102, 102, 102);
const GRID: RGBColor = RGBColor(232, 232, 232);

/// A named curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What it shows, for the legend.
    pub name: String,
    /// Its points (x, y), by rising x.
    pub points: Vec<(f64, f64)>,
}

/// A picture of curves over a common axis.
///
/// ```
/// use stage01_bigram::plot::{LineChart, Series};
/// let chart = LineChart {
///     title: "A model learns".into(),
///     x_label: "iteration".into(),
///     y_label: "loss (nats per character)".into(),
///     series: vec![Series {
///         name: "train".into(),
///         points: vec![(0.0, 4.17), (100.0, 2.61), (200.0, 2.46)],
///     }],
///     references: vec![("uniform guess: ln 65".into(), 4.17)],
/// };
/// assert!(chart.to_svg().starts_with("<svg"));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineChart {
    /// What the whole picture shows.
    pub title: String,
    /// What runs to the right, with its unit.
    pub x_label: String,
    /// What runs upwards, with its unit.
    pub y_label: String,
    /// The curves, in the order of the legend.
    pub series: Vec<Series>,
    /// Values to compare with: dashed lines across the picture, each with its label.
    pub references: Vec<(String, f64)>,
}

impl LineChart {
    /// The picture as SVG text. It has a white ground of its own, so it can be read on a dark
    /// page, and a title and a description in words.
    pub fn to_svg(&self) -> String {
        self.to_svg_of_size(SIZE)
    }

    /// [`LineChart::to_svg`] in another size: width and height in pixels, at least 200 each.
    pub fn to_svg_of_size(&self, (width, height): (i32, i32)) -> String {
        let (width, height) = (width.max(200), height.max(200));
        let mut svg = String::new();
        let size = ((width * FINE) as u32, (height * FINE) as u32);
        let sheet = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        self.draw(&sheet, width).expect("drawing into a string cannot fail");
        drop(sheet);
        // Replaces the opening tag: with this size, never wider than the page, and a description.
        let body = svg.split_once('>').expect("an svg element").1;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{width}\" \
             height=\"{height}\" viewBox=\"0 0 {} {}\" style=\"max-width:100%;height:auto\">\n\
             <title>{}</title>\n<desc>{}</desc>{body}",
            size.0,
            size.1,
            escape(&self.title),
            escape(&self.in_words()),
        )
    }

    /// Writes the picture to a file.
    ///
    /// # Errors
    /// [`crate::Error::File`] when it cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        files::write_bytes(path, self.to_svg().as_bytes())
    }

    /// What the picture shows, as sentences.
    pub fn in_words(&self) -> String {
        let mut words = format!("Line chart of {} against {}.", self.y_label, self.x_label);
        for Series { name, points } in &self.series {
            let finite = || points.iter().filter(|(x, y)| drawable(*x) && drawable(*y));
            match (finite().next(), finite().next_back()) {
                (Some(first), Some(last)) => {
                    let lowest = finite().fold(f64::INFINITY, |low, point| low.min(point.1));
                    words += &format!(
                        " {name}: from {} at {} to {} at {}, lowest {}.",
                        number(first.1),
                        number(first.0),
                        number(last.1),
                        number(last.0),
                        number(lowest)
                    );
                }
                _ => words += &format!(" {name}: no points."),
            }
        }
        for (label, y) in &self.references {
            words += &format!(" Dashed line {label} at {}.", number(*y));
        }
        words
    }

    /// width: of the picture, in pixels.
    fn draw<DB: DrawingBackend>(
        &self,
        sheet: &DrawingArea<DB, Shift>,
        width: i32,
    ) -> std::result::Result<(), DrawingAreaErrorKind<DB::ErrorType>> {
        sheet.fill(&WHITE)?;
        sheet.draw_text(&self.title, &style(17, TEXT), (16 * FINE, 14 * FINE))?;
        self.draw_legend(sheet)?;

        let (x_range, y_range) = self.ranges();
        let mut chart = ChartBuilder::on(sheet)
            .margin(16 * FINE)
            .margin_top(64 * FINE)
            .margin_right(24 * FINE)
            .x_label_area_size(44 * FINE)
            .y_label_area_size(58 * FINE)
            .build_cartesian_2d(x_range.clone(), y_range.clone())?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID.stroke_width(FINE as u32))
            .axis_style(MUTED.stroke_width(FINE as u32))
            .set_all_tick_mark_size(4 * FINE)
            .x_labels((width / 69).clamp(2, 11) as usize)
            .label_style(style(13, MUTED))
            .axis_desc_style(style(14, TEXT))
            .x_label_formatter(&|x| tick(*x, &x_range))
            .y_label_formatter(&|y| tick(*y, &y_range))
            .x_desc(&self.x_label)
            .y_desc(&self.y_label)
            .draw()?;

        for (series, colour) in self.series.iter().zip(PALETTE.iter().cycle()) {
            // A curve of many points is a jagged one: a thin line shows it better.
            let width = if series.points.len() > 300 { FINE } else { 2 * FINE } as u32;
            for segment in segments(&thin_out(&series.points), &y_range) {
                if let [point] = segment[..] {
                    chart.draw_series([Circle::new(point, 3 * FINE, colour.filled())])?;
                } else {
                    chart.draw_series(LineSeries::new(segment, colour.stroke_width(width)))?;
                }
            }
        }
        for (label, y) in self.references.iter().filter(|(_, y)| drawable(*y)) {
            let line = [(x_range.start, *y), (x_range.end, *y)];
            chart.draw_series(DashedLineSeries::new(
                line,
                6 * FINE as u32,
                4 * FINE as u32,
                TEXT.stroke_width(FINE as u32 * 3 / 2),
            ))?;
            // The label stands on the side of its line where the curves do not end, on a
            // ground that dims what is behind it.
            let above = *y >= self.final_height();
            let (side, top) = if above { (VPos::Bottom, -20) } else { (VPos::Top, 4) };
            let text = if above { -5 } else { 6 };
            let width = 7 * label.chars().count() as i32 + 12;
            let ground = [(-width * FINE, top * FINE), (-2 * FINE, (top + 16) * FINE)];
            let anchor = style(13, TEXT).pos(Pos::new(HPos::Right, side));
            chart.draw_series([EmptyElement::at(line[1])
                + Rectangle::new(ground, WHITE.mix(0.8).filled())
                + Text::new(label.clone(), (-6 * FINE, text * FINE), anchor)])?;
        }
        sheet.present()
    }

    /// The legend: the names of the curves in a row, each after a sample of its line.
    fn draw_legend<DB: DrawingBackend>(
        &self,
        sheet: &DrawingArea<DB, Shift>,
    ) -> std::result::Result<(), DrawingAreaErrorKind<DB::ErrorType>> {
        let (mut x, y) = (16 * FINE, 48 * FINE);
        for (series, colour) in self.series.iter().zip(PALETTE.iter().cycle()) {
            let line = vec![(x, y), (x + 24 * FINE, y)];
            sheet.draw(&PathElement::new(line, colour.stroke_width(3 * FINE as u32)))?;
            let text = style(13, TEXT).pos(Pos::new(HPos::Left, VPos::Center));
            sheet.draw_text(&series.name, &text, (x + 30 * FINE, y))?;
            // The font is not known here; 8 pixels per letter are enough for most.
            x += (30 + 24 + 8 * series.name.chars().count() as i32) * FINE;
        }
        Ok(())
    }

    /// Where the curves end, on average.
    fn final_height(&self) -> f64 {
        let last = |s: &Series| s.points.iter().rev().map(|p| p.1).find(|y| drawable(*y));
        let ends: Vec<f64> = self.series.iter().filter_map(last).collect();
        ends.iter().sum::<f64>() / ends.len() as f64
    }

    /// The ranges of both axes.
    ///
    /// They cover all points but outliers: those above the bulk of the others by more than ten
    /// times its height. The references are always inside.
    fn ranges(&self) -> (Range<f64>, Range<f64>) {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let finite = || points().filter(|(x, y)| drawable(*x) && drawable(*y));
        let xs = finite().map(|point| point.0);
        let mut ys: Vec<f64> = finite().map(|point| point.1).collect();
        ys.sort_unstable_by(f64::total_cmp);
        if let (Some(&low), Some(&high)) =
            (ys.get(ys.len() / 50), ys.get(ys.len().saturating_sub(1) * 49 / 50))
            && ys.len() >= 10
        {
            ys.retain(|&y| y <= high + 10.0 * (high - low).max(0.05 * high.abs()));
        }
        ys.extend(self.references.iter().map(|reference| reference.1).filter(|y| drawable(*y)));
        (range(xs, 0.0), range(ys.into_iter(), 0.1))
    }
}

/// Whether a number has a place on an axis: finite, and so small that differences are finite.
fn drawable(x: f64) -> bool {
    x.abs() < 1e30
}

/// The range from the least to the greatest value, with this fraction of its width added at both
/// ends.
fn range(values: impl Iterator<Item = f64>, margin: f64) -> Range<f64> {
    let (low, high) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    if low > high {
        return 0.0..1.0; // no values
    }
    let mut width = high - low;
    let mut margin = margin;
    if width <= 1e-9 * low.abs().max(high.abs()) {
        // A single value is in the middle.
        width = low.abs().max(1.0);
        margin = 0.5;
    }
    low - margin * width..high + margin * width
}

/// The segments of a curve: it is cut where a value is NaN or outside the picture.
fn segments(points: &[(f64, f64)], shown: &Range<f64>) -> Vec<Vec<(f64, f64)>> {
    let visible = |&(x, y): &(f64, f64)| drawable(x) && y >= shown.start && y <= shown.end;
    points
        .chunk_by(|a, b| visible(a) == visible(b))
        .filter(|segment| visible(&segment[0]))
        .map(<[_]>::to_vec)
        .collect()
}

/// A curve of fewer points that looks the same: the lowest and the highest point of each stretch.
fn thin_out(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= MOST_POINTS {
        return points.to_vec();
    }
    let stretch = points.len().div_ceil(MOST_POINTS / 2);
    let mut thin = Vec::with_capacity(MOST_POINTS);
    for part in points.chunks(stretch) {
        let by_y = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let low = part.iter().min_by(by_y).expect("chunks are not empty");
        let high = part.iter().max_by(by_y).expect("chunks are not empty");
        let (first, second) = if low.0 <= high.0 { (low, high) } else { (high, low) };
        thin.push(*first);
        if first != second {
            thin.push(*second);
        }
    }
    thin
}

/// A number with at most four decimals and without trailing zeros.
fn number(x: f64) -> String {
    if x.abs() >= 1e7 || (x != 0.0 && x.abs() < 1e-3) {
        return format!("{x:.3e}");
    }
    let text = format!("{x:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

/// The label of a tick, with as many decimals as the axis needs.
fn tick(x: f64, axis: &Range<f64>) -> String {
    let step = (axis.end - axis.start) / 10.0;
    if x.abs() >= 1e7 || step < 1e-4 {
        return number(x);
    }
    let digits = (-step.log10()).ceil().max(0.0) as usize;
    format!("{x:.digits$}")
}

fn style(size: i32, colour: RGBColor) -> TextStyle<'static> {
    // Every browser has a font by this generic name.
    ("sans-serif", size * FINE).into_font().color(&colour)
}

/// Text as it may stand between XML tags.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chart(points: Vec<(f64, f64)>, references: &[f64]) -> LineChart {
        LineChart {
            title: "Loss & <learning>".into(),
            x_label: "iteration".into(),
            y_label: "loss".into(),
            series: vec![Series { name: "train".into(), points }],
            references: references.iter().map(|&y| ("a line".into(), y)).collect(),
        }
    }

    fn any_number() -> impl Strategy<Value = f64> {
        prop_oneof![any::<f64>(), -10.0..10.0f64, Just(f64::NAN), Just(f64::INFINITY), Just(0.0)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn any_values_give_a_picture(
            points in prop::collection::vec((any_number(), any_number()), 0..20),
            references in prop::collection::vec(any_number(), 0..3),
        ) {
            let svg = chart(points.clone(), &references).to_svg();
            prop_assert!(svg.ends_with("</svg>\n") || svg.ends_with("</svg>"));
            prop_assert!(!svg.contains("NaN,") && !svg.contains("\"NaN"));
            terminal_chart(&points, 30, 4);
        }

        #[test]
        fn thinning_keeps_both_extremes(ys in prop::collection::vec(-5.0..5.0f64, 1..5000)) {
            let points: Vec<_> = (0..).map(f64::from).zip(ys).collect();
            let thin = thin_out(&points);
            prop_assert!(thin.len() <= MOST_POINTS);
            prop_assert!(thin.is_sorted_by(|a, b| a.0 < b.0));
            prop_assert_eq!(range(thin.iter().map(|p| p.1), 0.0), range(points.iter().map(|p| p.1), 0.0));
        }
    }

    #[test]
    fn it_has_a_description() {
        let svg = chart(vec![(0.0, 4.17), (5.0, f64::NAN), (10.0, 2.5)], &[4.17]).to_svg();
        assert!(svg.contains("<title>Loss &amp; &lt;learning&gt;</title>"));
        assert!(svg.contains(
            "<desc>Line chart of loss against iteration. train: from 4.17 at 0 to 2.5 at 10, \
             lowest 2.5. Dashed line a line at 4.17.</desc>"
        ));
        assert_eq!(svg.matches("<svg").count(), 1);
    }

    #[test]
    fn one_outlier_does_not_flatten_the_rest() {
        let mut points: Vec<_> =
            (0..100).map(|i| (f64::from(i), 3.0 - f64::from(i) / 100.0)).collect();
        points[0].1 = 4.17;
        assert!(chart(points.clone(), &[]).ranges().1.end > 4.17, "an honest start is shown");
        points[0].1 = 1e6;
        assert!(chart(points[..10].to_vec(), &[]).ranges().1.end < 20.0);
        let (_, y) = chart(points.clone(), &[]).ranges();
        assert!(y.end < 20.0, "{y:?}");
        assert_eq!(segments(&points, &y).len(), 1);
        assert_eq!(segments(&points, &y)[0].len(), 99);
    }

    #[test]
    fn a_gap_cuts_the_curve() {
        let points = [(0.0, 1.0), (1.0, 2.0), (2.0, f64::NAN), (3.0, 1.0), (4.0, 9.0)];
        let cut = segments(&points, &(0.0..5.0));
        assert_eq!(cut, [vec![(0.0, 1.0), (1.0, 2.0)], vec![(3.0, 1.0)]]);
    }

    #[test]
    fn numbers_read_well() {
        let texts = [0.0, -0.00001, 2.5, 2000.0, 0.1 + 0.2, 4.174387, 1e9].map(number);
        assert_eq!(tick(4.0, &(2.3..4.2)), "4.0");
        assert_eq!(tick(400.0, &(0.0..2000.0)), "400");
        assert_eq!(texts, ["0", "-1.000e-5", "2.5", "2000", "0.3", "4.1744", "1.000e9"]);
    }
}
