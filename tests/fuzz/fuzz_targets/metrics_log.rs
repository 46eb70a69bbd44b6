//! `log.jsonl`: whatever stands in it, the page of the run is whole, of a bounded size, and holds
//! no element that runs or loads anything.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use stage04_training::recipe::Recipe;
use stage04_training::report::{Report, State, parse_log};

static REPORT: LazyLock<Report> =
    LazyLock::new(|| Report::new(&Recipe::default(), Vec::new(), Vec::new()));

fuzz_target!(|bytes: &[u8]| {
    let lines = parse_log(bytes);
    assert!(lines.len() <= 1 + bytes.iter().filter(|&&byte| byte == b'\n').count());
    let page = REPORT.page(&lines, lines.len(), &State::Stopped);
    assert!(page.ends_with("</body>\n</html>\n"));
    assert!(page.len() < 1_000_000 + 10 * bytes.len(), "{} bytes", page.len());
    for never in ["<script", "<img", "<a ", "<iframe", "src=\"", "href=\"", "NaN", "inf\""] {
        assert!(!page.contains(never), "{never}");
    }
});
