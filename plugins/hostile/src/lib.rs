//! Policies that misbehave, one kind each, for the tests of the host's defences. Not shipped.

pub mod transforms;

use serde::Deserialize;
use tailrace_sdk::{Batch, Diagnostics, Level, Needs, Policy, Trace, Verdict, Votes, log};

fn vote_all(candidates: &[u32], votes: &mut Votes) {
    for _ in candidates {
        votes.push(true);
    }
}

/// No options.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct None {}

macro_rules! hostile {
    ($name:ident, $kind:literal, $doc:literal, |$batch:ident, $candidates:ident, $votes:ident| $body:expr) => {
        #[doc = $doc]
        pub struct $name;
        impl Policy for $name {
            const KIND: &'static str = $kind;
            const SUMMARY: &'static str = $doc;
            type Config = None;
            fn new(_: None) -> Result<Self, Diagnostics> {
                Ok(Self)
            }
            fn evaluate_batch(
                &mut self,
                $batch: &Batch<'_>,
                $candidates: &[u32],
                $votes: &mut Votes,
            ) -> Result<(), String> {
                $body
            }
        }
    };
}

hostile!(Panics, "panics", "Panics.", |_batch, candidates, _votes| panic!("asked about {} traces", candidates.len()));
hostile!(Traps, "traps", "Executes `unreachable`.", |_batch, _candidates, _votes| std::process::abort());
hostile!(Loops, "loops", "Never returns.", |_batch, _candidates, _votes| loop {
    std::hint::black_box(0);
});
hostile!(Sleeps, "sleeps", "Sleeps for an hour.", |_batch, _candidates, _votes| {
    std::thread::sleep(std::time::Duration::from_hours(1));
    Err("woke up".to_owned())
});
hostile!(Hogs, "hogs", "Allocates without end.", |_batch, _candidates, _votes| {
    let mut hoard = Vec::new();
    loop {
        hoard.push(std::hint::black_box(vec![1u8; 1 << 20]));
    }
});
hostile!(Leaks, "leaks", "Keeps 4 MiB of each call, then votes.", |_batch, candidates, votes| {
    std::mem::forget(std::hint::black_box(vec![1u8; 4 << 20]));
    vote_all(candidates, votes);
    Ok(())
});
hostile!(
    Contrary,
    "always_sample",
    "Votes for nothing, under the name of a standard policy.",
    |_batch, candidates, votes| {
        for _ in candidates {
            votes.push(false);
        }
        Ok(())
    }
);
hostile!(Short, "short", "Returns a vote too few.", |_batch, candidates, votes| {
    candidates.iter().skip(1).for_each(|_| votes.push(true));
    Ok(())
});
hostile!(Long, "long", "Returns a vote too many.", |_batch, candidates, votes| {
    vote_all(candidates, votes);
    votes.push(true);
    Ok(())
});
hostile!(Huge, "huge", "Returns millions of votes.", |_batch, _candidates, votes| {
    (0..16 << 20).for_each(|_| votes.push(true));
    Ok(())
});
hostile!(Recurses, "recurses", "Recurses without end.", |batch, candidates, votes| {
    fn down(n: u64) -> u64 {
        std::hint::black_box(n) + if std::hint::black_box(true) { down(n + 1) } else { 0 }
    }
    votes.push(down(u64::from(candidates.len() > batch.len())) == 1);
    Ok(())
});
hostile!(Errs, "errs", "Returns an error.", |_batch, _candidates, _votes| Err("no opinion today".to_owned()));
hostile!(Chatters, "chatters", "Logs ten thousand lines, then votes.", |_batch, candidates, votes| {
    (0..10_000).for_each(|n| log(Level::Info, &format!("line {n}")));
    println!("and to the standard output");
    vote_all(candidates, votes);
    Ok(())
});

/// Counts what it was asked, and samples every n-th trace: state that has to survive.
pub struct Counts {
    every: u64,
    asked: u64,
}

/// How often, and whether the configuration is to take for ever.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct CountsConfig {
    every: u64,
    #[serde(default)]
    hang: bool,
}

