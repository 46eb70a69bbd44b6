use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::bpe::BpeTokenizer;
use super::super::{CharTokenizer, Tokenizer};
use super::*;

/// A tokenizer of 262 tokens with these added ones.
fn with_added(added: &[Value]) -> Value {
    static LEARNED: LazyLock<Value> = LazyLock::new(|| {
        let bpe = BpeTokenizer::train("the cat sat on the mat and the cat sat\n", 262).unwrap();
        serde_json::from_str(&Tokenizer::Bpe(bpe).to_json()).unwrap()
    });
    let mut file = LEARNED.clone();
    file["added_tokens"] = added.into();
    file
}

/// An entry of `added_tokens`; the attributes are letters, as in `golden.py`.
fn entry(id: usize, content: &str, attributes: &str) -> Value {
    let has = |letter| attributes.contains(letter);
    json!({
        "id": id, "content": content, "single_word": has('s'), "lstrip": has('l'),
        "rstrip": has('r'), "normalized": has('n'), "special": has('S'),
    })
}

fn read(file: &Value) -> Result<Tokenizer> {
    Tokenizer::from_json(&file.to_string())
}

fn refusal(file: &Value) -> String {
    match read(file) {
        Ok(_) => "it was accepted".into(),
        Err(error) => error.to_string(),
    }
}

/// What tokenizers 0.23 makes of the same tokens and texts (`golden.py`).
#[test]
fn tokens_are_those_of_the_library() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("golden.json")).unwrap();
    assert_eq!(cases.len(), 24);
    for case in cases {
        let added = case["added"].as_array().unwrap();
        let entries: Vec<Value> = (262..)
            .zip(added)
            .map(|(id, token)| entry(id, token[0].as_str().unwrap(), token[1].as_str().unwrap()))
            .collect();
        let tokenizer = read(&with_added(&entries)).unwrap();
        // What was saved is what was read.
        let saved: Value = serde_json::from_str(&tokenizer.to_json()).unwrap();
        for (saved, entry) in saved["added_tokens"].as_array().unwrap().iter().zip(&entries) {
            let mut saved = saved.clone();
            saved.as_object_mut().unwrap().shift_remove("end_of_text");
            assert_eq!(saved, *entry);
        }
        for text in case["texts"].as_array().unwrap() {
            let shown = format!("{} of {added:?}", text[0]);
            let numbers =
                |value: &Value| serde_json::from_value::<Vec<u32>>(value.clone()).unwrap();
            let given = text[0].as_str().unwrap();
            let ids = tokenizer.encode_with_special(given).unwrap();
            assert_eq!(ids, numbers(&text[1]), "{shown}");
            assert_eq!(tokenizer.encode(given).unwrap(), numbers(&text[2]), "{shown}");
            assert_eq!(tokenizer.decode(&ids).unwrap(), text[3], "{shown}");
            assert_eq!(tokenizer.decode_without_special(&ids).unwrap(), text[4], "{shown}");
        }
    }
}

#[test]
fn special_tokens_are_found_where_they_stand() {
    let file = with_added(&[entry(262, "<mask>", "lS"), entry(263, "<user>", "")]);
    let tokenizer = read(&file).unwrap();
    let found: Vec<(usize, u32)> = tokenizer
        .special_in("é <mask> <user><mask>")
        .into_iter()
        .map(|(at, token)| (at, token.id))
        .collect();
    assert_eq!(found, [(3, 262), (16, 262)]);
    assert!(tokenizer.is_special(262) && !tokenizer.is_special(263) && !tokenizer.is_special(9999));
    let chars = Tokenizer::Char(CharTokenizer::train("<mask>").unwrap());
    assert!(chars.special_in("<mask>").is_empty() && chars.added_tokens().is_empty());
}

#[test]
fn many_short_parts_are_encoded_on_all_threads_alike() {
    let tokenizer = read(&with_added(&[entry(262, "<a>", "S")])).unwrap();
    let part = "the cat<a> sat on the mat.";
    let text = part.repeat(30_000) + &"cat".repeat(200_000) + "<a>";
    let once = tokenizer.encode_with_special(part).unwrap();
    let ids = tokenizer.encode_with_special(&text).unwrap();
    assert_eq!(ids[..once.len() * 3], once.repeat(3));
    assert_eq!(tokenizer.decode(&ids).unwrap(), text);
    assert_eq!(ids.iter().filter(|&&id| id == 262).count(), 30_001);
}

