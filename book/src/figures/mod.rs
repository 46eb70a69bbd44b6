//! Pictures that are drawn by code: one function for each, one file for a few.
//!
//! A picture has no ground and uses the colour of the text around it, so that it can be read on
//! a light page and on a dark one. A dimension has the same colour in every picture
//! ([`draw::Dimension`]). To add one: write a function, name it in [`ALL`], declare it in
//! `outputs/figures.toml` with `drawn = true`, and run `cargo run -p book -- outputs NAME`.

pub mod axes;
pub mod draw;
mod map;
mod mixing;
mod slope;

/// A picture: its name in `{{#figure}}`, and the function that draws it.
pub type Figure = (&'static str, fn() -> String);

/// All pictures.
pub const ALL: &[Figure] = &[
    ("map_of_a_gpt", map::map_of_a_gpt),
    ("table_that_mixes", mixing::table_that_mixes),
    ("nudge_and_slope", slope::nudge_and_slope),
];

/// Draws a picture by its name.
pub fn draw(name: &str) -> Option<String> {
    ALL.iter().find(|(known, _)| *known == name).map(|(_, draw)| draw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_stay_on_their_sheet_and_need_no_ground() {
        for (name, draw) in ALL {
            let svg = draw();
            assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"), "{name}");
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{name}");
            assert!(svg.contains("currentColor"), "{name}");
            assert_eq!(svg, draw(), "{name} is the same every time");
        }
    }

    #[test]
    fn each_name_is_one_picture() {
        let mut names: Vec<_> = ALL.iter().map(|(name, _)| name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        assert!(draw("no such picture").is_none());
    }
}
