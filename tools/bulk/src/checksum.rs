//! What tells the values of a line from others, in results, without holding them.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// The first 64 bits of a SHA-256 over salt, id and body: enough that of a million
/// changed lines none is taken for unchanged.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Checksum(u64);

/// What makes the checksums of one results file.
pub(crate) struct Salted(Sha256);

impl Salted {
    pub(crate) fn new(salt: &str) -> Self {
        Self(Sha256::new().chain_update(salt))
    }

    pub(crate) fn checksum(&self, id: &str, body: &str) -> Checksum {
        let hash = self.0.clone().chain_update(id).chain_update(body);
        let digest: [u8; 32] = hash.finalize().into();
        let start = digest[..8].iter();
        Checksum(start.fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}

/// Returns 128 random bits, in hexadecimal digits.
pub(crate) fn random_salt() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for Checksum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Checksum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = String::deserialize(deserializer)?;
        let number = u64::from_str_radix(&digits, 16).ok();
        let checksum = number.filter(|_| digits.len() == 16).map(Self);
        checksum.ok_or_else(|| D::Error::custom("a checksum has 16 hexadecimal digits"))
    }
}
