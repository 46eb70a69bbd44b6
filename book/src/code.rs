//! Code as it stands in its file: `{{#code PATH:ANCHOR}}`.
//!
//! A writer marks a piece of a tested file with the comments `ANCHOR: name` and
//! `ANCHOR_END: name`, and the book shows it with the line numbers it has there. So the code of
//! the book cannot differ from the code that runs.
//!
//! What this file leaves out: how the piece looks on the page ([`crate::blocks`]).

/// A piece of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// Its lines, each with its number in the file, without the anchor comments and without
    /// the indentation they have in common.
    pub lines: Vec<(usize, String)>,
}

impl Excerpt {
    /// The number of the first line and that of the last.
    pub fn range(&self) -> (usize, usize) {
        (self.lines[0].0, self.lines[self.lines.len() - 1].0)
    }

    /// The lines as text.
    pub fn text(&self) -> String {
        self.lines.iter().map(|(_, line)| line.as_str()).collect::<Vec<_>>().join("\n")
    }
}

/// The lines between the two comments of an anchor.
///
/// # Errors
/// What is wrong, in words: no such anchor, one that never ends, one with nothing in it.
pub fn excerpt(text: &str, anchor: &str) -> Result<Excerpt, String> {
    let (mut inside, mut closed, mut lines) = (false, false, Vec::new());
    for (number, line) in (1..).zip(text.lines()) {
        match marker(line) {
            Some((false, name)) if name == anchor => inside = true,
            Some((true, name)) if name == anchor && inside => (inside, closed) = (false, true),
            Some(_) => {}
            None if inside => lines.push((number, line.trim_end().to_string())),
            None => {}
        }
    }
    if inside {
        return Err(format!("the anchor `{anchor}` never ends"));
    }
    if !closed {
        return Err(format!("there is no anchor `{anchor}`"));
    }
    while lines.first().is_some_and(|(_, line)| line.is_empty()) {
        lines.remove(0);
    }
    while lines.last().is_some_and(|(_, line)| line.is_empty()) {
        lines.pop();
    }
    if lines.is_empty() {
        return Err(format!("the anchor `{anchor}` has no lines"));
    }
    let indent = |line: &str| line.len() - line.trim_start().len();
    let filled = lines.iter().filter(|(_, line)| !line.is_empty());
    let common = filled.map(|(_, line)| indent(line)).min().unwrap_or(0);
    for (_, line) in &mut lines {
        *line = line.get(common..).unwrap_or("").to_string();
    }
    Ok(Excerpt { lines })
}

/// The name in an anchor comment, and whether it is the comment that ends it.
fn marker(line: &str) -> Option<(bool, &str)> {
    let comment = line.trim_start();
    let words = comment.strip_prefix("//").or_else(|| comment.strip_prefix('#'))?.trim();
    let (ends, name) = match words.strip_prefix("ANCHOR_END:") {
        Some(name) => (true, name),
        None => (false, words.strip_prefix("ANCHOR:")?),
    };
    Some((ends, name.trim()))
}

/// The language of a file as the page's highlighter calls it.
pub fn language(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "rs" => "rust",
        "toml" => "toml",
        "py" => "python",
        "sh" => "bash",
        "js" | "mjs" => "javascript",
        "json" => "json",
        _ => "plaintext",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
fn a() {
    // ANCHOR: outer
    let x = 1;
    // ANCHOR: inner
    if x > 0 {
        b();
    }
    // ANCHOR_END: inner

    // ANCHOR_END: outer
    // ANCHOR: empty
    // ANCHOR_END: empty
    // ANCHOR: open
    c();
}
";

    #[test]
    fn lines_keep_their_numbers_and_lose_their_anchors() {
        let outer = excerpt(FILE, "outer").unwrap();
        let expected = [(3, "let x = 1;"), (5, "if x > 0 {"), (6, "    b();"), (7, "}")];
        assert_eq!(outer.lines, expected.map(|(n, line)| (n, line.to_string())));
        assert_eq!(outer.range(), (3, 7));
        assert_eq!(excerpt(FILE, "inner").unwrap().range(), (5, 7));
    }

    #[test]
    fn an_anchor_that_is_missing_empty_or_open_is_refused() {
        assert_eq!(excerpt(FILE, "none").unwrap_err(), "there is no anchor `none`");
        assert_eq!(excerpt(FILE, "empty").unwrap_err(), "the anchor `empty` has no lines");
        assert_eq!(excerpt(FILE, "open").unwrap_err(), "the anchor `open` never ends");
    }

    #[test]
    fn other_languages_have_other_comments() {
        let python = "# ANCHOR: a\nx = 1\n# ANCHOR_END: a\n";
        assert_eq!(excerpt(python, "a").unwrap().text(), "x = 1");
        assert_eq!(language("a/b.py"), "python");
    }
}
