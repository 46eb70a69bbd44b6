//! A line chart in a few lines of text.

/// Blocks of one to eight eighths of a line's height.
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Draws a curve with block characters: `width` columns, `height` lines, and the axes.
///
/// Each column is the mean of the points that fall into it. The largest and the smallest of these
/// means are on the left, the first and the last x below. The last line has no line break. NaN and
/// infinite points are left out; without any other the result is empty.
///
/// ```
/// use stage01_bigram::plot::terminal_chart;
/// let chart = terminal_chart(&[(0.0, 4.0), (1.0, 3.0), (2.0, 2.5), (3.0, 2.25)], 4, 2);
/// assert_eq!(chart, "4.00 │█\n2.25 │█▇▃▁\n     └────\n      0  3");
/// ```
pub fn terminal_chart(points: &[(f64, f64)], width: usize, height: usize) -> String {
    let columns = columns(points, width);
    let Some(first_x) = points.iter().map(|p| p.0).find(|x| x.is_finite()) else {
        return String::new();
    };
    if columns.is_empty() || height == 0 {
        return String::new();
    }
    let last_x = points.iter().map(|p| p.0).rev().find(|x| x.is_finite()).unwrap_or(first_x);
    let low = columns.iter().copied().fold(f64::INFINITY, f64::min);
    let high = columns.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // Heights in eighths of a line; the lowest column has one.
    let steps = (8 * height - 1) as f64;
    let tall = |y: f64| -> usize {
        let fraction = if high > low { (y - low) / (high - low) } else { 0.0 };
        1 + (fraction * steps).round() as usize
    };
    let (top, bottom) = (format!("{high:.2}"), format!("{low:.2}"));
    let margin = top.len().max(bottom.len());
    let mut lines = Vec::new();
    for line in (0..height).rev() {
        let label = match line {
            0 => &bottom,
            _ if line == height - 1 => &top,
            _ => "",
        };
        let bar: String =
            columns.iter().map(|&y| BLOCKS[tall(y).saturating_sub(8 * line).min(8)]).collect();
        lines.push(format!("{label:>margin$} │{}", bar.trim_end()));
    }
    lines.push(format!("{:margin$} └{}", "", "─".repeat(width)));
    let (first_x, last_x) = (format!("{first_x:.0}"), format!("{last_x:.0}"));
    let gap = width.saturating_sub(first_x.len() + last_x.len()).max(1);
    lines.push(format!("{:margin$}  {first_x}{:gap$}{last_x}", "", ""));
    lines.join("\n")
}

/// The mean height of the curve in each of `width` columns of equal width. A column without a point
/// is as high as the one before it. Empty without points.
fn columns(points: &[(f64, f64)], width: usize) -> Vec<f64> {
    let finite = || points.iter().filter(|(x, y)| x.is_finite() && y.is_finite());
    let low = finite().map(|p| p.0).fold(f64::INFINITY, f64::min);
    let high = finite().map(|p| p.0).fold(f64::NEG_INFINITY, f64::max);
    let mut sums = vec![(0.0, 0u32); width];
    for &(x, y) in finite() {
        // Dividing first keeps a range wider than the largest number from overflowing.
        let fraction =
            if high > low { (x / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0) } else { 0.0 };
        if let Some((sum, count)) =
            sums.get_mut(((fraction * width as f64) as usize).min(width - 1))
        {
            *sum += y;
            *count += 1;
        }
    }
    let Some(mut before) = sums.iter().find(|s| s.1 > 0).map(|s| s.0 / f64::from(s.1)) else {
        return Vec::new();
    };
    sums.iter()
        .map(|&(sum, count)| {
            if count > 0 {
                before = sum / f64::from(count);
            }
            before
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn it_has_the_size_that_was_asked_for(
            points in prop::collection::vec((-9.0..9.0f64, -9.0..9.0f64), 1..50),
            width in 1..60usize, height in 1..8usize,
        ) {
            let chart = terminal_chart(&points, width, height);
            let lines: Vec<&str> = chart.lines().collect();
            prop_assert_eq!(lines.len(), height + 2);
            for line in &lines[..height] {
                prop_assert!(line.chars().count() <= 7 + width);
            }
            // Every column shows something on the lowest line.
            let floor = lines[height - 1].split_once('│').unwrap().1;
            prop_assert_eq!(floor.chars().filter(|&c| c != ' ').count(), width);
        }
    }

    #[test]
    fn a_falling_curve_falls() {
        let points: Vec<_> = (0..100).map(|i| (f64::from(i), 5.0 - f64::from(i) / 25.0)).collect();
        assert_eq!(
            terminal_chart(&points, 10, 2),
            "4.82 │█▆▅▃▁\n1.22 │██████▆▄▃▁\n     └──────────\n      0       99"
        );
    }

    #[test]
    fn nothing_to_draw_draws_nothing() {
        assert_eq!(terminal_chart(&[], 10, 3), "");
        assert_eq!(terminal_chart(&[(f64::NAN, 1.0), (0.0, f64::INFINITY)], 10, 3), "");
        assert_eq!(terminal_chart(&[(0.0, 1.0)], 0, 3), "");
        assert!(terminal_chart(&[(0.0, 1.0), (1.0, 1.0)], 3, 1).starts_with("1.00 │▁▁▁"));
    }
}
