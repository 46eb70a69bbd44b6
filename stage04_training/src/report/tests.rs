use std::fs;

use super::*;

fn lines(n: usize) -> Vec<Line> {
    (0..n)
        .map(|iter| Line {
            iter,
            train_loss: Some(4.0 - iter as f64 / 100.0),
            val_loss: iter.is_multiple_of(10).then_some(4.1 - iter as f64 / 200.0),
            lr: Some(1e-3),
            grad_norm: Some(0.5),
            tokens_per_second: Some(23_456.0),
            mfu: Some(0.8),
            memory_bytes: Some(83_000_000),
            elapsed_s: iter as f64,
            sample: iter.is_multiple_of(10).then(|| format!("<b>text</b> of {iter} & more")),
        })
        .collect()
}

fn page(lines: &[Line], state: State) -> String {
    let facts = vec![("model".into(), "some & <weights>".into())];
    let report = Report::new(&Recipe::default(), facts, vec![("bigram".into(), 3.0)]);
    report.page(lines, lines.len(), &state)
}

#[test]
fn a_page_shows_the_state_and_loads_nothing() {
    let page = page(&lines(50), State::Running { left: Some(90.0) });
    for word in ["Running", "about 1 min 30 s left", "23,456", "80 %", "83 MB", "of 4,500"] {
        assert!(page.contains(word), "{word}");
    }
    assert!(page.contains("best 3.900 at 40") && page.contains("http-equiv=\"refresh\""));
    for never in ["<script", "src=", "href=", "url(", "@import", "<b>text"] {
        assert!(!page.contains(never), "{never}");
    }
    assert!(page.contains("&lt;b&gt;text&lt;/b&gt; of 40 &amp; more"));
    assert!(page.contains("some &amp; &lt;weights&gt;"));
    // Every setting, and a description of every curve.
    assert!(page.contains("<th>n_layer</th><td>4</td>"));
    assert_eq!(page.matches("<desc>Line chart").count(), 5);
}

#[test]
fn the_page_of_an_ended_run_does_not_reload() {
    for (state, word) in [
        (State::Stopped, "train --resume"),
        (State::Finished { loss: 3.9745 }, "3.9745 nats"),
        (State::Failed { why: "the loss became <NaN>".into() }, "became &lt;NaN&gt;."),
    ] {
        let page = page(&lines(50), state);
        assert!(page.contains(word) && !page.contains("refresh"), "{word}");
    }
}

#[test]
fn an_empty_log_gives_a_page() {
    let page = page(&[], State::Running { left: None });
    assert!(page.ends_with("</html>\n") && !page.contains("<h2>Samples"));
}

#[test]
fn some_of_many_samples_are_shown_the_latest_first() {
    let page = page(&lines(2001), State::Stopped);
    let shown = page.matches("<dt>").count();
    assert!((10..=12).contains(&shown), "{shown}");
    assert!(page.find("<dt>step 2,000").unwrap() < page.find("<dt>step 1,").unwrap());
}

#[test]
fn a_log_that_ends_within_a_line_is_read_up_to_that_line() {
    let directory = tempfile::tempdir().unwrap();
    assert!(read_log(directory.path()).is_empty());
    let text = "{\"iter\":0,\"elapsed_s\":1.0,\"new\":2}\n{\"iter\":1,\"sample\":\"\u{e9}";
    fs::write(directory.path().join("log.jsonl"), &text.as_bytes()[..text.len() - 1]).unwrap();
    assert_eq!(read_log(directory.path()).len(), 1);
}
