//! A heat map in a few lines of text.

use std::fmt::Write;
use std::io::{IsTerminal, stdout};

use super::{HeatMap, Panel, colour, strength};

/// What a cell is drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// Characters of five densities. Right wherever text is.
    Shades,
    /// Backgrounds from the 256 colours that nearly every terminal has.
    Colours256,
    /// Backgrounds of any colour.
    TrueColour,
}

/// Shades for strengths from 0, 1/5, 2/5, 3/5 and 4/5: weights from 0, 4, 16, 36 and 64%.
const SHADES: [char; 5] = ['·', '░', '▒', '▓', '█'];
/// What the legend calls them.
const NAMES: [&str; 5] = ["under 4%", "4%", "16%", "36%", "64%"];
/// Longer labels of rows are cut.
const LONGEST_LABEL: usize = 10;
/// Between two panels.
const GAP: usize = 3;

impl Ink {
    /// The best that the standard output can show. Shades where it is no terminal, or where
    /// the environment asks for no colours (`NO_COLOR`, `TERM=dumb`).
    pub fn detect() -> Ink {
        let variable = |name| std::env::var(name).unwrap_or_default();
        if !stdout().is_terminal() || !variable("NO_COLOR").is_empty() || variable("TERM") == "dumb"
        {
            Ink::Shades
        } else if ["truecolor", "24bit"].contains(&variable("COLORTERM").as_str()) {
            Ink::TrueColour
        } else {
            Ink::Colours256
        }
    }

    /// A cell of `width` columns.
    fn cell(self, weight: f32, width: usize) -> String {
        // Not above zero: hidden by a mask, or NaN.
        if weight.is_nan() || weight <= 0.0 {
            return " ".repeat(width);
        }
        match self {
            Ink::Shades => {
                let level = ((strength(weight) * 5.0) as usize).min(4);
                let shade = SHADES[level].to_string();
                // A single dot is enough for a weight near zero.
                if level == 0 { format!("{shade:width$}") } else { shade.repeat(width) }
            }
            _ => self.block(strength(weight), width),
        }
    }

    /// `width` columns of the colour for a strength. Bright is strong here: on a dark ground
    /// that is what stands out, and on a bright one every cell has its own ground.
    fn block(self, strength: f32, width: usize) -> String {
        let (red, green, blue) = colour(1.0 - strength);
        let spaces = " ".repeat(width);
        if self == Ink::TrueColour {
            format!("\x1b[48;2;{red};{green};{blue}m{spaces}\x1b[0m")
        } else {
            format!("\x1b[48;5;{}m{spaces}\x1b[0m", nearest_of_256(red, green, blue))
        }
    }

    /// Which sign stands for which weight.
    fn legend(self) -> String {
        let mut legend = String::new();
        for (level, name) in NAMES.iter().enumerate() {
            let strength = level as f32 / 5.0;
            let sign = match self {
                Ink::Shades => SHADES[level].to_string(),
                _ => self.block(strength, 2),
            };
            let _ = write!(legend, "{sign} {name}  ");
        }
        legend + "blank: hidden"
    }
}

/// The number of the nearest colour in the 6 x 6 x 6 cube of a terminal of 256 colours.
fn nearest_of_256(red: u8, green: u8, blue: u8) -> u8 {
    let step = |value: u8| {
        const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
        (0..6).min_by_key(|&i| STEPS[i].abs_diff(value)).expect("six steps") as u8
    };
    16 + 36 * step(red) + 6 * step(green) + step(blue)
}

impl HeatMap {
    /// The panels side by side, or one below the other where they do not fit into `width`
    /// columns, and a legend. Without the title; every line ends in a line break.
    ///
    /// A cell is two columns wide where that fits, which makes it nearly square. Of a panel that
    /// does not fit even with one, the first columns are shown, and a note says how many.
    pub fn to_text(&self, ink: Ink, width: usize) -> String {
        let mut text = String::new();
        let mut line: Vec<Block> = Vec::new();
        for panel in &self.panels {
            let cell = if panel.gutter() + 2 * panel.att.ncols() <= width { 2 } else { 1 };
            let block = panel.block(ink, cell, width);
            let used: usize = line.iter().map(|b| b.width + GAP).sum();
            if !line.is_empty() && used + block.width > width {
                flush(&mut text, &mut line);
            }
            line.push(block);
        }
        flush(&mut text, &mut line);
        text += &ink.legend();
        text.push('\n');
        text
    }
}

