//! Gives up what takes too long. llguidance counts items and states, but forces bytes without end where an expression has
//! only one way to go on and none to come to its end.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use llguidance::CancellationHandle;

const POLL: Duration = Duration::from_millis(100);
/// Polls that see the same step before it is given up: 2 s, where what is sound takes 3 ms. Polls and not time, since a process
/// that was stopped meanwhile has done nothing wrong.
const MOST_POLLS: u32 = 20;

/// A thread that looks on, for as long as this lives.
pub struct Watchdog {
    list: Arc<List>,
    thread: Option<JoinHandle<()>>,
}

/// Where those who work let themselves be watched.
#[derive(Default)]
pub struct List {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    workers: Vec<Seen>,
    closing: bool,
}

struct Seen {
    worker: Arc<Worker>,
    step: u64,
    polls: u32,
}

struct Worker {
    /// Odd while a step is under way.
    step: AtomicU64,
    cancellation: CancellationHandle,
}

/// One who is watched until this is dropped.
pub struct Watched {
    worker: Arc<Worker>,
    list: Arc<List>,
}

impl Watchdog {
    pub fn new() -> std::io::Result<Self> {
        let list = Arc::new(List::default());
        let watched = list.clone();
        let thread = Builder::new()
            .name("constraint watch".into())
            .spawn(move || watched.watch())?;
        Ok(Watchdog {
            list,
            thread: Some(thread),
        })
    }

    pub fn list(&self) -> Arc<List> {
        self.list.clone()
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.list.lock().closing = true;
        self.list.changed.notify_one();
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl List {
    pub fn add(self: &Arc<Self>, cancellation: CancellationHandle) -> Watched {
        let worker = Arc::new(Worker {
            step: AtomicU64::new(0),
            cancellation,
        });
        let mut state = self.lock();
        state.workers.push(Seen {
            worker: worker.clone(),
            step: 0,
            polls: 0,
        });
        // It sleeps while there is nobody to watch.
        if state.workers.len() == 1 {
            self.changed.notify_one();
        }
        Watched {
            worker,
            list: self.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn watch(&self) {
        let mut state = self.lock();
        while !state.closing {
            state = if state.workers.is_empty() {
                self.changed
                    .wait(state)
                    .unwrap_or_else(|poisoned| poisoned.into_inner())
            } else {
                let waited = self
                    .changed
                    .wait_timeout(state, POLL)
                    .unwrap_or_else(|poisoned| poisoned.into_inner());
                if !waited.1.timed_out() {
                    state = waited.0;
                    continue;
                }
                waited.0
            };
            for seen in &mut state.workers {
                seen.look();
            }
        }
    }
}

impl Seen {
    fn look(&mut self) {
        let step = self.worker.step.load(Ordering::Acquire);
        self.polls = if step == self.step && step % 2 == 1 {
            self.polls + 1
        } else {
            0
        };
        self.step = step;
        if self.polls >= MOST_POLLS {
            self.worker.cancellation.cancel();
        }
    }
}

impl Watched {
    /// `None` when it was given up. One whose step has panicked is at its end.
    pub fn run<T>(&self, step: impl FnOnce() -> T) -> Option<T> {
        self.worker.step.fetch_add(1, Ordering::Release);
        let result = step();
        self.worker.step.fetch_add(1, Ordering::Release);
        (!self.worker.cancellation.is_cancelled()).then_some(result)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.list
            .lock()
            .workers
            .retain(|seen| !Arc::ptr_eq(&seen.worker, &self.worker));
    }
}