/// White space that tokens include, and tokens of white space, take linear time.
#[test]
fn a_megabyte_of_white_space() {
    let tokenizer = read(&with_added(&[entry(262, "<a>", "r"), entry(263, " ", "lr")])).unwrap();
    let text = "<a>".to_string() + &" ".repeat(1 << 20) + "the";
    let ids = tokenizer.encode_with_special(&text).unwrap();
    assert_eq!(ids[..ids.len().min(3)], [262, 258]);
    let tokenizer = read(&with_added(&[entry(262, " ", "r")])).unwrap();
    let ids = tokenizer.encode_with_special(&(" ".repeat(1 << 20) + "the")).unwrap();
    assert_eq!(ids.len(), (1 << 20) + 1);
}

#[test]
fn a_number_out_of_turn_is_refused() {
    let gap = refusal(&with_added(&[entry(263, "<a>", "")]));
    assert!(gap.contains("\"<a>\" has the number 263, and 262 is the next one"), "{gap}");
    let swapped = refusal(&with_added(&[entry(263, "<a>", ""), entry(262, "<b>", "")]));
    assert!(swapped.contains("262 is the next one"), "{swapped}");
    // A token that is in `model.vocab` as well must have the id that it has there.
    let mut file = with_added(&[entry(262, "<a>", "")]);
    file["model"]["vocab"]["<a>"] = 262.into();
    assert!(read(&file).is_ok());
    file["added_tokens"][0]["id"] = 3.into();
    assert!(refusal(&file).contains("262 is the next one"));
}

#[test]
fn what_cannot_be_saved_is_refused() {
    let twice = refusal(&with_added(&[entry(262, "<a>", "S"), entry(263, "<a>", "l")]));
    assert!(twice.contains("is the next one") || twice.contains("both spelled"), "{twice}");
    let long = "x".repeat(LONGEST + 1);
    let many: Vec<Value> =
        (262..262 + 4400).map(|id| entry(id, &format!("{id}{}", &long[40..]), "")).collect();
    for (entries, expected) in [
        (vec![entry(262, "", "")], "262 has an empty spelling"),
        (vec![entry(262, &long, "")], "1025 bytes long, and at most 1024 are allowed"),
        (many, "bytes in all, and at most 4194304 are allowed"),
        (vec![entry(64, "a", "")], "\"a\" is the token of a byte as well"),
        (vec![entry(258, "the", "")], "\"the\", which is an added token as well"),
    ] {
        let error = refusal(&with_added(&entries));
        assert!(error.contains(expected), "{error}");
    }
    let tokens = vec![AddedToken::special(1, "x"), AddedToken::special(2, "x")];
    assert!(AddedTokens::new(tokens, None).unwrap_err().contains("1 and 2 are both spelled \"x\""));
    let bpe = BpeTokenizer::train("low low low", 260).unwrap();
    for (content, expected) in
        [("low", "ordinary token"), ("a", "ordinary token"), ("", "empty spelling")]
    {
        let error = bpe.clone().with_new_end_of_text(content).unwrap_err().to_string();
        assert!(error.contains("--end-token") && error.contains(expected), "{error}");
    }
}

#[test]
fn every_attribute_is_asked_for_and_no_other_is_known() {
    for name in ["single_word", "lstrip", "rstrip", "normalized", "special"] {
        let mut file = with_added(&[entry(262, "<a>", "")]);
        file["added_tokens"][0][name] = json!("yes");
        let error = refusal(&file);
        assert!(error.contains(&format!("\"<a>\" lacks `{name}`")), "{error}");
    }
    let mut file = with_added(&[entry(262, "<a>", "")]);
    file["added_tokens"][0]["new"] = true.into();
    assert!(refusal(&file).contains("has `new`, which is not supported"));
}

