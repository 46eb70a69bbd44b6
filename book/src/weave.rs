//! A chapter as it is written becomes the Markdown that mdBook prints.
//!
//! Chapters are woven in the order of reading, because what may be said depends on what was
//! said before: a formula may only use symbols that some table has introduced. Faults are
//! collected, never fatal: a book with a fault in it can still be looked at.
//!
//! What this file leaves out: what becomes of each directive ([`crate::blocks`],
//! [`crate::pages`]), and the links ([`crate::links`]).

use std::collections::{BTreeMap, BTreeSet};

use crate::chapter::{Chapter, Equation, Fence, Sheet, display, equations};
use crate::directive::Directive;
use crate::insert::Inserts;
use crate::markdown::{as_block, escape, inline_html, plain};
use crate::math::{Piece, Typesetter, in_words, pieces};
use crate::places::relative;
use crate::problem::Problem;
use crate::shelf::Shelf;

/// The whole book, woven.
#[derive(Debug, Default)]
pub struct Woven {
    /// The chapters by their paths.
    pub sheets: BTreeMap<String, Sheet>,
    /// Finished HTML for the pages.
    pub inserts: Inserts,
    /// The files whose code is shown, from the root of the repository, with their text.
    pub sources: BTreeMap<String, String>,
    /// All that is wrong.
    pub problems: Vec<Problem>,
}

/// What weaving knows.
pub(crate) struct Weaver<'a> {
    pub shelf: &'a Shelf,
    pub chapters: &'a [Chapter],
    pub equations: Vec<Equation>,
    pub woven: Woven,
    /// The chapter that is being woven.
    pub chapter: &'a Chapter,
    /// Symbols that some table has introduced, and the chapter of the table.
    pub introduced: BTreeMap<String, String>,
    /// The files of the book that some chapter shows.
    pub shown: BTreeSet<String>,
    /// Symbols that were used too early and have been complained of.
    early: BTreeSet<String>,
    /// Whether the order of symbols counts here; not in the pages that look back.
    pub ordered: bool,
    /// A file other than the chapter whose text is being woven: a quiz, a deck of cards.
    pub foreign: Option<String>,
    typesetter: Typesetter,
}

/// Weaves all chapters, which come in the order of reading.
pub fn weave(shelf: &Shelf, chapters: &[Chapter]) -> Woven {
    let file = |chapter: &Chapter| shelf.places.name(&format!("text/{}", chapter.path));
    let (equations, problems) = equations(chapters, file);
    let nothing = Chapter::default();
    let mut weaver = Weaver {
        shelf,
        chapters,
        equations,
        woven: Woven { problems, ..Woven::default() },
        chapter: &nothing,
        introduced: BTreeMap::new(),
        shown: BTreeSet::new(),
        early: BTreeSet::new(),
        ordered: true,
        foreign: None,
        typesetter: Typesetter::default(),
    };
    for chapter in chapters {
        weaver.chapter = chapter;
        let sheet = weaver.sheet();
        weaver.woven.sheets.insert(chapter.path.clone(), sheet);
    }
    weaver.check_unused();
    weaver.check_exercises();
    weaver.woven.problems.sort();
    weaver.woven.problems.dedup();
    weaver.woven
}

