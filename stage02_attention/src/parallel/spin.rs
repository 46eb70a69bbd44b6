//! Two halves in parallel, on threads that spin instead of sleeping where the work is short.

use std::cell::Cell;
use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::Yield;

use super::threads::{set, threads};

thread_local! {
    /// Whether this thread runs the `work` of a call of [`spinning`]. Then it must not spin until
    /// such a call ends, neither its own nor another one.
    static LEADS: Cell<bool> = const { Cell::new(false) };
    /// Whether this thread spins where it waits.
    static SPINNING: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`, which divides work among threads many times, and keeps all threads spinning
/// meanwhile.
///
/// A thread without work falls asleep, and waking it costs more than a small layer. Here the idle
/// threads poll for work until `work` returns, as those of other engines do.
pub fn spinning<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    if threads() < 2 {
        return work();
    }
    let done = &AtomicBool::new(false);
    rayon::scope(|scope| {
        scope.spawn_broadcast(move |_, _| {
            let _spinning = set(&SPINNING);
            spin_until(|| LEADS.get() || done.load(Ordering::Relaxed));
        });
        let _rest = (SetAtTheEnd(done), set(&LEADS), set(&SPINNING));
        work()
    })
}

/// Whether this thread spins where it waits.
pub(super) fn is_spinning() -> bool {
    SPINNING.get()
}

/// Takes work of other threads, polling without sleep, until `enough`.
fn spin_until(enough: impl Fn() -> bool) {
    while !enough() {
        if rayon::yield_now() != Some(Yield::Executed) {
            spin_loop();
        }
    }
}

/// Sets a flag when it is dropped, also in a panic.
struct SetAtTheEnd<'a>(&'a AtomicBool);

impl Drop for SetAtTheEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Runs both, in parallel where there is another thread. Within [`spinning`], the thread that
/// finishes first spins, because waking a sleeping thread costs more than a small layer.
pub fn join<A: Send, B: Send>(
    a: impl FnOnce() -> A + Send,
    b: impl FnOnce() -> B + Send,
) -> (A, B) {
    let (mut a, mut b) = (Half::Work(a), Half::Work(b));
    both(&mut || a.run(), &mut || b.run());
    (a.result(), b.result())
}

/// One of the two: to be done, then done.
enum Half<W, R> {
    Work(W),
    Result(R),
    Taken,
}

impl<R, W: FnOnce() -> R> Half<W, R> {
    fn run(&mut self) {
        if let Half::Work(work) = std::mem::replace(self, Half::Taken) {
            *self = Half::Result(work());
        }
    }

    fn result(self) -> R {
        match self {
            Half::Result(result) => result,
            _ => unreachable!("a panic would have been passed on"),
        }
    }
}

/// [`join`], compiled once instead of once for each kind of work: what waits and wakes threads is
/// long, and every layer divides its work.
fn both(a: &mut (dyn FnMut() + Send), b: &mut (dyn FnMut() + Send)) {
    if threads() < 2 {
        a();
        b();
    } else if SPINNING.get() {
        let done = &AtomicBool::new(false);
        rayon::in_place_scope(|scope| {
            scope.spawn(move |_| {
                let _done = SetAtTheEnd(done);
                b();
            });
            a();
            spin_until(|| done.load(Ordering::Acquire));
        });
    } else {
        rayon::join(a, b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::AssertUnwindSafe;
    use std::time::{Duration, Instant};

    #[test]
    fn divided_work_is_complete_and_panics_do_not_hang() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let total = pool.install(|| {
            spinning(|| {
                (0..200)
                    .map(|i| {
                        let (a, b) = join(|| i, || 2 * i);
                        a + b
                    })
                    .sum::<i32>()
            })
        });
        assert_eq!(total, 3 * 199 * 200 / 2);
        // Two at once, on the same threads, must not wait for each other. Another thread takes the
        // second half, which takes longer, so the first thread waits.
        let busy = |micros| {
            let start = Instant::now();
            while start.elapsed() < Duration::from_micros(micros) {}
            1
        };
        let many = || {
            let pair = |_| join(|| busy(20), || busy(60));
            spinning(|| (0..300).map(pair).map(|(a, b)| a + b).sum::<i32>())
        };
        assert_eq!(pool.install(|| rayon::join(many, many)), (600, 600));
        let broken = || pool.install(|| spinning(|| -> () { panic!("as it must") }));
        assert!(std::panic::catch_unwind(AssertUnwindSafe(broken)).is_err());
        // A half that panics is not waited for.
        for i in 0..2 {
            let half = |at| move || assert_ne!(i, at, "as it must");
            let broken = || pool.install(|| spinning(|| join(half(0), half(1))));
            assert!(std::panic::catch_unwind(AssertUnwindSafe(broken)).is_err());
        }
    }
}
