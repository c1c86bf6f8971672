//! The evaluator thread of a processor. Guests run here and nowhere else: never on a worker of the async runtime, which a guest
//! that loops would hold up. So does everything else that a tick does.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::core::Core;
use super::judge::{Court, Judge};
use super::metrics;

/// Guests' host functions run on this stack too.
const STACK_BYTES: usize = 4 << 20;
const TICK: Duration = Duration::from_secs(1);
/// How often memory is looked at while there is something in the buffer.
const LOOK: Duration = Duration::from_millis(100);

/// Starts the thread. It ends when the bell tells it to.
pub(super) fn start(core: Arc<Core>, court: Court) -> io::Result<()> {
    let worked = Arc::new(AtomicU64::new(0));
    let seconds = worked.clone();
    metrics::observe_evaluator(&core.cx, move || seconds.load(Ordering::Relaxed) as f64 / 1e9);
    // Threads' names are cut at 15 bytes.
    let named = thread::Builder::new().name("tail_sampling".into()).stack_size(STACK_BYTES);
    named.spawn(move || run(&core, court, &worked)).map(|_| ())
}

/// Lets nothing in any more if the thread should panic: nobody would decide it.
struct Watchman<'a>(&'a Core);

impl Drop for Watchman<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            tracing::error!(processor = %self.0.cx.id, "the evaluator thread has panicked: nothing is taken in any more");
            self.0.stop();
        }
    }
}

fn run(core: &Arc<Core>, court: Court, worked: &AtomicU64) {
    let _watchman = Watchman(core);
    let mut judge = Judge::new(core.clone(), court);
    let started = Instant::now();
    let mut tick = 0;
    let mut deadline = started + TICK;
    loop {
        let calls = core.bell.wait_until(deadline);
        let awake = Instant::now();
        if calls.abandon {
            return;
        }
        if let Some(court) = calls.court {
            judge.convene(court);
        }
        if let Some(done) = calls.close {
            judge.finish();
            // Nobody listens any more if the shutdown was cut short.
            let _ = done.send(());
            return;
        }
        let now = started.elapsed().as_secs() as u32;
        if now > tick {
            // Missed ticks are made up for in one: what was due then is due now.
            tick = now;
            judge.tick(tick);
        }
        judge.attend();
        worked.fetch_add(awake.elapsed().as_nanos() as u64, Ordering::Relaxed);
        let next_tick = started + TICK * (tick + 1);
        deadline = if core.traces() > 0 { next_tick.min(Instant::now() + LOOK) } else { next_tick };
    }
}
