//! The pages that gather from all chapters: notation, glossary, flashcards, equations.
//!
//! They look back at the whole book, so here a formula may use every symbol.

use crate::markdown::{as_block, escape};
use crate::weave::Weaver;

impl Weaver<'_> {
    /// A link to a chapter by its title.
    pub fn chapter_link(&self, path: &str) -> String {
        let chapter = self.chapters.iter().find(|chapter| chapter.path == path);
        let name = escape(chapter.map_or(path, |chapter| &chapter.name));
        format!("<a href=\"{}\">{name}</a>", self.to(path))
    }

    /// The path of the chapter with this file name.
    fn path_of(&self, stem: &str) -> Option<String> {
        self.chapters.iter().find(|chapter| chapter.stem() == stem).map(|c| c.path.clone())
    }

    /// All symbols, sorted by their signs.
    pub fn notation_page(&mut self, line: usize) -> String {
        self.unordered(|weaver| {
            let ids = weaver.shelf.notation.by_sign();
            match ids.is_empty() {
                true => "No symbol has been introduced yet.".into(),
                false => weaver.symbol_table(&ids, true, line),
            }
        })
    }

    /// All terms, sorted, each with a sentence that stands by itself.
    pub fn glossary_page(&mut self) -> String {
        self.unordered(|weaver| {
            let shelf = weaver.shelf;
            let mut entries = Vec::new();
            for (stem, deck) in &shelf.cards {
                for (card, &line) in deck.cards.iter().zip(&deck.lines) {
                    // What has no definition is reported with the cards.
                    let Some(definition) = card.sentence() else { continue };
                    for term in card.terms() {
                        entries.push((term.to_lowercase(), term, definition.clone(), stem, line));
                    }
                }
            }
            entries.sort();
            if entries.is_empty() {
                return "No term has been explained yet.".into();
            }
            let mut html = String::from("<dl class=\"glossary\">\n");
            for (_, term, definition, stem, line) in entries {
                weaver.foreign = Some(format!("cards/{stem}.toml"));
                let definition = weaver.inline_html(&definition, line);
                let chapter = weaver.path_of(stem);
                let chapter = chapter.map_or(String::new(), |path| weaver.chapter_link(&path));
                html += &format!(
                    "<dt id=\"term-{}\">{}</dt>\n<dd>{definition} <span class=\"home\">{chapter}</span></dd>\n",
                    slug(term),
                    escape(term)
                );
            }
            as_block(&(html + "</dl>"))
        })
    }

    /// All cards: a list to open one by one, and with scripts a review.
    pub fn flashcards_page(&mut self) -> String {
        self.unordered(|weaver| {
            let shelf = weaver.shelf;
            if shelf.cards.values().all(|deck| deck.cards.is_empty()) {
                return "There are no cards yet.".into();
            }
            let mut html = String::from(
                "<p><a href=\"flashcards.txt\" download>flashcards.txt</a> is a file with all \
                 cards that the program Anki imports.</p>\n\
                 <div id=\"review\" hidden></div>\n<ul class=\"cards\">\n",
            );
            for chapter in weaver.chapters {
                let Some(deck) = shelf.cards.get(chapter.stem()) else { continue };
                weaver.foreign = Some(format!("cards/{}.toml", chapter.stem()));
                for (card, &line) in deck.cards.iter().zip(&deck.lines) {
                    let front = weaver.inline_html(card.front.get_ref(), line);
                    let back = weaver.inline_html(&card.back, line);
                    html += &format!(
                        "<li data-card=\"{}\"><details><summary>{front}</summary>\
                         <div class=\"back\">{back}</div></details>\
                         <span class=\"home\">{}</span></li>\n",
                        card.id(chapter.stem()),
                        weaver.chapter_link(&chapter.path),
                    );
                }
            }
            as_block(&(html + "</ul>"))
        })
    }

    /// All equations, each with its code.
    pub fn equations_page(&mut self, line: usize) -> String {
        self.unordered(|weaver| {
            if weaver.equations.is_empty() {
                return "There are no numbered equations yet.".into();
            }
            let mut html = String::from("<ul class=\"equations\">\n");
            for equation in weaver.equations.clone() {
                let name = weaver.inline_html(&equation.name, line);
                let formula = weaver.display(&equation.tex, line);
                let code = weaver.equation_code(&equation.code, line);
                html += &format!(
                    "<li><a href=\"{}#eq-{}\">({}) {name}</a>\n{formula}\n{code}</li>\n",
                    weaver.to(&equation.chapter),
                    equation.id,
                    equation.number,
                );
            }
            as_block(&(html + "</ul>"))
        })
    }

    fn unordered(&mut self, gather: impl FnOnce(&mut Self) -> String) -> String {
        let ordered = std::mem::replace(&mut self.ordered, false);
        let page = gather(self);
        (self.ordered, self.foreign) = (ordered, None);
        page
    }
}

/// A term as part of a link: letters and digits, and a dash for all else.
fn slug(term: &str) -> String {
    let dashed: String =
        term.to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
    dashed.trim_matches('-').to_string()
}
