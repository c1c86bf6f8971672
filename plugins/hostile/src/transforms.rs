//! Transforms that behave and misbehave, one kind each.

use tailrace_sdk::otlp::Signal;
use tailrace_sdk::{Diagnostics, Outcome, Transform};

use crate::None;

macro_rules! transform {
    ($name:ident, $kind:literal, $doc:literal, |$signal:ident, $request:ident| $body:expr) => {
        #[doc = $doc]
        pub struct $name;
        impl Transform for $name {
            const KIND: &'static str = $kind;
            const SUMMARY: &'static str = $doc;
            type Config = None;
            fn new(_: None) -> Result<Self, Diagnostics> {
                Ok(Self)
            }
            fn apply(&mut self, $signal: Signal, $request: &[u8]) -> Result<Outcome, String> {
                $body
            }
        }
    };
}

transform!(Passes, "passes", "Leaves everything as it is.", |_signal, _request| Ok(Outcome::Unchanged));
transform!(Copies, "copies", "Gives back what it gets.", |_signal, request| Ok(Outcome::Replaced(request.to_vec())));
transform!(Doubles, "doubles", "Gives everything back twice.", |_signal, request| Ok(Outcome::Replaced(
    [request, request].concat()
)));
transform!(Discards, "discards", "Discards everything.", |_signal, _request| Ok(Outcome::Discarded));
transform!(Empties, "empties", "Gives back a request with nothing in it.", |_signal, _request| Ok(Outcome::Replaced(
    Vec::new()
)));
transform!(Panics, "panics", "Panics.", |signal, _request| panic!("shown {signal}"));
transform!(Loops, "loops", "Never returns.", |_signal, _request| loop {
    std::hint::black_box(0);
});
transform!(Hogs, "hogs", "Allocates without end.", |_signal, _request| {
    let mut hoard = Vec::new();
    loop {
        hoard.push(std::hint::black_box(vec![1u8; 1 << 20]));
    }
});
transform!(Garbles, "garbles", "Gives back what is no request.", |_signal, request| Ok(Outcome::Replaced(
    request.iter().map(|byte| !byte).collect()
)));
transform!(Bloats, "bloats", "Gives back 30 MiB.", |_signal, _request| Ok(Outcome::Replaced(vec![0x0a; 30 << 20])));
transform!(Errs, "errs", "Answers with an error.", |signal, _request| Err(format!("no opinion on {signal}")));
