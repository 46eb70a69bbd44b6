//! The answers of quizzes that are numbers are worked out here, not believed.
//!
//! A question with `computed = "name"` has a function of that name in the file of its part. What
//! the function gives must be the right choice's number, to the digits that the choice shows.

/// The name of an answer, and the function that works it out.
type Answer = (&'static str, fn() -> f64);

/// Functions with their names.
macro_rules! answers {
    ($($name:ident),* $(,)?) => {
        &[$((stringify!($name), $name)),*]
    };
}

mod part0;
mod part1;
mod part2;
mod part3a;
mod part3b;
mod part4a;
mod part4b;
mod part4c;
mod part5a;
mod part5b;
mod part5d;
mod part5e;
mod part5f;
mod part6;

use book::places::Places;
use book::shelf::Shelf;

/// The answers of all parts.
fn answers() -> impl Iterator<Item = &'static Answer> {
    [
        part0::ANSWERS,
        part1::ANSWERS,
        part2::ANSWERS,
        part3a::ANSWERS,
        part3b::ANSWERS,
        part4b::ANSWERS,
        part4a::ANSWERS,
        part4c::ANSWERS,
        part5a::ANSWERS,
        part5b::ANSWERS,
        part5d::ANSWERS,
        part5e::ANSWERS,
        part5f::ANSWERS,
        part6::ANSWERS,
    ]
    .into_iter()
    .flatten()
}

#[test]
fn right_choices_are_what_is_worked_out() {
    let shelf = Shelf::load(&Places::default());
    let mut used = Vec::new();
    for (chapter, quiz) in &shelf.quizzes {
        for question in &quiz.questions {
            let Some(name) = question.computed.as_deref() else { continue };
            used.push(name);
            let place = format!("{chapter}, question `{}`", question.id.get_ref());
            let answer = answers().find(|(known, _)| *known == name);
            let (_, compute) = answer.unwrap_or_else(|| panic!("{place}: no function `{name}`"));
            for choice in question.choices.iter().filter(|choice| choice.right) {
                let (shown, digits) = number(choice.text.get_ref())
                    .unwrap_or_else(|| panic!("{place}: the right choice has no number"));
                let fresh = compute();
                let near = 0.5 * 10f64.powi(-digits) * (1.0 + 1e-9);
                assert!(
                    (shown - fresh).abs() <= near,
                    "{place}: {shown} is shown, {fresh} is right"
                );
            }
        }
    }
    for (name, _) in answers() {
        assert!(used.contains(name), "no question uses `{name}`");
    }
}

/// The first number of a text, and how many digits it has behind the point.
fn number(text: &str) -> Option<(f64, i32)> {
    let text = text.replace(['$', ','], "");
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let rest = &text[start..];
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let digits = rest[..end].trim_end_matches('.');
    let sign = if text[..start].ends_with(['-', '−']) { -1.0 } else { 1.0 };
    let behind = digits.split_once('.').map_or(0, |(_, behind)| behind.len() as i32);
    Some((sign * digits.parse::<f64>().ok()?, behind))
}

#[test]
fn numbers_are_found_in_words() {
    assert_eq!(number("about $-0.25$ nats."), Some((-0.25, 2)));
    assert_eq!(number("1,024."), Some((1024.0, 0)));
    assert_eq!(number("none"), None);
}
