use std::sync::Arc;

use super::*;
use crate::pipeline::{BoxFuture, Consume};
use crate::processors::tail_sampling::tests::cx;

/// Answers as told, then takes everything.
#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<Refusal>>,
    taken: Mutex<Vec<Vec<u8>>>,
    never: bool,
}

impl Consume for Arc<Script> {
    fn consume(&self, batch: Batch) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(async move {
            if self.never {
                return Err(Refusal::retry("never"));
            }
            let answer = self.answers.lock().pop_front();
            if let Some(refusal) = answer {
                return Err(refusal);
            }
            self.taken.lock().push(batch.data.into_bytes().to_vec());
            Ok(())
        })
    }

    fn admit(&self) -> Result<(), Refusal> {
        Ok(())
    }
}

fn parcel(byte: u8, len: usize) -> Parcel {
    Parcel { data: vec![byte; len].into(), spans: 1 }
}

fn next(script: &Arc<Script>) -> Next {
    Next::to(Box::new(script.clone()))
}

#[tokio::test]
async fn what_is_refused_for_now_is_sent_again_in_order() {
    let refusals = [Refusal::retry("busy"), Refusal::retry("busy"), Refusal::permanent("bad")];
    let script = Arc::new(Script { answers: Mutex::new(refusals.into()), ..Script::default() });
    let outbox = Outbox::new(100);
    outbox.push(vec![parcel(1, JOINED_BYTES), parcel(2, JOINED_BYTES), parcel(3, JOINED_BYTES)]);
    outbox.close();
    outbox.deliver(&next(&script), &Metrics::new(&cx())).await;
    // The first is refused twice for now and once for good.
    let first: Vec<u8> = script.taken.lock().iter().map(|data| data[0]).collect();
    assert_eq!((first, outbox.bytes()), (vec![2, 3], 0));
}

#[tokio::test]
async fn small_requests_are_joined_while_they_wait() {
    let script = Arc::new(Script::default());
    let outbox = Outbox::new(100);
    outbox.push(vec![parcel(1, 10), parcel(2, 10)]);
    outbox.push(vec![parcel(3, 10)]);
    outbox.close();
    outbox.deliver(&next(&script), &Metrics::new(&cx())).await;
    assert_eq!(script.taken.lock().as_slice(), [[[1; 10], [2; 10], [3; 10]].concat()]);
}

#[tokio::test]
async fn a_next_that_never_takes_anything_does_not_hold_up_the_end() {
    let script = Arc::new(Script { never: true, ..Script::default() });
    let metrics = Metrics::new(&cx());
    let (next, outbox) = (next(&script), Outbox::new(100));
    outbox.push(vec![parcel(1, 10)]);
    outbox.close();
    let delivering = std::pin::pin!(outbox.deliver(&next, &metrics));
    outbox.finish(delivering, Duration::from_millis(100)).await;
    outbox.abandon(&metrics);
    assert_eq!(metrics.dropped(Reason::Shutdown), 1);
}

#[test]
fn the_bound_is_felt_and_can_be_lifted() {
    let outbox = Outbox::new(10);
    assert!(outbox.wait_for_room(Duration::ZERO));
    outbox.push(vec![parcel(1, 10)]);
    assert!(outbox.is_full());
    assert!(!outbox.wait_for_room(Duration::from_millis(1)));
    outbox.lift_bound();
    assert!(outbox.wait_for_room(Duration::ZERO));
}
