//! Questions at the end of a chapter: `quizzes/CHAPTER.toml`.
//!
//! Each choice can be opened, and answers with a word of its own, the wrong ones too: a wrong
//! answer is where a reader learns. No program is needed on the page.

use serde::Deserialize;
use toml::Spanned;

use crate::problem::{Problem, line_of};

/// The questions of one chapter.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quiz {
    /// The questions, in order.
    #[serde(default, rename = "question")]
    pub questions: Vec<Question>,
    /// The line of each question in its file.
    #[serde(skip)]
    pub lines: Vec<usize>,
}

/// One question.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Its name, unique in its chapter.
    pub id: Spanned<String>,
    /// What is asked, as Markdown.
    pub text: String,
    /// A function that works the answer out, in `tests/answers.rs`.
    pub computed: Option<String>,
    /// The answers to choose from.
    #[serde(default, rename = "choice")]
    pub choices: Vec<Choice>,
}

/// One answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// The answer, as Markdown.
    pub text: Spanned<String>,
    /// Whether it is right.
    #[serde(default)]
    pub right: bool,
    /// The feedback for this choice, as Markdown.
    #[serde(default)]
    pub feedback: String,
}

impl Quiz {
    /// What is wrong with the questions. `source` is the text of the file.
    pub fn problems(&mut self, file: &str, source: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        self.lines = self.questions.iter().map(|q| line_of(source, q.id.span().start)).collect();
        let mut put = |at: &Spanned<String>, problem: String, remedy: &str| {
            problems.push(Problem::new(file, line_of(source, at.span().start), problem, remedy));
        };
        for (at, question) in self.questions.iter().enumerate() {
            let id = question.id.get_ref();
            if self.questions[..at].iter().any(|other| other.id.get_ref() == id) {
                put(&question.id, format!("a second question `{id}`"), "give it another id");
            }
            if !question.choices.iter().any(|choice| choice.right) {
                let problem = format!("no choice of question `{id}` is right");
                put(&question.id, problem, "write `right = true` under the one that is");
            }
            for choice in question.choices.iter().filter(|c| c.feedback.trim().is_empty()) {
                let text = choice.text.get_ref();
                let problem = format!("the choice \"{text}\" of question `{id}` has no feedback");
                put(&choice.text, problem, "say in `feedback` why it is right or wrong");
            }
        }
        problems
    }

    /// The questions as HTML. `markdown` turns Markdown of one paragraph, which stands at a line
    /// of the file, into HTML.
    pub fn html(&self, chapter: &str, mut markdown: impl FnMut(usize, &str) -> String) -> String {
        let mut html = String::from("<ol class=\"quiz\">\n");
        for (question, &line) in self.questions.iter().zip(&self.lines) {
            let mut markdown = |text: &str| markdown(line, text);
            let id = question.id.get_ref();
            let text = markdown(&question.text);
            html += &format!("<li id=\"quiz-{chapter}-{id}\"><div>{text}</div>\n");
            for (letter, choice) in ('A'..).zip(&question.choices) {
                let (class, word) =
                    if choice.right { ("is-right", "Right.") } else { ("is-wrong", "Not quite.") };
                let (text, feedback) =
                    (markdown(choice.text.get_ref()), markdown(&choice.feedback));
                html += &format!(
                    "<details class=\"choice {class}\"><summary><b>{letter}</b> {text}</summary>\
                     <div><strong>{word}</strong> {feedback}</div></details>\n"
                );
            }
            html += "</li>\n";
        }
        html + "</ol>"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIZ: &str = r#"
[[question]]
id = "one"
text = "Which?"
[[question.choice]]
text = "this"
right = true
feedback = "Yes."
[[question.choice]]
text = "that"

[[question]]
id = "one"
text = "And?"
[[question.choice]]
text = "no"
feedback = "No."
"#;

    #[test]
    fn every_fault_is_named_with_its_line() {
        let mut quiz: Quiz = toml::from_str(QUIZ).unwrap();
        let problems = quiz.problems("q.toml", QUIZ);
        let said: Vec<_> = problems.iter().map(|p| (p.line, p.problem.as_str())).collect();
        let expected = [
            (10, "the choice \"that\" of question `one` has no feedback"),
            (13, "a second question `one`"),
            (13, "no choice of question `one` is right"),
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn each_choice_opens_without_a_program() {
        let mut quiz: Quiz = toml::from_str(QUIZ).unwrap();
        quiz.problems("q.toml", QUIZ);
        let html = quiz.html("loss", |_, text| format!("<i>{text}</i>"));
        assert!(html.contains("<li id=\"quiz-loss-one\"><div><i>Which?</i></div>"));
        assert!(html.contains(
            "<details class=\"choice is-right\"><summary><b>A</b> <i>this</i></summary>\
             <div><strong>Right.</strong> <i>Yes.</i></div></details>"
        ));
        assert_eq!(html.matches("<details").count(), html.matches("</details>").count());
    }
}
