use super::*;

const ALL: [Encoding; 5] = [Encoding::Gzip, Encoding::Zstd, Encoding::Zlib, Encoding::Snappy, Encoding::SnappyFramed];
const LIMIT: usize = 1 << 20;

/// Repeats itself about as much as telemetry does.
fn sample(len: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    let words: Vec<Vec<u8>> =
        (0..200).map(|_| (0..random.usize(3..20)).map(|_| random.alphanumeric() as u8).collect()).collect();
    let mut bytes = Vec::with_capacity(len + 30);
    while bytes.len() < len {
        bytes.extend_from_slice(&words[random.usize(..words.len())]);
        bytes.extend_from_slice(&random.u16(..).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// In two chunks, as a joined batch comes.
fn rope(bytes: &[u8]) -> Rope {
    let (front, back) = bytes.split_at(bytes.len() / 3);
    let mut rope = Rope::from(front.to_vec());
    rope.push(Bytes::copy_from_slice(back));
    rope
}

#[test]
fn everything_unpacks_to_what_was_packed() {
    for encoding in ALL {
        for len in [0, 1, 100, 65_536, 300_000] {
            let body = sample(len);
            // Twice: the second pass meets the states that the first one left behind.
            for _ in 0..2 {
                let packed = compress(encoding, None, &rope(&body)).expect("packs");
                assert_eq!(decompress(encoding, &packed, LIMIT).expect("unpacks"), body, "{encoding:?} {len}");
            }
        }
    }
}

#[test]
fn exactly_the_limit_passes_and_one_more_does_not() {
    for encoding in ALL {
        for len in [100, 300_000] {
            let packed = compress(encoding, None, &rope(&sample(len))).expect("packs");
            assert!(decompress(encoding, &packed, len).is_ok(), "{encoding:?} {len}");
            let result = decompress(encoding, &packed, len - 1);
            assert!(matches!(result, Err(Error::TooLarge { limit }) if limit == len - 1), "{encoding:?} {len}");
        }
    }
}

#[test]
fn a_bomb_stops_at_the_limit() {
    let zeros = Rope::from(vec![0; 64 << 20]);
    for encoding in ALL {
        let bomb = compress(encoding, None, &zeros).expect("packs");
        assert!(matches!(decompress(encoding, &bomb, LIMIT), Err(Error::TooLarge { .. })), "{encoding:?}");
    }
}

#[test]
fn cut_off_or_foreign_bodies_are_corrupt() {
    for encoding in ALL {
        let packed = compress(encoding, None, &rope(&sample(5000))).expect("packs");
        for body in [&packed[..packed.len() / 2], b"neither of them, at any rate", b""] {
            let result = decompress(encoding, body, LIMIT);
            // An empty body is a valid empty stream for zstd and framed snappy is told by its beginning.
            let empty_is_fine = body.is_empty() && result.as_ref().is_ok_and(Vec::is_empty);
            assert!(empty_is_fine || matches!(result, Err(Error::Corrupt(_))), "{encoding:?} {result:?}");
        }
    }
}

#[test]
fn a_size_that_a_body_only_claims_costs_no_memory() {
    let mut gzip = compress(Encoding::Gzip, None, &rope(&sample(100))).expect("packs").to_vec();
    let end = gzip.len();
    gzip[end - 4..].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(decompress(Encoding::Gzip, &gzip, LIMIT), Err(Error::Corrupt(_))));
    // Snappy: a length of 1 MiB - 1 before two bytes of data.
    assert!(matches!(decompress(Encoding::Snappy, &[0xff, 0xff, 0x3f, 0, 0], LIMIT), Err(Error::Corrupt(_))));
}

#[test]
fn gzip_members_and_header_fields_are_read() {
    let packed = compress(Encoding::Gzip, None, &rope(b"first")).expect("packs");
    let mut named = packed[..3].to_vec();
    named.push(2 | 4 | 8 | 16);
    named.extend_from_slice(&packed[4..10]);
    named.extend_from_slice(&[3, 0, b'x', b'y', b'z']);
    named.extend_from_slice(b"name\0comment\0");
    named.extend_from_slice(&[0, 0]);
    named.extend_from_slice(&packed[10..]);
    let two = [named, packed.to_vec()].concat();
    assert_eq!(decompress(Encoding::Gzip, &two, LIMIT).expect("unpacks"), b"firstfirst");
}

#[test]
fn snappy_is_told_apart_by_its_beginning() {
    let body = sample(1000);
    let framed = compress(Encoding::SnappyFramed, None, &rope(&body)).expect("packs");
    assert_eq!(decompress(Encoding::Snappy, &framed, LIMIT).expect("unpacks"), body);
}

#[test]
fn levels_are_honoured() {
    let body = rope(&sample(300_000));
    for encoding in [Encoding::Gzip, Encoding::Zlib, Encoding::Zstd] {
        let (low, high) = (compress(encoding, Some(1), &body), compress(encoding, Some(9), &body));
        assert!(low.expect("packs").len() > high.expect("packs").len(), "{encoding:?}");
    }
}

#[test]
fn a_frame_that_asks_for_a_large_window_is_refused() {
    let packed = |window_log| {
        let mut compressor = zstd::bulk::Compressor::new(1).expect("a level");
        compressor.set_parameter(zstd::zstd_safe::CParameter::WindowLog(window_log)).expect("a window");
        compressor.compress(&vec![0; 9 << 20]).expect("packs")
    };
    assert!(decompress(Encoding::Zstd, &packed(23), 16 << 20).is_ok());
    assert!(
        matches!(decompress(Encoding::Zstd, &packed(24), 16 << 20), Err(Error::Corrupt(_))),
        "one segment of 9 MiB"
    );
}
