//! crypt's oldest hash that is still in use, and Apache's of the same kind: MD5, a thousand times.

use md5::{Digest as _, Md5};

/// crypt's own base64.
const LETTERS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

const MAX_SALT: usize = 8;

/// The whole hash, `magic` (`$1$` or `$apr1$`) and salt included.
pub(super) fn md5crypt(password: &str, salt: &str, magic: &str) -> String {
    let password = password.as_bytes();
    let salt = &salt.as_bytes()[..salt.len().min(MAX_SALT)];
    let inner = Md5::new().chain_update(password).chain_update(salt).chain_update(password).finalize();
    let mut first = Md5::new().chain_update(password).chain_update(magic).chain_update(salt);
    for begin in (0..password.len()).step_by(16) {
        first.update(&inner[..(password.len() - begin).min(16)]);
    }
    let mut bits = password.len();
    while bits > 0 {
        // A zero, or the password's first byte: a slip of the original that became the rule.
        first.update(if bits & 1 == 1 { &[0][..] } else { &password[..1] });
        bits >>= 1;
    }
    let mut digest = first.finalize();
    for round in 0..1000 {
        let mut next = Md5::new();
        next.update(if round % 2 == 1 { password } else { &digest[..] });
        if round % 3 != 0 {
            next.update(salt);
        }
        if round % 7 != 0 {
            next.update(password);
        }
        next.update(if round % 2 == 1 { &digest[..] } else { password });
        digest = next.finalize();
    }
    format!("{magic}{}${}", String::from_utf8_lossy(salt), encode(digest.as_slice()))
}

fn encode(digest: &[u8]) -> String {
    const GROUPS: [(usize, usize, usize); 5] = [(0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5)];
    let mut text = String::with_capacity(22);
    let mut push = |mut bits: u32, letters: usize| {
        for _ in 0..letters {
            text.push(char::from(LETTERS[(bits & 63) as usize]));
            bits >>= 6;
        }
    };
    for (high, middle, low) in GROUPS {
        push(u32::from(digest[high]) << 16 | u32::from(digest[middle]) << 8 | u32::from(digest[low]), 4);
    }
    push(u32::from(digest[11]), 2);
    text
}
