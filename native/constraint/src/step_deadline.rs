//! Deadlines for single steps of a matcher. llguidance limits items and states, but forces bytes without end where an
//! expression has only one way to continue and never ends. They count the processor time of the thread that takes the
//! step, so a busy machine does not shorten them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use llguidance::CancellationHandle;

const POLL: Duration = Duration::from_millis(100);
/// Milliseconds of processor time of one step. Ordinary ones take 3.
const LONGEST_STEP: f64 = 2000.0;

/// The calling thread, and the processor time of such a one in milliseconds; negative when it has ended.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct ThreadTimes {
    pub calling_thread: extern "C" fn() -> u64,
    pub running_ms: extern "C" fn(thread: u64) -> f64,
}

/// Owns the thread that enforces the deadlines.
pub struct StepDeadlines {
    list: Arc<DeadlineList>,
    thread: Option<JoinHandle<()>>,
}

/// The matchers whose steps have a deadline.
pub struct DeadlineList {
    times: ThreadTimes,
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
    /// Processor time of its thread when the step was first seen.
    began_ms: f64,
}

struct WatchedSteps {
    /// Odd while a step is running.
    step: AtomicU64,
    /// That takes the step.
    thread: AtomicU64,
    cancellation: CancellationHandle,
}

/// Puts a deadline on each step of one matcher, until it is dropped.
pub struct StepDeadline {
    steps: Arc<WatchedSteps>,
    list: Arc<DeadlineList>,
}

impl StepDeadlines {
    pub fn new(times: ThreadTimes) -> std::io::Result<Self> {
        let list = Arc::new(DeadlineList {
            times,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
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
            thread: AtomicU64::new(0),
            cancellation,
        });
        let mut state = self.lock();
        state.watches.push(Watch {
            steps: steps.clone(),
            step: 0,
            began_ms: 0.0,
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
                watch.look(self.times.running_ms);
            }
        }
    }
}

impl Watch {
    fn look(&mut self, running_ms: extern "C" fn(thread: u64) -> f64) {
        let step = self.steps.step.load(Ordering::Acquire);
        if step % 2 == 0 {
            return;
        }
        let now_ms = running_ms(self.steps.thread.load(Ordering::Acquire));
        // The time is that of another step if this one has ended meanwhile.
        if step != self.step || self.steps.step.load(Ordering::Acquire) != step {
            self.step = step;
            self.began_ms = now_ms;
        } else if now_ms - self.began_ms >= LONGEST_STEP {
            self.steps.cancellation.cancel();
        }
    }
}

impl StepDeadline {
    /// `None` when the step was cancelled. A matcher whose step has panicked must not be used again.
    pub fn run<T>(&self, step: impl FnOnce() -> T) -> Option<T> {
        let thread = (self.list.times.calling_thread)();
        self.steps.thread.store(thread, Ordering::Release);
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
