//! Does a file survive power cuts, kills and failing disks? All of it on a simulated disk.

mod compaction;
mod controls;
mod creation;
mod damage;
mod enumerate;
mod everywhere;
mod history;
mod keeping;
mod keys;
mod length;
mod log;
mod migration;
mod oracle;
mod sample;
mod secrets;
mod snapshot;
mod sweep;

use larder::testing::CipherKind;

use crate::support::sim_disk;

/// As many files without a cipher as with one.
const CIPHERS: [Option<CipherKind>; 4] = [
    None,
    Some(CipherKind::Xaes256Gcm),
    None,
    Some(CipherKind::XChaCha20Poly1305),
];

/// A number from the environment, for runs longer than the usual one.
fn number_from(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().expect("a number"))
}
