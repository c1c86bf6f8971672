//! Digests of strings, as text.

mod murmur3;

use md5::Md5;
use sha1::{Digest, Sha1};
use sha2::{Sha256, Sha512};
use twox_hash::{XxHash3_64, XxHash3_128};

use super::arguments::{owned, string};
use super::{Function, Made, Parameter, pure};
use crate::Value;

/// Hexadecimal, but for FNV, which is an integer.
pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "FNV",
        parameters: TARGET,
        make: |_| pure(|a| Ok(Value::Int(fnv_1a(string(&a[0])?.as_bytes()) as i64))),
    },
    Function { name: "MD5", parameters: TARGET, make: |_| digest(|bytes| hex::encode(Md5::digest(bytes))) },
    Function {
        name: "Murmur3Hash",
        parameters: TARGET,
        make: |_| digest(|bytes| hex::encode(murmur3::hash_32(bytes))),
    },
    Function {
        name: "Murmur3Hash128",
        parameters: TARGET,
        make: |_| digest(|bytes| hex::encode(murmur3::hash_128(bytes))),
    },
    Function { name: "SHA1", parameters: TARGET, make: |_| digest(|bytes| hex::encode(Sha1::digest(bytes))) },
    Function { name: "SHA256", parameters: TARGET, make: |_| digest(|bytes| hex::encode(Sha256::digest(bytes))) },
    Function { name: "SHA512", parameters: TARGET, make: |_| digest(|bytes| hex::encode(Sha512::digest(bytes))) },
    Function {
        name: "XXH128",
        parameters: TARGET,
        make: |_| digest(|bytes| format!("{:032x}", XxHash3_128::oneshot(bytes))),
    },
    Function {
        name: "XXH3",
        parameters: TARGET,
        make: |_| digest(|bytes| format!("{:016x}", XxHash3_64::oneshot(bytes))),
    },
];

const TARGET: &[Parameter] = &[Parameter::required("target")];

fn digest(digest: fn(&[u8]) -> String) -> Made {
    pure(move |a| Ok(owned(digest(string(&a[0])?.as_bytes()))))
}

/// FNV-1a of 64 bits.
fn fnv_1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, s};
    use crate::Value::{Int, Nil};

    #[test]
    fn gives_the_known_digests() {
        check(&[
            ("FNV", &[s("hello world")], Ok(Int(8_618_312_879_776_256_743))),
            ("FNV", &[s("")], Ok(Int(-3_750_763_034_362_895_579))),
            ("MD5", &[s("hello world")], Ok(s("5eb63bbbe01eeed093cb22bb8f5acdc3"))),
            ("MD5", &[s("")], Ok(s("d41d8cd98f00b204e9800998ecf8427e"))),
            ("SHA1", &[s("hello world")], Ok(s("2aae6c35c94fcfb415dbe95f408b9ce91ee846ed"))),
            ("SHA256", &[s("hello world")], Ok(s("b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"))),
            (
                "SHA512",
                &[s("hello world")],
                Ok(s(concat!(
                    "309ecc489c12d6eb4cc40f50c902f2b4d0ed77ee511a7c7a9bcd3ca86d4cd86f",
                    "989dd35bc5ff499670da34255b45b0cfd830e81f605dcf7dc5542e93ae9cd76f"
                ))),
            ),
            ("Murmur3Hash", &[s("Hello World")], Ok(s("ce837619"))),
            ("Murmur3Hash128", &[s("Hello World")], Ok(s("dbc2a0c1ab26631a27b4c09fcf1fe683"))),
            ("XXH3", &[s("hello world")], Ok(s("d447b1ea40e6988b"))),
            ("XXH128", &[s("hello world")], Ok(s("df8d09e93f874900a99b8775cc15b6c7"))),
        ]);
        for name in ["FNV", "MD5", "SHA1", "SHA256", "SHA512", "Murmur3Hash", "Murmur3Hash128", "XXH3", "XXH128"] {
            check(&[
                (name, &[Int(1)], Err("expected string but got int64")),
                (name, &[Nil], Err("expected string but got nil")),
            ]);
        }
    }
}
