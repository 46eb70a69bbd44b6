//! Stop sequences: an answer ends where one of some texts begins, and does not contain it.
//!
//! A stop sequence may be spread over several tokens. So the end of what was written is held back
//! while it could be the beginning of one:
//!
//! ```text
//! stop "###"    written "a#"  passed on "a"    "#b"  passed on "##b"    "###c"  ends the answer
//! ```

/// Looks for stop sequences in a text that comes in pieces.
#[derive(Clone, Debug)]
pub struct StopSequences {
    sequences: Vec<String>,
    /// The end of the text so far, which could be the beginning of a sequence.
    held: String,
}

impl StopSequences {
    /// Looks for these texts; none of them may be empty.
    pub fn new(sequences: &[String]) -> StopSequences {
        debug_assert!(sequences.iter().all(|sequence| !sequence.is_empty()));
        StopSequences { sequences: sequences.to_vec(), held: String::new() }
    }

    /// Takes a piece. Returns the text that is certain to come before every sequence, and whether
    /// one has been found: of several the one that is complete first, and of these the longest.
    /// Nothing may follow it.
    pub fn push(&mut self, piece: &str) -> (String, bool) {
        self.held.push_str(piece);
        if let Some((_, at)) = first_complete(&self.held, &self.sequences) {
            let ready = self.held[..at].to_string();
            self.held.clear();
            return (ready, true);
        }
        let ready = self.held.len() - self.longest_beginning();
        (self.held.drain(..ready).collect(), false)
    }

    /// What is still held back when no text follows: it was not the beginning of a sequence.
    pub fn finish(self) -> String {
        self.held
    }

    /// The length of the longest end of the text with which a sequence begins.
    fn longest_beginning(&self) -> usize {
        let of = |sequence: &String| {
            let most = (sequence.len() - 1).min(self.held.len());
            (1..=most)
                .rev()
                .find(|&n| self.held.as_bytes().ends_with(&sequence.as_bytes()[..n]))
                .unwrap_or(0)
        };
        self.sequences.iter().map(of).max().unwrap_or(0)
    }
}

/// The sequence in a text that is complete first: its end, and its beginning.
fn first_complete(text: &str, sequences: &[String]) -> Option<(usize, usize)> {
    let of = |sequence: &String| text.find(sequence).map(|at| (at + sequence.len(), at));
    sequences.iter().filter_map(of).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What is passed on of a text in pieces, and whether it was ended.
    fn pass(pieces: &[&str], sequences: &[&str]) -> (Vec<String>, bool) {
        let sequences: Vec<String> = sequences.iter().map(|s| s.to_string()).collect();
        let mut stop = StopSequences::new(&sequences);
        let mut all = Vec::new();
        for piece in pieces {
            let (ready, found) = stop.push(piece);
            all.push(ready);
            if found {
                return (all, true);
            }
        }
        all.push(stop.finish());
        (all, false)
    }

    #[test]
    fn a_sequence_over_several_pieces_ends_the_text() {
        assert_eq!(
            pass(&["a#", "#b", "###c"], &["###"]),
            (vec!["a".into(), "##b".into(), "".into()], true)
        );
        assert_eq!(pass(&["a#", "#"], &["###"]), (vec!["a".into(), "".into(), "##".into()], false));
        // The end of a sequence's beginning may be the beginning of another one.
        let (all, found) = pass(&["xa", "aa", "b"], &["aab"]);
        assert_eq!((all.concat().as_str(), found), ("xa", true));
        // The one that is complete first counts, not the one that is listed first.
        let (all, found) = pass(&["one two three"], &["three", "two"]);
        assert_eq!((all.concat().as_str(), found), ("one ", true));
        // Characters of several bytes are never cut.
        let (all, found) = pass(&["é", "è"], &["éé", "êx"]);
        assert_eq!((all.concat().as_str(), found), ("éè", false));
    }

    proptest! {
        /// However a text is cut into pieces, what is passed on is what comes before the first
        /// complete sequence in the whole text.
        #[test]
        fn the_pieces_do_not_matter(
            pieces in prop::collection::vec("[abé]{0,4}", 0..8),
            sequences in prop::collection::vec("[abé]{1,4}", 0..4),
        ) {
            let text = pieces.concat();
            // Plainly: the shortest beginning of the text that ends with a sequence.
            let first = (0..=text.len()).filter(|&end| text.is_char_boundary(end)).find_map(|end| {
                let ends = sequences.iter().filter(|s| text[..end].ends_with(s.as_str()));
                ends.map(|sequence| end - sequence.len()).min()
            });
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            let of: Vec<&str> = sequences.iter().map(String::as_str).collect();
            let (all, found) = pass(&pieces, &of);
            prop_assert_eq!(found, first.is_some());
            prop_assert_eq!(all.concat(), &text[..first.unwrap_or(text.len())]);
        }
    }
}
