//! Two small books: one with a fault of every kind, and one with everything in it and no fault.

use std::fs;
use std::path::Path;

use book::build::build;
use book::check::check;
use book::places::Places;

fn places(name: &str) -> Places {
    Places { directory: format!("book/tests/{name}"), ..Places::default() }
}

#[test]
fn every_fault_is_reported_with_its_place() {
    let problems = check(&places("faulty")).unwrap();
    let expected = [
        ("cards/no_such_chapter.toml", 1, "there is no chapter `no_such_chapter.md`"),
        ("cards/first.toml", 2, "no sentence for the glossary defines `wait`"),
        ("cards/first.toml", 12, "is no sentence about `thread`"),
        ("cards/second.toml", 2, "the term `Token` is explained in cards/first.toml, too"),
        ("notation.toml", 6, "no chapter introduces the symbol `unused`"),
        ("outputs/fails.txt", 1, "the command cannot be run"),
        ("outputs/figures.toml", 1, "the figure `nudge` has neither a command"),
        ("outputs/figures.toml", 3, "no chapter shows the figure `unused_figure`"),
        ("outputs/header.txt", 2, "`much` is not a tolerance"),
        ("outputs/stray.svg", 1, "no chapter shows the figure `stray`"),
        ("outputs/unused.txt", 1, "no chapter shows the output `unused`"),
        ("outputs/version.txt", 4, "the output is no longer what was recorded"),
        ("quizzes/first.toml", 2, "no choice of question `no-right-choice` is right"),
        ("quizzes/first.toml", 2, "the formula `\\nonsense` cannot be typeset"),
        ("quizzes/first.toml", 8, "has no feedback"),
        ("quizzes/no_such_chapter.toml", 1, "there is no chapter `no_such_chapter.md`"),
        ("quizzes/second.toml", 2, ""),
        ("quizzes/third.toml", 1, "no chapter shows the quiz `third`"),
        ("text/first.md", 3, "`V` (vocabulary size) is used before the reader knows it"),
        ("text/first.md", 5, "the symbol `unknown` is not in"),
        ("text/first.md", 7, "there is no text file `book/tests/faulty/no_such_file.rs`"),
        ("text/first.md", 9, "there is no anchor `no_such_anchor`"),
        ("text/first.md", 11, "the anchor `empty` has no lines"),
        ("text/first.md", 13, "the directive {{#include}} does not exist"),
        ("text/first.md", 15, "a directive amid a line"),
        ("text/first.md", 17, "the formula `\\frac{1}{` cannot be typeset"),
        ("text/first.md", 19, "a dollar without its partner"),
        ("text/first.md", 21, "Rust code that nothing compiles"),
        ("text/second.md", 3, "the link `nowhere.md` leads to no chapter"),
        ("text/second.md", 3, "the link `first.md#nowhere` leads to a page that has no"),
        ("text/second.md", 4, "the link `#eq-none` leads to a page that has no"),
        ("text/second.md", 6, "the link `nothing.png` leads to nothing"),
        ("text/second.md", 6, "a picture without words"),
        ("text/second.md", 8, "the figure `nudge` has no words"),
        ("text/second.md", 10, "there is no figure"),
        ("text/second.md", 12, "the equation `twice` exists already, in first.md"),
        ("text/second.md", 15, "no formula follows the equation `bare`"),
        ("text/second.md", 17, "there is no recorded output"),
        ("text/second.md", 19, "lines 5 to 9 of an output of 1"),
        ("text/second.md", 21, "there is no quiz"),
        ("text/second.md", 25, "a `$$` without its partner"),
        ("text/second.md", 28, "a picture without words"),
        ("text/third.md", 3, "the output `fails`: no line begins with `nothing`"),
        ("text/third.md", 5, "its lines 1 and 2 both begin with `error`"),
        ("text/third.md", 7, "no line from its line 2 on begins with `nothing`"),
        ("text/third.md", 9, "says its lines by number, and by words too"),
        ("text/third.md", 11, "`fails:some` has no range of lines"),
        ("text/third.md", 13, "`the way back` is not the field's word"),
        ("vocabulary.toml", 11, "unclosed group"),
    ];
    let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
    for (file, line, what) in expected {
        let found = problems.iter().any(|problem| {
            problem.file == format!("book/tests/faulty/{file}")
                && problem.line == line
                && problem.problem.contains(what)
        });
        assert!(found, "{file}:{line}: {what}\nis not among\n{}", said.join("\n"));
    }
    assert_eq!(said.len(), expected.len(), "and nothing else:\n{}", said.join("\n"));
    assert!(problems.iter().all(|problem| !problem.remedy.is_empty()));
}

