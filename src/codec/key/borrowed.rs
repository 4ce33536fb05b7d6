//! What may stand for a key in a call?
//!
//! There is no blanket `impl AsKey<K> for K`: it would clash with the tuples. For each key type an
//! integer literal has exactly one candidate, so that `get(5)` needs no suffix.

use std::time::Duration;

use uuid::Uuid;

use super::compound::encode_option;
use super::reverse::encode_reverse;
use super::{AsKey, Key, Reverse, text};
use crate::codec::timestamp::Timestamp;

macro_rules! plain {
    ($($type:ident)*) => {$(
        impl AsKey<$type> for $type {
            fn encode_as(&self, out: &mut Vec<u8>) {
                self.encode(out);
            }
        }

        impl AsKey<$type> for &$type {
            fn encode_as(&self, out: &mut Vec<u8>) {
                (*self).encode(out);
            }
        }
    )*};
}

plain! {
    u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 f32 f64 bool char Uuid Timestamp Duration
}

macro_rules! text {
    ($([$($generics:tt)*] $form:ty => $key:ty, $encode:ident;)*) => {$(
        impl<$($generics)*> AsKey<$key> for $form {
            fn encode_as(&self, out: &mut Vec<u8>) {
                text::$encode(&self[..], out);
            }
        }
    )*};
}

text! {
    [] String => String, encode_str;
    [] &String => String, encode_str;
    [] &str => String, encode_str;
    [] &&str => String, encode_str;
    [] Vec<u8> => Vec<u8>, encode_bytes;
    [] &Vec<u8> => Vec<u8>, encode_bytes;
    [] &[u8] => Vec<u8>, encode_bytes;
    [] &&[u8] => Vec<u8>, encode_bytes;
    [const N: usize] &[u8; N] => Vec<u8>, encode_bytes;
}

/// Text stands for its bytes where keys are bytes, as in a bucket.
macro_rules! text_as_bytes {
    ($($form:ty)*) => {$(
        impl AsKey<Vec<u8>> for $form {
            fn encode_as(&self, out: &mut Vec<u8>) {
                text::encode_bytes(self.as_bytes(), out);
            }
        }
    )*};
}

text_as_bytes! { &str &&str &String }

/// Implements a form of a compound key, and that of a reference to it, by one body.
macro_rules! compound {
    ([$($generics:tt)*] $form:ty => $key:ty, |$this:ident, $out:ident| $body:expr) => {
        impl<$($generics)*> AsKey<$key> for $form {
            fn encode_as(&self, $out: &mut Vec<u8>) {
                let $this = self;
                $body
            }
        }

        impl<$($generics)*> AsKey<$key> for &$form {
            fn encode_as(&self, $out: &mut Vec<u8>) {
                let $this = *self;
                $body
            }
        }
    };
}

compound!([K: Key, Q: AsKey<K>] Option<Q> => Option<K>, |this, out| {
    encode_option(this.as_ref(), out, Q::encode_as);
});

compound!([K: Key, Q: AsKey<K>] Reverse<Q> => Reverse<K>, |this, out| {
    encode_reverse(out, |out| this.0.encode_as(out));
});

compound!([K: Key, Q: AsKey<K>, const N: usize] [Q; N] => [K; N], |this, out| {
    for key in this {
        key.encode_as(out);
    }
});

/// A boxed key is asked for as its content is.
impl<K: Key, Q: AsKey<K>> AsKey<Box<K>> for Q {
    fn encode_as(&self, out: &mut Vec<u8>) {
        AsKey::<K>::encode_as(self, out);
    }
}

macro_rules! tuple {
    ($($part:ident $form:ident $place:tt)+) => {
        compound!([$($part: Key, $form: AsKey<$part>),+]
            ($($form,)+) => ($($part,)+), |this, out| {
                $(this.$place.encode_as(out);)+
            });
    };
}

tuple!(A U 0);
tuple!(A U 0 B V 1);
tuple!(A U 0 B V 1 C W 2);
tuple!(A U 0 B V 1 C W 2 D X 3);
tuple!(A U 0 B V 1 C W 2 D X 3 E Y 4);
tuple!(A U 0 B V 1 C W 2 D X 3 E Y 4 F Z 5);
