//! Which files do the transcripts begin with?

use std::fs;
use std::path::{Path, PathBuf};

use larder::serde_json::json;
use larder::{Database, KdfParameters, Unlock, part, record};

/// What opens `vault.larder`; it is the first line of `passphrase.txt`.
const PASSPHRASE: &str = "correct horse battery staple";

/// What `key.hex` says, and what opens `keyed.larder`.
const KEY: [u8; 32] = [0x5a; 32];

/// The cities as a program had them before it knew how high they lie.
mod before {
    use larder::{part, record};

    #[part]
    pub struct Place {
        pub lat: f64,
        pub lon: f64,
    }

    #[record(name = "cities", index(by_country_population = (country, population)))]
    pub struct City {
        #[key]
        pub id: u64,
        #[unique]
        pub slug: String,
        #[index(each, fold)]
        pub names: Vec<String>,
        pub country: String,
        pub population: u64,
        pub place: Place,
    }
}

#[part]
pub struct Place {
    pub lat: f64,
    pub lon: f64,
}

#[record(
    name = "cities",
    version = 2,
    index(by_country_population = (country, population))
)]
pub struct City {
    #[key]
    pub id: u64,
    #[unique]
    pub slug: String,
    #[index(each, fold)]
    pub names: Vec<String>,
    pub country: String,
    pub population: u64,
    pub place: Place,
    pub elevation: Option<i32>,
}

/// Id, names, country, inhabitants, latitude and longitude.
type Row = (u64, &'static [&'static str], &'static str, u64, [f64; 2]);

/// As GeoNames has them (CC BY 4.0).
const CITIES: [Row; 12] = [
    (
        2_267_057,
        &["Lisbon", "Lisboa"],
        "PT",
        517_802,
        [38.72509, -9.1498],
    ),
    (
        2_643_743,
        &["London", "Londres"],
        "GB",
        8_961_989,
        [51.50853, -0.12574],
    ),
    (
        2_657_896,
        &["Zürich", "Zurigo"],
        "CH",
        415_367,
        [47.36667, 8.55],
    ),
    (
        2_761_369,
        &["Vienna", "Wien", "Beč"],
        "AT",
        1_691_468,
        [48.20849, 16.37208],
    ),
    (
        2_911_298,
        &["Hamburg"],
        "DE",
        1_973_896,
        [53.55073, 9.99302],
    ),
    (
        2_950_159,
        &["Berlin"],
        "DE",
        3_426_354,
        [52.52437, 13.41053],
    ),
    (
        2_988_507,
        &["Paris", "Parigi"],
        "FR",
        2_138_551,
        [48.85341, 2.3488],
    ),
    (
        2_995_469,
        &["Marseille", "Marsiglia"],
        "FR",
        877_215,
        [43.29695, 5.38107],
    ),
    (
        2_996_944,
        &["Lyon", "Lione"],
        "FR",
        520_774,
        [45.74906, 4.84789],
    ),
    (
        3_169_070,
        &["Rome", "Roma"],
        "IT",
        2_318_895,
        [41.89193, 12.51133],
    ),
    (
        3_176_959,
        &["Florence", "Firenze"],
        "IT",
        367_150,
        [43.77925, 11.24626],
    ),
    (
        3_192_224,
        &["Pula", "Pola"],
        "HR",
        52_220,
        [44.86833, 13.84806],
    ),
];

/// Writes the cities as the version before had them, and migrates them to the one of today.
pub fn cities(path: &Path) {
    let old = Database::builder()
        .log_size(64 << 10)
        .register::<before::City>();
    let db = old.create(path).unwrap();
    db.write(|tx| {
        let mut cities = tx.collection::<before::City>()?;
        for (id, names, country, population, [lat, lon]) in CITIES {
            cities.insert(&before::City {
                id,
                slug: format!("{}-{country}", names[0])
                    .to_lowercase()
                    .replace('ü', "ue"),
                names: names.iter().map(ToString::to_string).collect(),
                country: country.to_owned(),
                population,
                place: before::Place { lat, lon },
            })?;
        }
        Ok(())
    })
    .unwrap();
    db.close().unwrap();
    let db = Database::builder().register::<City>().open(path).unwrap();
    db.migrate().unwrap();
    db.write(|tx| {
        tx.collection::<City>()?
            .update(2_988_507, |city| city.elevation = Some(42))?;
        let mut settings = tx.bucket_of::<String>("settings")?;
        settings.put("theme", "dark")?;
        settings.put("window", [0xff, 0x00, 0x02, 0x80])?;
        let mut visits = tx.bucket_of::<u64>("visits")?;
        visits.put(2_988_507_u64, "3")?;
        visits.put(3_192_224_u64, "17").map(drop)
    })
    .unwrap();
    db.close().unwrap();
}

