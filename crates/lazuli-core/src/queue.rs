//! A queue of work beside the caller: one thread, in order.
//!
//! Work that is queued may wait for events of other queues: those were pushed before it, so no two
//! queues ever wait for each other in a circle. Not chosen: a pool of threads that takes whatever is
//! ready, which would have to know what each piece of work waits for, and would run kernels that use all
//! cores side by side.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::backend::{Bindings, Completion, Event, Executable};
use crate::error::{Error, Result};

type Job = Box<dyn FnOnce() + Send>;

/// Runs that may wait in a queue: their memory is taken when they are queued.
const AHEAD: usize = 64;

/// A thread that does what it is given, in order, until the queue is dropped.
pub(crate) struct Queue {
    name: &'static str,
    jobs: Sender<Job>,
    /// The first error since the last `synchronize`.
    failed: Arc<Mutex<Option<Error>>>,
    /// The last runs.
    runs: Mutex<VecDeque<Event>>,
}

impl Queue {
    /// A queue whose thread and errors have this name.
    ///
    /// # Errors
    /// [`Error::Device`] when there is no thread for it.
    pub(crate) fn start(name: &'static str) -> Result<Queue> {
        let (jobs, queued) = channel::<Job>();
        std::thread::Builder::new()
            .name(format!("lazuli-{name}"))
            .spawn(move || queued.into_iter().for_each(|job| job()))
            .map_err(|e| Error::device(name, format!("no thread for its queue: {e}")))?;
        Ok(Queue {
            name,
            jobs,
            failed: Arc::default(),
            runs: Mutex::default(),
        })
    }

    /// Queues `work`, and returns what completes with it.
    pub(crate) fn push(&self, work: impl FnOnce() -> Result<()> + Send + 'static) -> Event {
        let done = Arc::new(Done::default());
        let (name, report, failed) = (self.name, done.clone(), self.failed.clone());
        let job = Box::new(move || {
            let outcome = catch_unwind(AssertUnwindSafe(work))
                .unwrap_or_else(|_| Err(Error::device(name, "a kernel panicked")));
            if let Err(error) = &outcome {
                lock(&failed).get_or_insert_with(|| error.clone());
            }
            report.complete(outcome);
        });
        if self.jobs.send(job).is_err() {
            done.complete(Err(Error::device(name, "the queue's thread is gone")));
        }
        Event::Pending(done)
    }

    /// Queues a run, which starts when its operands are there; waits while many are queued already.
    pub(crate) fn run(&self, executable: &Arc<dyn Executable>, bindings: Bindings) -> Event {
        let executable = executable.clone();
        let event = self.push(move || executable.run(bindings));
        let mut runs = lock(&self.runs);
        runs.push_back(event.clone());
        let oldest = (runs.len() > AHEAD).then(|| runs.pop_front()).flatten();
        drop(runs);
        if let Some(oldest) = oldest {
            // Its error is for those who use its results.
            let _ = oldest.wait();
        }
        event
    }

    /// Blocks until everything queued is done.
    ///
    /// # Errors
    /// The first error since the last call.
    pub(crate) fn synchronize(&self) -> Result<()> {
        self.push(|| Ok(())).wait()?;
        match lock(&self.failed).take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

/// The completion of a piece of work.
#[derive(Default)]
struct Done {
    outcome: Mutex<Option<Result<()>>>,
    known: Condvar,
}

impl Done {
    fn complete(&self, outcome: Result<()>) {
        *lock(&self.outcome) = Some(outcome);
        self.known.notify_all();
    }
}

impl Completion for Done {
    fn wait(&self) -> Result<()> {
        let mut outcome = lock(&self.outcome);
        loop {
            match &*outcome {
                Some(outcome) => return outcome.clone(),
                None => {
                    outcome = (self.known.wait(outcome)).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    fn is_done(&self) -> bool {
        lock(&self.outcome).is_some()
    }
}

/// Nothing panics while these locks are held, so poison means nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_in_order_and_an_error_shows_once() {
        let queue = Queue::start("test").unwrap_or_else(|e| panic!("{e}"));
        let seen: Arc<Mutex<Vec<usize>>> = Arc::default();
        for i in 0..10 {
            let seen = seen.clone();
            queue.push(move || {
                lock(&seen).push(i);
                match i {
                    4 => Err(Error::value("four", "fails")),
                    7 => panic!("so does seven"),
                    _ => Ok(()),
                }
            });
        }
        let error = queue.synchronize().map_err(|e| e.to_string());
        assert_eq!(error, Err("four: fails".to_owned()));
        assert!(queue.synchronize().is_ok());
        assert_eq!(*lock(&seen), (0..10).collect::<Vec<_>>());
        let panicked = queue.push(|| panic!("again")).wait();
        let says = panicked.map_err(|e| e.to_string());
        assert_eq!(says, Err("test: a kernel panicked".to_owned()));
    }
}
