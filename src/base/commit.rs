//! Which commit is it? Its number, and the opening of the database that numbered it.

use std::fmt;
use std::str::FromStr;

use super::error::{Error, Result};

/// The name of a commit: unlike its sequence alone, no two commits have it, also when a commit was lost
/// with the power and the next one got its sequence.
///
/// Its text form, `LIFE-SEQUENCE` with the life in hexadecimal, can be kept outside of the database and
/// parsed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CommitId {
    life: u128,
    sequence: u64,
}

impl CommitId {
    pub(crate) const fn new(life: u128, sequence: u64) -> Self {
        Self { life, sequence }
    }

    /// The random number of the opening that the commit was made in.
    #[must_use]
    pub fn life(&self) -> u128 {
        self.life
    }

    /// Its sequence: commits that changed something are numbered from 1, without gaps.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}-{}", self.life, self.sequence)
    }
}

impl FromStr for CommitId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parse = || {
            let (life, sequence) = text.split_once('-')?;
            let whole = life.len() == 32 && life.bytes().all(|byte| byte.is_ascii_hexdigit());
            let life = whole.then(|| u128::from_str_radix(life, 16).ok())??;
            Some(Self::new(life, sequence.parse().ok()?))
        };
        parse().ok_or_else(|| {
            Error::invalid(format!(
                "{text:?} names no commit: 32 hexadecimal digits, a hyphen and a number do"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_survives_being_text() {
        for id in [
            CommitId::new(0, 1),
            CommitId::new(u128::MAX, u64::MAX),
            CommitId::new(0xAB, 7),
        ] {
            assert_eq!(id.to_string().parse::<CommitId>().unwrap(), id);
        }
        for bad in ["", "-", "7", "ab-7", "+0000000000000000000000000000000-1"] {
            assert!(bad.parse::<CommitId>().is_err(), "{bad}");
        }
        let digits = "0".repeat(32);
        for bad in [digits.clone(), format!("{digits}-"), format!("{digits}-x")] {
            assert!(bad.parse::<CommitId>().is_err(), "{bad}");
        }
    }
}
