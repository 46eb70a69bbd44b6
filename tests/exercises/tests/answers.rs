//! The reader's files: what is kept, what is reset, how far somebody has come.

use std::fs;

use exercises::answers::{Answers, State};
use exercises::catalog::find;

#[test]
fn a_file_goes_from_new_to_passed_and_back() {
    let directory = tempfile::tempdir().unwrap();
    let answers = Answers::at(directory.path());
    let softmax = find("softmax").unwrap();
    let file = answers.file(softmax);
    assert!(answers.text(softmax).is_err());

    assert!(answers.lay_out(softmax).unwrap());
    assert!(!answers.lay_out(softmax).unwrap());
    assert_eq!(answers.state(softmax), State::New);
    assert_eq!(answers.text(softmax).unwrap(), softmax.stub_text);

    fs::write(&file, "mine").unwrap();
    assert_eq!(answers.state(softmax), State::Begun);
    answers.record_passed(softmax, "mine").unwrap();
    assert_eq!(answers.state(softmax), State::Passed);
    fs::write(&file, "mine, and changed").unwrap();
    assert_eq!(answers.state(softmax), State::ChangedSince);

    // Nothing of the reader's is lost, however often it is begun anew.
    let first = answers.reset(softmax).unwrap().expect("a copy");
    assert_eq!(fs::read_to_string(&first).unwrap(), "mine, and changed");
    assert_eq!(answers.state(softmax), State::New);
    fs::write(&file, "another one").unwrap();
    let second = answers.reset(softmax).unwrap().expect("a copy");
    assert_ne!(first, second);
    assert_eq!(fs::read_to_string(&first).unwrap(), "mine, and changed");
    assert_eq!(fs::read_to_string(&second).unwrap(), "another one");
}

#[test]
fn hints_are_counted_and_nonsense_counts_as_none() {
    let directory = tempfile::tempdir().unwrap();
    let answers = Answers::at(directory.path());
    let softmax = find("softmax").unwrap();
    assert_eq!(answers.hints(softmax), 0);
    answers.record_hints(softmax, 2).unwrap();
    assert_eq!(answers.hints(softmax), 2);
    fs::write(directory.path().join(".hints/softmax"), "many").unwrap();
    assert_eq!(answers.hints(softmax), 0);
    fs::write(directory.path().join(".hints/softmax"), "99").unwrap();
    assert_eq!(answers.hints(softmax), 3);
}
