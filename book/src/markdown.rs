//! Small things about Markdown and HTML that several files need.

use pulldown_cmark::{Options, Parser, html::push_html};

/// The Markdown that mdBook understands.
pub fn options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
}

/// Markdown as HTML.
pub fn to_html(markdown: &str) -> String {
    let mut html = String::new();
    push_html(&mut html, Parser::new_ext(markdown, options()));
    html.trim_end().to_string()
}

/// Markdown of one paragraph as HTML, without the paragraph around it.
pub fn inline_html(markdown: &str) -> String {
    let html = to_html(markdown);
    match html.strip_prefix("<p>").and_then(|rest| rest.strip_suffix("</p>")) {
        Some(inner) if !inner.contains("<p>") => inner.to_string(),
        _ => html,
    }
}

/// HTML as it may stand in Markdown as one block: a blank line would end it.
pub fn as_block(html: &str) -> String {
    html.replace("\n\n", "\n&#10;").replace("\n\n", "\n&#10;")
}

/// Text as it may stand between tags, and in an attribute.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Text as it may stand in a paragraph of Markdown and mean nothing but itself.
pub fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars() {
        match c {
            c if c.is_ascii_alphanumeric() || c == ' ' || !c.is_ascii() => plain.push(c),
            c => plain += &format!("&#{};", u32::from(c)),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_paragraph_loses_its_tag_and_two_keep_theirs() {
        assert_eq!(inline_html("*a* b"), "<em>a</em> b");
        assert_eq!(inline_html("a\n\nb"), "<p>a</p>\n<p>b</p>");
    }

    #[test]
    fn plain_text_means_itself() {
        let text = "a_b *c* |d| [e](f) `g`";
        assert_eq!(inline_html(&plain(text)), text.replace('"', "&quot;"));
    }

    #[test]
    fn a_block_has_no_blank_line() {
        assert!(!as_block("a\n\n\n\nb").contains("\n\n"));
    }
}