fn read(directory: &Path, name: &str) -> String {
    fs::read_to_string(directory.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn a_sound_book_has_everything_on_its_pages() {
    let directory = tempfile::tempdir().unwrap();
    let built = build(&places("sound"), directory.path()).unwrap();
    let said: Vec<String> = built.problems.iter().map(ToString::to_string).collect();
    assert!(said.is_empty(), "{}", said.join("\n"));

    let page = read(directory.path(), "part/everything.html");
    for part in [
        "<math xmlns", // for those who listen
        "costs $0",
        "<code>$code$</code>",
        "(1.1)</a> Softmax of the logits",
        "href=\"../source/book/tests/sound/softmax.rs.html#L4\"",
        "<pre class=\"numbers\" aria-hidden=\"true\">4\n5\n6\n7</pre>",
        "<b>$ cargo run -p book -- check --help</b>",
        "</b>\n\nLooks for everything",
        "…\nCode that is not there or not tested;",
        "a status other than zero if there is one.\n…",
        "…\nOptions:\n  -h, --help\n          Print help",
        "aria-label=\"A curve that turns upwards;",
        "class=\"choice is-right\"",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("data-insert"), "every place is filled");
    assert!(!page.contains("class=\"playground\""), "no code leaves the machine to be run");
    assert!(
        read(directory.path(), "part/next.html").contains("href=\"everything.html#eq-softmax\"")
    );
    assert!(
        read(directory.path(), "source/book/tests/sound/softmax.rs.html").contains("id=\"L4\"")
    );
    assert!(read(directory.path(), "notation.html").contains("id=\"symbol-p_i\""));
    assert!(read(directory.path(), "notation.html").contains("(one of 2 meanings)"));
    assert!(
        read(directory.path(), "part/next.html")
            .contains("<em>Elsewhere the same sign is:</em> vocabulary size")
    );
    let glossary = read(directory.path(), "glossary.html");
    assert!(glossary.contains("id=\"term-softmax\""));
    assert!(glossary.contains("Softmax turns logits into probabilities"), "a sentence");
    assert!(read(directory.path(), "equations.html").contains("part/everything.html#eq-softmax"));
    assert!(read(directory.path(), "flashcards.txt").contains("\t\\(4.17\\)\teverything\n"));
    let print = read(directory.path(), "print.html");
    assert!(print.contains("<math xmlns") && !print.contains("data-insert"));
    assert!(directory.path().join("theme/katex/fonts/KaTeX_Main-Regular.woff2").is_file());
}

#[test]
fn the_search_finds_symbols_and_terms_and_no_tags() {
    let directory = tempfile::tempdir().unwrap();
    build(&places("sound"), directory.path()).unwrap();
    let index = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_string_lossy().contains("searchindex"))
        .unwrap();
    let index = fs::read_to_string(index).unwrap();
    for words in ["vocabulary size", "logit", "It turns logits into probabilities", "exponentials"]
    {
        assert!(index.contains(words), "{words}");
    }
    for tags in ["mathrm", "katex", "annotation", "strut"] {
        assert!(!index.contains(tags), "{tags}");
    }
}

#[test]
fn no_page_asks_for_anything_from_elsewhere() {
    let directory = tempfile::tempdir().unwrap();
    build(&places("sound"), directory.path()).unwrap();
    for name in ["index.html", "part/everything.html", "flashcards.html", "print.html"] {
        let page = read(directory.path(), name);
        for attribute in ["src=\"http", "src=\"//", "href=\"http", "href=\"//"] {
            assert!(!page.contains(attribute), "{name}: {attribute}");
        }
    }
}
