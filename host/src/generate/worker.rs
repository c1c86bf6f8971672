//! One worker: makes requests at its rate and sees each of them through.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::client::{Answer, Client};
use super::options::Generate;
use super::random::Random;
use super::report::Report;
use super::shape::Shape;

/// First wait before sending again; doubled each time up to [`MAX_BACKOFF`].
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const MAX_BACKOFF: Duration = Duration::from_secs(2);
/// Tries while nothing listens at the endpoint and nothing has ever been accepted: a typing error shows at once.
const TRIES_UNREACHED: u32 = 3;

/// How much to send, and how fast.
#[derive(Clone)]
pub(super) struct Plan {
    units: u64,
    rate: f64,
    deadline: Option<Instant>,
    batch: usize,
    retries: u32,
}

impl Plan {
    pub(super) fn new(generate: &Generate) -> Self {
        let common = generate.common();
        Self {
            units: if common.duration.is_some() { u64::MAX } else { generate.number() },
            rate: common.rate,
            deadline: common.duration.and_then(|duration| Instant::now().checked_add(duration)),
            batch: common.batch.max(1),
            retries: common.retries,
        }
    }

    /// When the unit with this number is due.
    fn due(&self, begun: Instant, unit: u64) -> Option<Instant> {
        (self.rate > 0.0).then(|| begun + Duration::from_secs_f64(unit as f64 / self.rate))
    }

    fn is_over(&self, unit: u64) -> bool {
        unit >= self.units || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

/// Sends until the plan is done or the user interrupts.
pub(super) async fn run(plan: Plan, shape: Arc<Shape>, client: Client) -> Report {
    let mut worker = Worker {
        report: Report::new(client.signal(), client.endpoint()),
        items: Vec::new(),
        count: 0,
        plan,
        shape,
        client,
        unreachable: false,
    };
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    let begun = Instant::now();
    let mut random = Random::seeded();
    while !worker.plan.is_over(worker.report.units) && !worker.unreachable {
        if let Some(due) = worker.plan.due(begun, worker.report.units)
            && due > Instant::now()
        {
            worker.flush().await;
            tokio::select! {
                () = tokio::time::sleep_until(due) => continue,
                _ = &mut interrupted => break,
            }
        }
        worker.shape.append(&mut worker.items, &mut random, unix_nanos());
        worker.count += worker.shape.items();
        worker.report.units += 1;
        if worker.count >= worker.plan.batch {
            tokio::select! {
                () = worker.flush() => {}
                _ = &mut interrupted => break,
            }
        }
    }
    worker.flush().await;
    worker.report
}

struct Worker {
    plan: Plan,
    shape: Arc<Shape>,
    client: Client,
    report: Report,
    /// Of the next request.
    items: Vec<u8>,
    count: usize,
    /// Nothing listens there; what is left is not even tried.
    unreachable: bool,
}

impl Worker {
    /// Sends what has gathered, again and again while it is refused for now.
    async fn flush(&mut self) {
        if self.count == 0 {
            return;
        }
        let request = Bytes::from(self.shape.envelope.seal(&self.items));
        let count = self.count as u64;
        self.items.clear();
        self.count = 0;
        self.report.requests += 1;
        self.report.sent += count;
        let mut backoff = FIRST_BACKOFF;
        for attempt in 0.. {
            let (why, after) = match self.client.send(request.clone()).await {
                Answer::Accepted { rejected, message } => {
                    let rejected = rejected.min(count);
                    self.report.accepted += count - rejected;
                    if rejected > 0 {
                        self.refuse(format!("partial success: {message}"), rejected);
                    }
                    return;
                }
                Answer::Refused(why) => return self.refuse(why, count),
                Answer::Unreachable(why) if self.report.accepted == 0 && attempt + 1 >= TRIES_UNREACHED => {
                    self.unreachable = true;
                    return self.refuse(why, count);
                }
                Answer::Unreachable(why) => (why, None),
                Answer::Retry { why, after } => (why, after),
            };
            if attempt >= self.plan.retries {
                return self.refuse(why, count);
            }
            self.report.retries += 1;
            *self.report.retried.entry(why).or_default() += 1;
            tokio::time::sleep(after.unwrap_or(backoff)).await;
            backoff = (backoff * 2).min(MAX_BACKOFF);
        }
    }

    fn refuse(&mut self, why: String, items: u64) {
        *self.report.refused.entry(why).or_default() += items;
    }
}

fn unix_nanos() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}
