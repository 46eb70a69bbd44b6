//! A picture of a file as it stands in a page.

use crate::markdown::escape;

/// A picture ready to stand in a page, with words for those who cannot see it.
pub fn inlined(file: &str, words: &str) -> Option<String> {
    let svg = &file[file.find("<svg")?..];
    let (head, body) = svg.split_once('>')?;
    let role =
        regex::Regex::new(r#"\s(?:role|aria-label|aria-labelledby)="[^"]*""#).expect("a regex");
    let head = role.replace_all(head, "");
    let head = head.strip_prefix("<svg")?;
    let words = escape(words);
    let width = regex::Regex::new(r#"\swidth="([\d.]+)(?:px)?""#).expect("a regex");
    let width = width.captures(head).map_or(String::new(), |found| {
        format!(" style=\"--width:{}px\"", &found[1]) // for the style sheet
    });
    Some(format!("<div{width}><svg role=\"img\" aria-label=\"{words}\"{head}>{body}</div>"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_speaks_with_the_words_of_the_chapter() {
        let file = "<?xml version=\"1.0\"?>\n<svg role=\"img\" width=\"9\" viewBox=\"0 0 1 1\"><g/></svg>\n";
        let svg = inlined(file, "a \"b\"").unwrap();
        assert_eq!(
            svg.trim_end(),
            "<div style=\"--width:9px\"><svg role=\"img\" aria-label=\"a &quot;b&quot;\" width=\"9\" \
             viewBox=\"0 0 1 1\"><g/></svg>\n</div>"
        );
        assert_eq!(inlined("no picture", ""), None);
    }
}
