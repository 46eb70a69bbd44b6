//! Templates: the texts that `transformers` makes, and the limits of what a template may do.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::chat::message::{Message, from_json};
use crate::chat::template::Template;

fn template(source: &str) -> Template {
    let tokens = [("bos_token", "<s>"), ("eos_token", "</s>")];
    let tokens = tokens.map(|(name, spelling)| (name.to_string(), spelling.to_string()));
    Template::new(source, tokens.to_vec()).unwrap()
}

fn error(source: &str) -> String {
    template(source).render(&[Message::user("Hi")], true).unwrap_err().to_string()
}

#[test]
fn a_template_writes_what_transformers_writes() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/chat/golden");
    let chats: Value = serde_json::from_str(include_str!("../golden/chats.json")).unwrap();
    let (mut texts, mut refused) = (0, 0);
    for chat in chats.as_array().unwrap() {
        let name = chat["template"].as_str().unwrap();
        let source = fs::read_to_string(golden.join(format!("templates/{name}.jinja"))).unwrap();
        let messages = from_json(&chat["messages"]).unwrap();
        let rendered = template(&source).render(&messages, chat["ask"].as_bool().unwrap());
        let which = format!("{name}, {}", chat["name"]);
        match (rendered, chat["text"].as_str(), chat["refused"].as_str()) {
            (Ok(text), Some(expected), None) => {
                assert_eq!(text, expected, "{which}");
                texts += 1;
            }
            (Err(error), None, Some(reason)) => {
                let error = error.to_string();
                assert!(
                    error.contains(&format!("it refuses this conversation: {reason}")),
                    "{error}"
                );
                refused += 1;
            }
            (rendered, ..) => panic!("{which}: {rendered:?}, not {chat}"),
        }
    }
    assert_eq!((texts, refused), (142, 14));
}

#[test]
fn an_error_names_its_line() {
    let wrong = Template::new("one\ntwo {% for %}\nthree", Vec::new()).unwrap_err().to_string();
    assert!(wrong.starts_with("the model's chat template: line 2: syntax error: "), "{wrong}");
    let failed = error("one\n\n{{ messages[0].nothing.at_all }}");
    assert!(failed.contains("chat template: line 3: undefined value"), "{failed}");
    let unknown = error("{{ 'a'.encode() }}");
    assert!(
        unknown.contains("line 1: unknown method: ") && unknown.contains("encode"),
        "{unknown}"
    );
    let refused = error("{{ raise_exception('no\n\u{1b}[31m') }}");
    assert!(refused.contains(r"it refuses this conversation: no\n\u{1b}[31m; change"), "{refused}");
}

/// Two to the sixtieth letters.
const DOUBLED: &str = "{% set ns = namespace(x='a') %}{% for i in range(60) %}\
                       {% set ns.x = ns.x ~ ns.x %}{% endfor %}";

/// A template is a program of somebody who may mean harm: it ends, and soon, and writes little.
#[test]
fn a_template_has_limits() {
    let loops = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}";
    for (source, words) in [
        (loops, "it takes too many steps"),
        ("{% for a in range(9999) %}{{ 'ab' * 999 }}{% endfor %}", "it writes too much"),
        ("{{ 'ab' * 9999999999 }}", "it takes too many steps"),
        (DOUBLED, "it takes too many steps"),
        ("{{ ('x' * 99999) | replace('x', 'y' * 99999) | length }}", "it takes too many steps"),
        ("{{ ('x' * 99999).replace('x', 'y' * 99999) | length }}", "it takes too many steps"),
        ("{{ ('x' * 99999).join(['a'] * 99999) | length }}", "it takes too many steps"),
        ("{{ '%99999999999d' | format(1) | length }}", "it takes too many steps"),
        ("{{ '{:99999999999}'.format(1) | length }}", "format with a width"),
        ("{{ '{:{}}'.format(1, 99999999999) | length }}", "format with a width"),
        ("{{ '{}: {}!'.format('a', 2) }}", ""),
        ("{{ range(9999999999) }}", "line 1"),
        ("{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}", "recursion"),
        ("{{ [1] | tojson(indent=99999999999) | length }}", ""),
    ] {
        let rendered = template(source).render(&[Message::user("Hi")], true);
        match words {
            "" => assert!(rendered.unwrap().len() < 100),
            _ => {
                let error = rendered.unwrap_err().to_string();
                assert!(error.contains(words) && error.len() < 1000, "{source}: {error}");
            }
        }
    }
    let file = Template::new("{% include '/etc/passwd' %}", Vec::new()).unwrap_err().to_string();
    assert!(file.contains("unknown statement include"), "{file}");
    let long = "x".repeat(50_001);
    let error = Template::new(&long, Vec::new()).unwrap_err().to_string();
    assert!(error.contains("at most 50000 are read"), "{error}");
    // As deep as the length allows: an error or not, but an end.
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("not ", ""),
        ("-", ""),
        ("1~", ""),
        ("1 if 1 else ", ""),
        ("{% if a %}", "{% endif %}"),
        ("{% if 1 %}{% else %}", "{% endif %}"),
    ] {
        let times = 49_900 / (open.len() + close.len());
        let middle = if open.starts_with('{') { "" } else { "1" };
        let deep = format!("{}{middle}{}", open.repeat(times), close.repeat(times));
        let deep = if middle.is_empty() { deep } else { format!("{{{{ {deep} }}}}") };
        if let Ok(template) = Template::new(&deep, Vec::new()) {
            let _ = template.render(&[Message::user("Hi")], true);
        }
    }
    for (part, times) in [("|trim", 9_900), (".a", 24_000), ("[0]", 16_000), (".strip()", 6_000)] {
        let chain = format!("{{{{ 'a'{} }}}}", part.repeat(times));
        let _ = Template::new(&chain, Vec::new()).map(|t| t.render(&[Message::user("Hi")], true));
    }
    for shown in ["ns.x", "ns.x | tojson", "ns.x == ns.x", "ns.x | string | length"] {
        let nested = "{% set ns = namespace(x=1) %}{% for i in range(90000) %}{% set ns.x = [ns.x] %}\
                      {% endfor %}";
        let _ =
            template(&format!("{nested}{{{{ {shown} }}}}")).render(&[Message::user("Hi")], true);
    }
}