impl Policy for Counts {
    const KIND: &'static str = "counts";
    /// Says less than `new` finds, so that each can be seen to be asked.
    const SCHEMA: &'static str = r#"{
        "type": "object",
        "properties": {"every": {"type": "integer"}, "hang": {"type": "boolean"}},
        "required": ["every"],
        "additionalProperties": false
    }"#;
    const STATE_SCHEMA: &'static str = "asked:u64le";
    const COUNTERS: &'static [&'static str] = &["asked"];
    const REASONS: &'static [&'static str] = &["not its turn", "its turn"];
    type Config = CountsConfig;

    fn new(config: CountsConfig) -> Result<Self, Diagnostics> {
        if config.every == 0 {
            return Err(Diagnostics::one("/every", "must be greater than 0"));
        }
        while std::hint::black_box(config.hang) {}
        Ok(Self { every: config.every, asked: 0 })
    }

    fn needs(&self) -> Needs {
        Needs::nothing().span("customer.tier")
    }

    fn evaluate_batch(&mut self, _batch: &Batch<'_>, candidates: &[u32], votes: &mut Votes) -> Result<(), String> {
        tailrace_sdk::count("asked", u32::try_from(candidates.len()).unwrap_or(u32::MAX));
        for _ in candidates {
            self.asked += 1;
            let turn = self.asked.is_multiple_of(self.every);
            votes.push_because(turn, u16::from(turn));
        }
        Ok(())
    }

    fn save(&self) -> Option<Vec<u8>> {
        Some(self.asked.to_le_bytes().to_vec())
    }

    fn restore(&mut self, state: &[u8]) {
        self.asked = state.try_into().map_or(0, u64::from_le_bytes);
    }
}

/// Panics when it is asked about more traces than a number.
pub struct Fragile {
    more_than: usize,
}

/// How many it stands.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct FragileConfig {
    more_than: usize,
}

impl Policy for Fragile {
    const KIND: &'static str = "fragile";
    type Config = FragileConfig;

    fn new(FragileConfig { more_than }: FragileConfig) -> Result<Self, Diagnostics> {
        Ok(Self { more_than })
    }

    fn evaluate_batch(&mut self, _batch: &Batch<'_>, candidates: &[u32], votes: &mut Votes) -> Result<(), String> {
        assert!(candidates.len() <= self.more_than, "asked about {} traces", candidates.len());
        vote_all(candidates, votes);
        Ok(())
    }
}

/// Panics or hangs in the function that its configuration names, or traps at every n-th call.
pub struct Breaks {
    place: String,
    nth: u32,
    calls: u32,
}

/// Where it breaks: `save`, or `hangs in save`; or at which calls.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct BreaksConfig {
    place: String,
    nth: u32,
}

impl Breaks {
    fn may_break(&self, here: &str) {
        assert!(self.place != here, "in {here}");
        while std::hint::black_box(self.place.strip_prefix("hangs in ") == Some(here)) {}
    }
}

impl Policy for Breaks {
    const KIND: &'static str = "breaks";
    const STATE_SCHEMA: &'static str = "calls:u32le";
    type Config = BreaksConfig;

    fn new(BreaksConfig { place, nth }: BreaksConfig) -> Result<Self, Diagnostics> {
        let breaks = Self { place, nth, calls: 0 };
        breaks.may_break("configure");
        Ok(breaks)
    }

    fn needs(&self) -> Needs {
        self.may_break("needs");
        Needs::nothing()
    }

    fn evaluate_batch(&mut self, _batch: &Batch<'_>, candidates: &[u32], votes: &mut Votes) -> Result<(), String> {
        self.may_break("evaluate");
        self.calls += 1;
        if self.nth > 0 && self.calls.is_multiple_of(self.nth) {
            std::process::abort();
        }
        vote_all(candidates, votes);
        Ok(())
    }

    fn save(&self) -> Option<Vec<u8>> {
        self.may_break("save");
        Some(self.calls.to_le_bytes().to_vec())
    }

    fn restore(&mut self, state: &[u8]) {
        self.may_break("restore");
        self.calls = state.try_into().map_or(0, u32::from_le_bytes);
    }
}

/// Drops every trace with more than a number of spans: the one verdict that no other kind gives.
pub struct Drops;

impl Policy for Drops {
    const KIND: &'static str = "drops";
    type Config = None;

    fn new(_: None) -> Result<Self, Diagnostics> {
        Ok(Self)
    }

    fn evaluate(&mut self, _trace: &Trace<'_>) -> Verdict {
        Verdict::Drop
    }
}

tailrace_sdk::export!(
    policies: [
        Panics, Traps, Loops, Sleeps, Hogs, Leaks, Contrary, Short, Long, Huge, Recurses, Errs, Chatters, Counts, Drops, Fragile,
        Breaks
    ],
    transforms: [
        transforms::Passes, transforms::Copies, transforms::Doubles, transforms::Discards, transforms::Empties,
        transforms::Panics, transforms::Loops, transforms::Hogs, transforms::Garbles, transforms::Bloats, transforms::Errs,
        transforms::Chatters, transforms::Contrary, transforms::Picky
    ]
);
