//! How many connections there may be at once, and who must go when all places are taken.
//!
//! A connection either waits for a request or is being answered. When somebody new comes and
//! every seat is taken, the one that has waited longest is closed: so a thousand connections that
//! say nothing keep nobody out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The seats of a server.
#[derive(Debug)]
pub struct Seats {
    limit: usize,
    state: Mutex<State>,
    /// A seat has become free, or somebody who can be sent away has begun to wait.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    taken: usize,
    /// Somebody has been sent away and is not gone yet.
    leaving: bool,
    /// Who waits for a request. The first one has waited longest.
    waiting: BTreeMap<u64, Arc<Notify>>,
    next: u64,
}

/// The seat of one connection, free again when it is dropped.
#[derive(Debug)]
pub struct Seat {
    seats: Arc<Seats>,
    /// Told when the connection must go.
    pub leave: Arc<Notify>,
    ticket: Mutex<Option<u64>>,
}

impl Seats {
    /// Seats for so many connections.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, state: Mutex::default(), changed: Notify::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a seat. If there is none, sends away who has waited longest; if all are being
    /// answered, waits until one is done.
    pub async fn take(self: &Arc<Self>) -> Seat {
        loop {
            {
                let mut state = self.state();
                if state.taken < self.limit {
                    state.taken += 1;
                    break;
                }
                if !state.leaving
                    && let Some((_, leave)) = state.waiting.pop_first()
                {
                    state.leaving = true;
                    leave.notify_one();
                }
            }
            self.changed.notified().await;
        }
        let leave = Arc::new(Notify::new());
        let seat = Seat { seats: self.clone(), leave, ticket: Mutex::default() };
        seat.wait();
        seat
    }
}

impl Seat {
    fn ticket(&self) -> MutexGuard<'_, Option<u64>> {
        self.ticket.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection waits for a request from now on.
    pub fn wait(&self) {
        let mut state = self.seats.state();
        let ticket = state.next;
        state.next += 1;
        state.waiting.insert(ticket, self.leave.clone());
        if let Some(before) = self.ticket().replace(ticket) {
            state.waiting.remove(&before);
        }
        self.seats.changed.notify_one();
    }

    /// The connection is being answered from now on.
    pub fn answer(&self) {
        if let Some(ticket) = self.ticket().take() {
            self.seats.state().waiting.remove(&ticket);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.answer();
        let mut state = self.seats.state();
        state.taken -= 1;
        state.leaving = false;
        self.seats.changed.notify_one();
    }
}
