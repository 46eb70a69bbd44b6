//! A source file as a page: where the links beside each piece of code lead.
//!
//! Plain, with a name for every line (`#L12`), and without anything from elsewhere: it can be
//! read without a network, and on paper.

use crate::markdown::escape;

/// The page for a file.
pub fn source_page(path: &str, text: &str) -> String {
    let mut lines = String::new();
    for (number, line) in (1..).zip(text.lines()) {
        lines += &format!("<span id=\"L{number}\"><i>{number:>4}</i> {}</span>\n", escape(line));
    }
    let path = escape(path);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en-GB\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <link rel=\"icon\" href=\"data:,\"><title>{path}</title>\n<style>{STYLE}</style></head>\n\
         <body><main><h1>{path}</h1>\n<pre tabindex=\"0\">{lines}</pre></main></body></html>\n"
    )
}

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{margin:1rem;font-family:system-ui,sans-serif}\
h1{font-size:1.1rem;overflow-wrap:anywhere}\
pre{overflow-x:auto;font-size:.85rem;line-height:1.45}\
i{font-style:normal;color:GrayText;color:light-dark(#595959,#b0b0b0);user-select:none}\
span:target{background:Mark;color:MarkText}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_can_be_linked_to() {
        let page = source_page("a/b.rs", "fn a() {\n    1 < 2\n}\n");
        assert!(page.contains("<span id=\"L2\"><i>   2</i>     1 &lt; 2</span>"));
        assert!(!page.contains("http"));
    }
}