impl Weaver<'_> {
    /// Notes a problem at a line of the chapter, or of the file whose text is being woven.
    pub fn problem(&mut self, line: usize, problem: impl Into<String>, remedy: impl Into<String>) {
        let chapter = || format!("text/{}", self.chapter.path);
        let file = self.shelf.places.name(&self.foreign.clone().unwrap_or_else(chapter));
        self.woven.problems.push(Problem::new(file, line, problem, remedy));
    }

    /// The way from this chapter to another page.
    pub fn to(&self, page: &str) -> String {
        relative(&self.chapter.path, page)
    }

    fn sheet(&mut self) -> Sheet {
        let text = &self.chapter.text;
        let lines: Vec<&str> = text.lines().collect();
        let (mut sheet, mut fence, mut at) = (Sheet::default(), Fence::default(), 0);
        while at < lines.len() {
            let (line, number) = (lines[at], at + 1);
            let bare = line.trim_start_matches([' ', '>']);
            let prefix = &line[..line.len() - bare.len()];
            let open = fence.is_open();
            if fence.covers(line) {
                if !open {
                    self.check_fence(bare, number);
                }
                sheet.push(line, number);
                at += 1;
            } else if let Some(directive) = Directive::parse(bare) {
                let html = self.directive(&directive, number);
                let block = format!("\n{}\n", html.trim_matches('\n'));
                let block: Vec<_> = block.split('\n').map(|l| format!("{prefix}{l}")).collect();
                sheet.push(&block.join("\n"), number);
                at += 1;
            } else if bare.starts_with("$$") {
                let (tex, next) = display(&lines, at).unwrap_or_else(|| {
                    self.problem(number, "a `$$` without its partner", "end the formula with `$$`");
                    (String::new(), at + 1)
                });
                let html = self.display(&tex, number);
                sheet.push(&format!("{prefix}\n{prefix}{html}\n{prefix}"), number);
                at = next;
            } else {
                let plain = |line: &&&str| {
                    let bare = line.trim_start_matches([' ', '>']);
                    !bare.is_empty()
                        && !bare.starts_with("$$")
                        && Directive::parse(bare).is_none()
                        && !Fence::default().covers(line)
                };
                let more = lines[at + 1..].iter().take_while(plain).count();
                let more = if bare.is_empty() { 0 } else { more };
                let woven = self.inline(&lines[at..=at + more].join("\n"), number);
                for (offset, line) in woven.split('\n').enumerate() {
                    sheet.push(line, number + offset);
                }
                at += 1 + more;
            }
        }
        if fence.is_open() {
            self.problem(lines.len(), "a code block that never ends", "end it with its fence");
        }
        sheet
    }

    /// Code that a writer typed may be anything but Rust: Rust is included, and so tested.
    fn check_fence(&mut self, bare: &str, line: usize) {
        let info = bare.trim_start_matches(['`', '~']);
        let mut words = info.split([',', ' ']).map(str::trim);
        if words.next() == Some("rust") && !words.any(|word| word == "ignore") {
            self.problem(
                line,
                "Rust code that nothing compiles",
                "take it from a tested file with {{#code path:anchor}}, or mark what must not \
                 compile as ```rust,ignore",
            );
        }
    }

    /// Markdown within a paragraph: its formulas become places, its equations get their pages.
    pub fn inline(&mut self, text: &str, line: usize) -> String {
        let mut woven = String::new();
        let mut number = line;
        for piece in pieces(text) {
            let (Piece::Text(raw) | Piece::Code(raw) | Piece::Math(raw) | Piece::Stray(raw)) =
                piece;
            let breaks = raw.matches('\n').count();
            match piece {
                Piece::Text(text) => {
                    if let Some(at) = text.find("{{#") {
                        let at = number + text[..at].matches('\n').count();
                        self.problem(
                            at,
                            "a directive amid a line",
                            "put {{#…}} on a line of its own, or in `backticks` to speak of it",
                        );
                    }
                    woven += &self.equation_links(text);
                }
                Piece::Code(code) => woven += code,
                Piece::Math(tex) => {
                    woven += &self.formula(&tex.replace("\n>", "\n"), number);
                    woven += &"\n".repeat(breaks);
                }
                Piece::Stray(_) => {
                    let remedy = "write \\$ for a dollar, $x$ for a formula, and `$$` only on \
                                  lines of their own";
                    self.problem(number, "a dollar without its partner", remedy);
                    woven += "\\$";
                }
            }
            number += breaks;
        }
        woven
    }

    /// Markdown of one paragraph as HTML: captions, questions, answers.
    pub fn inline_html(&mut self, text: &str, line: usize) -> String {
        as_block(&inline_html(&self.inline(text, line)))
    }

    /// A formula within a line.
    fn formula(&mut self, tex: &str, line: usize) -> String {
        match self.set(tex, false, line) {
            Some(html) => self.woven.inserts.keep(html, "span", &plain(&in_words(tex))),
            None => format!("<code>{}</code>", plain(tex)),
        }
    }

    /// A formula on lines of its own.
    pub fn display(&mut self, tex: &str, line: usize) -> String {
        match self.set(tex, true, line) {
            Some(html) => {
                let html = format!("<div class=\"formula\">{html}</div>");
                self.woven.inserts.keep(html, "div", "")
            }
            None => format!("<pre>{}</pre>", as_block(&escape(tex))),
        }
    }

    fn set(&mut self, tex: &str, display: bool, line: usize) -> Option<std::rc::Rc<str>> {
        if self.ordered {
            self.check_order(tex, line);
        }
        match self.typesetter.set(tex, display) {
            Ok(html) => Some(html),
            Err(error) => {
                let tex = tex.split_whitespace().collect::<Vec<_>>().join(" ");
                let problem = format!("the formula `{tex}` cannot be typeset: {error}");
                self.problem(
                    line,
                    problem,
                    "correct it; KaTeX's list of functions says what exists",
                );
                None
            }
        }
    }

    fn check_order(&mut self, tex: &str, line: usize) {
        let notation = &self.shelf.notation;
        for id in notation.used_in(tex) {
            let Some(symbol) = notation.symbols.get(id) else { continue };
            // One sign may have two meanings; then the reader knows it by the first.
            let known = self.introduced.keys().any(|known| {
                notation.symbols.get(known).is_some_and(|known| known.tex == symbol.tex)
            });
            let elsewhere = symbol.elsewhere.iter().any(|name| name == self.chapter.stem());
            if !known && !elsewhere && self.early.insert(id.to_string()) {
                let problem = format!(
                    "`{}` ({}) is used before the reader knows it, in `{}`",
                    symbol.tex,
                    symbol.name,
                    tex.trim()
                );
                self.problem(line, problem, format!("put {{{{#symbols {id}}}}} before this line"));
            }
        }
    }

    /// A link to an equation finds its chapter by itself.
    fn equation_links(&self, text: &str) -> String {
        let mut parts = text.split("](#eq-");
        let mut linked = parts.next().unwrap_or("").to_string();
        for part in parts {
            let id = part.split(')').next().unwrap_or("");
            let home = self.equations.iter().find(|e| e.id == id).map(|e| e.chapter.as_str());
            linked += "](";
            if let Some(home) = home.filter(|&home| home != self.chapter.path) {
                linked += &self.to(home);
            }
            linked += "#eq-";
            linked += part;
        }
        linked
    }
}
