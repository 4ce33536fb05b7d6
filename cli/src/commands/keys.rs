//! What opens an encrypted file, and how does a file become one?

use std::path::Path;

use larder::serde_json::{Value, json};
use larder::{KeyInfo, KeyKind, Unlock};

use crate::args::{KeyCommand, NewPassphrase};
use crate::fault::{Code, Fault, Result};
use crate::out::Out;
use crate::progress::{Progress, making};
use crate::session::{Session, new_passphrase};

const NEW_PASSPHRASE: &str = "LARDER_NEW_PASSPHRASE";

pub(crate) fn run(session: &Session, command: &KeyCommand, out: &mut Out) -> Result<()> {
    match command {
        KeyCommand::List { .. } => list(session, out),
        KeyCommand::Add { new, .. } => {
            let db = session.writer()?;
            encrypted_only(db.is_encrypted())?;
            let slot = db.add_key(&unlock(new)?)?;
            out.result(&json!({"slot": slot}), |out| {
                out.line(&format!("added as key {slot}"))
            })
        }
        KeyCommand::Remove { slot, yes, .. } => {
            let db = session.writer()?;
            encrypted_only(db.is_encrypted())?;
            if !yes.yes {
                let what = format!("key {slot} would open the file no more; --yes removes it");
                return Err(Fault::refused(what));
            }
            db.remove_key(*slot)?;
            out.result(&json!({"removed": slot}), |out| {
                out.line(&format!("removed key {slot}"))
            })
        }
        KeyCommand::Change { new, .. } => change(session, new, out),
    }
}

fn encrypted_only(is_encrypted: bool) -> Result<()> {
    if is_encrypted {
        return Ok(());
    }
    Err(Fault::refused("the file is not encrypted").hint("`larder encrypt` makes a copy that is"))
}

fn list(session: &Session, out: &mut Out) -> Result<()> {
    let keys = session.reader()?.list_keys();
    let value: Value = keys
        .iter()
        .map(|key| json!({"slot": key.slot, "kind": kind(key)}))
        .collect();
    out.result(&value, |out| {
        if keys.is_empty() {
            return out.line("the file is not encrypted");
        }
        let row = |key: &KeyInfo| vec![key.slot.to_string(), kind(key).to_owned()];
        out.table(&["slot", "kind"], &keys.iter().map(row).collect::<Vec<_>>())
    })
}

fn kind(key: &KeyInfo) -> &'static str {
    match key.kind {
        KeyKind::Passphrase => "passphrase",
        KeyKind::Key => "key",
        _ => "of a newer kind",
    }
}

fn unlock(new: &NewPassphrase) -> Result<Unlock> {
    let passphrase = new_passphrase(new.new_passphrase_file.as_deref(), NEW_PASSPHRASE)?;
    Ok(Unlock::passphrase(&passphrase))
}

fn change(session: &Session, new: &NewPassphrase, out: &mut Out) -> Result<()> {
    // What is replaced has to be known before the file is opened by it.
    let old = session.unlock_or_ask()?.ok_or_else(|| {
        let what = "which passphrase is replaced?";
        Fault::new(Code::Key, what).hint("give it by --passphrase-file or LARDER_PASSPHRASE")
    })?;
    let db = session.writer()?;
    encrypted_only(db.is_encrypted())?;
    db.change_key(&old, &unlock(new)?)?;
    out.result(&json!({"changed": true}), |out| {
        out.line("the new passphrase opens it, the old one no more")
    })
}

pub(crate) fn encrypt(
    session: &Session,
    to: &Path,
    new: &NewPassphrase,
    out: &mut Out,
) -> Result<()> {
    let db = session.reader()?;
    if db.is_encrypted() {
        return Err(
            Fault::refused(format!("{} is encrypted already", session.file.display()))
                .hint("`larder key add` and `key change` say what else opens it"),
        );
    }
    let unlock = unlock(new)?;
    making(to);
    let waiting = Progress::waiting(out.quiet, "encrypting");
    db.encrypt_to(to, &unlock)?;
    drop(waiting);
    copied(to, "encrypted", out)?;
    if out.json {
        return Ok(());
    }
    out.line(&format!(
        "{} is as it was; remove it when you have looked at the copy",
        session.file.display()
    ))
}

pub(crate) fn decrypt(session: &Session, to: &Path, yes: bool, out: &mut Out) -> Result<()> {
    let db = session.reader()?;
    encrypted_only(db.is_encrypted())?;
    if !yes {
        let what = format!(
            "{} would be readable to everybody; --yes writes it",
            to.display()
        );
        return Err(Fault::refused(what));
    }
    making(to);
    let waiting = Progress::waiting(out.quiet, "decrypting");
    db.decrypt_to(to)?;
    drop(waiting);
    copied(to, "not encrypted", out)
}

fn copied(to: &Path, how: &str, out: &mut Out) -> Result<()> {
    let value = json!({"written": to.display().to_string()});
    out.result(&value, |out| {
        out.line(&format!("{} is a copy that is {how}", to.display()))
    })
}
