//! The queue of requests: first come, first served, up to a limit, without those who have left.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Something that waits, and may leave meanwhile.
pub trait Waiting {
    /// True once nobody waits for the answer any more.
    fn has_left(&self) -> bool;
}

/// A bounded queue between the connections and the thread of the model.
#[derive(Debug)]
pub struct Queue<T> {
    limit: usize,
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    waiting: VecDeque<T>,
    closed: bool,
    /// How many have left before their turn.
    left: u64,
}

/// Why something was not put into the queue. It comes back.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused<T> {
    /// As many as may are waiting.
    Full(T),
    /// Nothing is taken out any more.
    Closed(T),
}

impl<T: Waiting> Queue<T> {
    /// An empty queue for at most `limit`.
    pub fn new(limit: usize) -> Queue<T> {
        let state = State { waiting: VecDeque::new(), closed: false, left: 0 };
        Queue { limit, state: Mutex::new(state), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts something at the end. The places of those who have left are free.
    ///
    /// # Errors
    /// [`Refused`], when the queue is full or closed.
    pub fn push(&self, item: T) -> Result<(), Refused<T>> {
        let mut state = self.state();
        if state.closed {
            return Err(Refused::Closed(item));
        }
        state.forget_those_who_left();
        if state.waiting.len() >= self.limit {
            return Err(Refused::Full(item));
        }
        state.waiting.push_back(item);
        self.changed.notify_one();
        Ok(())
    }

    /// Takes the first one that has not left; waits for one. `None` once the queue is closed.
    pub fn pop(&self) -> Option<T> {
        let mut state = self.state();
        loop {
            if state.closed {
                return None;
            }
            state.forget_those_who_left();
            if let Some(item) = state.waiting.pop_front() {
                return Some(item);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// How many are waiting, and how many have left before their turn.
    pub fn count(&self) -> (usize, u64) {
        let mut state = self.state();
        state.forget_those_who_left();
        (state.waiting.len(), state.left)
    }

    /// Closes the queue, and returns what was waiting.
    pub fn close(&self) -> Vec<T> {
        let mut state = self.state();
        state.closed = true;
        self.changed.notify_all();
        state.waiting.drain(..).collect()
    }
}

impl<T: Waiting> State<T> {
    fn forget_those_who_left(&mut self) {
        let before = self.waiting.len();
        self.waiting.retain(|item| !item.has_left());
        self.left += (before - self.waiting.len()) as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[derive(Clone, Debug, Default)]
    struct Client(usize, Arc<AtomicBool>);

    impl Client {
        fn new(number: usize) -> Client {
            Client(number, Arc::default())
        }
    }

    impl PartialEq for Client {
        fn eq(&self, other: &Client) -> bool {
            self.0 == other.0
        }
    }

    impl Waiting for Client {
        fn has_left(&self) -> bool {
            self.1.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn first_come_first_served_up_to_the_limit() {
        let queue = Queue::new(2);
        let clients: Vec<_> = (0..4).map(Client::new).collect();
        assert_eq!(queue.push(clients[0].clone()), Ok(()));
        assert_eq!(queue.push(clients[1].clone()), Ok(()));
        assert_eq!(queue.push(clients[2].clone()), Err(Refused::Full(clients[2].clone())));
        // Who has left holds no place, and is not served.
        clients[0].1.store(true, Ordering::Relaxed);
        assert_eq!(queue.push(clients[3].clone()), Ok(()));
        assert_eq!(queue.count(), (2, 1));
        assert_eq!(queue.pop(), Some(clients[1].clone()));
        assert_eq!(queue.pop(), Some(clients[3].clone()));
    }

    #[test]
    fn who_waits_for_an_item_learns_that_the_queue_was_closed() {
        let queue = Queue::new(2);
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| (queue.pop(), queue.pop()));
            queue.push(Client::new(7)).unwrap();
            while queue.count().0 > 0 {
                std::thread::yield_now();
            }
            assert!(queue.close().is_empty());
            assert_eq!(waits.join().unwrap(), (Some(Client::new(7)), None));
        });
        assert_eq!(queue.push(Client::new(8)), Err(Refused::Closed(Client::new(8))));
    }

    #[test]
    fn what_waits_comes_back_when_the_queue_is_closed() {
        let queue = Queue::new(2);
        queue.push(Client::new(1)).unwrap();
        assert_eq!(queue.close(), [Client::new(1)]);
        assert_eq!(queue.pop(), None);
    }
}
