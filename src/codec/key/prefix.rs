//! What may a run of keys have in common at its front?

use super::compound::encode_option;
use super::reverse::encode_reverse;
use super::{AsKey, Key, Reverse, text};

/// What keys of type `K` can start with, for [`KeyRange::prefix`](super::KeyRange::prefix).
///
/// - `"par"` for `String`, and `b"par"` for `Vec<u8>`: the texts that start so.
/// - `("FR",)` for `(String, u64)`: the tuples with these leading parts, the others being free.
/// - [`Starting`]`(("FR", "par"))` for `(String, String)`: the last part named is itself a prefix.
/// - `Some("par")` and [`Reverse`]`("par")` where the key has an `Option` or a `Reverse`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no prefix of a key of type `{K}`",
    label = "expected what a `{K}` starts with",
    note = "a prefix is `&str` for `String`, `&[u8]` for `Vec<u8>`, and a shorter tuple such as \
            `(a,)` or `(a, b)` for a tuple of more parts",
    note = "for a text prefix in the last part write `Starting((a, \"b\"))`"
)]
pub trait KeyPrefix<K: Key> {
    /// Appends what the encodings of all keys with this prefix start with to `out`.
    fn encode_prefix(&self, out: &mut Vec<u8>);
}

/// Leading parts of a tuple key of which the last is a prefix itself: `Starting(("FR", "par"))`
/// is every `(country, city)` in France whose city starts with "par".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Starting<P>(pub P);

macro_rules! text {
    ($([$($generics:tt)*] $form:ty => $key:ty, $bytes:ident;)*) => {$(
        impl<$($generics)*> KeyPrefix<$key> for $form {
            fn encode_prefix(&self, out: &mut Vec<u8>) {
                text::encode_start(self.$bytes(), out);
            }
        }
    )*};
}

text! {
    [] String => String, as_bytes;
    [] &String => String, as_bytes;
    [] &str => String, as_bytes;
    [] &&str => String, as_bytes;
    [] Vec<u8> => Vec<u8>, as_slice;
    [] &Vec<u8> => Vec<u8>, as_slice;
    [] &[u8] => Vec<u8>, as_ref;
    [const N: usize] &[u8; N] => Vec<u8>, as_slice;
    [] &str => Vec<u8>, as_bytes;
    [] &String => Vec<u8>, as_bytes;
}

impl<K: Key, P: KeyPrefix<K>> KeyPrefix<Option<K>> for Option<P> {
    fn encode_prefix(&self, out: &mut Vec<u8>) {
        encode_option(self.as_ref(), out, P::encode_prefix);
    }
}

impl<K: Key, P: KeyPrefix<K>> KeyPrefix<Reverse<K>> for Reverse<P> {
    fn encode_prefix(&self, out: &mut Vec<u8>) {
        encode_reverse(out, |out| self.0.encode_prefix(out));
    }
}

impl<K: Key, P: KeyPrefix<K>> KeyPrefix<Box<K>> for P {
    fn encode_prefix(&self, out: &mut Vec<u8>) {
        KeyPrefix::<K>::encode_prefix(self, out);
    }
}

/// The parts named in whole; then, in brackets, the ones that are left free.
macro_rules! leading {
    ($($part:ident $form:ident $place:tt)+; $($free:ident)+) => {
        impl<$($part: Key, $form: AsKey<$part>,)+ $($free: Key),+>
            KeyPrefix<($($part,)+ $($free,)+)> for ($($form,)+)
        {
            fn encode_prefix(&self, out: &mut Vec<u8>) {
                $(self.$place.encode_as(out);)+
            }
        }
    };
}

leading!(A U 0; B);
leading!(A U 0; B C);
leading!(A U 0; B C D);
leading!(A U 0; B C D E);
leading!(A U 0; B C D E F);
leading!(A U 0 B V 1; C);
leading!(A U 0 B V 1; C D);
leading!(A U 0 B V 1; C D E);
leading!(A U 0 B V 1; C D E F);
leading!(A U 0 B V 1 C W 2; D);
leading!(A U 0 B V 1 C W 2; D E);
leading!(A U 0 B V 1 C W 2; D E F);
leading!(A U 0 B V 1 C W 2 D X 3; E);
leading!(A U 0 B V 1 C W 2 D X 3; E F);
leading!(A U 0 B V 1 C W 2 D X 3 E Y 4; F);

/// The parts named in whole, the part of which only a prefix is named, the ones left free.
macro_rules! starting {
    ($($part:ident $form:ident $place:tt)*; $last:ident $last_place:tt; $($free:ident)*) => {
        impl<$($part: Key, $form: AsKey<$part>,)* $last: Key, P: KeyPrefix<$last>, $($free: Key),*>
            KeyPrefix<($($part,)* $last, $($free,)*)> for Starting<($($form,)* P,)>
        {
            fn encode_prefix(&self, out: &mut Vec<u8>) {
                $(self.0.$place.encode_as(out);)*
                self.0.$last_place.encode_prefix(out);
            }
        }
    };
}

starting!(; A 0;);
starting!(; A 0; B);
starting!(; A 0; B C);
starting!(; A 0; B C D);
starting!(; A 0; B C D E);
starting!(; A 0; B C D E F);
starting!(A U 0; B 1;);
starting!(A U 0; B 1; C);
starting!(A U 0; B 1; C D);
starting!(A U 0; B 1; C D E);
starting!(A U 0; B 1; C D E F);
starting!(A U 0 B V 1; C 2;);
starting!(A U 0 B V 1; C 2; D);
starting!(A U 0 B V 1; C 2; D E);
starting!(A U 0 B V 1; C 2; D E F);
starting!(A U 0 B V 1 C W 2; D 3;);
starting!(A U 0 B V 1 C W 2; D 3; E);
starting!(A U 0 B V 1 C W 2; D 3; E F);
starting!(A U 0 B V 1 C W 2 D X 3; E 4;);
starting!(A U 0 B V 1 C W 2 D X 3; E 4; F);
starting!(A U 0 B V 1 C W 2 D X 3 E Y 4; F 5;);
