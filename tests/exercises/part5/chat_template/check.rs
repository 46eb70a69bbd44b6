//! What `chat_template` is asked.

use super::answer::{SYSTEM, chatml, with_bos};
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    let talk = [
        ("system", "Be brief."),
        ("user", "Name a city."),
        ("assistant", "Rome."),
        ("user", "And a river?"),
    ];
    p.part("chatml", |p| {
        p.see("the message (\"user\", \"Hi!\")", chatml(&[("user", "Hi!")], true));
        p.see("the conversation of the chapter", chatml(&talk, true));
        p.see("the same without the last line", chatml(&talk, false));
        p.see("two lines in a message", chatml(&[("user", "one\ntwo\n")], true));
        p.see("an empty system text", chatml(&[("system", ""), ("user", "")], true));
        for (messages, turns) in [(&talk[..], 4), (&talk[1..], 4), (&talk[1..2], 2)] {
            let text = chatml(messages, true);
            let count = |spelling: &str| text.matches(spelling).count();
            let (starts, ends) = (count("<|im_start|>"), count("<|im_end|>"));
            p.rule((starts, ends) == (turns + 1, turns), || {
                format!(
                    "a text of {turns} turns and the last line has {starts} times <|im_start|> and \
                     {ends} times <|im_end|>; it must have {} and {turns}. Does every turn have an \
                     end, and has the last line none?",
                    turns + 1
                )
            });
            let own = messages[0].0 != "system";
            p.rule(text.contains(SYSTEM) == own, || {
                format!(
                    "the first message is of {}, and the model's own system text is {}there. When \
                     does it stand before a conversation?",
                    messages[0].0,
                    if own { "not " } else { "" }
                )
            });
        }
    });
    p.part("with_bos", |p| {
        p.see("tokens 5 6, no token before a text", with_bos(&[5, 6], None));
        p.see("tokens 5 6, and 1 before every text", with_bos(&[5, 6], Some(1)));
        p.see("tokens 1 5 6, and 1 before every text", with_bos(&[1, 5, 6], Some(1)));
        p.see("tokens 5 1, and 1 before every text", with_bos(&[5, 1], Some(1)));
        p.see("no tokens, and 1 before every text", with_bos(&[], Some(1)));
    });
}
