//! Does anything of its contents stand in an encrypted file, or in one that was there for a moment?

use larder::Unlock;
use larder::testing::CipherKind;

use super::{PATH, builder, key, open, passphrase};
use crate::support::memory::MemoryVolume;
use crate::support::things::{SIZE_BASE, WORDS, populate};

/// Everything that must not be there, in every form it could be there in.
fn forbidden() -> Vec<(String, Vec<u8>)> {
    let mut forbidden = Vec::new();
    let names = [
        "redb",
        "things",
        "by_group_size",
        "by_code",
        "larder super",
        "larder block",
    ];
    let secrets = ["vault passphrase", "another passphrase", "larder plain"];
    for text in WORDS.iter().chain(&names).chain(&secrets) {
        forbidden.push((format!("{text:?}"), text.as_bytes().to_vec()));
        let wide = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        forbidden.push((format!("{text:?} in UTF-16"), wide));
        let upper = text.to_uppercase().into_bytes();
        forbidden.push((format!("{text:?} in upper case"), upper));
    }
    // The upper halves of the sizes: what differs between records is cut off at either end.
    let big = SIZE_BASE.to_be_bytes();
    let little = SIZE_BASE.to_le_bytes();
    let inverted = (!SIZE_BASE).to_be_bytes();
    forbidden.push(("a size, big-endian".into(), big[..6].to_vec()));
    forbidden.push(("a size, little-endian".into(), little[2..].to_vec()));
    forbidden.push(("a size, descending".into(), inverted[..6].to_vec()));
    forbidden.push(("the key".into(), vec![7; 32]));
    forbidden.push(("the other key".into(), vec![8; 32]));
    forbidden
}

fn shown(bytes: &[u8], forbidden: &[(String, Vec<u8>)]) -> Vec<String> {
    let found = forbidden.iter().filter(|(_, form)| {
        let mut parts = bytes.windows(form.len());
        parts.any(|part| part == form)
    });
    found.map(|(name, _)| name.clone()).collect()
}

/// Makes files of all kinds, closed and open, copied and changed; gives all that was ever there.
fn files(unlocks: Option<[Unlock; 2]>, cipher: CipherKind) -> Vec<Vec<u8>> {
    let volume = MemoryVolume::default();
    let mut builder = builder(&volume).cipher(cipher);
    if let Some([unlock, _]) = &unlocks {
        builder = builder.unlock(unlock.clone());
    }
    let db = builder.create(PATH).unwrap();
    let mut seen = Vec::new();
    populate(&db, 24, || seen.push(volume.bytes(PATH)));
    if let Some([old, new]) = &unlocks {
        db.add_key(new).unwrap();
        seen.push(volume.bytes(PATH));
        db.change_key(new, &key(8)).unwrap();
        db.reencrypt_to("copy.larder", new).unwrap();
        db.encrypt_to("other.larder", &key(8)).unwrap();
        volume.fail_after(30);
        db.reencrypt_to("failed.larder", new).unwrap_err();
        volume.fail_after(u64::MAX);
        db.close().unwrap();
        seen.push(volume.bytes(PATH));
        let db = open(&volume, old.clone()).unwrap();
        crate::support::check(&db);
    }
    seen.extend(volume.everything());
    seen
}

#[test]
fn an_encrypted_file_and_its_temporary_files_show_nothing_of_what_is_in_them() {
    let forbidden = forbidden();
    for cipher in [CipherKind::Xaes256Gcm, CipherKind::XChaCha20Poly1305] {
        let unlocks = [key(7), passphrase("another passphrase")];
        let files = files(Some(unlocks), cipher);
        // The file, two copies, and one copy that was removed, beside what the file once was.
        assert!(files.len() >= 4 + 6, "only {} files were seen", files.len());
        for bytes in files {
            let shown = shown(&bytes, &forbidden);
            assert!(
                shown.is_empty(),
                "{shown:?} in a file of {} bytes",
                bytes.len()
            );
        }
    }
}

/// Otherwise the test above may be looking for what is nowhere.
#[test]
fn in_a_plain_file_the_same_scan_finds_words_names_and_numbers() {
    let forbidden = forbidden();
    let files = files(None, CipherKind::Xaes256Gcm);
    let mut found: Vec<String> = files
        .iter()
        .flat_map(|bytes| shown(bytes, &forbidden))
        .collect();
    found.sort();
    found.dedup();
    for word in WORDS {
        assert!(found.contains(&format!("{word:?}")), "{word}: {found:?}");
    }
    for name in [
        "a size, little-endian",
        "a size, descending",
        "\"by_group_size\"",
        "\"larder plain\"",
    ] {
        assert!(found.contains(&name.to_owned()), "{name}: {found:?}");
    }
}
