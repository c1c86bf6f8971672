//! What a transform gives back, or a stranger sends: whatever the bytes are, the check says yes or no, and what it has let pass is walked,
//! counted, cut, edited and encoded by everything else without a panic and without a contradiction.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tailrace_otlp::edit::{Keep, Level, pass};
use tailrace_otlp::{Rope, Signal, check, count_items, json, split};

fuzz_target!(|bytes: &[u8]| {
    for signal in Signal::ALL {
        let Ok(counts) = check(signal, bytes) else { continue };
        assert_eq!(count_items(signal, bytes), counts.items);
        let pieces = split(signal, Rope::from(bytes.to_vec()), counts.items, 3);
        assert_eq!(pieces.iter().map(|(_, items)| items).sum::<usize>(), counts.items);
        for level in [Level::Resource, Level::Scope, Level::Item, Level::Part, Level::Exemplar] {
            assert_eq!(pass(signal, level, bytes, |_| Keep::Yes), None);
            if let Some(left) = pass(signal, level, bytes, |_| Keep::No) {
                assert!(check(signal, &left).is_ok());
            }
        }
        let encoded = json::encode(signal, &bytes.to_vec().into()).expect("what passed the check can be encoded");
        let decoded = json::decode(signal, encoded.as_bytes()).expect("and decoded again");
        assert_eq!(check(signal, &decoded).map(|again| again.items), Ok(counts.items));
    }
});
