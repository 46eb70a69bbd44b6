//! Reads the file of a recipe; errors name the line.
//!
//! The names and types of the settings are taken from [`Recipe`], and not repeated here.

use std::path::Path;

use serde_json::{Map, Value, json};
use stage01_bigram::{Error, Result};
use stage03_gpt::settings::PartSettings;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Recipe, RunSettings};
use crate::backend::device::Precision;

/// The content of a recipe's file.
pub(super) struct Written {
    /// Its purpose, in one line.
    pub(super) about: String,
    /// The settings it names.
    pub(super) settings: Map<String, Value>,
}

impl Written {
    /// Finds a recipe by its name or its file.
    pub(super) fn find(name: &str) -> Result<Written> {
        Written::parse(Path::new(name), &super::text(name)?)
    }

    /// Parses the text of a recipe. path: its name in errors.
    pub(super) fn parse(path: &Path, text: &str) -> Result<Written> {
        let wrong = |place: usize, problem: String, remedy: &str| {
            let line = 1 + text[..place.min(text.len())].matches('\n').count();
            Error::format(path, format!("line {line}: {problem}"), remedy)
        };
        let table = DeTable::parse(text).map_err(|e| {
            let problem = e.message().replace('\n', ", ");
            let remedy = "a recipe has lines such as n_layer = 4 (the format is TOML)";
            wrong(e.span().map_or(0, |span| span.start), problem, remedy)
        })?;
        let settings = settings();
        let mut written = Written { about: String::new(), settings: Map::new() };
        for (key, value) in table.into_inner() {
            let (place, name) = (key.span().start, key.get_ref().as_ref());
            let value = value.get_ref();
            if name == "about" {
                let Some(about) = value.as_str() else {
                    return Err(wrong(place, format!("about is {}", a(value)), "give a text"));
                };
                written.about = about.to_string();
                continue;
            }
            let Some(example) = settings.get(name) else {
                let names: Vec<&str> = settings.keys().map(String::as_str).collect();
                // Stage 3's name for it.
                let near = match name {
                    "dtype" => Some("precision"),
                    _ => nearest(name, &names),
                };
                let remedy = match near {
                    Some(near) => format!("did you mean {near}?"),
                    None => "train --help lists all settings".into(),
                };
                return Err(wrong(place, format!("unknown setting {name}"), &remedy));
            };
            let value = read(name, example, value)
                .map_err(|expected| wrong(place, format!("{name} is {}", a(value)), &expected))?;
            written.settings.insert(name.to_string(), value);
        }
        Ok(written)
    }
}

/// All settings of a recipe, each with a value of its type.
fn settings() -> Map<String, Value> {
    let run = RunSettings {
        min_lr: Some(0.5),
        warmup_iters: Some(0),
        lr_decay_iters: Some(0),
        threads: Some(0),
        eval_interval: Some(0),
        parts: PartSettings {
            norm: Some(String::new()),
            rms_norm_eps: Some(0.5),
            positions: Some(String::new()),
            rope_theta: Some(0.5),
            mlp: Some(String::new()),
            n_inner: Some(0),
            n_kv_head: Some(0),
            ..PartSettings::default()
        },
        ..RunSettings::default()
    };
    let mut settings = super::object(&Recipe {
        run,
        data: Some("".into()),
        init_from: Some("".into()),
        peak_tflops: Some(0.5),
        save_interval: Some(0),
        ..Recipe::default()
    });
    settings.shift_remove("dtype"); // stage 3's name for `precision`
    settings
}

/// A value of a file as the type of `example`, or what was expected.
fn read(name: &str, example: &Value, value: &DeValue) -> std::result::Result<Value, String> {
    match (example, value) {
        (Value::Array(_), value) => {
            let text = |item: &Spanned<DeValue>| item.get_ref().as_str().map(str::to_string);
            let texts = match value {
                DeValue::Array(items) => items.iter().map(text).collect::<Option<Vec<_>>>(),
                one => one.as_str().map(|text| vec![text.to_string()]),
            };
            texts.map(|texts| json!(texts)).ok_or("expected a list of texts in quotes".into())
        }
        (Value::Number(number), DeValue::Integer(n)) if number.is_f64() => {
            let n = i64::from_str_radix(n.as_str(), n.radix()).ok();
            n.map(|n| json!(n as f64)).ok_or("expected a number".into())
        }
        (Value::Number(number), DeValue::Float(x)) if number.is_f64() => {
            let x = x.as_str().parse().ok().filter(|x: &f64| x.is_finite());
            x.map(|x| json!(x)).ok_or("expected a number".into())
        }
        (Value::Number(number), _) if number.is_f64() => Err("expected a number".into()),
        (Value::Number(_), DeValue::Integer(n)) => {
            let n = u64::from_str_radix(n.as_str(), n.radix()).ok();
            n.map(|n| json!(n)).ok_or("expected a whole number, 0 or more".into())
        }
        (Value::Number(_), _) => Err("expected a whole number".into()),
        (Value::Bool(_), DeValue::Boolean(yes)) => Ok(json!(yes)),
        (Value::Bool(_), _) => Err("expected true or false".into()),
        (_, DeValue::String(text)) => {
            let choices: Vec<&str> = match name {
                "precision" => {
                    ["auto"].into_iter().chain(Precision::ALL.map(|(name, _)| name)).collect()
                }
                _ => Vec::new(),
            };
            let known = choices.is_empty() || choices.contains(&text.as_ref());
            let expected = || format!("choose from {}", choices.join(", "));
            known.then(|| json!(text)).ok_or_else(expected)
        }
        _ => Err("expected a text in quotes".into()),
    }
}

