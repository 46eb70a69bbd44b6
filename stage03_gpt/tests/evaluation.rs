//! `eval` as its users see it: windows, questions with several endings, and files that are damaged.

mod common;

use common::Place;
use serde_json::{Value, json};

fn json(place: &Place, arguments: &str) -> Value {
    let out = place.run(&format!("eval --model model {arguments} --json")).succeeds().out;
    serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}"))
}

#[test]
fn windows_have_the_context_that_is_asked_for() {
    let place = Place::with_model();
    let whole = json(&place, "--text text.txt");
    assert_eq!([&whole["context"], &whole["stride"]], [8, 8]);
    // The stride follows the context.
    let short = json(&place, "--text text.txt --context 3");
    assert_eq!([&short["context"], &short["stride"]], [3, 3]);
    assert_ne!(short["nats_per_token"], whole["nats_per_token"]);
    let sliding = json(&place, "--text text.txt --context 3 --stride 1");
    assert_eq!([&sliding["context"], &sliding["stride"]], [3, 1]);
    for key in ["tokens", "bytes", "text"] {
        assert_eq!(sliding[key], whole[key]);
    }
    // The number of threads changes nothing, to the last digit.
    let number = |threads| {
        json(&place, &format!("--text text.txt --stride 3 --threads {threads}"))["nats_per_token"]
            .clone()
    };
    assert_eq!(number(1), number(3));
    let table = place.run("eval --model model --text text.txt --context 3 --stride 1").succeeds();
    assert!(table.out.contains("windows of        3, moving on by 1"), "{}", table.out);
    for context in ["0", "9"] {
        let refused = place.run(&format!("eval --model model --text text.txt --context {context}"));
        refused.refuses(&["--context", "from 1 to the model's own, 8"]);
    }
    let refused = place.run("eval --model model --text text.txt --context 3 --stride 4");
    refused.refuses(&["--stride", "from 1 to", "3"]);
}

/// Three questions in characters that the model of [`Place`] knows.
fn questions() -> Vec<Value> {
    vec![
        json!({"ctx": "The quick fox", "endings": ["sees 1", "s"], "label": 0}),
        json!({"activity_label": "fox", "ctx_a": "The quick fox.", "ctx_b": "the",
               "ctx": "", "endings": ["dogs.", "a [x] lazy", "xxx"], "label": "2"}),
        json!({"ctx": "The", "endings": ["fox", "zzz", "dog"], "label": 2, "ind": 24}),
    ]
}

fn write(place: &Place, questions: &[Value], between: &str) {
    let lines: Vec<String> = questions.iter().map(Value::to_string).collect();
    // The characters of `place` have no colon.
    place.write("q.jsonl", lines.join(between));
}

#[test]
fn questions_are_answered() {
    let place = Place::new();
    place.write("text.txt", place.text("text.txt") + "::xz");
    place.train("--out-dir model --max-iters 4").succeeds();
    write(&place, &questions(), "\n");
    let found = json(&place, "--hellaswag q.jsonl");
    assert_eq!([&found["number"], &found["questions"]], [&json!(3), &json!("q.jsonl")]);
    let number = |key: &str| found[key].as_f64().unwrap_or_else(|| panic!("{key} in {found}"));
    assert!((number("by_chance") - (1.0 / 2.0 + 2.0 / 3.0) / 3.0).abs() < 1e-12);
    for name in ["acc", "acc_norm", "acc_bytes", "acc_tokens"] {
        let p = number(name);
        assert!((3.0 * p).fract().abs() < 1e-9);
        let error = (p * (1.0 - p) / 2.0).sqrt();
        assert!((number(&format!("{name}_stderr")) - error).abs() < 1e-12);
    }
    // Characters are bytes here, and tokens, but for the space before each ending.
    assert_eq!(found["acc_norm"], found["acc_bytes"]);
    assert_eq!(found["tokens"], json!(" sees 1".len() + " xxx".len() + " dog".len()));
    // All questions are longer than the context of 8 tokens.
    assert_eq!(found["cut"], json!(3 - 1));

    let table = place.run("eval --model model --hellaswag q.jsonl").succeeds();
    for words in ["questions         q.jsonl", "number            3", "acc_norm", "±"] {
        assert!(table.out.contains(words), "{words:?} in\n{}", table.out);
    }
    assert!(table.err.contains("2 questions are longer than the 8 tokens"), "{}", table.err);

    let one = json(&place, "--hellaswag q.jsonl --limit 1");
    assert_eq!([&one["number"], &one["acc_stderr"]], [&json!(1), &Value::Null]);
    place.run("eval --model model --hellaswag q.jsonl --limit 1").succeeds();

    // Windows' line breaks, a byte order mark, and empty lines change nothing.
    let same = |lines: &str| {
        let mut again = json(&place, lines);
        again["questions_per_second"] = found["questions_per_second"].clone();
        assert_eq!(again, found);
    };
    write(&place, &questions(), "\r\n\r\n");
    place.write("q.jsonl", "\u{feff}".to_string() + &place.text("q.jsonl") + "\r\n\n");
    same("--hellaswag q.jsonl");
    same("--hellaswag q.jsonl --threads 1");
}

