//! There are no reference pictures to compare with; the tests check what a picture is made of.

use super::*;
use ndarray::array;
use proptest::prelude::*;

/// Panels of any size, with weights that add up to one in every row, and any labels.
fn panels() -> impl Strategy<Value = Vec<Panel>> {
    let panel = (1usize..70, 1usize..70, any::<bool>()).prop_flat_map(|(rows, columns, masked)| {
        (
            prop::collection::vec(0.001..1.0f32, rows * columns),
            prop::collection::vec("\\PC{0,12}|[<>&'\"\u{0}\n]{1,3}", rows),
            prop::collection::vec("[a-z]{1,12}|.", columns),
            "\\PC{0,20}",
        )
            .prop_map(move |(att, row_labels, col_labels, title)| {
                let mut att = Array2::from_shape_vec((rows, columns), att).unwrap();
                for (i, mut row) in att.rows_mut().into_iter().enumerate() {
                    if masked {
                        row.iter_mut().skip(i + 1).for_each(|weight| *weight = 0.0);
                    }
                    let sum = row.sum();
                    row /= sum;
                }
                Panel::new(title, att.view(), &row_labels, &col_labels)
            })
    });
    prop::collection::vec(panel, 1..4)
}

fn labels(text: &str) -> Vec<String> {
    text.split(' ').map(String::from).collect()
}

fn example() -> HeatMap {
    let att = array![[1.0, 0.0, 0.0], [0.3, 0.7, 0.0], [0.02, 0.5, 0.48]];
    let words = labels("I <am> here");
    HeatMap { title: "A & B".into(), panels: vec![Panel::new("one", att.view(), &words, &words)] }
}

/// The number of characters on the screen: without the codes for colours.
fn columns(line: &str) -> usize {
    let mut count = 0;
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        if c == '\u{1b}' {
            rest.by_ref().find(|&c| c == 'm');
        } else {
            count += 1;
        }
    }
    count
}