/// The same characters belong to words as in a regular expression, for all of Unicode.
#[test]
fn word_characters_are_those_of_a_regular_expression() {
    let all: String = (char::MIN..=char::MAX).filter(|&c| super::search::is_word(c)).collect();
    let found = fancy_regex::Regex::new(r"\w").unwrap();
    let missing = fancy_regex::Regex::new(r"\W").unwrap();
    let first = missing.find(&all).unwrap().map(|found| found.as_str());
    assert_eq!(first, None, "{:?}", first.map(str::escape_unicode).map(|c| c.to_string()));
    let rest: String = (char::MIN..=char::MAX).filter(|&c| !super::search::is_word(c)).collect();
    let first = found.find(&rest).unwrap().map(|found| found.as_str());
    assert_eq!(first, None, "{:?}", first.map(str::escape_unicode).map(|c| c.to_string()));
}

#[test]
fn a_cut_before_white_space_keeps_most_tokens() {
    let token = |content: &str| AddedToken::special(0, content);
    for content in ["<a>", "  ", " x", "\n\n"] {
        assert!(token(content).survives_cuts(), "{content:?}");
    }
    assert!(!token("a b").survives_cuts() && !token("x ").survives_cuts());
    assert!(!AddedToken { rstrip: true, ..token("<a>") }.survives_cuts());
}

/// A change of a file that a person or a program could make.
#[derive(Clone, Debug)]
pub(in crate::tokenizer) enum Change {
    /// An added token is listed once more, with another number.
    AddAgain(usize, usize),
    /// An added token has another number or spelling.
    Renumber(usize, usize),
    Respell(usize, String),
    /// An ordinary token has another number or spelling, or is gone.
    RenumberWord(usize, usize),
    RespellWord(usize, String),
    DropWord(usize),
    /// A merge is gone, or is another one.
    DropMerge(usize),
    Merge(usize, String, String),
    /// Any entry has any value.
    Set(usize, Value),
}

fn spelling() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("<a>".to_string()),
        Just("<|endoftext|>".to_string()),
        Just("the".to_string()),
        Just("Ġthe".to_string()),
        "[a-cĠé日<> ]{0,3}",
    ]
}

pub(in crate::tokenizer) fn change() -> impl Strategy<Value = Change> {
    let at = 0usize..400;
    let number = prop_oneof![255usize..270, 0usize..5, Just(4_294_967_296)];
    let values =
        vec![json!(null), json!(true), json!(0), json!(""), json!({}), json!([]), json!("é")];
    prop_oneof![
        // 265 is the next free id, which a careless program would give.
        4 => (at.clone(), prop_oneof![3 => Just(265), 1 => number.clone()])
            .prop_map(|(at, id)| Change::AddAgain(at, id)),
        1 => (at.clone(), number.clone()).prop_map(|(at, id)| Change::Renumber(at, id)),
        4 => (at.clone(), spelling()).prop_map(|(at, word)| Change::Respell(at, word)),
        1 => (at.clone(), number).prop_map(|(at, id)| Change::RenumberWord(at, id)),
        1 => (at.clone(), spelling()).prop_map(|(at, word)| Change::RespellWord(at, word)),
        1 => at.clone().prop_map(Change::DropWord),
        1 => at.clone().prop_map(Change::DropMerge),
        1 => (at.clone(), spelling(), spelling()).prop_map(|(at, a, b)| Change::Merge(at, a, b)),
        1 => (at, proptest::sample::select(values)).prop_map(|(at, value)| Change::Set(at, value)),
    ]
}

