//! Which bytes may an encoded value be? Spans of byte strings, in order, and the sets of values that they
//! stand for.

use crate::codec::key::range::successor;

/// The byte strings from `lower` up to, but without, `upper`. Bounds stand in front of or behind all that
/// begin with an encoded value, so what follows the value does not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) lower: Vec<u8>,
    /// `None`: nothing is above.
    pub(crate) upper: Option<Vec<u8>>,
    /// The one encoded value that it has, where it is one: `lower`.
    pub(crate) is_point: bool,
}

impl Span {
    /// Everything.
    pub(crate) const ALL: Self = Self {
        lower: Vec::new(),
        upper: None,
        is_point: false,
    };

    /// One encoded value.
    pub(crate) fn only(value: Vec<u8>) -> Self {
        Self {
            is_point: true,
            ..Self::starting(value)
        }
    }

    /// All that begins so.
    pub(crate) fn starting(start: Vec<u8>) -> Self {
        Self {
            upper: successor(start.clone()),
            lower: start,
            is_point: false,
        }
    }

    /// What lies between two bounds, if anything can.
    pub(crate) fn between(lower: Vec<u8>, upper: Option<Vec<u8>>) -> Option<Self> {
        if upper.as_ref().is_some_and(|upper| *upper <= lower) {
            return None;
        }
        Some(Self {
            lower,
            upper,
            is_point: false,
        })
    }

    pub(crate) fn has(&self, bytes: &[u8]) -> bool {
        self.lower.as_slice() <= bytes
            && self
                .upper
                .as_ref()
                .is_none_or(|upper| bytes < upper.as_slice())
    }

    fn intersection(&self, other: &Self) -> Option<Self> {
        let lower = self.lower.clone().max(other.lower.clone());
        let upper = match (&self.upper, &other.upper) {
            (Some(a), Some(b)) => Some(a.min(b).clone()),
            (upper, None) | (None, upper) => upper.clone(),
        };
        let span = Self::between(lower, upper)?;
        let is_point = self.is_point || other.is_point;
        Some(Self { is_point, ..span })
    }

    /// The same values written complemented.
    pub(crate) fn complemented(&self) -> Option<Self> {
        let complement = |bytes: &[u8]| bytes.iter().map(|byte| !byte).collect::<Vec<u8>>();
        if self.is_point {
            return Some(Self::only(complement(&self.lower)));
        }
        // A value that is below `upper` differs from it at a byte that both have, so its complement is
        // above all that begins with the complement of `upper`.
        let lower = match &self.upper {
            None => Vec::new(),
            Some(upper) => successor(complement(upper))?,
        };
        let upper = match self.lower.as_slice() {
            [] => None,
            lower => successor(complement(lower)),
        };
        Self::between(lower, upper)
    }

    /// The same behind other bytes.
    pub(crate) fn behind(&self, prefix: &[u8]) -> Self {
        let upper = match &self.upper {
            Some(upper) => Some([prefix, upper].concat()),
            None => successor(prefix.to_vec()),
        };
        Self {
            lower: [prefix, &self.lower].concat(),
            upper,
            is_point: self.is_point,
        }
    }
}

/// Spans in order, none of which touches another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spans(pub(crate) Vec<Span>);

impl Spans {
    pub(crate) fn of(mut spans: Vec<Span>) -> Self {
        spans.sort_by(|a, b| a.lower.cmp(&b.lower));
        let mut apart: Vec<Span> = Vec::with_capacity(spans.len());
        for span in spans {
            match apart.last_mut() {
                Some(last) if last.upper.as_ref().is_none_or(|upper| *upper > span.lower) => {
                    let further = match (&last.upper, &span.upper) {
                        (Some(a), Some(b)) => b > a,
                        (Some(_), None) => true,
                        (None, _) => false,
                    };
                    // A point within a span, or the same point twice.
                    last.is_point &= span.is_point;
                    if further {
                        last.upper = span.upper;
                    }
                }
                _ => apart.push(span),
            }
        }
        Self(apart)
    }

    /// In time that grows with the sum of both.
    pub(crate) fn intersection(&self, other: &Self) -> Self {
        let (mut ones, mut others) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut both = Vec::new();
        while let (Some(one), Some(other)) = (ones.peek(), others.peek()) {
            both.extend(one.intersection(other));
            // What ends first meets nothing further on.
            let ends_first = match (&one.upper, &other.upper) {
                (Some(one), Some(other)) => one <= other,
                (upper, _) => upper.is_some(),
            };
            if ends_first {
                ones.next();
            } else {
                others.next();
            }
        }
        Self(both)
    }

    pub(crate) fn complemented(&self) -> Self {
        Self::of(self.0.iter().filter_map(Span::complemented).collect())
    }

    /// Whether each has one value.
    pub(crate) fn are_points(&self) -> bool {
        self.0.iter().all(|span| span.is_point)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Values as two bytes, the first below FF.
    fn value(number: u8) -> Vec<u8> {
        vec![number, !number]
    }

    fn span() -> impl Strategy<Value = (Span, u8, u8)> {
        (0..20_u8, 0..20_u8, any::<bool>()).prop_filter_map("empty", |(a, b, point)| {
            if point {
                return Some((Span::only(value(a)), a, a));
            }
            let upper = successor(value(b));
            Span::between(value(a), upper).map(|span| (span, a, b))
        })
    }

    proptest! {
        #[test]
        fn sets_of_values_are_what_their_spans_say(a in prop::collection::vec(span(), 0..4), b in prop::collection::vec(span(), 0..4)) {
            let spans = |given: &[(Span, u8, u8)]| Spans::of(given.iter().map(|(span, ..)| span.clone()).collect());
            let within = |given: &[(Span, u8, u8)], number| given.iter().any(|(_, from, to)| (*from..=*to).contains(&number));
            let has = |spans: &Spans, bytes: &[u8]| spans.0.iter().filter(|span| span.has(bytes)).count();
            let (one, other) = (spans(&a), spans(&b));
            let both = one.intersection(&other);
            let complemented = one.complemented();
            for number in 0..20 {
                let mut bytes = value(number);
                bytes.push(0xFF);
                prop_assert_eq!(has(&one, &bytes), usize::from(within(&a, number)));
                prop_assert_eq!(has(&both, &bytes), usize::from(within(&a, number) && within(&b, number)));
                let mut turned: Vec<u8> = value(number).iter().map(|byte| !byte).collect();
                turned.push(0);
                prop_assert_eq!(has(&complemented, &turned), usize::from(within(&a, number)));
            }
            prop_assert!(both.0.iter().filter(|span| span.is_point).all(|span| span.lower.len() == 2));
        }
    }
}
