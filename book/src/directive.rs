//! The line that asks for something: `{{#name argument "argument with spaces"}}`.

/// A directive, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive<'a> {
    /// What is asked for.
    pub name: &'a str,
    /// The arguments; those in quotes may have spaces in them, and `\"` is a quote.
    pub arguments: Vec<String>,
}

impl<'a> Directive<'a> {
    /// The directive on a line of its own, if the line is one.
    pub fn parse(line: &'a str) -> Option<Self> {
        let inner = line.trim().strip_prefix("{{#")?.strip_suffix("}}")?.trim();
        let end = inner.find(char::is_whitespace).unwrap_or(inner.len());
        Some(Self { name: &inner[..end], arguments: arguments(&inner[end..]) })
    }

    /// An argument, or nothing.
    pub fn argument(&self, at: usize) -> &str {
        self.arguments.get(at).map_or("", String::as_str)
    }
}

/// Words, and what stands in quotes.
pub fn arguments(text: &str) -> Vec<String> {
    let (mut all, mut word, mut quoted, mut begun) = (Vec::new(), String::new(), false, false);
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' => (quoted, begun) = (!quoted, true),
            '\\' if quoted && characters.peek() == Some(&'"') => {
                word.push('"');
                characters.next();
            }
            c if c.is_whitespace() && !quoted => {
                if begun {
                    all.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            c => {
                word.push(c);
                begun = true;
            }
        }
    }
    if begun {
        all.push(word);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_words_together() {
        let line = r#"  {{#figure map "a \"box\" and $\\x$" ""}} "#;
        let directive = Directive::parse(line).unwrap();
        assert_eq!(directive.name, "figure");
        assert_eq!(directive.arguments, ["map", r#"a "box" and $\\x$"#, ""]);
        assert_eq!(directive.argument(7), "");
    }

    #[test]
    fn what_is_not_alone_on_its_line_is_none() {
        for line in ["see {{#code a:b}}", "{{code}}", "{{#code", ""] {
            assert_eq!(Directive::parse(line), None, "{line}");
        }
    }
}
