//! What becomes of each directive of a chapter: code, output, figure, quiz, symbols, equation.
//!
//! What this file leaves out: the pages that gather from all chapters ([`crate::pages`]).

use std::fs;

use crate::code::{Excerpt, excerpt, language};
use crate::cut::Cut;
use crate::directive::Directive;
use crate::markdown::{as_block, escape};
use crate::svg::inlined;
use crate::weave::Weaver;

impl Weaver<'_> {
    /// The Markdown or HTML that takes the place of a directive.
    pub fn directive(&mut self, directive: &Directive<'_>, line: usize) -> String {
        match directive.name {
            "code" => self.code(directive.argument(0), line),
            "output" => self.output(&directive.arguments, line),
            "figure" => self.figure(directive, line),
            "quiz" => self.quiz(directive.argument(0), line),
            "exercises" => self.exercises(line),
            "symbols" => self.symbols(&directive.arguments, line),
            "equation" => self.equation(directive.argument(0), line),
            "notation" => self.notation_page(line),
            "glossary" => self.glossary_page(),
            "flashcards" => self.flashcards_page(),
            "equations" => self.equations_page(line),
            "exercise-table" => self.exercise_table(line),
            name => {
                self.problem(
                    line,
                    format!("the directive {{{{#{name}}}}} does not exist"),
                    "there are code, output, figure, quiz, exercises, symbols, equation, and for \
                     the generated pages notation, glossary, flashcards, equations, \
                     exercise-table",
                );
                String::new()
            }
        }
    }

    /// A piece of a file: `PATH:ANCHOR`.
    fn excerpt(&mut self, place: &str, line: usize) -> Option<(String, Excerpt)> {
        let (path, anchor) = place.rsplit_once(':').unwrap_or((place, ""));
        let outside = path.starts_with('/') || path.split('/').any(|part| part == "..");
        let text = if outside { None } else { self.source(path) };
        let found = match text {
            None => Err(format!("there is no text file `{path}`")),
            Some(text) => excerpt(&text, anchor).map_err(|what| format!("{what} in {path}")),
        };
        match found {
            Ok(excerpt) => Some((path.to_string(), excerpt)),
            Err(what) => {
                self.problem(
                    line,
                    format!("nothing to include for `{place}`: {what}"),
                    "write PATH:ANCHOR with a path from the root of the repository, and put \
                     `// ANCHOR: name` and `// ANCHOR_END: name` around the lines",
                );
                None
            }
        }
    }

    /// The text of a file of the repository; it will be a page of the book.
    fn source(&mut self, path: &str) -> Option<String> {
        if !self.woven.sources.contains_key(path) {
            let text = fs::read_to_string(self.shelf.places.repository.join(path)).ok()?;
            self.woven.sources.insert(path.to_string(), text);
        }
        self.woven.sources.get(path).cloned()
    }

    /// A link to lines of a file, for readers.
    fn source_link(&self, path: &str, (first, last): (usize, usize), whole: bool) -> String {
        let href = self.to(&format!("source/{path}.html"));
        let name = if whole { path } else { path.rsplit('/').next().unwrap_or(path) };
        let lines = if first == last {
            format!("line {first}")
        } else {
            format!("lines {first} to {last}")
        };
        format!("<a href=\"{href}#L{first}\">{name}, {lines}</a>")
    }

    fn code(&mut self, place: &str, line: usize) -> String {
        let Some((path, excerpt)) = self.excerpt(place, line) else { return String::new() };
        let code = escape(&excerpt.text());
        let numbers: Vec<_> = excerpt.lines.iter().map(|(n, _)| n.to_string()).collect();
        let html = format!(
            "<div class=\"numbered\"><pre class=\"numbers\" aria-hidden=\"true\">{}</pre>\
             <pre><code class=\"language-{}\">{code}\n</code></pre></div>",
            numbers.join("\n"),
            language(&path),
        );
        let place = self.woven.inserts.keep(html, "pre", &code);
        let link = self.source_link(&path, excerpt.range(), true);
        as_block(&format!(
            "<figure class=\"code\">\n<figcaption>{link}</figcaption>\n{place}\n</figure>"
        ))
    }

    fn output(&mut self, arguments: &[String], line: usize) -> String {
        let (name, cut) = Cut::parse(arguments);
        self.shows(format!("outputs/{name}.txt"));
        let shelf = self.shelf;
        let Some(recorded) = shelf.outputs.get(name) else {
            let file = shelf.places.name(&format!("outputs/{name}.txt"));
            self.problem(
                line,
                format!("there is no recorded output {file} that can be read"),
                format!(
                    "write the file with the command in it, then run `cargo run -p book -- \
                     outputs {name} --bless`"
                ),
            );
            return String::new();
        };
        let part = cut.and_then(|cut| cut.of(&recorded.output));
        let part = part.and_then(|part| match part.trim() {
            "" => Err("nothing was recorded yet".into()),
            _ => Ok(part),
        });
        let part = match part {
            Ok(part) => part,
            Err(what) => {
                let remedy = format!(
                    "write {{{{#output {name} \"WORDS\"}}}} with words that only the first line to \
                     be shown begins with, and \"WORDS\" of the last one where it is not the end \
                     of a paragraph; or run `cargo run -p book -- outputs {name} --bless`"
                );
                self.problem(line, format!("the output `{name}`: {what}"), remedy);
                return String::new();
            }
        };
        let wrap = if recorded.wrap { " wrap" } else { "" };
        let shown = recorded.command.replace("{dir}", "DIR");
        let (command, part) = (escape(&shown), escape(&part));
        let html = format!(
            "<pre class=\"output{wrap}\"><code class=\"nohighlight\"><b>$ {command}</b>\n\n{part}\n</code></pre>"
        );
        let text = format!("{command}\n{part}");
        as_block(&self.woven.inserts.keep(html, "pre", &text))
    }

    fn figure(&mut self, directive: &Directive<'_>, line: usize) -> String {
        let (name, words) = (directive.argument(0), directive.argument(1));
        self.shows(format!("outputs/{name}.svg"));
        if words.trim().is_empty() {
            self.problem(
                line,
                format!("the figure `{name}` has no words for those who cannot see it"),
                "write {{#figure name \"what the picture shows\" \"caption\"}}",
            );
        }
        let shelf = self.shelf;
        let drawn = shelf.figures.get(name).is_some_and(|figure| figure.drawn);
        let file = shelf.places.of(&format!("outputs/{name}.svg"));
        let text = fs::read_to_string(&file).ok();
        let Some(svg) = text.as_deref().and_then(|text| inlined(text, words)) else {
            let file = shelf.places.name(&format!("outputs/{name}.svg"));
            self.problem(
                line,
                format!("there is no figure {file}"),
                format!(
                    "declare it in outputs/figures.toml and run `cargo run -p book -- outputs {name}`"
                ),
            );
            return String::new();
        };
        let caption = self.inline_html(directive.argument(2), line);
        let caption = match caption.is_empty() {
            true => String::new(),
            false => format!("<figcaption>{caption}</figcaption>\n"),
        };
        let class = if drawn { "figure drawn" } else { "figure" };
        let place = self.woven.inserts.keep(svg, "div", &escape(words));
        format!("<figure class=\"{class}\" id=\"fig-{name}\">\n{place}\n{caption}</figure>")
    }

    fn quiz(&mut self, name: &str, line: usize) -> String {
        self.shows(format!("quizzes/{name}.toml"));
        let shelf = self.shelf;
        match shelf.quizzes.get(name) {
            Some(quiz) => {
                self.foreign = Some(format!("quizzes/{name}.toml"));
                let html = quiz.html(name, |line, text| self.inline_html(text, line));
                self.foreign = None;
                as_block(&html)
            }
            None => {
                let file = shelf.places.name(&format!("quizzes/{name}.toml"));
                let problem = format!("there is no quiz {file} that can be read");
                self.problem(line, problem, "write it, or name the quiz as its file is named");
                String::new()
            }
        }
    }

    /// A table of symbols. From here on formulas may use them.
    fn symbols(&mut self, ids: &[String], line: usize) -> String {
        for id in ids {
            if self.shelf.notation.symbols.contains_key(id) {
                let chapter = self.chapter.path.clone();
                self.introduced.entry(id.clone()).or_insert(chapter);
            } else {
                let file = self.shelf.places.name("notation.toml");
                let problem = format!("the symbol `{id}` is not in {file}");
                self.problem(line, problem, format!("add [symbols.{id}], or correct the name"));
            }
        }
        self.symbol_table(ids, false, line)
    }

    /// Rows for symbols; those that do not exist are left out.
    pub fn symbol_table(&mut self, ids: &[String], with_chapter: bool, line: usize) -> String {
        let shelf = self.shelf;
        let known: Vec<_> =
            ids.iter().filter_map(|id| Some((id, shelf.notation.symbols.get(id)?))).collect();
        if known.is_empty() {
            return String::new();
        }
        let shapes = known.iter().any(|(_, symbol)| !symbol.shape.is_empty());
        let mut head = vec!["sign", "name", "meaning"];
        head.extend(shapes.then_some("shape"));
        head.push("in the code");
        head.extend(with_chapter.then_some("first met in"));
        let mut table = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len()));
        for (id, symbol) in known {
            let sign = self.inline(&format!("${}$", symbol.tex), line);
            let mut words = self.inline(&symbol.words, line);
            words += &self.other_meanings(id, ids, with_chapter);
            let sign =
                if with_chapter { format!("<a id=\"symbol-{id}\"></a>{sign}") } else { sign };
            let mut row = vec![sign, symbol.name.clone(), words];
            if shapes {
                row.push(self.inline(&symbol.shape, line));
            }
            row.push(match symbol.code.as_str() {
                "" => String::new(),
                code => format!("`{code}`"),
            });
            if with_chapter {
                row.push(
                    self.introduced.get(id).map_or(String::new(), |path| self.chapter_link(path)),
                );
            }
            table += &format!("| {} |\n", row.join(" | "));
        }
        table
    }

    /// What else the sign of a symbol stands for, where a reader may take one for the other: in a
    /// chapter, what the chapters before it have called so; in the page of all symbols, how many
    /// there are, since they stand together there.
    fn other_meanings(&self, id: &str, shown: &[String], all: bool) -> String {
        let notation = &self.shelf.notation;
        let others = notation.namesakes(id);
        if all {
            return match others.len() {
                0 => String::new(),
                n => format!(" *(one of {} meanings)*", n + 1),
            };
        }
        let before = others.iter().filter(|other| !shown.iter().any(|id| id == **other));
        let said: Vec<String> = before
            .filter_map(|other| {
                let home =
                    self.introduced.get(*other).filter(|home| **home != self.chapter.path)?;
                let name = &notation.symbols.get(*other)?.name;
                Some(format!("{name} ({})", self.chapter_link(home)))
            })
            .collect();
        match said.is_empty() {
            true => String::new(),
            false => format!(". *Elsewhere the same sign is:* {}", said.join("; ")),
        }
    }

    /// The head of an equation; its formula follows as a `$$` block.
    fn equation(&mut self, id: &str, line: usize) -> String {
        let Some(at) = self.equations.iter().position(|e| e.id == id) else {
            return String::new();
        };
        let equation = self.equations[at].clone();
        let code = if equation.code.is_empty() {
            String::new()
        } else {
            match self.excerpt(&equation.code, line) {
                Some((path, excerpt)) => {
                    format!(" · {}", self.source_link(&path, excerpt.range(), false))
                }
                None => String::new(),
            }
        };
        let name = self.inline_html(&equation.name, line);
        format!(
            "<p class=\"equation\" id=\"eq-{id}\"><a href=\"#eq-{id}\">({})</a> {name}{code}</p>",
            equation.number
        )
    }

    /// The code of an equation as a link, for the index.
    pub fn equation_code(&mut self, place: &str, line: usize) -> String {
        if place.is_empty() {
            return String::new();
        }
        let found = self.excerpt(place, line);
        found.map_or(String::new(), |(path, code)| self.source_link(&path, code.range(), true))
    }
}
