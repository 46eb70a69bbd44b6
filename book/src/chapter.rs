//! A chapter before and after weaving, and the equations that all chapters have.

use crate::directive::Directive;
use crate::problem::Problem;

/// A chapter as its writer left it.
#[derive(Clone, Debug, Default)]
pub struct Chapter {
    /// Its file, from the root of the text: `part1/loss.md`.
    pub path: String,
    /// Its number, where it has one.
    pub number: Option<String>,
    /// Its title.
    pub name: String,
    /// Its Markdown.
    pub text: String,
}

impl Chapter {
    /// The name by which its quiz and its cards are called: that of its file.
    pub fn stem(&self) -> &str {
        let file = self.path.rsplit('/').next().unwrap_or(&self.path);
        file.strip_suffix(".md").unwrap_or(file)
    }
}

/// Woven Markdown that knows where each of its lines came from.
#[derive(Clone, Debug, Default)]
pub struct Sheet {
    /// The Markdown.
    pub text: String,
    /// For each line of it, the line of the chapter.
    lines: Vec<usize>,
}

impl Sheet {
    /// Adds lines that all came from one line of the chapter.
    pub fn push(&mut self, text: &str, line: usize) {
        for part in text.split('\n') {
            self.text += part;
            self.text.push('\n');
            self.lines.push(line);
        }
    }

    /// The chapter's line for a byte of this text.
    pub fn line(&self, byte: usize) -> usize {
        let before = self.text.as_bytes()[..byte].iter().filter(|&&b| b == b'\n').count();
        self.lines.get(before).copied().unwrap_or(1)
    }
}

/// A numbered equation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Equation {
    /// Its name in links: `#eq-ID`.
    pub id: String,
    /// Chapter and number: `8.1`.
    pub number: String,
    /// Its name for people.
    pub name: String,
    /// The code that computes it, `PATH:ANCHOR`, or nothing.
    pub code: String,
    /// The chapter it stands in.
    pub chapter: String,
    /// Its formula.
    pub tex: String,
}

/// The equations of all chapters, in the order of reading. `file` names a chapter for messages.
pub fn equations(
    chapters: &[Chapter],
    file: impl Fn(&Chapter) -> String,
) -> (Vec<Equation>, Vec<Problem>) {
    let (mut equations, mut problems) = (Vec::<Equation>::new(), Vec::new());
    for chapter in chapters {
        let lines: Vec<&str> = chapter.text.lines().collect();
        let (mut fence, mut count) = (Fence::default(), 0);
        for (at, line) in lines.iter().enumerate() {
            if fence.covers(line) {
                continue;
            }
            let Some(directive) = Directive::parse(line).filter(|d| d.name == "equation") else {
                continue;
            };
            count += 1;
            let id = directive.argument(0).to_string();
            let mut put = |problem: String, remedy: &str| {
                problems.push(Problem::new(file(chapter), at + 1, problem, remedy));
            };
            if id.is_empty() || directive.argument(1).is_empty() {
                put(
                    "an equation without id or name".into(),
                    "write {{#equation id \"Its name\" path:anchor}}",
                );
            }
            if let Some(other) = equations.iter().find(|e| e.id == id) {
                let place = &other.chapter;
                put(format!("the equation `{id}` exists already, in {place}"), "name it otherwise");
            }
            let tex = lines.get(at + 1).and_then(|_| display(&lines, at + 1));
            if tex.is_none() {
                put(
                    format!("no formula follows the equation `{id}`"),
                    "put its `$$` block on the next line",
                );
            }
            equations.push(Equation {
                id,
                number: match &chapter.number {
                    Some(number) => format!("{number}.{count}"),
                    None => count.to_string(),
                },
                name: directive.argument(1).to_string(),
                code: directive.argument(2).to_string(),
                chapter: chapter.path.clone(),
                tex: tex.map(|(tex, _)| tex).unwrap_or_default(),
            });
        }
    }
    (equations, problems)
}

