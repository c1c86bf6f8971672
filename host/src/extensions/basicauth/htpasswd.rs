//! Apache's htpasswd format: `name:hash`, a user a line.

use std::collections::HashMap;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha_crypt::{Sha256Params, Sha512Params, sha256_crypt_b64, sha512_crypt_b64};
use sha1::{Digest as _, Sha1};
use sha2::Sha256;

use super::md5crypt::md5crypt;

const MAX_USERS: usize = 10_000;

/// A dearer hash takes a core for seconds (2^16 rounds of bcrypt: 4 s).
const MAX_BCRYPT_COST: u32 = 16;

/// The same for SHA-crypt.
const MAX_SHA_ROUNDS: usize = 1_000_000;

/// Users by name.
#[derive(Debug, Default)]
pub(super) struct Users(HashMap<String, Hash>);

/// How a password is kept.
enum Hash {
    Bcrypt(String),
    /// The prefix with its dollars, the salt, the whole.
    Md5 {
        magic: &'static str,
        salt: String,
        whole: String,
    },
    ShaCrypt(ShaCrypt),
    /// SHA-1 of the password and a salt.
    Sha {
        digest: Vec<u8>,
        salt: Vec<u8>,
    },
    Plain(String),
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[REDACTED]")
    }
}

impl Users {
    /// All lines; the last one of a name counts. Errors name the line, and not what is on it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut users = HashMap::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |why: &str| format!("htpasswd line {}: {why}", index + 1);
            let (name, hash) = line.split_once(':').ok_or_else(|| wrong("malformed line, no colon"))?;
            let hash = Hash::parse(hash).map_err(|why| wrong(&why))?;
            users.insert(name.to_owned(), hash);
            if users.len() > MAX_USERS {
                return Err(wrong(&format!("more than {MAX_USERS} users")));
            }
        }
        Ok(Self(users))
    }

    /// Whether there is such a user with such a password. May take a good part of a second.
    pub(super) fn has(&self, name: &str, password: &str) -> bool {
        match self.0.get(name) {
            Some(hash) => hash.is_of(password),
            None => {
                // As long as with a name that is there, where that is known: names are not to be found out by the time.
                if let Some(other) = self.0.values().next() {
                    let _ = other.is_of(password);
                }
                false
            }
        }
    }
}

impl Hash {
    fn parse(text: &str) -> Result<Self, String> {
        let sha =
            |text: &str| STANDARD.decode(text).ok().filter(|bytes| bytes.len() >= 20).ok_or("malformed SHA-1 hash");
        if ["$2y$", "$2a$", "$2b$", "$2x$"].iter().any(|prefix| text.starts_with(prefix)) {
            let parts: bcrypt::HashParts = text.parse().map_err(|_| "malformed bcrypt hash")?;
            if parts.get_cost() > MAX_BCRYPT_COST {
                return Err(format!("a bcrypt cost of {} is more than {MAX_BCRYPT_COST}", parts.get_cost()));
            }
            return Ok(Self::Bcrypt(text.to_owned()));
        }
        for magic in ["$apr1$", "$1$"] {
            if let Some(rest) = text.strip_prefix(magic) {
                let (salt, _) = rest.split_once('$').ok_or("malformed MD5 hash")?;
                return Ok(Self::Md5 { magic, salt: salt.to_owned(), whole: text.to_owned() });
            }
        }
        if text.starts_with("$5$") || text.starts_with("$6$") {
            return ShaCrypt::parse(text).map(Self::ShaCrypt).ok_or_else(|| "malformed SHA-crypt hash".to_owned());
        }
        if let Some(digest) = text.strip_prefix("{SHA}") {
            return Ok(Self::Sha { digest: sha(digest)?, salt: Vec::new() });
        }
        if let Some(digest) = text.strip_prefix("{SSHA}") {
            let mut digest = sha(digest)?;
            let salt = digest.split_off(20);
            return Ok(Self::Sha { digest, salt });
        }
        match text.starts_with('$') && text.matches('$').count() > 1 {
            true => Err("a hash of an unknown kind".to_owned()),
            false if text.is_empty() => Err("an empty password".to_owned()),
            false => Ok(Self::Plain(text.to_owned())),
        }
    }