/// A panel as lines of text, each with the number of columns it fills on the screen.
struct Block {
    lines: Vec<(String, usize)>,
    width: usize,
    header: usize,
}

impl Panel {
    /// How many columns the labels of the rows need, with the space after them.
    fn gutter(&self) -> usize {
        1 + self.row_labels.iter().map(|l| l.chars().count().min(LONGEST_LABEL)).max().unwrap_or(0)
    }

    fn block(&self, ink: Ink, cell: usize, width: usize) -> Block {
        let gutter = self.gutter();
        let columns = self.att.ncols().min(width.saturating_sub(gutter) / cell);
        let mut lines = vec![(self.title.clone(), self.title.chars().count())];
        for line in self.header(columns, cell) {
            lines.push((format!("{:gutter$}{line}", ""), gutter + columns * cell));
        }
        let header = lines.len();
        for (row, label) in self.att.rows().into_iter().zip(&self.row_labels) {
            let mut line = format!("{:>1$} ", shortened(label), gutter - 1);
            for &weight in row.iter().take(columns) {
                line += &ink.cell(weight, cell);
            }
            lines.push((line, gutter + columns * cell));
        }
        if columns < self.att.ncols() {
            let note = format!("(the first {columns} of {} columns)", self.att.ncols());
            lines.push((note.clone(), note.len()));
        }
        let width = lines.iter().map(|line| line.1).max().unwrap_or(0);
        Block { lines, width, header }
    }

    /// The labels of the columns: beside each other where they fit, else written downwards.
    fn header(&self, columns: usize, cell: usize) -> Vec<String> {
        let labels: Vec<Vec<char>> = self
            .col_labels
            .iter()
            .take(columns)
            .map(|label| shortened(label).chars().collect())
            .collect();
        let longest = labels.iter().map(Vec::len).max().unwrap_or(0);
        if longest <= cell {
            let line = labels.iter().map(|l| format!("{:cell$}", l.iter().collect::<String>()));
            return vec![line.collect()];
        }
        // The last letters stand right above the cells.
        (0..longest)
            .map(|y| {
                let letter = |label: &Vec<char>| {
                    let skipped = longest - label.len();
                    let letter = if y < skipped { ' ' } else { label[y - skipped] };
                    format!("{letter:cell$}")
                };
                labels.iter().map(letter).collect()
            })
            .collect()
    }
}

/// A label cut to [`LONGEST_LABEL`], without control characters.
fn shortened(label: &str) -> String {
    let visible = label.chars().map(|c| if c.is_control() { '·' } else { c });
    if label.chars().count() <= LONGEST_LABEL {
        return visible.collect();
    }
    visible.take(LONGEST_LABEL - 1).chain(['…']).collect()
}

/// Writes the waiting panels beside each other, their first rows at the same height.
fn flush(text: &mut String, blocks: &mut Vec<Block>) {
    let header = blocks.iter().map(|block| block.header).max().unwrap_or(0);
    for block in blocks.iter_mut() {
        // Between the title and the labels of the columns.
        while block.header < header {
            block.lines.insert(1, (String::new(), 0));
            block.header += 1;
        }
    }
    let height = blocks.iter().map(|block| block.lines.len()).max().unwrap_or(0);
    for y in 0..height {
        let mut line = String::new();
        for block in blocks.iter() {
            let (part, used) = block.lines.get(y).cloned().unwrap_or_default();
            line += &part;
            line += &" ".repeat(block.width - used + GAP);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    if height > 0 {
        text.push('\n');
    }
    blocks.clear();
}
