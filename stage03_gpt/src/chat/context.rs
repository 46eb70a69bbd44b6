//! Which part of a conversation the model gets: a context shift by whole turns.
//!
//! The context of a model is limited, and a conversation is not. When it is full, the KV cache of
//! a plain text evicts its oldest tokens. In a conversation these are the system text, which
//! should hold to the end, and the beginning of a turn, without which the rest of it makes no
//! sense. So here the system text stays, and the oldest *turns* are left out, each a whole one:
//! what the user says, and what the model answers.
//!
//! Whatever is left out, all tokens behind it have to be read again, at new positions. If only as
//! much as must be was left out, that would happen in every turn from then on. So half of the
//! context is freed at once.
//!
//! What this file leaves out: a summary of what was left out.

use stage01_bigram::Result;

use super::message::{Message, Role};

/// The messages without the oldest turns: how many messages are left out, behind the system text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    dropped: usize,
    /// The first message that was kept, by which the conversation is recognised when it comes
    /// again.
    first: Option<Message>,
}

impl Window {
    /// How many messages are left out.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// The messages that are left: the system text, and the youngest turns.
    pub fn of(&self, messages: &[Message]) -> Vec<Message> {
        let head = system(messages);
        [&messages[..head], &messages[head + self.dropped..]].concat()
    }

    /// Forgets what was left out if these messages are another conversation.
    pub fn follow(&mut self, messages: &[Message]) {
        let first = messages.get(system(messages) + self.dropped);
        if self.dropped > 0 && (first.is_none() || first != self.first.as_ref()) {
            *self = Window::default();
        }
    }

    /// Leaves out the oldest turn. Returns whether there was one; the youngest always stays.
    pub fn drop_oldest(&mut self, messages: &[Message]) -> bool {
        let start = system(messages) + self.dropped;
        let next = |at: &usize| messages[*at].role == Role::User;
        match (start + 1..messages.len()).find(next) {
            None => false,
            Some(next) => {
                self.dropped += next - start;
                self.first = Some(messages[next].clone());
                true
            }
        }
    }

    /// Leaves out the oldest turns until the prompt has at most half of `limit` tokens, if it has
    /// more than `limit` now. Returns the prompt, which is longer than that where the youngest turn
    /// alone is.
    ///
    /// encode: the tokens of messages.
    ///
    /// # Errors
    /// Those of `encode`.
    // ANCHOR: context_shift
    pub fn fit(
        &mut self,
        messages: &[Message],
        limit: usize,
        encode: impl Fn(&[Message]) -> Result<Vec<u32>>,
    ) -> Result<Vec<u32>> {
        let prompt = encode(&self.of(messages))?;
        if prompt.len() <= limit {
            return Ok(prompt);
        }
        self.shorten(messages, limit / 2, encode)
    }

    /// Leaves out as many of the oldest turns as it takes for a prompt of at most `limit`
    /// tokens. How many that are is found by bisection: a conversation may have very many turns.
    ///
    /// # Errors
    /// Those of `encode`.
    pub fn shorten(
        &mut self,
        messages: &[Message],
        limit: usize,
        encode: impl Fn(&[Message]) -> Result<Vec<u32>>,
    ) -> Result<Vec<u32>> {
        // The windows, from the longest to that of the youngest turn alone.
        let mut windows = vec![self.clone()];
        while self.drop_oldest(messages) {
            windows.push(self.clone());
        }
        let (mut low, mut high) = (0, windows.len() - 1);
        while low < high {
            let middle = (low + high) / 2;
            match encode(&windows[middle].of(messages))?.len() <= limit {
                true => high = middle,
                false => low = middle + 1,
            }
        }
        *self = windows.swap_remove(low);
        encode(&self.of(messages))
    }
    // ANCHOR_END: context_shift
}

/// How many messages stand before the first turn: the system text.
fn system(messages: &[Message]) -> usize {
    messages.iter().take_while(|message| message.role == Role::System).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One token for each character.
    fn encode(messages: &[Message]) -> Result<Vec<u32>> {
        Ok(messages.iter().flat_map(|message| message.content.chars().map(u32::from)).collect())
    }

    fn turns(lengths: &[usize]) -> Vec<Message> {
        let mut all = vec![Message::system("S")];
        for (at, &length) in lengths.iter().enumerate() {
            let text = char::from(b'a' + (at % 26) as u8).to_string().repeat(length);
            all.push(if at % 2 == 0 { Message::user(text) } else { Message::assistant(text) });
        }
        all
    }

    proptest! {
        #[test]
        fn the_system_text_and_the_youngest_whole_turns_stay(
            lengths in prop::collection::vec(1usize..9, 1..30), limit in 10usize..60,
        ) {
            let all = turns(&lengths);
            let mut window = Window::default();
            let prompt = window.fit(&all, limit, encode).unwrap();
            let kept = window.of(&all);
            prop_assert_eq!(&prompt, &encode(&kept).unwrap());
            prop_assert_eq!(&kept[0], &all[0]);
            prop_assert_eq!(kept[1].role, Role::User);
            prop_assert!(all.ends_with(&kept[1..]));
            prop_assert_eq!(window.dropped() > 0, encode(&all).unwrap().len() > limit && all.len() > 3);
            let youngest = all.iter().rposition(|message| message.role == Role::User).unwrap();
            prop_assert!(prompt.len() <= limit / 2 || window.dropped() == 0
                || window.dropped() == youngest - 1);
            // The same conversation, a turn later, is shortened at the same place while it fits.
            let mut more = all.clone();
            more.extend([Message::assistant("x"), Message::user("y")]);
            let before = window.clone();
            window.follow(&more);
            prop_assert_eq!(&window, &before);
            if prompt.len() + 2 <= limit {
                window.fit(&more, limit, encode).unwrap();
                prop_assert_eq!(window, before);
            }
        }
    }

    #[test]
    fn another_conversation_is_not_shortened_by_the_last_one() {
        let all = turns(&[3, 3, 3, 3, 3]);
        let mut window = Window::default();
        window.fit(&all, 10, encode).unwrap();
        assert_eq!(window.dropped(), 4);
        window.follow(&turns(&[3, 3]));
        assert_eq!(window, Window::default());
        assert!(!window.drop_oldest(&turns(&[3, 3])) && !window.drop_oldest(&[]));
    }
}