/// The formula of the `$$` block that begins at a line, and the line behind it.
pub fn display(lines: &[&str], at: usize) -> Option<(String, usize)> {
    let bare = |line: &str| line.trim_start_matches([' ', '>']).trim_end().to_string();
    let mut tex = bare(lines[at]).strip_prefix("$$")?.to_string();
    let mut next = at + 1;
    loop {
        if let Some(whole) = tex.strip_suffix("$$") {
            return Some((whole.trim().to_string(), next));
        }
        let line = bare(lines.get(next)?);
        if line.is_empty() {
            return None;
        }
        tex = format!("{tex}\n{line}");
        next += 1;
    }
}

/// Follows the fences of code blocks from line to line.
#[derive(Clone, Debug, Default)]
pub struct Fence(Option<(char, usize)>);

impl Fence {
    /// Whether a line belongs to a code block, fences included.
    pub fn covers(&mut self, line: &str) -> bool {
        let bare = line.trim_start_matches([' ', '>']);
        let mark = bare.chars().next().filter(|c| ['`', '~'].contains(c));
        let length = mark.map_or(0, |mark| bare.chars().take_while(|&c| c == mark).count());
        match (self.0, mark) {
            (Some((open, longest)), Some(mark))
                if mark == open && length >= longest && bare.trim_end().len() == length =>
            {
                self.0 = None;
                true
            }
            (Some(_), _) => true,
            (None, Some(mark)) if length >= 3 && !bare[length..].contains('`') => {
                self.0 = Some((mark, length));
                true
            }
            _ => false,
        }
    }

    /// Whether a code block is open.
    pub fn is_open(&self) -> bool {
        self.0.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_knows_its_origin() {
        let mut sheet = Sheet::default();
        sheet.push("a", 1);
        sheet.push("b\nc", 7);
        assert_eq!(sheet.text, "a\nb\nc\n");
        assert_eq!([0, 2, 4].map(|byte| sheet.line(byte)), [1, 7, 7]);
    }

    #[test]
    fn a_display_ends_or_is_none() {
        assert_eq!(display(&["$$ a $$", "b"], 0), Some(("a".into(), 1)));
        assert_eq!(display(&["> $$", "> a", "> $$"], 0), Some(("a".into(), 3)));
        assert_eq!(display(&["$$", "a"], 0), None);
        assert_eq!(display(&["$$", "a", "", "$$"], 0), None);
    }

    #[test]
    fn fences_end_with_their_like() {
        let mut fence = Fence::default();
        let covered: Vec<bool> =
            ["a", "````md", "```", "````", "b", "``x``"].iter().map(|l| fence.covers(l)).collect();
        assert_eq!(covered, [false, true, true, true, false, false]);
    }

    #[test]
    fn equations_are_numbered_and_their_faults_named() {
        let chapter = |path: &str, number: &str, text: &str| Chapter {
            path: path.into(),
            number: Some(number.into()),
            text: text.into(),
            ..Chapter::default()
        };
        let first = "{{#equation a \"A\"}}\n$$\nx\n$$\n```\n{{#equation no \"N\"}}\n```\n";
        let second = "{{#equation a \"Again\" p:q}}\ntext\n{{#equation}}\n$$ y $$\n";
        let chapters = [chapter("one.md", "1", first), chapter("two.md", "2", second)];
        let (equations, problems) = equations(&chapters, |chapter| chapter.path.clone());
        let numbers: Vec<_> = equations.iter().map(|e| e.number.as_str()).collect();
        assert_eq!(numbers, ["1.1", "2.1", "2.2"]);
        assert_eq!(equations[1].code, "p:q");
        let lines: Vec<_> = problems.iter().map(|p| (p.file.as_str(), p.line)).collect();
        assert_eq!(lines, [("two.md", 1), ("two.md", 1), ("two.md", 3)]);
    }
}
