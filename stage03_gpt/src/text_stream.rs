//! Text out of bytes that arrive token by token.
//!
//! A token may end inside a character: an emoji has four bytes, which may be four tokens. So bytes
//! are held back until their character is complete.
//!
//! ```
//! use stage03_gpt::text_stream::TextStream;
//! let mut stream = TextStream::default();
//! stream.push(b"caf\xC3");
//! assert_eq!(stream.ready(), "caf");
//! stream.push(b"\xA9");
//! assert_eq!(stream.ready(), "é");
//! stream.push(b"\xC3");
//! assert_eq!((&*stream.ready(), &*stream.rest()), ("", "\u{FFFD}"));
//! ```

/// The bytes of a character that is not complete yet.
#[derive(Clone, Debug, Default)]
pub struct TextStream {
    held: Vec<u8>,
}

impl TextStream {
    /// Adds the bytes of a token.
    pub fn push(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// The whole characters that have arrived since the last call.
    // ANCHOR: held
    pub fn ready(&mut self) -> String {
        let whole = match std::str::from_utf8(&self.held) {
            Ok(_) => self.held.len(),
            // What can never become a character is passed on as it is.
            Err(e) if e.error_len().is_some() => self.held.len(),
            Err(e) => e.valid_up_to(),
        };
        let ready: Vec<u8> = self.held.drain(..whole).collect();
        String::from_utf8_lossy(&ready).into_owned()
    }
    // ANCHOR_END: held

    /// Everything that is left, when no token follows.
    pub fn rest(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.held)).into_owned()
    }
}
