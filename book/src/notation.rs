//! The symbols of the book, and which of them a formula uses.
//!
//! Every symbol is declared in `notation.toml` and explained to the reader by a `{{#symbols}}`
//! table before it is used. To hold the book to that, a formula is cut into TeX's own tokens
//! and compared with the symbols, the longest first: where `\mathbf{x}` is a symbol, its `x` is
//! not the symbol `x`. Words inside a formula (`\text{loss}`) are not symbols.

use std::collections::BTreeMap;

use serde::Deserialize;

/// One symbol.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Symbol {
    /// How it is typeset, and recognised.
    pub tex: String,
    /// What it means.
    pub words: String,
    /// Its name, by which the search finds it.
    pub name: String,
    /// The shape of a vector or table.
    #[serde(default)]
    pub shape: String,
    /// Its name in the code.
    #[serde(default)]
    pub code: String,
    /// Chapters in which the sign stands for something else, which the sentence explains: the
    /// names of their files.
    #[serde(default)]
    pub elsewhere: Vec<String>,
}

/// All symbols by their ids.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notation {
    /// The symbols, sorted by id.
    #[serde(default)]
    pub symbols: BTreeMap<String, Symbol>,
}

impl Notation {
    /// The ids of all symbols in the order in which a reader looks them up: by how the sign is
    /// read, Latin letters first, then Greek ones, then operators.
    pub fn by_sign(&self) -> Vec<String> {
        let mut ids: Vec<_> = self.symbols.iter().collect();
        ids.sort_by_cached_key(|(id, symbol)| {
            let sign = reading(&symbol.tex);
            let capital = sign.starts_with(char::is_uppercase);
            (sign.to_lowercase(), capital, symbol.tex.len(), id.to_string())
        });
        ids.into_iter().map(|(id, _)| id.clone()).collect()
    }

    /// The ids of the other symbols that are written with the same sign.
    pub fn namesakes(&self, id: &str) -> Vec<&str> {
        let Some(symbol) = self.symbols.get(id) else { return Vec::new() };
        let sign = tokens(&symbol.tex);
        let same = self.symbols.iter().filter(|(other, s)| *other != id && tokens(&s.tex) == sign);
        same.map(|(other, _)| other.as_str()).collect()
    }

    /// The ids of the symbols that a formula uses, each once, in the order of the formula.
    pub fn used_in(&self, tex: &str) -> Vec<&str> {
        let mut known: Vec<(Vec<&str>, &str)> =
            self.symbols.iter().map(|(id, s)| (tokens(&s.tex), id.as_str())).collect();
        known.retain(|(tokens, _)| !tokens.is_empty());
        known.sort_by_key(|(tokens, _)| std::cmp::Reverse(tokens.len()));
        let formula = tokens(tex);
        let (mut at, mut used) = (0, Vec::new());
        while at < formula.len() {
            let rest = &formula[at..];
            if let Some((tokens, id)) = known.iter().find(|(t, _)| rest.starts_with(t)) {
                if !used.contains(id) {
                    used.push(id);
                }
                at += tokens.len();
            } else {
                at += if WORDS.contains(&rest[0]) { 1 + group(&rest[1..]) } else { 1 };
            }
        }
        used
    }
}

/// Commands whose argument is not made of symbols.
const WORDS: [&str; 16] = [
    "\\text",
    "\\textbf",
    "\\textit",
    "\\texttt",
    "\\mathrm",
    "\\mathbf",
    "\\mathit",
    "\\mathsf",
    "\\mathtt",
    "\\mathcal",
    "\\mathbb",
    "\\operatorname",
    "\\begin",
    "\\end",
    "\\color",
    "\\boldsymbol",
];

/// Greek letters and operators as characters, which sort in the order of the alphabet.
const CHARACTERS: [(&str, char); 22] = [
    ("\\beta", 'β'),
    ("\\gamma", 'γ'),
    ("\\Delta", 'δ'),
    ("\\varepsilon", 'ε'),
    ("\\eta", 'η'),
    ("\\theta", 'θ'),
    ("\\lambda", 'λ'),
    ("\\mu", 'μ'),
    ("\\pi", 'π'),
    ("\\rho", 'ρ'),
    ("\\sigma", 'σ'),
    ("\\tau", 'τ'),
    ("\\phi", 'φ'),
    ("\\leftarrow", '←'),
    ("\\partial", '∂'),
    ("\\nabla", '∇'),
    ("\\prod", '∏'),
    ("\\sum", '∑'),
    ("\\approx", '≈'),
    ("\\oplus", '⊕'),
    ("\\alpha", 'α'),
    ("\\ell", 'l'),
];

