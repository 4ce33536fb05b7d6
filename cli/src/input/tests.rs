//! Does every format give the documents that were written, and every hostile input a place?

use std::cell::Cell;
use std::io::{Cursor, Write};
use std::rc::Rc;

use larder::{Database, Document};

use super::*;
use crate::fault::{Code, Fault};
use crate::ycsb::SplitMix64;

const CSV_TEXT: Options = Options {
    line_bytes_max: 1 << 20,
    text_only: true,
};

/// The documents, each judged by the database and written again.
fn read_with(format: Format, text: &[u8], options: &Options) -> Result<Vec<String>, InputError> {
    let mut documents = Vec::new();
    let count = each(format, text, options, &mut |_, text| {
        documents.push(Document::from_json(text)?.to_json()?);
        Ok(())
    })?;
    assert_eq!(count, documents.len() as u64);
    Ok(documents)
}

fn read(format: Format, text: &str) -> Result<Vec<String>, InputError> {
    read_with(format, text.as_bytes(), &Options::default())
}

fn failure(format: Format, text: impl AsRef<[u8]>) -> InputError {
    read_with(format, text.as_ref(), &Options::default()).unwrap_err()
}

fn said(format: Format, text: impl AsRef<[u8]>) -> String {
    failure(format, text).to_string()
}

/// Gives so many bytes at a time.
struct Dripping<'a>(&'a [u8], usize);

impl Read for Dripping<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.1.min(buffer.len());
        self.0.read(&mut buffer[..bytes])
    }
}

/// Gives the same bytes without end, and counts them.
struct Endless(u8, Rc<Cell<usize>>);

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        buffer.fill(self.0);
        self.1.set(self.1.get() + buffer.len());
        Ok(buffer.len())
    }
}

#[test]
fn a_name_says_the_format_in_front_of_zst_and_in_any_case() {
    for (name, format) in [
        ("a/b.ndjson", Some(Format::Ndjson)),
        ("b.jsonl", Some(Format::Ndjson)),
        ("b.tar.json", Some(Format::Json)),
        ("B.CSV", Some(Format::Csv)),
        ("b.csv.zst", Some(Format::Csv)),
        ("b.JSONL.ZST", Some(Format::Ndjson)),
        ("b.zst", None),
        ("b.json.gz", None),
        ("json", None),
        ("-", None),
        ("", None),
    ] {
        assert_eq!(Format::of(Path::new(name)), format, "{name}");
    }
}

