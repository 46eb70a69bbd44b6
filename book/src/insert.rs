//! Finished HTML that Markdown must not touch.
//!
//! A formula is a thicket of tags with stars and underscores in it, and a picture has names in
//! capitals. So the chapter gets an empty place with a number, mdBook makes a page of it, and
//! the HTML is put into the page at the end. What stands in the place meanwhile is what the
//! search finds there: the words of the formula, not its tags.

use std::cell::RefCell;
use std::rc::Rc;

/// The finished pieces, by their numbers.
#[derive(Debug, Default)]
pub struct Inserts(RefCell<Vec<Rc<str>>>);

const MARK: &str = " data-insert=\"";

impl Inserts {
    /// Keeps a piece, and gives the element that stands for it: `tag` with `text` in it, which
    /// must be escaped.
    pub fn keep(&self, html: impl Into<Rc<str>>, tag: &str, text: &str) -> String {
        let mut pieces = self.0.borrow_mut();
        pieces.push(html.into());
        format!("<{tag}{MARK}{}\">{text}</{tag}>", pieces.len() - 1)
    }

    /// Puts the pieces into a page.
    pub fn fill(&self, page: &str) -> String {
        let pieces = self.0.borrow();
        let (mut filled, mut rest) = (String::with_capacity(page.len() * 2), page);
        while let Some(at) = rest.find(MARK) {
            let found = (|| {
                let open = rest[..at].rfind('<')?;
                let tag = &rest[open + 1..at];
                let (number, after) = rest[at + MARK.len()..].split_once("\">")?;
                let piece = pieces.get(number.parse::<usize>().ok()?)?;
                let close = format!("</{tag}>");
                let end = after.find(&close)?;
                Some((open, piece, &after[end + close.len()..]))
            })();
            match found {
                Some((open, piece, after)) => {
                    filled += &rest[..open];
                    filled += piece;
                    rest = after;
                }
                None => {
                    filled += &rest[..at + MARK.len()];
                    rest = &rest[at + MARK.len()..];
                }
            }
        }
        filled + rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_back_to_their_places() {
        let inserts = Inserts::default();
        let a = inserts.keep("<b>*_*</b>", "span", "words");
        let b = inserts.keep("<svg/>", "div", "");
        let page = format!("<p>x {a} y {a}</p>{b}");
        assert_eq!(inserts.fill(&page), "<p>x <b>*_*</b> y <b>*_*</b></p><svg/>");
    }

    #[test]
    fn foreign_marks_are_left_alone() {
        let inserts = Inserts::default();
        let page = "<p data-insert=\"7\">x</p> data-insert=\"";
        assert_eq!(inserts.fill(page), page);
    }
}
