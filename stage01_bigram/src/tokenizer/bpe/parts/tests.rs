use proptest::prelude::*;

use super::super::split::tests::awkward_text;
use super::*;

const PATH: &str = "model.gguf";

fn small() -> Parts {
    let tokenizer = BpeTokenizer::train("low low low lower lowest", 260).unwrap();
    tokenizer.with_end_of_text().parts().unwrap()
}

fn read(parts: &Parts) -> std::result::Result<BpeTokenizer, String> {
    parts.tokenizer(Path::new(PATH)).map_err(|error| error.to_string())
}

#[test]
fn parts_that_do_not_fit_are_explained() {
    let change = |change: &dyn Fn(&mut Parts)| {
        let mut parts = small();
        change(&mut parts);
        read(&parts).expect_err("it was accepted")
    };
    type Change<'a> = &'a dyn Fn(&mut Parts);
    let cases: [(Change, &str); 13] = [
        (&|p| p.pre_tokenizer = "falcon".into(), "\"falcon\" is not known; use a model whose rule"),
        (&|p| p.pre_tokenizer = String::new(), "gpt-2, smollm, llama-bpe, qwen2"),
        (&|p| p.types = vec![1; 3], "261 tokens, and types of 3"),
        (&|p| p.types[7] = 6, "token 7, \"(\", has the type 6"),
        (&|p| p.types[7] = -1, "has the type -1"),
        (&|p| p.types[7] = 3, "\"(\" is the token of a byte as well"),
        (&|p| p.types[257] = 4, "names \"low\", which is an added token as well"),
        (&|p| p.tokens[256] = "low".into(), "256 and 257 are both spelled \"low\""),
        (&|p| p.tokens[256] = String::new(), "token 256 has an empty spelling"),
        (&|p| p.tokens[259] = "a b".into(), "token 259, \"a b\", is not spelled in bytes"),
        (&|p| p.merges[1] = "lo".into(), "merge 1 is \"lo\", not a pair"),
        (&|p| p.merges[1] = "l o".into(), "merges 0 and 1 are the same"),
        (&|p| p.bos = Some(261), "begins a text is 261, and there are 261 tokens"),
    ];
    for (changed, expected) in cases {
        let error = change(changed);
        assert!(error.starts_with(PATH) && error.contains(expected), "{error}");
    }
    assert!(read(&Parts::default()).is_err());
}

#[test]
fn types_say_what_a_token_is() {
    let mut parts = small();
    parts.tokens.extend(["<user>", "[PAD262]", "<unk>"].map(String::from));
    parts.types.extend([4, 5, 2]);
    parts.bos = Some(260);
    let tokenizer = read(&parts).unwrap();
    let added: Vec<(u32, bool)> =
        tokenizer.added_tokens().iter().map(|token| (token.id, token.special)).collect();
    assert_eq!(added, [(260, true), (261, false), (263, true)]);
    assert_eq!(tokenizer.encode("<user>low[PAD262]").unwrap()[..2], [261, 257]);
    assert!(tokenizer.encode_with_special("[PAD262]").unwrap().len() > 1);
    assert_eq!(tokenizer.template().before, [260]);
    parts.types[263] = 3;
    assert_eq!(tokenizer.parts().unwrap(), parts);
    parts.types.clear();
    parts.tokens.truncate(260);
    parts.bos = None;
    assert_eq!(
        read(&parts).unwrap(),
        BpeTokenizer::train("low low low lower lowest", 260).unwrap()
    );
}

/// Llama 3 has tokens that no merges lead to; they are found where a pre-token spells them.
#[test]
fn a_token_without_merges_is_found_where_merges_are_ignored() {
    let mut parts = small();
    parts.pre_tokenizer = "llama-bpe".into();
    parts.tokens.push("Ġwest".into());
    parts.types.push(1);
    let tokenizer = read(&parts).unwrap();
    assert_eq!(tokenizer.encode("low west").unwrap(), [257, 261]);
    assert_eq!(tokenizer.encode("low westward").unwrap().len(), 10);
    assert_eq!(tokenizer.parts().unwrap(), parts);
    parts.pre_tokenizer = "smollm".into();
    let tokenizer = read(&parts).unwrap();
    assert_eq!(tokenizer.encode("low west").unwrap().len(), 6);
    assert_eq!(tokenizer.parts().unwrap().types[261], token_type::UNUSED);
}

