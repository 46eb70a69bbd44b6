//! Connection slots: how many connections there may be at once, and which one is closed when a new
//! one comes and all slots are in use.
//!
//! A connection is idle while it waits for a request, and busy while it is being answered. The one
//! that has been idle longest is closed first: a thousand silent connections keep no reader out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

/// The slots of a server.
#[derive(Debug)]
pub struct Slots {
    limit: usize,
    state: Mutex<State>,
    /// Notified when a slot is free, or when a connection has become idle.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    used: usize,
    /// A connection has been told to close and has not closed yet.
    closing: bool,
    /// Idle connections by ticket. Tickets count up: the first has been idle longest.
    idle: BTreeMap<u64, Arc<Notify>>,
    next: u64,
}

/// The slot of one connection. Dropping it frees the slot.
#[derive(Debug)]
pub struct Slot {
    slots: Arc<Slots>,
    /// Notified when the connection must close.
    pub close: Arc<Notify>,
    ticket: Mutex<Option<u64>>,
}

impl Slots {
    /// Slots for `limit` connections.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, state: Mutex::default(), changed: Notify::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a slot. If none is free, the longest idle connection is closed; if all are busy,
    /// waits until one is not.
    pub async fn acquire(self: &Arc<Self>) -> Slot {
        if self.state().used == self.limit {
            // Where many connect at once, the requests of the last ones have arrived and were not
            // read yet. Meanwhile they are, and their connections are busy.
            sleep(Duration::from_millis(1)).await;
        }
        loop {
            {
                let mut state = self.state();
                if state.used < self.limit {
                    state.used += 1;
                    break;
                }
                if !state.closing
                    && let Some((_, close)) = state.idle.pop_first()
                {
                    state.closing = true;
                    close.notify_one();
                }
            }
            self.changed.notified().await;
        }
        let close = Arc::new(Notify::new());
        let slot = Slot { slots: self.clone(), close, ticket: Mutex::default() };
        slot.idle();
        slot
    }

    /// Closes the connections that are idle now.
    pub fn close_idle(&self) {
        for close in self.state().idle.values() {
            close.notify_one();
        }
    }

    /// Waits until all slots are free. Nothing else may be waiting for a slot.
    pub async fn all_free(&self) {
        while self.state().used > 0 {
            self.changed.notified().await;
        }
    }
}

impl Slot {
    fn ticket(&self) -> MutexGuard<'_, Option<u64>> {
        self.ticket.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks the connection as idle from now on.
    pub fn idle(&self) {
        let mut state = self.slots.state();
        let ticket = state.next;
        state.next += 1;
        state.idle.insert(ticket, self.close.clone());
        if let Some(before) = self.ticket().replace(ticket) {
            state.idle.remove(&before);
        }
        self.slots.changed.notify_one();
    }

    /// Marks the connection as busy from now on.
    pub fn busy(&self) {
        let ticket = self.ticket().take();
        if let Some(ticket) = ticket {
            self.slots.state().idle.remove(&ticket);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.busy();
        let mut state = self.slots.state();
        state.used -= 1;
        state.closing = false;
        self.slots.changed.notify_one();
    }
}
