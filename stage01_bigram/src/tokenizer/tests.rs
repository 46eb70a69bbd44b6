use super::*;

#[test]
fn tokens_are_shown_visibly() {
    assert_eq!(printable(b" the\n"), "␣the\\n");
    assert_eq!(printable("é'\"\\".as_bytes()), "é'\"\\");
    assert_eq!(printable(&[0xE2, b'a', 0xFF]), "\\xE2a\\xFF");
}