/// A sign as it is read, for sorting: without the commands that only say how it looks.
fn reading(tex: &str) -> String {
    let mut read = String::new();
    for token in tokens(tex) {
        match token {
            "_" | "(" if !read.is_empty() => read.push(' '),
            "\\hat" | "\\frac" | "\\mid" | "\\top" | "\\cdot" | "\\mathrm" | "\\mathbf"
            | "\\mathbb" | "\\text" => {}
            command if command.starts_with('\\') => {
                match CHARACTERS.iter().find(|(name, _)| *name == command) {
                    Some((_, character)) => read.push(*character),
                    None => read += &command[1..],
                }
            }
            other => read.extend(other.chars().filter(|c| c.is_alphanumeric())),
        }
    }
    read
}

/// How many tokens a group in braces takes, or 1 where there is none.
fn group(tokens: &[&str]) -> usize {
    if tokens.first() != Some(&"{") {
        return tokens.len().min(1);
    }
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate() {
        match *token {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// TeX's tokens: commands and single characters, without spaces. Braces around a single token
/// say nothing and are dropped, so that `p_{i}` and `p_i` are the same.
fn tokens(tex: &str) -> Vec<&str> {
    let (mut tokens, mut rest) = (Vec::new(), tex.trim_start());
    while let Some(first) = rest.chars().next() {
        let mut length = first.len_utf8();
        if first == '\\' {
            let letters = rest[1..].bytes().take_while(u8::is_ascii_alphabetic).count();
            let other = || rest[1..].chars().next().map_or(0, char::len_utf8);
            length += if letters > 0 { letters } else { other() };
        }
        tokens.push(&rest[..length]);
        rest = rest[length..].trim_start();
        if let [.., "{", _, "}"] = tokens[..] {
            let inner = tokens[tokens.len() - 2];
            tokens.truncate(tokens.len() - 3);
            tokens.push(inner);
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notation(symbols: &[(&str, &str)]) -> Notation {
        let symbol = |tex: &str| Symbol { tex: tex.into(), ..Symbol::default() };
        Notation {
            symbols: symbols.iter().map(|(id, tex)| (id.to_string(), symbol(tex))).collect(),
        }
    }

    #[test]
    fn symbols_are_found_whole() {
        let notation = notation(&[
            ("V", "V"),
            ("x", "x"),
            ("bold", r"\mathbf{x}"),
            ("p_i", "p_i"),
            ("p", "p"),
        ]);
        assert_eq!(notation.used_in(r"\ln V"), ["V"]);
        assert_eq!(notation.used_in(r"\mathbf{x} + p_{i}"), ["bold", "p_i"]);
        assert_eq!(notation.used_in(r"p_j x"), ["p", "x"]);
        assert_eq!(notation.used_in(r"\exp \max"), [""; 0], "no x in a command");
    }

    #[test]
    fn words_in_a_formula_are_not_symbols() {
        let notation = notation(&[("V", "V"), ("x", "x"), ("T", "T")]);
        assert_eq!(notation.used_in(r"\text{Vex} + \operatorname{max}(x)"), ["x"]);
        assert_eq!(notation.used_in(r"\mathrm{x}"), [""; 0]);
        assert_eq!(notation.used_in(r"\text{a {V} b} T"), ["T"]);
    }

    #[test]
    fn symbols_are_sorted_as_they_are_read() {
        let signs = [
            r"\sum",
            r"\frac{\partial L}{\partial w_i}",
            r"\beta_2",
            r"\eta_{\max}",
            "T",
            r"\hat{x}",
            r"\beta_1",
            r"\ell",
            r"p(b \mid a)",
            r"\mathbb{E}",
            "t_w",
            "e",
            r"\exp",
            r"\eta",
            "p",
            "x",
            "t",
        ];
        let ids: Vec<String> = (0..signs.len()).map(|i| i.to_string()).collect();
        let pairs: Vec<_> = ids.iter().map(String::as_str).zip(signs).collect();
        let notation = notation(&pairs);
        let sorted: Vec<_> =
            notation.by_sign().iter().map(|id| signs[id.parse::<usize>().unwrap()]).collect();
        let expected = [
            "e",
            r"\mathbb{E}",
            r"\exp",
            r"\ell",
            "p",
            r"p(b \mid a)",
            "t",
            "T",
            "t_w",
            "x",
            r"\hat{x}",
            r"\beta_1",
            r"\beta_2",
            r"\eta",
            r"\eta_{\max}",
            r"\frac{\partial L}{\partial w_i}",
            r"\sum",
        ];
        assert_eq!(sorted, expected);
    }

    #[test]
    fn a_sign_with_two_meanings_is_known() {
        let notation = notation(&[("merges", "M"), ("mask", "M"), ("m", "m"), ("p", "p_{i}")]);
        assert_eq!(notation.namesakes("mask"), ["merges"]);
        assert_eq!(notation.namesakes("m"), [""; 0]);
    }

    #[test]
    fn broken_tex_is_survived() {
        let notation = notation(&[("x", "x")]);
        for tex in ["", "\\", "{", "}", "\\text{", "x_{", "é\\é"] {
            notation.used_in(tex);
            reading(tex);
        }
    }
}
