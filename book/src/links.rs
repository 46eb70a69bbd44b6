//! Every link of the text leads somewhere, and every picture has words.
//!
//! Links are looked for in the woven Markdown, where their lines are known; what they may lead
//! to is looked up in the finished pages.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

use crate::chapter::Sheet;
use crate::markdown::options;
use crate::places::Places;
use crate::problem::Problem;
use crate::weave::Woven;

/// What is wrong with the links and pictures of a book that was built into `directory`.
pub fn problems(places: &Places, woven: &Woven, directory: &Path) -> Vec<Problem> {
    let mut checker = Checker { directory, ids: BTreeMap::new(), woven };
    let mut problems = Vec::new();
    for (path, sheet) in &woven.sheets {
        for (byte, found) in found(sheet) {
            let fault = match found {
                Found::Link(target) => checker.fault(path, &target),
                Found::Picture => Some((
                    "a picture without words".to_string(),
                    "write ![what it shows](file), for those who cannot see it",
                )),
            };
            if let Some((problem, remedy)) = fault {
                let file = places.name(&format!("text/{path}"));
                problems.push(Problem::new(file, sheet.line(byte), problem, remedy));
            }
        }
    }
    problems
}

/// Something to be checked.
enum Found {
    /// A link or the address of a picture.
    Link(String),
    /// A picture that has no words.
    Picture,
}

fn found(sheet: &Sheet) -> Vec<(usize, Found)> {
    let mut all = Vec::new();
    let mut picture: Option<(usize, bool)> = None;
    for (event, range) in Parser::new_ext(&sheet.text, options()).into_offset_iter() {
        match event {
            Event::Start(Tag::Link { dest_url, .. }) => {
                all.push((range.start, Found::Link(dest_url.to_string())));
            }
            Event::Start(Tag::Image { dest_url, .. }) => {
                all.push((range.start, Found::Link(dest_url.to_string())));
                picture = Some((range.start, false));
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some((_, spoken)) = &mut picture {
                    *spoken |= !text.trim().is_empty();
                }
            }
            Event::End(TagEnd::Image) => {
                if let Some((start, false)) = picture.take() {
                    all.push((start, Found::Picture));
                }
            }
            Event::Html(html) | Event::InlineHtml(html) => {
                for name in ["href", "src"] {
                    for (at, value) in attributes(&html, name) {
                        all.push((range.start + at, Found::Link(value.to_string())));
                    }
                }
                for (at, _) in html.match_indices("<img") {
                    let tag = html[at..].split('>').next().unwrap_or("");
                    if attributes(tag, "alt").iter().all(|(_, words)| words.trim().is_empty()) {
                        all.push((range.start + at, Found::Picture));
                    }
                }
            }
            _ => {}
        }
    }
    all
}

/// The values of an attribute in a piece of HTML, each with its place.
fn attributes<'a>(html: &'a str, name: &str) -> Vec<(usize, &'a str)> {
    let start = format!(" {name}=\"");
    let value = |(at, _): (usize, &str)| {
        let rest = &html[at + start.len()..];
        Some((at, rest.split_once('"')?.0))
    };
    html.match_indices(&start).filter_map(value).collect()
}

struct Checker<'a> {
    directory: &'a Path,
    woven: &'a Woven,
    /// The names in each page that links can lead to.
    ids: BTreeMap<String, BTreeSet<String>>,
}

impl Checker<'_> {
    /// What is wrong with a link on a page.
    fn fault(&mut self, page: &str, target: &str) -> Option<(String, &'static str)> {
        let scheme = target.split(['/', '#', '?']).next().is_some_and(|first| first.contains(':'));
        if scheme || target.starts_with("//") {
            return None;
        }
        let (path, fragment) = match target.split_once('#') {
            Some((path, fragment)) => (path, Some(fragment)),
            None => (target, None),
        };
        let path = match path {
            "" => page.to_string(),
            path => normal(page, path),
        };
        if path.ends_with(".md") && !self.woven.sheets.contains_key(&path) {
            let problem = format!("the link `{target}` leads to no chapter of SUMMARY.md");
            return Some((problem, "name a chapter that is written, with the way from this one"));
        }
        let built = match path.strip_suffix(".md") {
            Some(stem) => format!("{stem}.html"),
            None => path,
        };
        if !self.directory.join(&built).is_file() {
            return Some((
                format!("the link `{target}` leads to nothing"),
                "name a file of book/text or a chapter, with the way from this one",
            ));
        }
        let fragment = fragment.filter(|_| built.ends_with(".html"))?;
        let directory = self.directory;
        let ids = self.ids.entry(built).or_insert_with_key(|built| {
            let html = fs::read_to_string(directory.join(built)).unwrap_or_default();
            attributes(&html, "id").into_iter().map(|(_, id)| id.to_string()).collect()
        });
        (!fragment.is_empty() && !ids.contains(fragment)).then(|| {
            let problem = format!("the link `{target}` leads to a page that has no `#{fragment}`");
            (problem, "name a heading of that page in small letters with dashes, or an equation as #eq-id")
        })
    }
}

/// A path from the root of the text, for one from a page.
fn normal(page: &str, path: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_followed() {
        assert_eq!(normal("part0/a.md", "../part1/b.md"), "part1/b.md");
        assert_eq!(normal("part0/a.md", "./b.md"), "part0/b.md");
        assert_eq!(normal("a.md", "b.md"), "b.md");
    }

    #[test]
    fn links_and_wordless_pictures_are_found_with_their_lines() {
        let mut sheet = Sheet::default();
        let lines = ["[a](b.md)", "", "![](c.png) ![d](e.png)", "", "<img src=\"f.png\">"];
        for (line, text) in (1..).zip(lines) {
            sheet.push(text, line);
        }
        let all: Vec<_> = found(&sheet)
            .into_iter()
            .map(|(byte, found)| match found {
                Found::Link(target) => (sheet.line(byte), target),
                Found::Picture => (sheet.line(byte), "wordless".to_string()),
            })
            .collect();
        let expected = [
            (1, "b.md"),
            (3, "c.png"),
            (3, "wordless"),
            (3, "e.png"),
            (5, "f.png"),
            (5, "wordless"),
        ];
        assert_eq!(all, expected.map(|(line, what)| (line, what.to_string())));
    }
}
