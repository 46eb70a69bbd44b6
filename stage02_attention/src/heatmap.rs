//! Heat maps of attention weights.
//!
//! A row is a query token, a column a key token, and the colour of a cell is the attention weight
//! that the row gives to the column. [`HeatMap::to_svg`] draws it for a page, [`HeatMap::to_text`]
//! for the screen. Both can show several panels, such as the heads of a layer, side by side.
//!
//! Attention weights are uneven: in a row of thirty tokens most get a few percent and one gets
//! half. So the colour follows the square root of the weight, which spreads the small ones apart;
//! the legend says so. A weight of exactly zero is what a mask hides (softmax gives every visible
//! key more than zero), and is left empty.
//!
//! What this file leaves out: curves (`stage01_bigram::plot`).

mod svg;
mod terminal;

use std::path::Path;

use ndarray::{Array2, ArrayView2};
use stage01_bigram::{Result, files};

pub use terminal::Ink;

/// The attention weights of one head over one text, or of one text over another.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    title: String,
    att: Array2<f32>,
    row_labels: Vec<String>,
    col_labels: Vec<String>,
}

/// A picture of one panel or more.
///
/// ```
/// use ndarray::array;
/// use stage02_attention::heatmap::{HeatMap, Ink, Panel};
/// let labels = ["a".to_string(), "b".to_string()];
/// let att = array![[1.0, 0.0], [0.3, 0.7]];
/// let panel = Panel::new("head 0", att.view(), &labels, &labels);
/// let map = HeatMap { title: "Attention weights".into(), panels: vec![panel] };
/// assert!(map.to_svg().starts_with("<svg"));
/// assert_eq!(
///     map.to_text(Ink::Shades, 60).lines().take(4).collect::<Vec<_>>(),
///     ["head 0", "  a b", "a ██", "b ▒▒██"]
/// );
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct HeatMap {
    /// What the whole picture shows.
    pub title: String,
    /// The panels, from left to right.
    pub panels: Vec<Panel>,
}

impl Panel {
    /// A panel of `att`, whose rows each add up to one.
    ///
    /// att: (rows, columns), from 0 to 1; one label for each row and each column, such as
    /// [`token_text`](stage01_bigram::tokenizer::Tokenizer::token_text) gives.
    ///
    /// # Panics
    /// When there is not one label for each row and each column.
    pub fn new(
        title: impl Into<String>,
        att: ArrayView2<f32>,
        row_labels: &[String],
        col_labels: &[String],
    ) -> Self {
        assert_eq!(att.dim(), (row_labels.len(), col_labels.len()), "labels of a panel");
        Panel {
            title: title.into(),
            att: att.to_owned(),
            row_labels: row_labels.to_vec(),
            col_labels: col_labels.to_vec(),
        }
    }

    /// The attention weights. Shape: (rows, columns).
    pub fn attention_weights(&self) -> ArrayView2<'_, f32> {
        self.att.view()
    }

    /// The column with the largest weight of a row, and that weight. `None` for a row of zeros.
    fn strongest(&self, row: usize) -> Option<(usize, f32)> {
        let att = self.att.row(row);
        let best = (0..att.len()).max_by(|&a, &b| att[a].total_cmp(&att[b]))?;
        (att[best] > 0.0).then_some((best, att[best]))
    }

    /// What the panel shows, as sentences: row by row when there are few, else in general.
    fn in_words(&self) -> String {
        let (rows, columns) = self.att.dim();
        let mut words = format!("{}: {rows} rows, {columns} columns.", self.title);
        let strongest: Vec<(usize, usize, f32)> =
            (0..rows).filter_map(|i| self.strongest(i).map(|(j, weight)| (i, j, weight))).collect();
        if rows <= 10 {
            for (i, j, weight) in strongest {
                let (row, column) = (&self.row_labels[i], &self.col_labels[j]);
                words += &format!(" {row} attends most to {column} ({}).", percent(weight));
            }
            return words;
        }
        let mean = strongest.iter().map(|s| s.2).sum::<f32>() / strongest.len().max(1) as f32;
        words += &format!(" The largest weight of a row is {} on average.", percent(mean));
        if rows == columns {
            let distance = |&(i, j, _): &(usize, usize, f32)| i as isize - j as isize;
            let count = |d| strongest.iter().filter(|s| distance(s) == d).count();
            let Some(usual) = strongest.iter().map(distance).max_by_key(|&d| (count(d), -d)) else {
                return words;
            };
            let place = match usual {
                0 => "the token itself".to_string(),
                1 => "the token just before".to_string(),
                d if d > 0 => format!("the token {d} before"),
                d => format!("the token {} after", -d),
            };
            words += &format!(" In {} rows it goes to {place}.", count(usual));
        }
        words
    }
}

impl HeatMap {
    /// Writes the picture to a file, as SVG.
    ///
    /// # Errors
    /// [`stage01_bigram::Error::File`] when it cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        files::write_bytes(path, self.to_svg().as_bytes())
    }

    /// What the picture shows, as sentences.
    pub fn in_words(&self) -> String {
        let mut words =
            String::from("Heat map. Each row is a query token, each column a key token.");
        for panel in &self.panels {
            words += " ";
            words += &panel.in_words();
        }
        words
    }
}

/// How strongly a weight is coloured, from 0 to 1.
fn strength(weight: f32) -> f32 {
    if weight > 0.0 { weight.min(1.0).sqrt() } else { 0.0 }
}

/// A weight in percent, as text.
fn percent(weight: f32) -> String {
    format!("{:.0}%", 100.0 * weight)
}

/// The colour of a strength from 0 (pale yellow) over green to 1 (dark blue).
///
/// Equal steps look equally large: the lightness falls in a straight line in OKLab, a colour space
/// made for that (Ottosson 2020). The hue changes as well, which helps to tell the steps apart, but
/// the lightness alone is enough, in print and for any kind of colour vision.
fn colour(strength: f32) -> (u8, u8, u8) {
    let t = strength.clamp(0.0, 1.0);
    let lightness = 0.97 - 0.69 * t;
    // As vivid as a screen can show all the way.
    let chroma = 0.045 + 0.055 * t + 0.07 * t * (1.0 - t);
    let hue = (105.0 + 165.0 * t).to_radians();
    let (a, b) = (chroma * hue.cos(), chroma * hue.sin());
    // From OKLab over cone responses to linear red, green and blue.
    let l = (lightness + 0.396_337_78 * a + 0.215_803_76 * b).powi(3);
    let m = (lightness - 0.105_561_346 * a - 0.063_854_17 * b).powi(3);
    let s = (lightness - 0.089_484_18 * a - 1.291_485_5 * b).powi(3);
    let channel = |linear: f32| {
        let x = linear.clamp(0.0, 1.0);
        // The curve of sRGB, which screens expect.
        let x = if x <= 0.003_130_8 { 12.92 * x } else { 1.055 * x.powf(1.0 / 2.4) - 0.055 };
        (255.0 * x).round() as u8
    };
    (
        channel(4.076_741_7 * l - 3.307_711_6 * m + 0.230_969_94 * s),
        channel(-1.268_438 * l + 2.609_757_4 * m - 0.341_319_38 * s),
        channel(-0.004_196_086_3 * l - 0.703_418_6 * m + 1.707_614_7 * s),
    )
}

#[cfg(test)]
mod tests;
