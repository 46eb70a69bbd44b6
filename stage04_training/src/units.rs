//! Formats quantities for users: times, sizes, counts.
//!
//! ```
//! use stage04_training::units::{memory, plural, size, time};
//!
//! assert_eq!(time(1e6), "11 d 14 h");
//! assert_eq!(size(4_158_678), "4.2 MB");
//! assert_eq!(memory(2_540_000_000), "2.5 GB");
//! assert_eq!(plural(1, "document"), "1 document");
//! ```

use stage01_bigram::text::thousands;
use stage03_gpt::units::duration;

/// A time, also of days: 48 s, 3 min 05 s, 2 h 10 min, 4 d 03 h.
pub fn time(seconds: f64) -> String {
    match (seconds / 3600.0).round() as u64 {
        hours if hours >= 48 => format!("{} d {:02} h", hours / 24, hours % 24),
        _ => duration(seconds),
    }
}

/// An amount of memory: 83 MB, 2.5 GB.
pub fn memory(bytes: u64) -> String {
    match bytes as f64 / 1e6 {
        megabytes if megabytes < 999.5 => format!("{megabytes:.0} MB"),
        megabytes => format!("{:.1} GB", megabytes / 1e3),
    }
}

/// The size of a file: 512 B, 4.2 MB, 45.1 GB.
pub fn size(bytes: u64) -> String {
    let units = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    // 999.96 would be shown as 1000.0.
    while value >= 999.95 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", units[unit])
}

/// A count with its noun: 1 document, 2,000 documents.
pub fn plural(count: u64, noun: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{} {noun}{s}", thousands(count as usize))
}

/// A number as typed: 0.01, but 1e-300 without three hundred zeros.
pub fn number(x: f64) -> String {
    let written = x.to_string();
    if written.len() > 20 { format!("{x:e}") } else { written }
}

/// A number rounded to two significant digits: 0.0123 becomes 0.012.
pub fn two_digits(x: f64) -> f64 {
    format!("{x:.1e}").parse().unwrap_or(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_formatted() {
        assert_eq!([time(59.0), time(172_800.0), time(1e6)], ["59 s", "2 d 00 h", "11 d 14 h"]);
        assert_eq!(
            [83_400_000, 999_400_000, 2_540_000_000].map(memory),
            ["83 MB", "999 MB", "2.5 GB"]
        );
        let sizes = [0, 999, 4_158_678, 999_960, 45_123_000_000, 90_000_000_000_000];
        assert_eq!(sizes.map(size), ["0 B", "999 B", "4.2 MB", "1.0 MB", "45.1 GB", "90.0 TB"]);
    }

    #[test]
    fn counts_and_numbers_are_formatted() {
        let counted = [0, 1, 2, 1000].map(|n| plural(n, "fault"));
        assert_eq!(counted, ["0 faults", "1 fault", "2 faults", "1,000 faults"]);
        assert_eq!([0.01, 1.0, 1e-300, -2.5e40].map(number), ["0.01", "1", "1e-300", "-2.5e40"]);
        assert_eq!([two_digits(0.0123), two_digits(10.0)], [0.012, 10.0]);
    }
}
