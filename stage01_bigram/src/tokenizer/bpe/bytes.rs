//! GPT-2's alphabet: a visible character for each of the 256 bytes.
//!
//! A vocabulary file is text, but a token is bytes, and many bytes are not text: a space would
//! vanish at the end of a line, byte 0 would end a string, byte 0xFF is never UTF-8. So the file
//! spells each byte as one visible character. The 188 bytes which are visible characters of Latin-1
//! spell themselves; the other 68, in order, are spelled by the characters from U+0100 on. A space
//! becomes `Ġ`, a line end `Ċ`.
//!
//! The same alphabet fixes the numbers of the first 256 tokens: byte tokens are in the order
//! of their characters, so `!` is token 0 and the space is token 220.

// ANCHOR: alphabet
/// Whether a byte is spelled by the Latin-1 character of the same number.
const fn spells_itself(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF)
}

/// The bytes in the order of their characters, which is the order of their tokens.
pub(super) const BYTE_OF_TOKEN: [u8; 256] = {
    let mut order = [0; 256];
    let (mut visible, mut hidden) = (0, 188);
    let mut byte = 0;
    while byte < 256 {
        let place = if spells_itself(byte as u8) { &mut visible } else { &mut hidden };
        order[*place] = byte as u8;
        *place += 1;
        byte += 1;
    }
    order
};
// ANCHOR_END: alphabet

/// The token of each byte.
pub(super) const TOKEN_OF_BYTE: [u32; 256] = {
    let mut tokens = [0; 256];
    let mut token = 0;
    while token < 256 {
        tokens[BYTE_OF_TOKEN[token] as usize] = token as u32;
        token += 1;
    }
    tokens
};

/// The character that spells a byte.
pub(super) fn letter(byte: u8) -> char {
    if spells_itself(byte) {
        return char::from(byte);
    }
    let place = BYTE_OF_TOKEN[188..].binary_search(&byte).unwrap_or_default();
    char::from_u32(0x100 + place as u32).unwrap_or_default()
}

/// The byte that a character spells, if it spells one.
pub(super) fn byte(letter: char) -> Option<u8> {
    match u32::from(letter) {
        code @ 0..0x100 => Some(code as u8).filter(|&byte| spells_itself(byte)),
        code => BYTE_OF_TOKEN[188..].get(code as usize - 0x100).copied(),
    }
}

/// A token's bytes, spelled.
pub(super) fn spell(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| letter(byte)).collect()
}

/// The bytes of a spelled token; `None` when a character spells no byte.
pub(super) fn unspell(token: &str) -> Option<Vec<u8>> {
    token.chars().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_space_is_token_220_and_looks_like_g() {
        assert_eq!(BYTE_OF_TOKEN[220], b' ');
        assert_eq!(BYTE_OF_TOKEN[0], b'!');
        assert_eq!(spell(b" the\n"), "ĠtheĊ");
        assert_eq!(letter(0x7F), 'ġ');
        assert_eq!(letter(0xAD), 'Ń');
    }

    #[test]
    fn every_byte_has_its_own_letter_and_tokens_follow_the_letters() {
        let letters: Vec<char> = BYTE_OF_TOKEN.iter().map(|&byte| letter(byte)).collect();
        assert!(letters.is_sorted_by(|a, b| a < b));
        for value in 0..=255 {
            assert_eq!(BYTE_OF_TOKEN[TOKEN_OF_BYTE[value as usize] as usize], value);
            assert_eq!(byte(letter(value)), Some(value));
        }
        assert_eq!(unspell("a b"), None);
        assert_eq!(byte('\u{144}'), None);
    }
}