/// Why a tokenizer of Llama 3 does not survive cuts.
#[test]
fn a_line_end_belongs_to_the_sign_before_it() {
    let mut parts = small();
    parts.tokens.push(";Ċ".into());
    parts.types.push(1);
    parts.merges.push("; Ċ".into());
    parts.pre_tokenizer = "llama-bpe".into();
    let tokenizer = read(&parts).unwrap();
    assert!(!tokenizer.survives_cuts());
    assert_eq!(tokenizer.encode(";\n").unwrap(), [261]);
    assert_eq!([";", "\n"].map(|part| tokenizer.encode(part).unwrap()).concat().len(), 2);
}

/// A vocabulary may lack bytes that the text for training did not have.
#[test]
fn a_byte_without_a_token_is_left_out() {
    let mut parts = small();
    // The two bytes of é.
    for byte in ["Ã", "©"] {
        let id = parts.tokens.iter().position(|token| token == byte).unwrap();
        parts.tokens[id] = format!("[unused {id}]").replace(' ', "");
    }
    let tokenizer = read(&parts).unwrap();
    assert!(tokenizer.encode("é").unwrap().is_empty());
    // What remains is merged.
    assert_eq!(tokenizer.encode("léow low").unwrap(), [257, 258]);
    parts.tokens[64] = "[a]".into();
    assert!(read(&parts).unwrap_err().contains("no token for the byte 0x61"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A tokenizer that has been through its parts gives the same tokens.
    #[test]
    fn parts_are_the_tokenizer(learned in awkward_text(), text in awkward_text(), rule in 0usize..4) {
        prop_assume!(!learned.is_empty());
        let mut parts = BpeTokenizer::train(&learned.repeat(2), 320).unwrap().parts().unwrap();
        parts.pre_tokenizer = PreTokenizer::ALL[rule].name().into();
        let tokenizer = read(&parts).unwrap();
        let again = tokenizer.parts().unwrap();
        prop_assert_eq!(&again, &parts);
        let ids = tokenizer.encode(&text).unwrap();
        prop_assert_eq!(read(&again).unwrap().encode(&text).unwrap(), ids);
    }

    /// A tokenizer that survives cuts gives the same tokens for a text cut before white space.
    #[test]
    fn cuts_before_white_space_change_no_token(learned in awkward_text(), text in awkward_text(), rule in 0usize..4) {
        prop_assume!(!learned.is_empty());
        let mut parts = BpeTokenizer::train(&learned.repeat(2), 320).unwrap().parts().unwrap();
        parts.pre_tokenizer = PreTokenizer::ALL[rule].name().into();
        let tokenizer = read(&parts).unwrap();
        let whole = tokenizer.encode(&text).unwrap();
        for (at, _) in text.match_indices([' ', '\n', '\t']) {
            let (left, right) = text.split_at(at);
            if tokenizer.survives_cuts() && left.ends_with(|c: char| !c.is_whitespace()) {
                let both = [tokenizer.encode(left).unwrap(), tokenizer.encode(right).unwrap()];
                prop_assert_eq!(&both.concat(), &whole, "{:?} at {}", rule, at);
            }
        }
    }

    /// Changed parts are refused, or make a tokenizer that works.
    #[test]
    fn no_parts_make_a_tokenizer_that_fails(
        changes in proptest::collection::vec((0usize..261, 0usize..261, -1i32..7), 0..4),
        text in awkward_text(),
    ) {
        let mut parts = small();
        for (from, to, kind) in changes {
            match kind {
                -1 => parts.tokens.swap(from, to),
                0 => parts.merges.swap(from % 4, to % 4),
                kind => parts.types[from] = kind,
            }
        }
        if let Ok(tokenizer) = read(&parts) {
            let ids = tokenizer.encode(&text).unwrap();
            prop_assert!(ids.iter().all(|&id| (id as usize) < parts.tokens.len()));
            prop_assert!(tokenizer.decode_bytes(&ids).is_ok());
        }
    }
}