/// All files that a transcript finds.
pub fn fixtures(directory: &Path) {
    copy_directory(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data"),
        directory,
    );
    let path = |name: &str| directory.join(name);
    fs::create_dir(path("backups")).unwrap();
    let write = |name: &str, text: &str| fs::write(path(name), text).unwrap();
    write("passphrase.txt", &format!("{PASSPHRASE}\n"));
    write("new-passphrase.txt", "a longer passphrase than the last\n");
    write("wrong.txt", "a guess\n");
    write("empty.txt", "");
    write("key.hex", &format!("{}\n", "5a".repeat(32)));
    write("short.hex", "5a5a\n");
    write("notes.txt", "These are notes, and no database.\n");
    write("broken.ndjson", "{\"_id\":\"a\"}\n{\"_id\":\"b\"\n");
    write(
        "again.ndjson",
        "{\"_id\":\"new\"}\n{\"_id\":\"bash\",\"version\":\"6.0\"}\n",
    );
    write(
        "keyed.ndjson",
        "{\"host\":\"deb.debian.org\",\"port\":80}\n{\"host\":\"ftp.de.debian.org\",\"port\":443}\n",
    );
    cities(&path("cities.larder"));
    let db = Database::open(path("cities.larder")).unwrap();
    // What a passphrase costs is tried by the transcripts that create files.
    let passphrase = Unlock::passphrase(PASSPHRASE).kdf(KdfParameters::lowest());
    db.encrypt_to(path("vault.larder"), &passphrase).unwrap();
    db.encrypt_to(path("keyed.larder"), &Unlock::key(KEY))
        .unwrap();
    db.close().unwrap();
    two_snapshots(&path("cities.larder"), directory);
    damaged(&path("damaged.larder"));
    damaged_snapshots(&path("cities.larder"), directory);
    newer(&path("cities.larder"), &path("newer.larder"));
}

/// Snapshots of the cities, between which their program went on.
fn two_snapshots(of: &Path, directory: &Path) {
    let path = directory.join("later.larder");
    fs::copy(of, &path).unwrap();
    let db = Database::builder().register::<City>().open(&path).unwrap();
    db.snapshot_to(directory.join("earlier.snapshot")).unwrap();
    db.write(|tx| {
        let mut cities = tx.collection::<City>()?;
        cities.update(3_192_224, |city| city.population += 1)?;
        cities.remove(2_996_944)?;
        tx.bucket_of::<String>("settings")?.put("language", "hr")?;
        tx.bucket_of::<u64>("visits")?
            .put(3_192_224_u64, "18")
            .map(drop)
    })
    .unwrap();
    db.snapshot_to(directory.join("later.snapshot")).unwrap();
    db.close().unwrap();
    fs::remove_file(path).unwrap();
}

/// A file of which one block is damaged: one of those that hold the notes.
fn damaged(path: &Path) {
    const LOG_BYTES: u64 = 64 << 10;
    let db = Database::builder()
        .log_size(LOG_BYTES)
        .create(path)
        .unwrap();
    db.write(|tx| {
        let mut settings = tx.documents("settings")?;
        settings.put("theme", json!({"value": "dark"}))?;
        let mut notes = tx.documents("notes")?;
        for id in 1..=2000_u64 {
            notes.put(id, json!({"text": format!("this is note {id:04}")}))?;
        }
        Ok(())
    })
    .unwrap();
    db.close().unwrap();
    let mut bytes = fs::read(path).unwrap();
    let text = b"this is note 1000";
    let at = bytes
        .windows(text.len())
        .rposition(|window| window == text)
        .unwrap();
    assert!(at as u64 > LOG_BYTES + 8192);
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// A snapshot that is damaged, and one that was cut off.
fn damaged_snapshots(of: &Path, directory: &Path) {
    let path = directory.join("damaged-already.snapshot");
    let db = Database::builder().open_read_only(of).unwrap();
    db.snapshot_to(&path).unwrap();
    db.close().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    fs::write(
        directory.join("short.snapshot"),
        &bytes[..bytes.len() - 100],
    )
    .unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// A copy that says it has the next format, in both copies of its header.
fn newer(from: &Path, to: &Path) {
    let mut bytes = fs::read(from).unwrap();
    for header in bytes[..8192].chunks_exact_mut(4096) {
        header[12] = 3;
        let crc = crc_32(&header[..4092]);
        header[4092..].copy_from_slice(&crc.to_le_bytes());
    }
    fs::write(to, bytes).unwrap();
}

/// CRC-32 (ISO-HDLC), a bit at a time.
fn crc_32(bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
        }
    }
    !crc
}

/// An empty directory of this test's own.
pub fn fresh_directory(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    drop(fs::remove_dir_all(&directory));
    fs::create_dir_all(&directory).unwrap();
    directory
}

/// A directory with all that is in it; onto itself is nothing to do.
pub fn copy_directory(from: &Path, to: &Path) {
    if from == to {
        return;
    }
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let copy = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_directory(&path, &copy);
        } else {
            fs::copy(&path, copy).unwrap();
        }
    }
}

/// What a program wrote.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