#[test]
fn damaged_questions_are_named_by_their_line() {
    let place = Place::with_model();
    let fine = json!({"ctx": "The", "endings": ["fox", "dog"], "label": 1}).to_string();
    let long = json!({"ctx": "The", "endings": ["fox", "a lazy dog"], "label": 1}).to_string();
    let cases: [(&str, &[&str]); 9] = [
        ("{\"ctx\": \"The\", ", &["line 3", "column", "expected an object"]),
        ("{\"ctx\": \"The\"}", &["line 3", "no \"endings\""]),
        ("[]", &["line 3", "expected an object"]),
        (&fine.replace('1', "2"), &["line 3", "\"label\" is 2", "0 to 1"]),
        (&fine.replace('1', "\"\""), &["line 3", "no \"label\"", "validation"]),
        (&fine.replace("dog", ""), &["line 3", "ending 1 is empty"]),
        (&fine.replace("The", "é"), &["line 3", "the context", "'é'"]),
        (&fine.replace("The", " "), &["line 3", "the context is empty"]),
        (&long, &["line 3", "ending 1 has 11 tokens", "at most 8"]),
    ];
    for (line, words) in cases {
        place.write("q.jsonl", format!("{fine}\n\n{line}\n{fine}\n"));
        place.run("eval --model model --hellaswag q.jsonl").refuses(words);
    }
    // What stands behind the limit is not read.
    json(&place, "--hellaswag q.jsonl --limit 1");
    place.run("eval --model model --hellaswag q.jsonl --limit 0").refuses(&["no questions"]);
    for empty in ["", "\r\n \n"] {
        place.write("empty.jsonl", empty);
        place.run("eval --model model --hellaswag empty.jsonl").refuses(&["no questions"]);
    }
    place.run("eval --model model --hellaswag no.jsonl").refuses(&["cannot read no.jsonl"]);
    place.run("eval --model model --hellaswag model").refuses(&["no regular file"]);
    let zip = "eval --model model --hellaswag model/model.safetensors";
    place.run(zip).refuses(&["model.safetensors"]);
    for other in ["--text text.txt", "--stride 1", "--logits x"] {
        let both = place.run(&format!("eval --model model --hellaswag q.jsonl {other}"));
        assert_eq!(both.code, Some(2), "{other}");
    }
}

#[test]
fn the_built_in_questions_are_answered() {
    let place = Place::new();
    // Characters would have to occur in the text; a vocabulary of bytes reads everything.
    place.write("text.txt", "The quick fox sees a lazy dog. ".repeat(200));
    let sizes = "--n-layer 1 --n-embd 8 --n-head 1 --block-size 96 --batch-size 2 --max-iters 2";
    place.run(&format!("--text text.txt --tokenizer bpe:260 --out-dir model {sizes}")).succeeds();
    let found = json(&place, "--suite");
    assert_eq!([&found["number"], &found["by_chance"]], [&json!(100), &json!(0.25)]);
    assert_eq!(found["questions"], json!("the built-in suite"));
    let accuracy = found["acc"].as_f64().unwrap();
    let error = (accuracy * (1.0 - accuracy) / 99.0).sqrt();
    assert!((found["acc_stderr"].as_f64().unwrap() - error).abs() < 1e-12);
    let table = place.run("eval --model model --suite").succeeds().out;
    for words in ["questions         the built-in suite", "right by chance   0.2500", "acc_tokens"]
    {
        assert!(table.contains(words), "{words:?} in\n{table}");
    }
    assert!(table.lines().all(|line| line.chars().count() <= 60), "{table}");
    assert_eq!(json(&place, "--suite --limit 7")["number"], json!(7));
    place.run("eval --model model --suite --limit 0").refuses(&["no questions"]);
    for other in
        ["--suite --text text.txt", "--suite --stride 1", "--suite --logits x", "--limit 3"]
    {
        let refused = place.run(&format!("eval --model model {other}"));
        assert_eq!(refused.code, Some(2), "{other}");
    }
    place.write("q.jsonl", "");
    let both = place.run("eval --model model --suite --hellaswag q.jsonl");
    assert_eq!(both.code, Some(2));
}

/// A model of characters is told which one it does not know.
#[test]
fn a_vocabulary_without_a_character_of_the_suite_is_named() {
    let place = Place::with_model();
    place.run("eval --model model --suite").refuses(&[
        "the built-in suite",
        "line 1",
        "the context",
    ]);
}
