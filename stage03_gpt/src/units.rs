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
}
