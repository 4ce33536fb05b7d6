//! A crate with strict lints, names that shadow the prelude's, and no rkyv in its manifest.
#![deny(missing_docs, unsafe_code, warnings)]
#![deny(clippy::pedantic)]

pub mod cities {
    //! Records among names that are not what they seem.

    #![allow(dead_code, reason = "the names only stand in the way")]

    /// Not std's.
    pub type Result = ();
    /// Not std's.
    #[derive(Debug)]
    pub struct Option;
    /// Not std's.
    pub struct Vec;
    /// Not std's.
    pub struct Ok;
    /// Not std's.
    pub struct Some;
    /// Not std's.
    pub struct Err;
    /// Not std's.
    pub struct None;
    /// Not std's.
    pub struct Box;
    /// Not std's.
    pub trait Clone {}
    /// Not std's.
    pub trait Default {}
    /// Not std's.
    pub mod core {}
    /// Not std's.
    pub mod std {}
    /// Not std's.
    pub mod rkyv {}
    /// Not larder's.
    pub mod larder {}

    /// A city.
    #[::larder::record(name = "cities", index(by_big = (country, population), when = population > 1000))]
    #[derive(::core::clone::Clone, Debug, PartialEq)]
    pub struct City {
        /// The key.
        #[key]
        pub id: u64,
        /// Two letters.
        pub country: ::std::string::String,
        /// Of how many.
        #[index]
        pub population: ::core::option::Option<u64>,
        location: Location,
        status: Status,
        tags: ::std::vec::Vec<Tag>,
    }

    /// A place.
    #[larder_part]
    #[derive(::core::clone::Clone, Debug, PartialEq)]
    pub(crate) struct Location(f64, f64);

    /// A state.
    #[::larder::part]
    #[derive(::core::clone::Clone, Debug, PartialEq)]
    pub enum Status {
        /// Open.
        Open,
        /// Closed.
        Closed {
            /// Since when.
            since: u64,
            /// A name that rkyv's derive has, too.
            tag: Tag,
        },
    }

    /// A tag.
    #[::larder::part]
    #[derive(::core::clone::Clone, Debug, PartialEq)]
    pub struct Tag {
        /// A keyword.
        pub r#type: u8,
    }

    use ::larder::part as larder_part;

    /// What is found by default.
    #[must_use]
    pub fn token() -> ::larder::Field<Tag, u8> {
        Tag::TYPE
    }
}

fn main() {
    use larder::Record as _;
    assert_eq!(<cities::City as larder::Record>::NAME, "cities");
    assert_eq!(cities::token().path(), ["type"]);
    let _ = cities::City::validate(&[]);
}
