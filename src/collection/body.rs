//! How does a record's body lie in its table? Behind its envelope, compressed where that pays.

use std::borrow::Cow;
use std::io::Read;

use crate::base::limits::{BODY_BYTES_MAX, BODY_BYTES_MAX_DEFAULT};
use crate::base::{Error, Result};
use crate::codec::envelope::Envelope;
use crate::schema::upgrade::Upgrades;
use crate::store::Bytes;

/// Bounds and choices for the bodies of one collection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyOptions {
    /// The largest body in bytes, before compression.
    pub(crate) bytes_max: usize,
    /// Bodies longer than this are compressed.
    pub(crate) compress_above: Option<u32>,
}

/// Compression level: zstd's default, a good ratio at some hundred MB/s.
const ZSTD_LEVEL: i32 = 3;

/// Appends envelope and body to `out`; `encode` appends the body.
pub(crate) fn seal(
    version: u32,
    revision: u64,
    expires: Option<i64>,
    options: BodyOptions,
    out: &mut Vec<u8>,
    encode: impl FnOnce(&mut Vec<u8>) -> Result<()>,
) -> Result<Sealed> {
    let start = out.len();
    let plain = Envelope {
        version,
        revision,
        expires,
        uncompressed: None,
    };
    plain.encode(out);
    let body_at = out.len();
    encode(out)?;
    let bytes = out.len() - body_at;
    if bytes > options.bytes_max {
        return Err(Error::limit(format!(
            "the record has {bytes} bytes, the most is {}; raise `body_limit` on the builder",
            options.bytes_max
        )));
    }
    if options
        .compress_above
        .is_some_and(|above| bytes > above as usize)
    {
        let body = out.get(body_at..).unwrap_or_default();
        let compressed = zstd::bulk::compress(body, ZSTD_LEVEL)
            .map_err(|error| Error::invalid("a body cannot be compressed").because(error))?;
        let uncompressed = u32::try_from(bytes).ok();
        // The envelope grows by up to five bytes; what does not become shorter stays as it is.
        if compressed.len() + 5 < bytes && uncompressed.is_some() {
            let body = out.split_off(body_at);
            out.truncate(start);
            Envelope {
                uncompressed,
                ..plain
            }
            .encode(out);
            out.extend_from_slice(&compressed);
            return Ok(Sealed::Compressed(body));
        }
    }
    Ok(Sealed::Plain { body_at })
}

/// Where the uncompressed body is after sealing.
#[derive(Debug)]
pub(crate) enum Sealed {
    /// In what was appended, from here to the end.
    Plain { body_at: usize },
    /// It was compressed; this is what it was before.
    Compressed(Vec<u8>),
}

impl Sealed {
    /// The uncompressed body; `out` is what was appended to, up to the end of the body.
    pub(crate) fn body<'a>(&'a self, out: &'a [u8]) -> &'a [u8] {
        match self {
            Self::Plain { body_at } => out.get(*body_at..).unwrap_or_default(),
            Self::Compressed(body) => body,
        }
    }
}

/// A stored body, opened: the envelope read, the body uncompressed.
pub(crate) struct Body<'a> {
    bytes: Bytes<'a>,
    start: usize,
    pub(crate) envelope: Envelope,
}

impl<'a> Body<'a> {
    /// Opens what lies in a table: in its current form, whatever version it was written under.
    #[inline]
    pub(crate) fn open(stored: Bytes<'a>, upgrades: &Upgrades) -> Result<Self> {
        let body = Self::open_as_it_is(stored)?;
        if body.envelope.version == upgrades.current {
            return Ok(body);
        }
        body.brought(upgrades)
    }

    /// Opens what lies in a table, in the form in which it was written.
    #[inline]
    pub(crate) fn open_as_it_is(stored: Bytes<'a>) -> Result<Self> {
        let (envelope, start) = Envelope::decode(&stored)?;
        let (bytes, start) = match envelope.uncompressed {
            None => (stored, start),
            Some(length) => {
                let compressed = stored.get(start..).unwrap_or_default();
                (Bytes::owned(uncompress(compressed, length)?), 0)
            }
        };
        Ok(Self {
            bytes,
            start,
            envelope,
        })
    }

    /// Its current form.
    pub(crate) fn brought(self, upgrades: &Upgrades) -> Result<Self> {
        let bytes = upgrades.bring(self.envelope.version, self.bytes())?;
        Ok(self.in_form(bytes))
    }

    /// The same body in another form.
    pub(crate) fn in_form(self, bytes: Vec<u8>) -> Self {
        Self {
            bytes: Bytes::owned(bytes),
            start: 0,
            envelope: self.envelope,
        }
    }