/// Every tag that is opened is closed, in order; text has no bare marks.
fn check_xml(xml: &str) {
    let mut open = Vec::new();
    let mut rest = xml;
    while let Some(at) = rest.find('<') {
        assert!(!rest[..at].contains('>'), "a bare > in {:?}", &rest[..at]);
        for entity in rest[..at].split('&').skip(1) {
            assert!(["amp;", "lt;", "gt;"].iter().any(|e| entity.starts_with(e)), "{entity:?}");
        }
        let end = at + rest[at..].find('>').expect("a tag ends");
        let tag = &rest[at + 1..end];
        assert!(!tag.contains('<') && tag.matches('"').count().is_multiple_of(2), "{tag}");
        let name = |tag: &str| tag.split([' ', '\n']).next().unwrap().to_string();
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name(closed)));
        } else if !tag.ends_with('/') {
            open.push(name(tag));
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty() && rest.trim().is_empty());
    assert!(!xml.contains(|c: char| c.is_control() && c != '\n'));
    assert!(!xml.contains("=\"NaN") && !xml.contains("=\"inf"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_panels_make_a_picture(panels in panels()) {
        check_xml(&HeatMap { title: "any & all".into(), panels }.to_svg());
    }

    #[test]
    fn any_panels_fit_the_screen(panels in panels(), width in 30usize..100) {
        let titles = panels.iter().map(|p| p.title.chars().count()).max().unwrap();
        let map = HeatMap { title: String::new(), panels };
        let plain = map.to_text(Ink::Shades, width);
        prop_assert!(!plain.contains('\x1b'));
        let shape = |text: &str| text.lines().map(columns).collect::<Vec<_>>();
        for (line, columns) in plain.lines().zip(shape(&plain)) {
            let legend = line.ends_with("hidden");
            prop_assert!(columns <= width.max(titles) || legend, "{columns} columns: {line}");
        }
        // Colours change nothing but the cells.
        let rows = |text: &str| text.lines().count();
        for ink in [Ink::Colours256, Ink::TrueColour] {
            prop_assert_eq!(rows(&map.to_text(ink, width)), rows(&plain));
        }
    }
}

#[test]
fn on_the_screen() {
    assert_eq!(
        example().to_text(Ink::Shades, 60),
        "one
       < h
       a e
       m r
     I > e
   I ██
<am> ▒▒██
here · ▓▓▓▓

· under 4%  ░ 4%  ▒ 16%  ▓ 36%  █ 64%  blank: hidden
"
    );
    let bright = example().to_text(Ink::TrueColour, 60);
    let (red, green, blue) = colour(0.0);
    assert!(bright.contains(&format!("I \u{1b}[48;2;{red};{green};{blue}m  \u{1b}[0m")));
    assert!(example().to_text(Ink::Colours256, 60).contains("I \u{1b}[48;5;230m  \u{1b}[0m"));
}

#[test]
fn hidden_is_not_the_same_as_little() {
    let words = labels("a b");
    let panel = |att: Array2<f32>| Panel::new("p", att.view(), &words, &words);
    let masked =
        HeatMap { title: String::new(), panels: vec![panel(array![[1.0, 0.0], [0.99, 0.01]])] };
    let seen =
        HeatMap { title: String::new(), panels: vec![panel(array![[0.99, 0.01], [0.99, 0.01]])] };
    assert!(masked.to_text(Ink::Shades, 60).contains("\na ██\nb ██·\n"));
    assert!(seen.to_text(Ink::Shades, 60).contains("\na ██·\nb ██·\n"));
    assert!(masked.to_svg().contains("hidden by the mask"));
    assert!(!seen.to_svg().contains("hidden by the mask"));
    // One cell less, and the legend's square more.
    let rects = |map: &HeatMap| map.to_svg().matches("<rect").count();
    assert_eq!(rects(&masked), rects(&seen));
}

#[test]
fn in_words_row_by_row_or_in_general() {
    assert_eq!(
        example().in_words(),
        "Heat map. Each row is a query token, each column a key token. one: 3 rows, 3 columns. I \
         attends most to I (100%). <am> attends most to <am> (70%). here attends most to <am> \
         (50%)."
    );
    let svg = example().to_svg();
    assert!(svg.contains("<title>A &amp; B</title>\n<desc>Heat map."));
    assert!(svg.contains(
        "<title>here (3) attends to: 50% &lt;am&gt; (2), 48% here (3), 2% I (1)</title>"
    ));
    let many: Vec<String> = (0..12).map(|i| i.to_string()).collect();
    let before =
        Array2::from_shape_fn((12, 12), |(i, j)| if j == i.max(1) - 1 { 0.75 } else { 0.0 });
    let panel = Panel::new("two", before.view(), &many, &many);
    assert_eq!(
        panel.in_words(),
        "two: 12 rows, 12 columns. The largest weight of a row is 75% on average. In 11 rows it \
         goes to the token just before."
    );
}

#[test]
fn a_panel_too_wide_says_so() {
    let many: Vec<String> = (0..100).map(|_| "x".to_string()).collect();
    let panel = Panel::new("wide", Array2::from_elem((1, 100), 0.01).view(), &many[..1], &many);
    let text = HeatMap { title: String::new(), panels: vec![panel] }.to_text(Ink::Shades, 60);
    assert!(text.contains("(the first 58 of 100 columns)"), "{text}");
}

#[test]
#[should_panic(expected = "labels of a panel")]
fn a_missing_label_is_a_bug() {
    Panel::new("p", array![[1.0, 0.0]].view(), &labels("a"), &labels("a"));
}

/// The lightness of a colour in OKLab: the inverse of the conversion.
fn lightness((red, green, blue): (u8, u8, u8)) -> f64 {
    let linear = |value: u8| {
        let x = f64::from(value) / 255.0;
        if x <= 0.040_45 { x / 12.92 } else { ((x + 0.055) / 1.055).powf(2.4) }
    };
    let (r, g, b) = (linear(red), linear(green), linear(blue));
    let l = (0.412_221_470_8 * r + 0.536_332_536_3 * g + 0.051_445_992_9 * b).cbrt();
    let m = (0.211_903_498_2 * r + 0.680_699_545_1 * g + 0.107_396_956_6 * b).cbrt();
    let s = (0.088_302_461_9 * r + 0.281_718_837_6 * g + 0.629_978_700_5 * b).cbrt();
    0.210_454_255_3 * l + 0.793_617_785 * m - 0.004_072_046_8 * s
}

#[test]
fn equal_steps_of_strength_are_equal_steps_of_lightness() {
    for step in 0..=100 {
        let strength = step as f32 / 100.0;
        let wanted = 0.97 - 0.69 * f64::from(strength);
        let got = lightness(colour(strength));
        assert!((got - wanted).abs() < 0.012, "at {strength}: {got} instead of {wanted}");
    }
    assert_eq!(colour(-1.0), colour(0.0));
    assert_eq!(colour(2.0), colour(1.0));
}