#[test]
fn lines_are_documents_and_blank_ones_marks_and_carriage_returns_are_passed_over() {
    let text = "\u{feff}{\"a\":1}\r\n\r\n  \n{\"b\":[2]}\n\n{\"c\":3}";
    let documents = read(Format::Ndjson, text).unwrap();
    assert_eq!(documents, [r#"{"a":1}"#, r#"{"b":[2]}"#, r#"{"c":3}"#]);
    assert_eq!(read(Format::Ndjson, "").unwrap(), [""; 0]);
    assert_eq!(read(Format::Ndjson, "\n\n").unwrap(), [""; 0]);
}

#[test]
fn an_array_and_texts_one_after_the_other_give_the_same_documents() {
    let expected = [
        r#"{"a":[1,{"b":"]},\"\\"}]}"#,
        r#"{"c":null}"#,
        "12",
        r#""x]""#,
        "true",
        "[]",
    ];
    let elements = expected.join(" ,\r\n ");
    let array = format!("\u{feff} \n[ {elements} ]\n ");
    assert_eq!(read(Format::Json, &array).unwrap(), expected);
    assert_eq!(read(Format::Json, &expected.join("\n")).unwrap(), expected);
    // The first decides: one that is an array itself would begin an array of documents.
    assert_eq!(read(Format::Json, &expected.join(" ")).unwrap(), expected);

    let pretty = "{\n  \"a\": 1\n}\n{\n  \"b\": 2\n}";
    let documents = read(Format::Json, pretty).unwrap();
    assert_eq!(documents, [r#"{"a":1}"#, r#"{"b":2}"#]);
    for nothing in ["", " \n", "[]", "[ \n ]\n"] {
        assert_eq!(read(Format::Json, nothing).unwrap(), [""; 0]);
    }
}

#[test]
fn a_value_may_be_cut_anywhere_between_two_reads() {
    let json = "[{\"a\\\\\":\"\\\"[\"},\"é]\",[[1],2],-1.5e3]";
    let csv = "a,b\r\n\"x\"\"\r\n,y\",1\r\n\r\né,2\r\n";
    for bytes in 1..8 {
        let mut documents = Vec::new();
        let mut push = |_: Place, text: &[u8]| {
            documents.push(String::from_utf8(text.to_vec()).unwrap());
            Ok(())
        };
        let options = Options::default();
        each(
            Format::Json,
            Dripping(json.as_bytes(), bytes),
            &options,
            &mut push,
        )
        .unwrap();
        each(
            Format::Csv,
            Dripping(csv.as_bytes(), bytes),
            &options,
            &mut push,
        )
        .unwrap();
        assert_eq!(
            documents,
            [
                "{\"a\\\\\":\"\\\"[\"}",
                "\"é]\"",
                "[[1],2]",
                "-1.5e3",
                "{\"a\":\"x\\\"\\r\\n,y\",\"b\":1}",
                "{\"a\":\"é\",\"b\":2}",
            ],
        );
    }
}

#[test]
fn numbers_lose_nothing() {
    let exact = r#"{"a":340282366920938463463374607431768211455,"b":9007199254740993,"c":0.1}"#;
    for text in [exact.to_owned(), format!("[{exact}]")] {
        let mut given = Vec::new();
        each(
            Format::Json,
            text.as_bytes(),
            &Options::default(),
            &mut |_, text| {
                given.push(String::from_utf8(text.to_vec()).unwrap());
                Ok(())
            },
        )
        .unwrap();
        assert_eq!(given, [exact]);
    }
}

#[test]
fn what_is_wrong_with_an_array_is_said_with_its_element_and_line() {
    for (text, expected) in [
        ("[1", "element 1 (line 1): the text ends behind it"),
        (
            "[{\"a\":1},\n{\"b\":2}",
            "element 2 (line 2): the text ends behind it",
        ),
        (
            "[{\"a\":1},\n{\"b\":",
            "element 2 (line 2): the text ends within it",
        ),
        ("[\"a]", "element 1 (line 1): the text ends within it"),
        ("[", "element 1 (line 1): a value was expected, not the end"),
        (
            "[1,\n\n]",
            "element 2 (line 3): a value was expected, not ]",
        ),
        ("[,1]", "element 1 (line 1): a value was expected, not ,"),
        (
            "[1 2]",
            "element 1 (line 1): a comma or ] was expected behind it, not 2",
        ),
        (
            "[1}]",
            "element 1 (line 1): a comma or ] was expected behind it, not }",
        ),
        ("[1]\n]", "line 2: ] stands behind the end"),
        ("[1][2]", "line 1: [ stands behind the end"),
        (
            "[\u{0}]",
            "element 1 (line 1): a value was expected, not the byte 0x00",
        ),
        (
            "[1,{\"a\" 1}]",
            "element 2 (line 1): the JSON text is refused",
        ),
        ("[{]},1]", "element 1 (line 1): the JSON text is refused"),
        ("[nul]", "element 1 (line 1): the JSON text is refused"),
        (
            "{\"a\":1}\n{\"a\":1,\"a\":2}",
            "element 2 (line 2): the JSON text is refused",
        ),
        (
            "{\"a\":1},{\"b\":1}",
            "element 2 (line 1): a value was expected, not ,",
        ),
        ("{\"a\":\n1", "element 1 (line 1): the text ends within it"),
        ("}", "element 1 (line 1): a value was expected, not }"),
    ] {
        let error = said(Format::Json, text);
        assert!(error.starts_with(expected), "{text:?}: {error}");
    }
}

/// The law that `json.rs` rests on: what it takes apart is an array exactly when the whole is one.
#[test]
fn a_text_is_taken_apart_exactly_where_it_is_an_array_as_a_whole() {
    const BYTES: &[u8] = b"[]{}\",:\\ 1-.etrufalsn\n";
    let start = br#"[{"a":[1,"x]\\"],"b":{}}, -1.5e3 ,"\"[",true,[[],null]]"#;
    let mut random = SplitMix64::new(17);
    let mut any = |bound: usize| usize::try_from(random.below(bound as u64)).unwrap();
    let mut valid = 0;
    for _ in 0..20_000 {
        let mut text = start.to_vec();
        for _ in 0..=any(3) {
            let (at, byte) = (1 + any(text.len() - 1), BYTES[any(BYTES.len())]);
            match any(4) {
                0 => drop(text.remove(at)),
                1 => text.insert(at, byte),
                2 => text[at] = byte,
                _ => {
                    let other = 1 + any(text.len() - 1);
                    text.swap(at, other);
                }
            }
        }
        let whole = Document::from_json(&text).and_then(|whole| whole.to_json());
        let apart = read_with(Format::Json, &text, &Options::default());
        match (whole, apart) {
            (Ok(whole), Ok(elements)) => {
                assert_eq!(whole, format!("[{}]", elements.join(",")));
                valid += 1;
            }
            (Err(_), Err(_)) => {}
            (whole, apart) => panic!("{:?}: {whole:?} {apart:?}", str::from_utf8(&text)),
        }
    }
    assert!(valid > 500, "{valid}");
}

#[test]
fn what_is_nested_100_000_deep_is_refused_with_its_place() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let error = said(Format::Ndjson, format!("1\n{deep}\n"));
    assert!(
        error.starts_with("line 2: the JSON text is refused"),
        "{error}"
    );
    let error = said(Format::Json, format!("[1,\n{deep}\n]"));
    assert!(
        error.starts_with("element 2 (line 2): the JSON text"),
        "{error}"
    );
    let error = said(Format::Json, "[".repeat(100_000));
    assert!(
        error.starts_with("element 1 (line 1): the text ends"),
        "{error}"
    );
}

#[test]
fn what_is_no_utf_8_is_refused_with_its_line() {
    let error = said(Format::Ndjson, b"{\"a\":1}\n\n{\"a\":\"\xFF\"}\n");
    assert_eq!(error, "line 3: it is not UTF-8");
    let error = said(Format::Json, b"[1,\n{\"a\":\n\"\xC3\"}]");
    assert_eq!(error, "element 2 (line 3): it is not UTF-8");
    let error = said(Format::Csv, b"a,b\n1,2\n3,\xE9\n");
    assert_eq!(error, "line 3: it is not UTF-8");
    let error = said(Format::Csv, b"a,\xE9\n1,2\n");
    assert_eq!(error, "line 1: it is not UTF-8");
    for format in [Format::Ndjson, Format::Json, Format::Csv] {
        let error = said(format, b"\xFF\xFEa\0\n\0");
        assert_eq!(error, "line 1: it is UTF-16; convert the file to UTF-8");
    }
}

#[test]
fn a_document_may_be_as_long_as_the_bound_and_not_longer() {
    let options = Options {
        line_bytes_max: 10,
        ..Options::default()
    };
    let (fits, too_long) = ("{\"a\":1234}", "{\"a\":12345}");
    let lines = format!("{fits}\r\n{fits}\n{fits}");
    let documents = read_with(Format::Ndjson, lines.as_bytes(), &options).unwrap();
    assert_eq!(documents, [fits; 3]);
    let array = format!("[{fits} , {fits}]");
    let documents = read_with(Format::Json, array.as_bytes(), &options).unwrap();
    assert_eq!(documents, [fits; 2]);
    let rows = b"aaaaa,bbbb\r\n12345,6789\r\n\"1\n3\",\"67\"";
    assert_eq!(read_with(Format::Csv, rows, &options).unwrap().len(), 2);

    for (format, text, place) in [
        (Format::Ndjson, format!("{fits}\n{too_long}"), "line 2"),
        (Format::Ndjson, format!("{fits}\n{too_long}\r\n"), "line 2"),
        (
            Format::Json,
            format!("[{fits},\n{too_long}]"),
            "element 2 (line 2)",
        ),
        (
            Format::Csv,
            "aaaaa,bbbb\n12345,67890\n".to_owned(),
            "line 2",
        ),
        (
            Format::Csv,
            "a,b\n1,2\n\"1\n\n\n\n56\",\"789\"\n".to_owned(),
            "line 3",
        ),
    ] {
        let error = read_with(format, text.as_bytes(), &options).unwrap_err();
        assert_eq!(error.code(), Code::Refused);
        let expected = format!("{place}: it goes on for more than 10 bytes");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
}

#[test]
fn what_never_ends_is_refused_after_as_many_bytes_as_a_document_may_have() {
    let options = Options {
        line_bytes_max: 1 << 20,
        ..Options::default()
    };
    for (format, start, endless) in [
        (Format::Ndjson, "", b'1'),
        (Format::Json, "[", b'['),
        (Format::Json, "[\"", b'x'),
        (Format::Json, "", b'1'),
        (Format::Csv, "a\n", b'x'),
        (Format::Csv, "a\n1\n\"", b'\n'),
        (Format::Csv, "", b','),
    ] {
        let read = Rc::new(Cell::new(0));
        let from = Cursor::new(start).chain(Endless(endless, read.clone()));
        let error = each(format, from, &options, &mut |_, _| Ok(())).unwrap_err();
        assert!(matches!(error, InputError::TooLong { .. }), "{error}");
        assert!(read.get() < 2 << 20, "{format:?} {}", read.get());
    }
}

#[test]
fn rows_are_objects_of_what_their_cells_say() {
    let csv = "name,n,x\r\nPula,52220,1.5\r\n\"Rijeka, HR\",-7,\"a \"\"b\"\"\nc\"\r\n\r\nSplit,,true\r\n,,\r\n";
    assert_eq!(
        read(Format::Csv, csv).unwrap(),
        [
            r#"{"name":"Pula","n":52220,"x":1.5}"#,
            r#"{"name":"Rijeka, HR","n":-7,"x":"a \"b\"\nc"}"#,
            r#"{"name":"Split","x":true}"#,
            "{}",
        ]
    );
    let documents = read_with(Format::Csv, b"a,b\n1,true\n,2\n", &CSV_TEXT).unwrap();
    assert_eq!(documents, [r#"{"a":"1","b":"true"}"#, r#"{"b":"2"}"#]);
    for nothing in ["", "\n", "a,b", "a,b\n", "a,b\n\n\n"] {
        assert_eq!(read(Format::Csv, nothing).unwrap(), [""; 0]);
    }
}

#[test]
fn a_cell_is_text_unless_json_reads_it_and_keeps_all_of_it() {
    for cell in [
        "NaN",
        "Infinity",
        "-inf",
        "nan",
        "01234",
        "-01",
        "00",
        "+1",
        ".5",
        "1.",
        "1.e5",
        "1e",
        "1e+",
        "-",
        "--1",
        " 1",
        "1 ",
        "1_000",
        "0x10",
        "1e999",
        "-1e999",
        "True",
        "TRUE",
        "truer",
        "fals",
        "null",
        "1,5",
        "١",
        "1.5.2",
        "2026-11-27",
        "12:30",
        "1/2",
        "$1",
        "{}",
        "[1]",
        "340282366920938463463374607431768211456",
        "-170141183460469231731687303715884105729",
    ] {
        let document = read(Format::Csv, &format!("a,b\n\"{cell}\",1\n")).unwrap();
        assert_eq!(document, [format!("{{\"a\":\"{cell}\",\"b\":1}}")]);
    }
    for (cell, value) in [
        ("0", "0"),
        ("-12", "-12"),
        ("18446744073709551615", "18446744073709551615"),
        (
            "340282366920938463463374607431768211455",
            r#"{"$int":"340282366920938463463374607431768211455"}"#,
        ),
        ("1.50", "1.5"),
        ("0.25", "0.25"),
        ("1e3", "1000.0"),
        ("-2.5E-1", "-0.25"),
        ("true", "true"),
        ("false", "false"),
    ] {
        let document = read(Format::Csv, &format!("a\n{cell}\n")).unwrap();
        assert_eq!(document, [format!("{{\"a\":{value}}}")]);
    }
}

#[test]
fn a_row_that_is_none_is_refused_with_its_line_whatever_stands_before_it() {
    for (text, expected) in [
        (
            "a,b\n1,2\n1\n",
            "line 3: it has 1 cells, and the header names 2 fields",
        ),
        (
            "a,b\r\n1,2\r\n1,2,3\r\n",
            "line 3: it has 3 cells, and the header names 2 fields",
        ),
        (
            "a,b\r\n\r\n\r\n1,2,3",
            "line 4: it has 3 cells, and the header names 2 fields",
        ),
        (
            "a,b\n\"\n\n\",2\n1\n",
            "line 5: it has 1 cells, and the header names 2 fields",
        ),
        (
            "a,b\n\"\n\n\",2\n\"\n\"\n",
            "line 5: it has 1 cells, and the header names 2 fields",
        ),
        (
            "a,b\n1,\"2\n1,2\n",
            "line 2: a quote is opened in this row, or behind it, and never closed",
        ),
        (
            "a,b\n1,2\n1,\"",
            "line 3: a quote is opened in this row, or behind it, and never closed",
        ),
        (
            "\"a,b\n1,2\n",
            "line 1: a quote is opened in this row, or behind it, and never closed",
        ),
        ("a,b,a\n", "line 1: the header names the field \"a\" twice"),
        ("\na,,\n", "line 2: the header names the field \"\" twice"),
    ] {
        assert_eq!(said(Format::Csv, text), expected, "{text:?}");
    }
}

#[test]
fn a_column_that_is_named_like_an_extended_form_is_a_column() {
    for (csv, expected) in [
        ("$time\nnow\n", r#"{"$literal":{"$time":"now"}}"#),
        ("$bytes,b\nAQID,\n", r#"{"$literal":{"$bytes":"AQID"}}"#),
        ("$literal,b\n1,2\n", r#"{"$literal":{"$literal":1,"b":2}}"#),
        ("$price,b\n1,2\n", r#"{"$price":1,"b":2}"#),
    ] {
        assert_eq!(read(Format::Csv, csv).unwrap(), [expected]);
        let document = Document::from_json(expected).unwrap();
        let name = csv.split(['\n', ',']).next().unwrap();
        assert!(document.pointer(&format!("/{name}")).unwrap().is_some());
    }
}

#[test]
fn an_error_of_the_callback_has_its_place_and_kind_and_leaves_no_document() {
    let db = Database::in_memory().unwrap();
    let lines = "{\"_id\":1}\n{\"_id\":2}\n{\"_id\":1}\n";
    let error = db
        .try_write(|tx| {
            let mut cities = tx.documents("cities")?;
            each(
                Format::Ndjson,
                lines.as_bytes(),
                &Options::default(),
                &mut |_, text| Ok(cities.insert(Document::from_json(text)?).map(drop)?),
            )
            .map_err(Fault::from)
        })
        .unwrap_err();
    assert_eq!(error.code, Code::Refused);
    assert!(error.to_string().starts_with("line 3: "), "{error}");
    assert!(
        db.read()
            .unwrap()
            .documents("cities")
            .unwrap()
            .is_empty()
            .unwrap()
    );
}

#[test]
fn zstd_is_known_by_its_bytes_and_not_by_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let frame = zstd::encode_all(&b"{\"a\":1}\n"[..], 3).unwrap();
    let skipped = [&[0x50, 0x2A, 0x4D, 0x18, 2, 0, 0, 0, 7, 7][..], &frame].concat();
    let cut = &frame[..frame.len() - 3];
    let all = |name: &str, bytes: &[u8]| {
        let path = directory.path().join(name);
        File::create(&path).unwrap().write_all(bytes).unwrap();
        let mut text = String::new();
        open(&path, |from| from)?
            .read_to_string(&mut text)
            .map(|_| text)
    };
    assert_eq!(all("a.ndjson", &frame).unwrap(), "{\"a\":1}\n");
    assert_eq!(all("b.zst", b"{\"a\":1}\n").unwrap(), "{\"a\":1}\n");
    assert_eq!(
        all("c", &[&frame[..], &frame].concat()).unwrap(),
        "{\"a\":1}\n".repeat(2)
    );
    assert_eq!(all("d", &skipped).unwrap(), "{\"a\":1}\n");
    assert_eq!(all("e", b"").unwrap(), "");
    assert_eq!(all("f", b"{}").unwrap(), "{}");
    assert_eq!(
        all("g", cut).unwrap_err().kind(),
        io::ErrorKind::UnexpectedEof
    );
    assert!(all("h", &[&frame[..], b"rest"].concat()).is_err());
}

#[test]
fn a_file_that_is_not_there_is_told_from_one_that_cannot_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("none.csv");
    let error = open(&missing, |from| from).err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    let error = open(directory.path(), |from| from).err().unwrap();
    assert_ne!(error.kind(), io::ErrorKind::NotFound);
}

#[test]
fn a_reader_that_fails_says_where_it_had_come_to() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the cable is out"))
        }
    }
    for (format, text) in [
        (Format::Ndjson, "1\n2\n"),
        (Format::Json, "[1,\n2,\n"),
        (Format::Csv, "a\n1\n"),
    ] {
        let from = Cursor::new(text).chain(Failing);
        let error = each(format, from, &Options::default(), &mut |_, _| Ok(())).unwrap_err();
        assert_eq!(error.code(), Code::Disk);
        let expected = "line 3: the input cannot be read: the cable is out";
        assert_eq!(error.to_string(), expected);
    }
}