/// A value for an error message.
fn a(value: &DeValue) -> String {
    match value {
        DeValue::String(text) => format!("the text {text:?}"),
        DeValue::Integer(n) => format!("the whole number {}", n.as_str()),
        DeValue::Float(x) => format!("the number {}", x.as_str()),
        DeValue::Boolean(yes) => yes.to_string(),
        DeValue::Array(_) => "a list".into(),
        DeValue::Table(_) => "a table".into(),
        DeValue::Datetime(_) => "a date".into(),
    }
}

/// The nearest name by edit distance, if it is near enough to be a typing error.
pub(super) fn nearest<'a>(name: &str, names: &[&'a str]) -> Option<&'a str> {
    let name = name.replace('-', "_").to_lowercase();
    let errors = |known: &str| strsim::damerau_levenshtein(&name, &known.replace('-', "_"));
    let most = 1 + name.len() / 4;
    names.iter().copied().min_by_key(|known| errors(known)).filter(|known| errors(known) <= most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn error(text: &str) -> String {
        Written::parse(Path::new("mine.toml"), text).err().expect("refused").to_string()
    }

    #[test]
    fn errors_name_the_line() {
        for (text, expected) in [
            ("n_layers = 4", "mine.toml: line 1: unknown setting n_layers; did you mean n_layer?"),
            (
                "\n\nn-layer = 4",
                "mine.toml: line 3: unknown setting n-layer; did you mean n_layer?",
            ),
            ("dtype = 'float32'", "line 1: unknown setting dtype; did you mean precision?"),
            ("colour = 'red'", "line 1: unknown setting colour; train --help lists all settings"),
            ("about = 3", "line 1: about is the whole number 3; give a text"),
            ("# a\nn_layer = '4'", "line 2: n_layer is the text \"4\"; expected a whole number"),
            ("n_layer = -4", "n_layer is the whole number -4; expected a whole number, 0 or more"),
            ("n_layer = 4.5", "n_layer is the number 4.5; expected a whole number"),
            ("n_layer = true", "n_layer is true; expected a whole number"),
            ("learning_rate = nan", "learning_rate is the number nan; expected a number"),
            ("learning_rate = inf", "learning_rate is the number inf; expected a number"),
            ("bias = 1", "bias is the whole number 1; expected true or false"),
            ("device = 1", "device is the whole number 1; expected a text in quotes"),
            (
                "precision = 'f16'",
                "precision is the text \"f16\"; choose from auto, f32, tf32, bf16",
            ),
            ("text = [1]", "text is a list; expected a list of texts in quotes"),
            ("[model]\nn_layer = 4", "line 1: unknown setting model"),
            ("n_layer = 4\nn_layer = 5", "line 2: "),
            ("n_layer 4", "line 1: "),
            ("n_layer = 4\nseed = 99999999999999999999", "line 2: seed"),
        ] {
            let message = error(text);
            assert!(message.contains(expected), "{message}\nexpected {expected}");
            assert_eq!(message.lines().count(), 1, "{message}");
        }
    }

    #[test]
    fn every_setting_has_a_type() {
        let (settings, all) = (settings(), super::super::object(&Recipe::default()));
        assert!(settings.values().all(|value| !value.is_null()), "{settings:?}");
        assert!(all.keys().all(|name| name == "dtype" || settings.contains_key(name)));
    }

    #[test]
    fn names_far_from_any_are_not_guessed() {
        assert_eq!(nearest("max_iter", &["max_iters", "min_lr"]), Some("max_iters"));
        assert_eq!(nearest("Learning-Rate", &["learning_rate"]), Some("learning_rate"));
        assert_eq!(nearest("momentum", &["max_iters", "min_lr"]), None);
    }

    proptest! {
        #[test]
        fn no_text_can_break_it(text in "[a-z_=\\[\\]'\"0-9. \n#é-]{0,60}") {
            if let Err(e) = Written::parse(Path::new("mine.toml"), &text) {
                prop_assert_eq!(e.to_string().lines().count(), 1);
            }
        }

        #[test]
        fn what_is_written_is_read(n: u32, x in -1e9..1e9f64, seed in 0..i64::MAX) {
            let text = format!("n_layer = {n}\nmin_lr = {x:e}\nseed = {seed}\nbias = true");
            let settings = Written::parse(Path::new("mine.toml"), &text).unwrap().settings;
            prop_assert_eq!(&settings["n_layer"], &json!(n));
            prop_assert_eq!(settings["min_lr"].as_f64(), Some(x));
            prop_assert_eq!(&settings["seed"], &json!(seed));
        }
    }
}
