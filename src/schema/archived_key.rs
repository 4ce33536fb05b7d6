//! What a view shows may stand for a key: `customers.get(order.customer)` for a number, and
//! `countries.get(&city.country)` for a text.
//!
//! Where the archived form is the type itself (`u8`, `bool`, `Uuid`) there is nothing to do.

use std::time::Duration;

use rkyv::option::ArchivedOption;
use rkyv::primitive::{
    ArchivedChar, ArchivedF32, ArchivedF64, ArchivedI16, ArchivedI32, ArchivedI64, ArchivedI128,
    ArchivedU16, ArchivedU32, ArchivedU64, ArchivedU128,
};
use rkyv::string::ArchivedString;
use rkyv::time::ArchivedDuration;

use crate::codec::key::compound::encode_option;
use crate::codec::key::folded::Folded;
use crate::codec::key::{AsKey, Key};
use crate::codec::timestamp::Timestamp;

macro_rules! archived {
    ($($archived:ty => $key:ty, $native:expr;)*) => {$(
        impl AsKey<$key> for $archived {
            fn encode_as(&self, out: &mut Vec<u8>) {
                let native: fn(&$archived) -> $key = $native;
                native(self).encode(out);
            }
        }

        impl AsKey<$key> for &$archived {
            fn encode_as(&self, out: &mut Vec<u8>) {
                AsKey::<$key>::encode_as(*self, out);
            }
        }
    )*};
}

archived! {
    ArchivedU16 => u16, |key| key.to_native();
    ArchivedU32 => u32, |key| key.to_native();
    ArchivedU64 => u64, |key| key.to_native();
    ArchivedU128 => u128, |key| key.to_native();
    ArchivedI16 => i16, |key| key.to_native();
    ArchivedI32 => i32, |key| key.to_native();
    ArchivedI64 => i64, |key| key.to_native();
    ArchivedI128 => i128, |key| key.to_native();
    ArchivedF32 => f32, |key| key.to_native();
    ArchivedF64 => f64, |key| key.to_native();
    ArchivedChar => char, |key| key.to_native();
    ArchivedI64 => Timestamp, |key| Timestamp::from_micros(key.to_native());
    ArchivedDuration => Duration, |key| Duration::new(key.as_secs(), key.subsec_nanos());
}

impl AsKey<String> for &ArchivedString {
    fn encode_as(&self, out: &mut Vec<u8>) {
        AsKey::<String>::encode_as(&self.as_str(), out);
    }
}

impl AsKey<Folded> for &ArchivedString {
    fn encode_as(&self, out: &mut Vec<u8>) {
        AsKey::<Folded>::encode_as(&self.as_str(), out);
    }
}

impl<K: Key, Q> AsKey<Option<K>> for &ArchivedOption<Q>
where
    for<'q> &'q Q: AsKey<K>,
{
    fn encode_as(&self, out: &mut Vec<u8>) {
        encode_option(self.as_ref(), out, |key, out| {
            AsKey::<K>::encode_as(&key, out);
        });
    }
}
