//! Cuts through each level, with what prost would lose: fields of later versions.

use super::*;
use crate::check;

fn field(number: u32, parts: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    wire::put_bytes(&mut out, number, &parts.concat());
    out
}

fn text(number: u32, text: &str) -> Vec<u8> {
    field(number, &[text.as_bytes().to_vec()])
}

fn flag(number: u32) -> Vec<u8> {
    let mut out = Vec::new();
    wire::put_tag(&mut out, number, wire::VARINT);
    out.push(1);
    out
}

/// A span or log record with a body that names it.
fn item(name: &str) -> Vec<u8> {
    field(2, &[text(99, name)])
}

fn pieces(signal: Signal, data: impl Into<Rope>, max: usize) -> Vec<Vec<u8>> {
    let data = data.into();
    let items = crate::count(signal, &data);
    let pieces = split(signal, data, items, max);
    pieces
        .into_iter()
        .map(|(piece, held)| {
            let bytes = piece.into_bytes().to_vec();
            assert_eq!(check(signal, &bytes).unwrap().items, held);
            bytes
        })
        .collect()
}

#[test]
fn a_cut_in_a_scope_repeats_both_headers_with_unknown_fields() {
    let scope = |items: &[Vec<u8>]| field(2, &[text(1, ""), items.concat(), text(3, "scope-url"), text(77, "new")]);
    let resource = |scopes: &[Vec<u8>]| field(1, &[text(1, ""), scopes.concat(), text(3, "url"), text(66, "newer")]);
    // In the pieces a header stands before the items, wherever it stood.
    let cut = |items: &[Vec<u8>]| {
        let scope = field(2, &[text(1, ""), text(3, "scope-url"), text(77, "new"), items.concat()]);
        field(1, &[text(1, ""), text(3, "url"), text(66, "newer"), scope])
    };
    let request = resource(&[scope(&[item("a"), item("b"), item("c"), item("d"), item("e")])]);
    for signal in [Signal::Traces, Signal::Logs] {
        assert_eq!(
            pieces(signal, request.clone(), 2),
            [cut(&[item("a"), item("b")]), cut(&[item("c"), item("d")]), cut(&[item("e")])]
        );
    }
}

#[test]
fn headers_between_items_are_not_taken_for_items_nor_written_twice() {
    let request = field(1, &[field(2, &[item("a"), text(3, "url"), item("b"), item("c"), text(1, "")])]);
    let cut = |items: &[Vec<u8>]| field(1, &[field(2, &[text(3, "url"), text(1, ""), items.concat()])]);
    assert_eq!(pieces(Signal::Traces, request, 2), [cut(&[item("a"), item("b")]), cut(&[item("c")])]);
}

#[test]
fn a_cut_in_a_metric_repeats_name_and_temporality() {
    let point = |number: u32| field(1, &[text(number, "")]);
    let sum = |points: &[Vec<u8>]| field(7, &[flag(2), flag(3), text(55, "new"), points.concat()]);
    let metric = |data: Vec<u8>| field(2, &[text(1, "requests"), text(3, "1"), text(44, "newer"), data]);
    let request =
        |metrics: &[Vec<u8>]| field(1, &[text(3, "url"), field(2, &[text(3, "scope-url"), metrics.concat()])]);
    let gauge = metric(field(5, &[point(30)]));
    let whole = request(&[gauge.clone(), metric(sum(&[point(31), point(32), point(33)]))]);
    assert_eq!(
        pieces(Signal::Metrics, whole, 2),
        [request(&[gauge, metric(sum(&[point(31)]))]), request(&[metric(sum(&[point(32), point(33)]))])]
    );
}

#[test]
fn what_lies_on_one_side_is_not_copied() {
    let resource = |name: &str| field(1, &[field(2, &[item(name), item(name)])]);
    let data = Bytes::from([resource("a"), resource("b"), resource("c")].concat());
    let (front, rest) = split_front(Signal::Traces, data.clone().into(), 4);
    assert_eq!([front.chunks().len(), rest.chunks().len()], [1, 1]);
    assert_eq!(front.chunks()[0].as_ptr(), data.as_ptr());
    assert_eq!(rest.chunks()[0].as_ptr_range().end, data.as_ptr_range().end);
    assert_eq!([front.into_bytes(), rest.into_bytes()].concat(), data);

    let (front, rest) = split_front(Signal::Traces, data.clone().into(), 3);
    assert_eq!(front.chunks()[0].as_ptr(), data.as_ptr(), "a");
    assert_eq!(rest.chunks()[1].as_ptr_range().end, data.as_ptr_range().end, "c");
}

#[test]
fn what_has_no_items_stays_in_place_and_makes_no_piece() {
    let empty = |name: &str| field(1, &[text(3, name), field(2, &[])]);
    let full = field(1, &[field(2, &[item("a")])]);
    let request = [empty("before"), full.clone(), empty("between"), full.clone(), empty("after"), text(9, "unknown")];
    assert_eq!(
        pieces(Signal::Logs, request.concat(), 1),
        [
            [empty("before"), full.clone(), empty("between")].concat(),
            [full, empty("after"), text(9, "unknown")].concat()
        ]
    );
    assert_eq!(pieces(Signal::Logs, empty("alone"), 1), [empty("alone")]);
    assert!(split_front(Signal::Logs, Rope::new(), 1).0.is_empty());
    let (front, rest) = split_front(Signal::Logs, empty("alone").into(), 0);
    assert_eq!((front.into_bytes().to_vec(), rest.is_empty()), (empty("alone"), true));
}

#[test]
fn pieces_may_span_chunks() {
    let one = Bytes::from(field(1, &[field(2, &[item("a"), item("b"), item("c")])]));
    let mut rope = Rope::new();
    for _ in 0..4 {
        rope.push(one.clone());
    }
    let held: Vec<_> = split(Signal::Traces, rope.clone(), 12, 5).iter().map(|(_, held)| *held).collect();
    assert_eq!(held, [5, 5, 2]);
    let (front, rest) = split_front(Signal::Traces, rope, 7);
    assert_eq!((crate::count(Signal::Traces, &front), crate::count(Signal::Traces, &rest)), (7, 5));
}