pub(in crate::tokenizer) fn apply(file: &mut Value, change: &Change) {
    if let Change::Set(at, value) = change {
        // All objects, from the outside to the inside.
        let mut objects = vec![String::new()];
        let mut next = 0;
        while next < objects.len() {
            let here = file.pointer(&objects[next]).unwrap();
            if let Some(entries) = here.as_object() {
                let inner: Vec<String> = entries
                    .iter()
                    .filter(|(key, value)| {
                        (value.is_object() || value.is_array()) && *key != "vocab"
                    })
                    .map(|(key, _)| format!("{}/{key}", objects[next]))
                    .collect();
                objects.extend(inner);
            }
            next += 1;
        }
        let object = file.pointer_mut(&objects[at % objects.len()]).unwrap();
        if let Some(entries) = object.as_object_mut() {
            let keys: Vec<String> = entries.keys().cloned().chain(["new".into()]).collect();
            entries.insert(keys[at / 7 % keys.len()].clone(), value.clone());
        }
        return;
    }
    let (list, what) = match change {
        Change::AddAgain(..) | Change::Renumber(..) | Change::Respell(..) => ("/added_tokens", 0),
        Change::DropMerge(..) | Change::Merge(..) => ("/model/merges", 1),
        _ => ("/model/vocab", 2),
    };
    let Some(part) = file.pointer_mut(list) else { return };
    if what < 2 {
        let Some(entries) = part.as_array_mut().filter(|entries| !entries.is_empty()) else {
            return;
        };
        let count = entries.len();
        match change {
            Change::AddAgain(at, id) => {
                let mut again = entries[at % count].clone();
                again["id"] = (*id).into();
                entries.push(again);
            }
            Change::Renumber(at, id) => entries[at % count]["id"] = (*id).into(),
            Change::Respell(at, word) => entries[at % count]["content"] = word.clone().into(),
            Change::DropMerge(at) => _ = entries.remove(at % count),
            Change::Merge(at, a, b) => entries[at % count] = json!([a, b]),
            _ => {}
        }
        return;
    }
    let Some(words) = part.as_object_mut().filter(|words| !words.is_empty()) else { return };
    let key = |at: usize| words.keys().nth(at % words.len()).cloned().unwrap();
    match change {
        Change::RenumberWord(at, id) => {
            let key = key(*at);
            words[&key] = (*id).into();
        }
        Change::RespellWord(at, word) => {
            let id = words.shift_remove(&key(*at)).unwrap();
            words.insert(word.clone(), id);
        }
        Change::DropWord(at) => _ = words.shift_remove(&key(*at)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(768))]

    /// A file that is accepted can be saved, and is then the same: ids, decoding, bytes.
    #[test]
    fn an_accepted_file_can_be_saved(
        changes in proptest::collection::vec(change(), 1..3),
        both in proptest::bool::weighted(0.3),
        characters in proptest::bool::weighted(0.2),
        text in "(the|cat|<a>|<b>|<\\|endoftext\\|>| |é|a|\n){0,12}",
    ) {
        let mut file = with_added(&[
            entry(262, "<a>", "S"), entry(263, "<|endoftext|>", "S"), entry(264, "<b>", "lrs"),
        ]);
        if both {
            for (word, id) in [("<a>", 262), ("<|endoftext|>", 263), ("<b>", 264)] {
                file["model"]["vocab"][word] = id.into();
            }
        }
        if characters {
            let tokenizer = Tokenizer::Char(CharTokenizer::train("the cat<>b|é\n").unwrap());
            file = serde_json::from_str(&tokenizer.to_json()).unwrap();
        }
        for change in &changes {
            apply(&mut file, change);
        }
        if let Ok(tokenizer) = read(&file) {
            let saved = tokenizer.to_json();
            let again = match Tokenizer::from_json(&saved) {
                Ok(again) => again,
                Err(error) => return Err(TestCaseError::fail(format!("{error}"))),
            };
            prop_assert_eq!(&again, &tokenizer);
            prop_assert_eq!(again.to_json(), saved);
            prop_assert_eq!(again.end_of_text_token(), tokenizer.end_of_text_token());
            if let Ok(ids) = tokenizer.encode_with_special(&text) {
                prop_assert_eq!(&ids, &again.encode_with_special(&text).unwrap());
                prop_assert_eq!(tokenizer.decode(&ids).unwrap(), again.decode(&ids).unwrap());
            }
            for id in 0..tokenizer.vocab_size() as u32 + 2 {
                let bytes = tokenizer.decode_bytes(&[id]);
                prop_assert_eq!(bytes.is_ok(), (id as usize) < tokenizer.vocab_size());
                prop_assert_eq!(bytes.unwrap_or_default(), again.decode_bytes(&[id]).unwrap_or_default());
            }
        }
    }
}
