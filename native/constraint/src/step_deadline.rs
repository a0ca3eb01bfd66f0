//! Deadlines for single steps of a matcher. llguidance limits items and states, but forces bytes without end where an
//! expression has only one way to continue and never ends.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use llguidance::CancellationHandle;

const POLL: Duration = Duration::from_millis(100);
/// A step is cancelled after so many polls: 2 s, where ordinary steps take 3 ms. Polls are counted instead of time,
/// since a process that was stopped meanwhile has done nothing wrong.
const MOST_POLLS: u32 = 20;

/// Owns the thread that enforces the deadlines.
pub struct StepDeadlines {
    list: Arc<DeadlineList>,
    thread: Option<JoinHandle<()>>,
}

/// The matchers whose steps have a deadline.
#[derive(Default)]
pub struct DeadlineList {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    watches: Vec<Watch>,
    closing: bool,
}

struct Watch {
    steps: Arc<WatchedSteps>,
    step: u64,
    polls: u32,
}

struct WatchedSteps {
    /// Odd while a step is running.
    step: AtomicU64,
    cancellation: CancellationHandle,
}

/// Puts a deadline on each step of one matcher, until it is dropped.
pub struct StepDeadline {
    steps: Arc<WatchedSteps>,
    list: Arc<DeadlineList>,
}

impl StepDeadlines {
    pub fn new() -> std::io::Result<Self> {
        let list = Arc::new(DeadlineList::default());
        let watched = list.clone();
        let thread = Builder::new()
            .name("step deadlines".into())
            .spawn(move || watched.watch())?;
        Ok(StepDeadlines {
            list,
            thread: Some(thread),
        })
    }

    pub fn list(&self) -> Arc<DeadlineList> {
        self.list.clone()
    }
}

impl Drop for StepDeadlines {
    fn drop(&mut self) {
        self.list.lock().closing = true;
        self.list.changed.notify_one();
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl DeadlineList {
    pub fn add(self: &Arc<Self>, cancellation: CancellationHandle) -> StepDeadline {
        let steps = Arc::new(WatchedSteps {
            step: AtomicU64::new(0),
            cancellation,
        });
        let mut state = self.lock();
        state.watches.push(Watch {
            steps: steps.clone(),
            step: 0,
            polls: 0,
        });
        // The thread sleeps while the list is empty.
        if state.watches.len() == 1 {
            self.changed.notify_one();
        }
        StepDeadline {
            steps,
            list: self.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn watch(&self) {
        let mut state = self.lock();
        while !state.closing {
            state = if state.watches.is_empty() {
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
            for watch in &mut state.watches {
                watch.look();
            }
        }
    }
}

impl Watch {
    fn look(&mut self) {
        let step = self.steps.step.load(Ordering::Acquire);
        self.polls = if step == self.step && step % 2 == 1 {
            self.polls + 1
        } else {
            0
        };
        self.step = step;
        if self.polls >= MOST_POLLS {
            self.steps.cancellation.cancel();
        }
    }
}

impl StepDeadline {
    /// `None` when the step was cancelled. A matcher whose step has panicked must not be used again.
    pub fn run<T>(&self, step: impl FnOnce() -> T) -> Option<T> {
        self.steps.step.fetch_add(1, Ordering::Release);
        let result = step();
        self.steps.step.fetch_add(1, Ordering::Release);
        (!self.steps.cancellation.is_cancelled()).then_some(result)
    }
}

impl Drop for StepDeadline {
    fn drop(&mut self) {
        self.list
            .lock()
            .watches
            .retain(|watch| !Arc::ptr_eq(&watch.steps, &self.steps));
    }
}
