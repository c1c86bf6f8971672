//! The threads that transforms run on, and the queue in front of them.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::{Condvar, Mutex};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::trial::Recorded;
use super::watch::Watch;
use super::{About, Outcome, Reason, Transform, TransformFailure, TransformSpec};
use crate::config::{Fault, Path};
use crate::pipeline::{Cx, Rope, Signal};
use crate::wasm::engine::THREAD_STACK_BYTES;
use crate::wasm::plugin::panic_text;
use crate::wasm::ring::Ring;

/// A configured transform on threads of its own. They end with it.
pub struct Pool {
    shared: Arc<Shared>,
    /// A permit for each request that waits for a thread or has one.
    room: Arc<Semaphore>,
    /// How long a request waits for a permit.
    patience: Duration,
    /// Of the plugin's file.
    watch: Option<Watch>,
}

pub(super) struct Shared {
    pub(super) current: ArcSwap<Transform>,
    /// The last requests that were answered; there while a file is watched.
    pub(super) recent: Option<Arc<Ring<Recorded>>>,
    queue: Mutex<Queue>,
    /// Told of each job, and of the end.
    work: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    over: bool,
}

struct Job {
    signal: Signal,
    request: Rope,
    about: About,
    answer: oneshot::Sender<Result<Outcome, TransformFailure>>,
    _room: OwnedSemaphorePermit,
}

/// Requests that wait for each thread; those beyond wait outside, and not for ever.
const QUEUED_PER_THREAD: usize = 16;

impl Pool {
    /// Configures the transform and starts `threads` to run it, or says all that is wrong with its configuration, which stands at `at`.
    pub fn start(
        spec: TransformSpec,
        at: &Path,
        threads: usize,
        patience: Duration,
        cx: &Cx,
    ) -> Result<Self, Vec<Fault>> {
        let threads = threads.max(1);
        let misfits = spec.misfits(at);
        if Fault::errors(&misfits).is_some() {
            return Err(misfits);
        }
        for warning in &misfits {
            tracing::warn!(processor = spec.name, "{warning}");
        }
        let transform = Transform::new(spec.clone(), cx)
            .map_err(|problems| problems.iter().map(|problem| problem.at(at)).collect::<Vec<_>>())?;
        let is_watched = spec.plugin.origin.is_some();
        let shared = Arc::new(Shared {
            current: ArcSwap::from_pointee(transform),
            recent: is_watched.then(|| Ring::new(spec.limits.trial, cx.host.clone())),
            queue: Mutex::default(),
            work: Condvar::new(),
        });
        let room = Arc::new(Semaphore::new(threads * QUEUED_PER_THREAD));
        // Made first: if a thread can not be had, dropping it ends those that could.
        let mut pool = Self { shared: shared.clone(), room, patience, watch: None };
        for number in 0..threads {
            let worker = shared.clone();
            let builder = thread::Builder::new().name(format!("transform-{number}")).stack_size(THREAD_STACK_BYTES);
            let spawned = builder.spawn(move || worker.run());
            spawned.map_err(|error| vec![Fault::new(at, format!("there is no thread for it: {error}"))])?;
        }
        pool.watch = Watch::start(spec, shared, cx);
        Ok(pool)
    }

    /// What becomes of a request that has passed the check of its signal. Waits while all threads are busy.
    pub async fn apply(&self, signal: Signal, request: Rope, about: About) -> Result<Outcome, TransformFailure> {
        let unavailable = |message: &str| TransformFailure { reason: Reason::Unavailable, message: message.to_owned() };
        let room = match self.room.clone().try_acquire_owned() {
            Ok(room) => room,
            Err(_) => match tokio::time::timeout(self.patience, self.room.clone().acquire_owned()).await {
                Ok(Ok(room)) => room,
                _ => return Err(unavailable("it does not keep up with the requests")),
            },
        };
        let (answer, answered) = oneshot::channel();
        self.shared.queue.lock().jobs.push_back(Job { signal, request, about, answer, _room: room });
        self.shared.work.notify_one();
        answered.await.unwrap_or_else(|_| Err(unavailable("its thread has gone")))
    }

    /// The version that runs at present.
    pub fn current(&self) -> Arc<Transform> {
        self.shared.current.load_full()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.queue.lock().over = true;
        self.shared.work.notify_all();
    }
}

impl Shared {
    fn run(&self) {
        while let Some(job) = self.next() {
            // Nobody waits for the answer any more.
            if job.answer.is_closed() {
                continue;
            }
            let transform = self.current.load_full();
            let request = job.request.into_bytes();
            let outcome = catch_unwind(AssertUnwindSafe(|| transform.apply_to(job.signal, &request, &job.about)));
            let outcome = outcome.unwrap_or_else(|panic| {
                Err(TransformFailure { reason: Reason::HostPanic, message: panic_text(&*panic) })
            });
            if let Some(recent) = self.recent.as_ref().filter(|_| outcome.is_ok()) {
                let bytes = request.len();
                recent.push(Recorded { signal: job.signal, data: request, about: job.about }, bytes);
            }
            let _ = job.answer.send(outcome);
        }
    }

    fn next(&self) -> Option<Job> {
        let mut queue = self.queue.lock();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                return Some(job);
            }
            if queue.over {
                return None;
            }
            self.work.wait(&mut queue);
        }
    }
}
