//! The tokens of a conversation, on paper. Replace each `todo!()` by a whole number.
//!
//! A turn has 5 tokens beside its content: the special token that begins it, its role, a line
//! break, the special token that ends it, and a line break. The last line of a prompt has 3: a
//! special token, the role `assistant`, a line break. The model ends its answer with the end
//! token and does not write the line break behind it.
//!
//! The contents have these tokens: system text 6, first question 10, first answer 20, second
//! question 7. The KV cache is empty at the beginning, and keeps all that was read and written.

/// How many tokens has the prompt of the second question?
pub fn second_prompt() -> usize {
    // SOLUTION
    (5 + 6) + (5 + 10) + (5 + 20) + (5 + 7) + 3
    // STUB
    // todo!()
    // END
}

/// How many of them must be read, because the cache does not begin with them?
pub fn read_for_the_second() -> usize {
    // SOLUTION
    1 + (5 + 7) + 3
    // STUB
    // todo!()
    // END
}

/// The user goes back and changes the first question: another first word, 10 tokens again. How
/// many tokens must be read to answer it?
pub fn read_after_an_edit() -> usize {
    // SOLUTION
    10 + 2 + 3
    // STUB
    // todo!()
    // END
}

/// Instead, the first word of the *system text* is changed before the second question is asked.
/// How many tokens must be read?
pub fn read_after_a_new_system_text() -> usize {
    // SOLUTION
    66 - 3
    // STUB
    // todo!()
    // END
}
