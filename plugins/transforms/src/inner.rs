//! Messages in a message that holds one of them: the resource in a `ResourceSpans`, the scope in a `ScopeSpans`.

use tailrace_sdk::otlp::edit::Draft;
use tailrace_sdk::otlp::wire;

/// Changes the message in field 1, which may not be there yet.
pub(crate) fn edit(holder: &mut Draft<'_>, change: impl FnOnce(&mut Draft<'_>)) {
    let pieces = pieces(holder.body());
    match pieces.as_slice() {
        [] => {
            let mut new = Draft::default();
            change(&mut new);
            if new.is_changed() {
                holder.push(1, new.body());
            }
        }
        [_] => _ = holder.edit(1, 0, change),
        // A sender may write a message in pieces: what they are joined to is the same message.
        pieces => {
            let joined = pieces.concat();
            let mut whole = Draft::new(&joined);
            change(&mut whole);
            if whole.is_changed() {
                holder.set_bytes(1, whole.body());
            }
        }
    }
}

fn pieces(holder: &[u8]) -> Vec<&[u8]> {
    wire::fields(holder).filter(|field| field.number == 1).filter_map(|field| field.payload.bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(number: u32, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        wire::put_bytes(&mut out, number, body);
        out
    }

    #[test]
    fn a_message_is_changed_whole_wherever_it_stands() {
        let url = put(3, b"url");
        let new = put(2, b"new");
        for (holder, expected) in [
            (url.clone(), [url.clone(), put(1, &new)].concat()),
            ([put(1, b""), url.clone()].concat(), [put(1, &new), url.clone()].concat()),
            (
                [put(1, &put(1, b"a")), url.clone(), put(1, &put(1, b"b"))].concat(),
                [put(1, &[put(1, b"a"), put(1, b"b"), new.clone()].concat()), url.clone()].concat(),
            ),
        ] {
            let mut draft = Draft::new(&holder);
            edit(&mut draft, |_| ());
            assert!(!draft.is_changed());
            edit(&mut draft, |inner| inner.append(&new));
            assert_eq!(draft.body(), expected);
        }
    }
}
