//! Quantities as people say them.
//!
//! ```
//! assert_eq!(stage03_gpt::units::duration(185.0), "3 min 05 s");
//! ```

/// A time as people say it: 48 s, 3 min 05 s, 2 h 10 min.
pub fn duration(seconds: f64) -> String {
    let s = seconds.round() as u64;
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min {:02} s", s / 60, s % 60),
        _ => format!("{} h {:02} min", s / 3600, s % 3600 / 60),
    }
}

/// Bytes as people say them: 600 bytes, 98 MB, 1.5 GB.
pub fn amount(bytes: f64) -> String {
    match bytes {
        ..1e3 => format!("{bytes:.0} bytes"),
        ..1e6 => format!("{:.0} kB", bytes / 1e3),
        ..1e9 => format!("{:.0} MB", bytes / 1e6),
        ..1e11 => format!("{:.1} GB", bytes / 1e9),
        _ => format!("{:.0} GB", bytes / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_set_for_reading() {
        assert_eq!(
            [duration(4.6), duration(185.0), duration(7800.0)],
            ["5 s", "3 min 05 s", "2 h 10 min"]
        );
    }

    #[test]
    fn amounts_have_the_unit_of_their_size() {
        let amounts = [600.0, 2.6e4, 9.8e7, 1.5e9, 1.4e11].map(amount);
        assert_eq!(amounts, ["600 bytes", "26 kB", "98 MB", "1.5 GB", "140 GB"]);
    }
}
