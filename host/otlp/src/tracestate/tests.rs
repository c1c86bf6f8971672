//! Expected values are those of `pkg/sampling` v0.164.0 of the Go collector.

use proptest::prelude::*;

use super::*;

#[test]
fn thresholds_of_shares() {
    let golden: [(f64, &str, u64); 9] = [
        (1.0, "0", 0),
        (0.5, "8", 36_028_797_018_963_968),
        (0.25, "c", 54_043_195_528_445_952),
        (0.1, "e6666666666666", 64_851_834_634_135_142),
        (0.01, "fd70a3d70a3d71", 71_337_018_097_548_657),
        (0.333, "aac083126e978c", 48_062_415_223_297_932),
        (1e-5, "ffff583a53b8e5", 72_056_873_461_987_557),
        (2e-17, "ffffffffffffff", 72_057_594_037_927_935),
        (0.999_999_999_999_999_9, "00000000000008", 8),
    ];
    for (share, text, rejected) in golden {
        let threshold = Threshold::of_share(share);
        assert_eq!((threshold.to_string().as_str(), threshold.rejected()), (text, rejected), "{share}");
    }
    for (share, expected) in
        [(0.0, Threshold::NEVER), (-1.0, Threshold::NEVER), (f64::NAN, Threshold::NEVER), (1.5, Threshold::ALWAYS)]
    {
        assert_eq!(Threshold::of_share(share), expected, "{share}");
    }
    assert_eq!(Threshold::new(u64::MAX), Threshold::NEVER);
    assert!((Threshold::of_share(0.1).share() - 0.1).abs() < 1e-12);
}

#[test]
fn randomness_is_the_low_end_of_the_id() {
    assert_eq!(randomness(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128.to_be_bytes()), 58_145_048_445_732_662);
}

#[test]
fn half_is_written_where_nothing_stricter_stands() {
    let many = |members: usize, last: &str| format!("{}{last}", "k=v,".repeat(members));
    let written = many(30, "ot=th:4");
    let expected = format!("ot=th:8,{}", ["k=v"; 30].join(","));
    let cases: &[(&str, Result<Option<&str>, Malformed>)] = &[
        ("", Ok(Some("ot=th:8"))),
        ("a=b", Ok(Some("ot=th:8,a=b"))),
        ("ot=th:8", Ok(Some("ot=th:8"))),
        ("ot=th:c;rv:abcdefabcdefab", Ok(None)),
        ("x=1,ot=zz:q;th:4,y=2", Ok(Some("ot=th:8;zz:q,x=1,y=2"))),
        (" x=1 , ot=th:0 ", Ok(Some("ot=th:8,x=1"))),
        ("ot=th:ABC", Ok(None)),
        ("x=1,x=2", Ok(Some("ot=th:8,x=1,x=2"))),
        ("ot=rv:abcdefabcdefab", Ok(Some("ot=rv:abcdefabcdefab;th:8"))),
        ("ot=th:8,ot=th:c", Ok(None)),
        (&written, Ok(Some(&expected))),
        ("ot=th:", Err(Malformed)),
        ("ot=rv:12", Err(Malformed)),
        ("OT=1", Err(Malformed)),
        ("x", Err(Malformed)),
        ("ot=th:8;", Err(Malformed)),
        ("ot=,a=b", Err(Malformed)),
        ("ot=th:ffffffffffffff0", Err(Malformed)),
        ("a@1b=x", Err(Malformed)),
    ];
    let half = Threshold::of_share(0.5);
    for (state, expected) in cases {
        let expected = expected.map(|state| state.map(str::to_owned));
        assert_eq!(with_threshold(state.as_bytes(), half), expected, "{state:?}");
    }
    for state in [many(31, "ot=th:8"), format!("{}=v", "k".repeat(257)), format!("a={}", "v".repeat(1100))] {
        assert_eq!(with_threshold(state.as_bytes(), half), Err(Malformed), "{state:?}");
    }
    assert_eq!(with_threshold(b"ot=th:8,a=1", Threshold::NEVER), Ok(Some("a=1".to_owned())));
}

proptest! {
    #[test]
    fn takes_any_bytes(state: Vec<u8>, rejected: u64) {
        let _ = with_threshold(&state, Threshold::new(rejected));
    }

    #[test]
    fn what_is_written_is_read(rejected in 0..1_u64 << 56, rv in proptest::option::of(0..1_u64 << 56), rest in "[a-z]{1,3}=[a-z]{1,3}") {
        let rest = if rest.starts_with("ot=") { "a=b".to_owned() } else { rest };
        let state = rv.map_or(rest.clone(), |rv| format!("{rest},ot=rv:{rv:014x}"));
        let threshold = Threshold::new(rejected);
        let written = with_threshold(state.as_bytes(), threshold).unwrap().unwrap();
        prop_assert_eq!(Sampling::read(written.as_bytes()), Ok(Sampling { th: Some(threshold), rv }));
        prop_assert!(written.ends_with(&rest));
        // Never less strict.
        let less = Threshold::new(rejected.saturating_sub(1));
        let again = with_threshold(written.as_bytes(), less).unwrap();
        prop_assert_eq!(again.is_none(), less < threshold);
    }

    #[test]
    fn the_share_left_is_the_share_sampled(share in 0.0..=1.0_f64, randomness in 0..1_u64 << 56) {
        let threshold = Threshold::of_share(share);
        prop_assert!((threshold.share() - share).abs() < 1e-15);
        prop_assert_eq!(threshold.samples(randomness), randomness >= threshold.rejected());
    }
}