    /// What holds the record's bytes, and where they begin in it.
    pub(crate) fn into_bytes(self) -> (Bytes<'a>, usize) {
        (self.bytes, self.start)
    }

    /// The record's bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }
}

/// The record's bytes within what lies in a table, in their current form, for a single look at them.
#[inline]
pub(crate) fn look<'s>(stored: &'s [u8], upgrades: &Upgrades) -> Result<Cow<'s, [u8]>> {
    let (envelope, start) = Envelope::decode(stored)?;
    let body = stored.get(start..).unwrap_or_default();
    let body = match envelope.uncompressed {
        None => Cow::Borrowed(body),
        Some(length) => Cow::Owned(uncompress(body, length)?),
    };
    if envelope.version == upgrades.current {
        return Ok(body);
    }
    upgrades.bring(envelope.version, &body).map(Cow::Owned)
}

#[cold]
fn uncompress(compressed: &[u8], length: u32) -> Result<Vec<u8>> {
    let length = length as usize;
    // The limit of this opening is for what is written: another one may have written more.
    if length > BODY_BYTES_MAX {
        return Err(Error::corrupt(format!(
            "a compressed body claims {length} bytes, the most is {BODY_BYTES_MAX}"
        )));
    }
    let bytes = decompress(compressed, length)
        .map_err(|error| Error::corrupt("a body cannot be uncompressed").because(error))?;
    if bytes.len() != length {
        return Err(Error::corrupt(format!(
            "a compressed body has {} bytes, its envelope says {length}",
            bytes.len()
        )));
    }
    Ok(bytes)
}

/// At most one byte more than `length`, which may be a lie: memory is taken for what comes, except
/// for the moderate length that almost every body has, where one allocation and no copying is faster.
fn decompress(compressed: &[u8], length: usize) -> std::io::Result<Vec<u8>> {
    if length <= BODY_BYTES_MAX_DEFAULT {
        return zstd::bulk::decompress(compressed, length);
    }
    let mut bytes = Vec::new();
    zstd::Decoder::with_buffer(compressed)?
        .take(length as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ErrorKind;

    const OPTIONS: BodyOptions = BodyOptions {
        bytes_max: 10_000,
        compress_above: Some(100),
    };

    fn sealed(body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        seal(1, 2, Some(3), OPTIONS, &mut out, |out| {
            out.extend_from_slice(body);
            Ok(())
        })
        .unwrap();
        out
    }

    #[test]
    fn a_body_above_the_threshold_is_compressed_where_that_pays() {
        for (body, compressed) in [
            (vec![7; 100], false),
            (vec![7; 101], true),
            (vec![7; 10_000], true),
            ((0..102_u8).map(|i| i.wrapping_mul(151)).collect(), false),
        ] {
            let stored = sealed(&body);
            assert_eq!(stored.len() < body.len(), compressed);
            let opened = Body::open_as_it_is(Bytes::owned(stored)).unwrap();
            assert_eq!(opened.bytes(), body);
            assert_eq!(opened.envelope.uncompressed.is_some(), compressed);
            assert_eq!(opened.envelope.expires, Some(3));
        }
    }

    #[test]
    fn a_compressed_body_that_lies_about_its_length_is_corrupt() {
        const CLAIMS: [u32; 6] = [499, 501, 16 << 20, 17 << 20, 1 << 30, u32::MAX];
        for claim in CLAIMS {
            let mut stored = Vec::new();
            Envelope {
                version: 1,
                revision: 1,
                expires: None,
                uncompressed: Some(claim),
            }
            .encode(&mut stored);
            stored.extend_from_slice(&zstd::bulk::compress(&[0; 500], 3).unwrap());
            let error = Body::open_as_it_is(Bytes::owned(stored)).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Corrupt);
        }
    }

    #[test]
    fn a_body_that_was_written_under_a_higher_limit_is_read_in_bounded_memory() {
        let body = vec![7; BODY_BYTES_MAX_DEFAULT + 1];
        let compressed = zstd::bulk::compress(&body, 3).unwrap();
        let length = u32::try_from(body.len()).unwrap();
        assert!(uncompress(&compressed, length).unwrap() == body);
        // More comes than was claimed, and is not taken.
        let more = zstd::bulk::compress(&vec![7; 2 * body.len()], 3).unwrap();
        assert_eq!(decompress(&more, body.len()).unwrap().len(), body.len() + 1);
        assert!(uncompress(&more, length).is_err());
    }

    #[test]
    fn a_body_over_the_limit_is_refused() {
        let mut out = Vec::new();
        let error = seal(1, 2, None, OPTIONS, &mut out, |out| {
            out.resize(out.len() + 10_001, 0);
            Ok(())
        })
        .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
    }
}