    fn is_of(&self, password: &str) -> bool {
        let same = |a: &[u8], b: &[u8]| verify_slices_are_equal(a, b).is_ok();
        match self {
            Self::Bcrypt(hash) => bcrypt::verify(password, hash).unwrap_or(false),
            Self::Md5 { magic, salt, whole } => same(whole.as_bytes(), md5crypt(password, salt, magic).as_bytes()),
            Self::ShaCrypt(hash) => same(hash.digest.as_bytes(), hash.of(password).unwrap_or_default().as_bytes()),
            Self::Sha { digest, salt } => {
                same(digest, &Sha1::new().chain_update(password).chain_update(salt).finalize())
            }
            // Hashed, so that the length does not show.
            Self::Plain(own) => same(&Sha256::digest(own), &Sha256::digest(password)),
        }
    }
}

/// `$5$` or `$6$`, perhaps `rounds=…$`, salt, `$`, digest.
struct ShaCrypt {
    is_512: bool,
    rounds: usize,
    salt: String,
    digest: String,
}

impl ShaCrypt {
    fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.strip_prefix('$')?.split_once('$')?;
        let (rounds, rest) = match rest.strip_prefix("rounds=") {
            Some(rest) => {
                let (rounds, rest) = rest.split_once('$')?;
                (rounds.parse().ok().filter(|rounds| (1000..=MAX_SHA_ROUNDS).contains(rounds))?, rest)
            }
            None => (5000, rest),
        };
        let (salt, digest) = rest.split_once('$')?;
        let is_512 = kind == "6";
        let fits = salt.len() <= 16 && digest.len() == if is_512 { 86 } else { 43 };
        fits.then(|| Self { is_512, rounds, salt: salt.to_owned(), digest: digest.to_owned() })
    }

    fn of(&self, password: &str) -> Option<String> {
        let (password, salt) = (password.as_bytes(), self.salt.as_bytes());
        if self.is_512 {
            sha512_crypt_b64(password, salt, &Sha512Params::new(self.rounds).ok()?).ok()
        } else {
            sha256_crypt_b64(password, salt, &Sha256Params::new(self.rounds).ok()?).ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of "secret", made by htpasswd and openssl passwd.
    const LINES: &str = "
# people
bcrypt:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a
apr1:$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0
md5:$1$saltsalt$9xy1btjgzLYfb7hivXtC//
sha512:$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1
sha256:$5$rounds=1000$saltsalt$eKLZU9t9OoPWrqOQsoTIKG0aYkZ5rGOoOQhiIvoSWX2
sha:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=
ssha:{SSHA}+RFhsab2AfzZ0VfEdyknXtUT06RhYmNk
plain:secret
";

    #[test]
    fn every_kind_of_hash_is_checked() {
        let users = Users::parse(LINES).unwrap();
        for name in ["bcrypt", "apr1", "md5", "sha512", "sha256", "sha", "ssha", "plain"] {
            assert!(users.has(name, "secret"), "{name}");
            assert!(!users.has(name, "Secret"), "{name}");
            assert!(!users.has(name, ""), "{name}");
        }
        assert!(!users.has("nobody", "secret"));
    }

    #[test]
    fn lines_that_are_wrong_are_named_and_not_shown() {
        for (text, why) in [
            ("a:b\nswordfish", "htpasswd line 2: malformed line, no colon"),
            ("a:$2y$05$swordfish", "htpasswd line 1: malformed bcrypt hash"),
            (
                "a:$2y$31$..................................................... ",
                "htpasswd line 1: a bcrypt cost of 31 is more than 16",
            ),
            ("a:$apr1$swordfish", "htpasswd line 1: malformed MD5 hash"),
            ("a:$6$rounds=99999999$saltsalt$swordfish", "htpasswd line 1: malformed SHA-crypt hash"),
            ("a:{SHA}swordfish", "htpasswd line 1: malformed SHA-1 hash"),
            ("a:$y$j9T$swordfish", "htpasswd line 1: a hash of an unknown kind"),
            ("a:", "htpasswd line 1: an empty password"),
        ] {
            assert_eq!(Users::parse(text).unwrap_err(), why, "{text}");
        }
        assert_eq!(format!("{:?}", Users::parse("a:b").unwrap()), r#"Users({"a": [REDACTED]})"#);
    }
}
