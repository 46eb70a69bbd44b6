//! From the text to pages: mdBook as a library, with the weaving between its reading and its
//! printing.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use mdbook_driver::MDBook;
use mdbook_driver::book::{Book, BookItem};
use mdbook_driver::config::{BookConfig, BuildConfig, Config};
use mdbook_driver::errors::{Error, Result};
use mdbook_preprocessor::{Preprocessor, PreprocessorContext};

use crate::cards::anki;
use crate::chapter::Chapter;
use crate::links;
use crate::places::Places;
use crate::problem::Problem;
use crate::shelf::Shelf;
use crate::source::source_page;
use crate::weave::{Woven, weave};

/// What building left behind.
pub struct Built {
    /// What is wrong with the text. The pages are there all the same.
    pub problems: Vec<Problem>,
    /// The files outside the directory of the book that went into it.
    pub sources: Vec<PathBuf>,
    /// What lies beside the chapters.
    pub shelf: Shelf,
}

/// Builds the book into a directory, which is emptied first.
///
/// # Errors
/// When files cannot be read or written, or SUMMARY.md cannot be understood.
pub fn build(places: &Places, directory: &Path) -> Result<Built> {
    let shelf = Rc::new(Shelf::load(places));
    let woven = Rc::new(RefCell::new(Woven::default()));
    let directory = std::path::absolute(directory)?;
    let mut book =
        MDBook::load_with_config(env!("CARGO_MANIFEST_DIR"), config(places, &directory)?)?;
    book.with_preprocessor(Press { shelf: shelf.clone(), woven: woven.clone() });
    book.build()?;
    drop(book);
    let woven = woven.take();
    finish(&shelf, &woven, &directory)?;
    let links = links::problems(places, &woven, &directory);
    let sources = woven.sources.keys().map(|path| places.repository.join(path)).collect();
    let shelf = Rc::into_inner(shelf).ok_or_else(|| Error::msg("the shelf is still in use"))?;
    let mut problems = [shelf.problems.clone(), woven.problems, links].concat();
    problems.sort();
    problems.dedup();
    Ok(Built { problems, sources, shelf })
}

/// How mdBook prints the book. In code, because half of it depends on where we are.
fn config(places: &Places, directory: &Path) -> Result<Config> {
    let mut config = Config::default();
    config.book = BookConfig::default();
    config.book.title = Some("A language model from scratch, in Rust".into());
    config.book.description = Some("You build a GPT, and understand all of it.".into());
    config.book.language = Some("en-GB".into());
    config.book.src = places.of("text");
    config.build = BuildConfig::default();
    config.build.build_dir = directory.to_path_buf();
    config.build.create_missing = false;
    // Only what is in this crate: mdBook's own would include files without complaint.
    config.build.use_default_preprocessors = false;
    config.set("output.html.default-theme", "light")?;
    config.set("output.html.preferred-dark-theme", "navy")?;
    config.set("output.html.playground.runnable", false)?;
    config.set("output.html.search.limit-results", 20)?;
    // mdBook takes a `theme/book.js` for its own: ours must be called otherwise.
    config.set("output.html.additional-css", ["theme/katex/katex.min.css", "theme/page.css"])?;
    config.set("output.html.additional-js", ["theme/page.js", "theme/cards.js"])?;
    Ok(config)
}

/// Weaves the chapters between mdBook's reading and printing.
struct Press {
    shelf: Rc<Shelf>,
    woven: Rc<RefCell<Woven>>,
}

impl Preprocessor for Press {
    fn name(&self) -> &str {
        "weave"
    }

    fn run(&self, _: &PreprocessorContext, mut book: Book) -> Result<Book> {
        let mut chapters = Vec::new();
        for item in book.iter() {
            if let BookItem::Chapter(chapter) = item
                && let Some(path) = &chapter.path
            {
                let number = chapter.number.as_ref().map(ToString::to_string);
                chapters.push(Chapter {
                    path: path.to_string_lossy().replace('\\', "/"),
                    number: number.map(|number| number.trim_end_matches('.').to_string()),
                    name: chapter.name.clone(),
                    text: chapter.content.clone(),
                });
            }
        }
        let woven = weave(&self.shelf, &chapters);
        book.for_each_mut(|item| {
            if let BookItem::Chapter(chapter) = item
                && let Some(path) = &chapter.path
                && let Some(sheet) = woven.sheets.get(&path.to_string_lossy().replace('\\', "/"))
            {
                chapter.content = sheet.text.clone();
            }
        });
        self.woven.replace(woven);
        Ok(book)
    }
}

/// What is done when mdBook has printed: formulas and pictures take their places, fonts, code
/// and cards are laid beside the pages.
fn finish(shelf: &Shelf, woven: &Woven, directory: &Path) -> Result<()> {
    for page in pages(directory)? {
        let html = fs::read_to_string(&page)?;
        let filled = woven.inserts.fill(&html);
        if filled != html {
            fs::write(&page, filled)?;
        }
    }
    for (path, text) in &woven.sources {
        let page = directory.join("source").join(format!("{path}.html"));
        fs::create_dir_all(page.parent().unwrap_or(directory))?;
        fs::write(page, source_page(path, text))?;
    }
    fs::write(
        directory.join("flashcards.txt"),
        anki(shelf.cards.iter().map(|(k, d)| (k.as_str(), d))),
    )?;
    // mdBook copies the style sheet, but not the fonts that it names.
    let katex = Path::new("theme").join("katex");
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join(&katex);
    let there = directory.join(&katex);
    fs::create_dir_all(there.join("fonts"))?;
    fs::copy(here.join("LICENSE"), there.join("LICENSE"))?;
    for font in fs::read_dir(here.join("fonts"))? {
        let font = font?;
        fs::copy(font.path(), there.join("fonts").join(font.file_name()))?;
    }
    Ok(())
}

/// All pages of a built book.
fn pages(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let (mut pages, mut directories) = (Vec::new(), vec![directory.to_path_buf()]);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "html") {
                pages.push(path);
            }
        }
    }
    Ok(pages)
}
