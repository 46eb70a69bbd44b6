//! The fields of a request, each taken once and checked; what is left over is refused by its name.
//!
//! A parameter that a server ignores is a wrong answer that nobody sees. So there are three kinds:
//! those that are used, those of which only the value that changes nothing is accepted, and a few
//! labels that never change an answer. `null` means that a field was left out.

use serde_json::{Map, Value};

use super::error::{ApiError, shown};

/// Fields that only label a request.
const LABELS: [&str; 5] =
    ["user", "metadata", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"];

/// Fields that this server does not have, the values that change nothing, and what to do.
const FIXED: [(&str, &str, &str); 20] = [
    ("n", "[1]", "ask once for each answer, with another seed"),
    ("best_of", "[1]", "ask once for each answer, with another seed"),
    ("frequency_penalty", "[0]", "repetition_penalty is there instead"),
    ("presence_penalty", "[0]", "repetition_penalty is there instead"),
    ("logit_bias", "[{}]", "leave it out"),
    ("logprobs", "[false]", "leave it out"),
    ("top_logprobs", "[0]", "leave it out"),
    ("min_p", "[0]", "top_p and top_k are there"),
    ("echo", "[false]", "put the prompt before the answer yourself"),
    ("suffix", r#"[""]"#, "this model continues texts, it does not fill them in"),
    ("tools", "[[]]", "this server calls no tools"),
    ("tool_choice", r#"["none", "auto"]"#, "this server calls no tools"),
    ("parallel_tool_calls", "[true, false]", "this server calls no tools"),
    ("functions", "[[]]", "this server calls no functions"),
    ("function_call", r#"["none", "auto"]"#, "this server calls no functions"),
    ("response_format", r#"[{"type": "text"}]"#, "ask for the form in the prompt"),
    ("modalities", r#"[["text"]]"#, "this model reads and writes text"),
    ("store", "[false]", "this server stores nothing"),
    ("service_tier", r#"["auto", "default"]"#, "there is one tier"),
    ("ignore_eos", "[false]", "leave it out"),
];

/// The fields of an object that were not taken yet.
#[derive(Debug)]
pub struct Fields {
    fields: Map<String, Value>,
    /// What stands before a name in errors, such as `stream_options.`.
    inside: String,
}

impl Fields {
    /// The fields of an object.
    ///
    /// - `value`: what should be an object
    /// - `name`: its own name, or nothing for the whole request
    ///
    /// # Errors
    /// When it is none.
    pub fn new(value: Value, name: &str) -> Result<Fields, ApiError> {
        match value {
            Value::Object(fields) => {
                let inside = if name.is_empty() { String::new() } else { format!("{name}.") };
                Ok(Fields { fields, inside })
            }
            other => {
                let name = if name.is_empty() { "the request body" } else { name };
                let words = format!("expected an object, not {}", shown(&other));
                Err(ApiError::param(name, words))
            }
        }
    }

    /// The full name of a field.
    pub fn name(&self, field: &str) -> String {
        format!("{}{field}", self.inside)
    }

    /// Takes a field, if it is there and not null.
    pub fn take(&mut self, field: &str) -> Option<Value> {
        self.fields.remove(field).filter(|value| !value.is_null())
    }

    /// Takes a truth value.
    ///
    /// # Errors
    /// When it is another value.
    pub fn boolean(&mut self, field: &str) -> Result<Option<bool>, ApiError> {
        let Some(value) = self.take(field) else { return Ok(None) };
        match value.as_bool() {
            Some(boolean) => Ok(Some(boolean)),
            None => Err(self.wrong(field, "true or false", &value)),
        }
    }

    /// Takes an integer that is at least `least`.
    ///
    /// # Errors
    /// When it is another value.
    pub fn integer(&mut self, field: &str, least: i64) -> Result<Option<i64>, ApiError> {
        let Some(value) = self.take(field) else { return Ok(None) };
        // Some clients write 20 as 20.0, or 2e1. Every f64 of this range is an i64.
        let range = -(2f64.powi(63))..2f64.powi(63);
        let whole = |x: f64| (x.fract() == 0.0 && range.contains(&x)).then_some(x as i64);
        match value.as_i64().or_else(|| value.as_f64().and_then(whole)) {
            Some(integer) if integer >= least => Ok(Some(integer)),
            _ => {
                let expected = format!("an integer from {least} to {}", i64::MAX);
                Err(self.wrong(field, &expected, &value))
            }
        }
    }

    /// Takes a number from `least` to `most`.
    ///
    /// # Errors
    /// When it is another value.
    pub fn number(&mut self, field: &str, least: f64, most: f64) -> Result<Option<f64>, ApiError> {
        let Some(value) = self.take(field) else { return Ok(None) };
        match value.as_f64() {
            Some(number) if (least..=most).contains(&number) => Ok(Some(number)),
            _ => Err(self.wrong(field, &format!("a number from {least} to {most}"), &value)),
        }
    }

    /// Takes a text.
    ///
    /// # Errors
    /// When it is another value.
    pub fn text(&mut self, field: &str) -> Result<Option<String>, ApiError> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(field, "a string", &other)),
        }
    }

    /// The error for a field with a wrong value.
    pub fn wrong(&self, field: &str, expected: &str, given: &Value) -> ApiError {
        let words = format!("expected {expected}, not {}", shown(given));
        ApiError::param(self.name(field), words)
    }

    /// Takes the fields that are labels, or have a value that changes nothing.
    ///
    /// # Errors
    /// When such a field asks for something that this server does not have.
    pub fn take_without_effect(&mut self) -> Result<(), ApiError> {
        for label in LABELS {
            self.take(label);
        }
        for (field, values, remedy) in FIXED {
            let Some(given) = self.take(field) else { continue };
            let accepted: Vec<Value> = serde_json::from_str(values).expect("a list in JSON");
            if !accepted.iter().any(|value| same(value, &given)) {
                let accepted: Vec<String> = accepted.iter().map(Value::to_string).collect();
                let accepted = accepted.join(" or ");
                let given = shown(&given);
                let words = format!("this server only has {accepted} here, not {given}; {remedy}");
                return Err(ApiError::unsupported(self.name(field), words));
            }
        }
        Ok(())
    }

    /// Ends the taking.
    ///
    /// # Errors
    /// When a field is left, by its name.
    pub fn finish(self) -> Result<(), ApiError> {
        match self.fields.iter().find(|(_, value)| !value.is_null()) {
            None => Ok(()),
            Some((field, _)) => {
                let words = "this server has no such parameter; leave it out";
                Err(ApiError::unsupported(self.name(field), words))
            }
        }
    }
}

/// Equality of values in which 0 is 0.0.
fn same(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Fields {
        Fields::new(value, "").unwrap()
    }

    #[test]
    fn a_field_is_taken_once_and_null_is_none() {
        let mut all =
            fields(json!({"a": true, "b": 3.0, "c": null, "d": 0.5, "e": "x", "f": 1e18}));
        assert_eq!(all.boolean("a").unwrap(), Some(true));
        assert_eq!(all.integer("b", 0).unwrap(), Some(3));
        assert_eq!(all.integer("c", 0).unwrap(), None);
        assert_eq!(all.number("d", 0.0, 1.0).unwrap(), Some(0.5));
        assert_eq!(all.text("e").unwrap(), Some("x".into()));
        assert_eq!(all.text("e").unwrap(), None);
        assert_eq!(all.integer("f", 1).unwrap(), Some(1_000_000_000_000_000_000));
        all.finish().unwrap();
    }

    #[test]
    fn a_wrong_value_is_named() {
        let mut all = fields(json!({"a": 1, "b": -1, "c": 1e300, "d": "x", "e": 2.5, "f": 1e19}));
        for error in [
            all.boolean("a").unwrap_err(),
            all.integer("b", 0).unwrap_err(),
            all.number("c", 0.0, 2.0).unwrap_err(),
            all.number("d", 0.0, 2.0).unwrap_err(),
            all.integer("e", 0).unwrap_err(),
            all.integer("f", 0).unwrap_err(),
        ] {
            assert!(error.message.contains("expected"), "{}", error.message);
            assert!(error.param.is_some());
        }
        assert!(Fields::new(json!([]), "stream_options").is_err());
    }

    #[test]
    fn what_would_be_ignored_is_refused_by_name() {
        let mut all = fields(json!({
            "n": 1, "frequency_penalty": 0.0, "tools": [], "logit_bias": {}, "user": "ada",
            "response_format": {"type": "text"}, "presence_penalty": null,
        }));
        all.take_without_effect().unwrap();
        all.finish().unwrap();
        for (field, value) in [
            ("n", json!(2)),
            ("frequency_penalty", json!(0.5)),
            ("logprobs", json!(true)),
            ("tools", json!([{}])),
            ("response_format", json!({"type": "json_object"})),
        ] {
            let error = fields(json!({ field: value })).take_without_effect().unwrap_err();
            assert_eq!(error.param.as_deref(), Some(field));
            assert_eq!(error.code, Some("unsupported_parameter"));
        }
        let error = fields(json!({"top_z": 1})).finish().unwrap_err();
        assert_eq!(error.param.as_deref(), Some("top_z"));
    }
}
