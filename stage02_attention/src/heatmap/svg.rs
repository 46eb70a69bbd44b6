//! A heat map as an SVG picture.

use std::fmt::Write;

use super::{HeatMap, Panel, colour, percent, strength};

/// The picture is no wider than this where its panels can stand below each other.
const WIDEST: f32 = 960.0;
/// The space around everything, and between two panels.
const MARGIN: f32 = 24.0;
/// The lines at the top: title and explanation.
const TOP: f32 = 74.0;
/// The space at the bottom, with the legend.
const BOTTOM: f32 = 64.0;
/// A letter of a label is about this wide and high, in pixels.
const LETTER: f32 = 7.3;
/// The ground of the picture, and of what a mask hides.
const GROUND: &str = "#ffffff";
const HIDDEN: &str = "#ececee";
const TEXT: &str = "#333333";
const MUTED: &str = "#666666";
const SANS: &str = "system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif";
const MONO: &str = "ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace";

/// Where a panel stands, and how large its parts are.
struct Frame<'a> {
    panel: &'a Panel,
    /// The length of a cell's side.
    cell: f32,
    /// The space for labels: left of the cells, and above them with the panel's title.
    left: f32,
    above: f32,
    /// Whether the labels of the columns are rotated.
    rotated: bool,
    x: f32,
    y: f32,
}

impl Frame<'_> {
    fn width(&self) -> f32 {
        let title = self.panel.title.chars().count() as f32 * LETTER;
        (self.left + self.panel.att.ncols() as f32 * self.cell).max(title)
    }

    fn height(&self) -> f32 {
        self.above + self.panel.att.nrows() as f32 * self.cell
    }
}

impl HeatMap {
    /// The picture as SVG text. It has a white ground of its own, so it can be read on a dark
    /// page, a title and a description in words, and words for every row, which browsers show
    /// when the pointer rests on it.
    pub fn to_svg(&self) -> String {
        let (frames, width, height) = self.frames();
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{width:.0}\" \
             height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\" \
             style=\"max-width:100%;height:auto\" font-family=\"{SANS}\" font-size=\"13\" \
             fill=\"{TEXT}\">\n<title>{}</title>\n<desc>{}</desc>\n\
             <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{GROUND}\"/>\n\
             <text x=\"{MARGIN}\" y=\"34\" font-size=\"17\" font-weight=\"600\">{}</text>\n\
             <text x=\"{MARGIN}\" y=\"56\" fill=\"{MUTED}\">Each row is a query \
             token; its attention weights add up to 100%.</text>\n",
            escape(&self.title),
            escape(&self.in_words()),
            escape(&self.title),
        );
        for frame in &frames {
            frame.draw(&mut svg);
        }
        self.draw_legend(&mut svg, height - BOTTOM);
        svg.push_str("</svg>\n");
        svg
    }

    /// Gives every panel its place; returns the size of the whole picture as well.
    fn frames(&self) -> (Vec<Frame<'_>>, f32, f32) {
        // All panels have cells of one size, so that their colours can be compared.
        let most = self.panels.iter().map(|p| p.att.ncols().max(p.att.nrows())).max();
        let beside = if self.panels.len() > 1 { 2.0 } else { 1.0 };
        let width = (WIDEST - MARGIN) / beside - MARGIN - 40.0;
        let cell = (width / most.unwrap_or(1).max(1) as f32).floor().clamp(7.0, 30.0);
        let longest = |labels: &[String]| {
            labels.iter().map(|label| label.chars().count()).max().unwrap_or(0) as f32 * LETTER
        };
        let (mut frames, mut x, mut y) = (Vec::new(), MARGIN, TOP);
        let (mut width, mut lowest) = (560.0f32, TOP);
        for panel in &self.panels {
            let label = longest(&panel.col_labels);
            let rotated = label > cell;
            let above = 26.0 + if rotated { label } else { 12.0 } + 4.0;
            let left = longest(&panel.row_labels) + 6.0;
            let mut frame = Frame { panel, cell, left, above, rotated, x, y };
            if x > MARGIN && x + frame.width() > WIDEST - MARGIN {
                (frame.x, frame.y) = (MARGIN, lowest + MARGIN);
            }
            (x, y) = (frame.x + frame.width() + MARGIN, frame.y);
            width = width.max(x);
            lowest = lowest.max(frame.y + frame.height());
            frames.push(frame);
        }
        // Panels of one line begin their cells at the same height.
        let heights: Vec<(f32, f32)> = frames.iter().map(|f| (f.y, f.above)).collect();
        for frame in &mut frames {
            let in_line = heights.iter().filter(|h| h.0 == frame.y).map(|h| h.1);
            frame.above = in_line.fold(0.0, f32::max);
            lowest = lowest.max(frame.y + frame.height());
        }
        (frames, width, lowest + BOTTOM)
    }

    fn draw_legend(&self, svg: &mut String, y: f32) {
        const STEPS: usize = 50;
        let (x, y, wide) = (MARGIN, y + 22.0, 6.4);
        let _ = writeln!(svg, "<g font-size=\"12\" fill=\"{MUTED}\" aria-hidden=\"true\">");
        for step in 0..STEPS {
            let fill = hex(step as f32 / (STEPS - 1) as f32);
            let at = x + step as f32 * wide;
            // A little too wide, so that no ground shines through between two steps.
            let _ = write!(
                svg,
                "<rect x=\"{at:.1}\" y=\"{y}\" width=\"{:.1}\" height=\"10\" fill=\"{fill}\"/>",
                if step + 1 < STEPS { wide + 0.6 } else { wide }
            );
        }
        for weight in [0.0, 0.04, 0.16, 0.36, 0.64, 1.0] {
            let at = x + strength(weight) * STEPS as f32 * wide;
            let anchor = match weight {
                0.0 => "start",
                1.0 => "end",
                _ => "middle",
            };
            let _ = write!(
                svg,
                "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
                y + 24.0,
                percent(weight)
            );
        }
        let hidden = self.panels.iter().any(|panel| panel.att.iter().any(|&weight| weight == 0.0));
        if hidden {
            let at = x + STEPS as f32 * wide + 28.0;
            let _ = write!(
                svg,
                "<rect x=\"{at:.1}\" y=\"{y}\" width=\"10\" height=\"10\" fill=\"{HIDDEN}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\">hidden by the mask</text>",
                at + 16.0,
                y + 9.5
            );
        }
        svg.push_str("</g>\n");
    }
}

impl Frame<'_> {
    fn draw(&self, svg: &mut String) {
        let Frame { panel, cell, .. } = *self;
        let (x, y) = (self.x + self.left, self.y + self.above);
        let (rows, columns) = panel.att.dim();
        let small = (cell * 0.8).min(12.5);
        let _ = write!(
            svg,
            "<g>\n<text x=\"{x:.1}\" y=\"{:.1}\" font-weight=\"600\">{}</text>\n\
             <rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{HIDDEN}\"/>\n\
             <g font-family=\"{MONO}\" font-size=\"{small:.1}\" fill=\"{MUTED}\" aria-hidden=\"true\">",
            self.y + 14.0,
            escape(&panel.title),
            columns as f32 * cell,
            rows as f32 * cell,
        );
        for (j, label) in panel.col_labels.iter().enumerate() {
            let (at, foot) = (x + (j as f32 + 0.5) * cell, y - 5.0);
            let place = if self.rotated {
                let at = at + small * 0.35;
                format!("transform=\"translate({at:.1} {foot:.1}) rotate(-90)\"")
            } else {
                format!("x=\"{at:.1}\" y=\"{foot:.1}\" text-anchor=\"middle\"")
            };
            let _ = write!(svg, "<text {place}>{}</text>", escape(label));
        }
        for (i, label) in panel.row_labels.iter().enumerate() {
            let foot = y + (i as f32 + 0.5) * cell + small * 0.35;
            let _ = write!(
                svg,
                "<text x=\"{:.1}\" y=\"{foot:.1}\" text-anchor=\"end\">{}</text>",
                x - 6.0,
                escape(label)
            );
        }
        svg.push_str("</g>\n");
        for i in 0..rows {
            let _ = write!(svg, "<g><title>{}</title>", escape(&self.row_in_words(i)));
            for j in 0..columns {
                self.draw_cell(svg, (x + j as f32 * cell, y + i as f32 * cell), panel.att[[i, j]]);
            }
            svg.push_str("</g>\n");
        }
        svg.push_str("</g>\n");
    }

    fn draw_cell(&self, svg: &mut String, (x, y): (f32, f32), weight: f32) {
        if weight.is_nan() || weight <= 0.0 {
            return;
        }
        // A thin line between large cells; small ones touch.
        let gap = if self.cell >= 12.0 { 1.0 } else { 0.0 };
        let side = self.cell - gap;
        let strength = strength(weight);
        let _ = write!(
            svg,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{side:.1}\" height=\"{side:.1}\" fill=\"{}\"/>",
            x + gap / 2.0,
            y + gap / 2.0,
            hex(strength),
        );
        if self.cell >= 28.0 {
            // Whichever can be read better on this ground.
            let ink = if strength > 0.55 { "#ffffff" } else { "#222222" };
            let _ = write!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-size=\"10.5\" \
                 fill=\"{ink}\">{:.0}</text>",
                x + self.cell / 2.0,
                y + self.cell / 2.0 + 3.8,
                100.0 * weight
            );
        }
    }

    /// The tokens that a row attends to, from the largest weight down.
    fn row_in_words(&self, i: usize) -> String {
        let panel = self.panel;
        let att = panel.att.row(i);
        let mut order: Vec<usize> = (0..att.len()).filter(|&j| att[j] > 0.0).collect();
        order.sort_by(|&a, &b| att[b].total_cmp(&att[a]));
        let parts: Vec<String> = order
            .iter()
            .take(4)
            .map(|&j| format!("{} {} ({})", percent(att[j]), panel.col_labels[j], j + 1))
            .collect();
        format!("{} ({}) attends to: {}", panel.row_labels[i], i + 1, parts.join(", "))
    }
}

/// The colour of a strength as SVG writes it.
fn hex(strength: f32) -> String {
    let (red, green, blue) = colour(strength);
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// Text as it may stand between XML tags. What XML forbids altogether becomes U+FFFD.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\n' | '\t' => escaped.push(' '),
            c if c.is_control() || c == '\u{fffe}' || c == '\u{ffff}' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
