//! Every spelling of what earlier versions were like, beside std's and serde's attributes, under strict lints.
#![deny(missing_docs, unsafe_code, unreachable_pub, unused_qualifications, warnings)]
#![deny(clippy::pedantic)]

pub mod old {
    //! The versions before.

    /// The first.
    #[larder::record(name = "cities", version = 2)]
    #[derive(Clone, Debug, PartialEq)]
    pub struct CityV2 {
        /// The key.
        #[key]
        pub id: u64,
        /// A name.
        pub name: String,
    }

    /// The second.
    #[larder::record(name = "cities", version = 3, from = CityV2, downgrade)]
    #[derive(Clone, Debug, PartialEq)]
    pub struct CityV3 {
        /// The key.
        #[key]
        pub id: u64,
        /// Its letters.
        pub letters: u64,
    }

    impl From<CityV2> for CityV3 {
        fn from(city: CityV2) -> Self {
            Self { id: city.id, letters: city.name.len() as u64 }
        }
    }

    impl larder::Downgrade<CityV2> for CityV3 {
        fn downgrade(self, before: Option<CityV2>) -> Result<CityV2, larder::BoxError> {
            before.ok_or_else(|| "its name is gone".into())
        }
    }
}

const MANY: u32 = 1 << 20;

/// A city.
#[larder::record(name = "cities", version = 4, from = old::CityV3,)]
#[derive(Clone, Debug, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct City {
    /// The key.
    #[key]
    #[renamed(from = "number")]
    pub id: u64,
    /// A number.
    #[default]
    pub population: u32,
    /// A literal.
    #[default = 5]
    #[serde(default, rename = "Stars")]
    pub stars: u8,
    /// A negative one.
    #[default = -1.5]
    #[renamed(from = "lat")]
    pub latitude: f64,
    /// Text.
    #[index]
    #[default = "FR"]
    #[renamed(from = "land", from = "nation",)]
    pub country: String,
    /// Text that is none.
    #[default = "raw"]
    pub raw: Vec<u8>,
    /// An expression.
    #[default = Self::greatest() - 1]
    most: u32,
    #[default = MANY]
    many: u32,
    #[default = Some("x".to_owned())]
    #[renamed(from = "c")]
    #[renamed(from = "d")]
    maybe: Option<String>,
    #[default = vec![[1, 2], [3, 4]]]
    pairs: Vec<[u16; 2]>,
    // Two names, exchanged.
    #[renamed(from = "width")]
    height: u16,
    #[renamed(from = "height")]
    width: u16,
    #[default]
    #[renamed(from = "kind")]
    r#type: Kind,
    #[default = Point(1, "two".into())]
    point: Point,
    #[default = { let budget = 1; budget + 1 }]
    block: i64,
}

impl City {
    const fn greatest() -> u32 {
        7
    }
}

impl TryFrom<old::CityV3> for City {
    type Error = std::num::TryFromIntError;

    fn try_from(city: old::CityV3) -> Result<Self, Self::Error> {
        Ok(Self { id: city.id, many: city.letters.try_into()?, ..Self::default() })
    }
}

/// What it is.
#[larder::part(key)]
#[derive(Clone, Copy, Debug, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub enum Kind {
    /// One.
    #[renamed(from = "Single")]
    #[serde(rename = "one")]
    One,
    /// The default of std's derive.
    #[default]
    #[renamed(from = "Couple", from = "Pair")]
    Two,
    /// With fields.
    Many {
        /// How many.
        #[default = 3]
        #[renamed(from = "number")]
        count: u8,
        /// Whether they are all there.
        #[default]
        all: bool,
    },
    /// In a tuple.
    Numbers(#[default = 1] u8, #[renamed(from = "0")] u8),
}

#[derive(Clone, Debug, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[larder::part]
struct Point(u8, #[renamed(from = "0")] String);

#[larder::part]
#[derive(Clone, Debug, PartialEq, Default)]
struct Place {
    #[default = 2.5]
    lat: f64,
    #[default]
    #[renamed(from = "lng")]
    lon: f64,
}

macro_rules! with_default {
    ($name:ident, $ty:ty, $literal:literal, $value:expr) => {
        #[larder::part]
        struct $name {
            #[default = $literal]
            literal: $ty,
            #[default = $value]
            value: $ty,
        }
    };
}

with_default!(Texts, String, "text", String::new());
with_default!(Numbers, u8, 1, 1 + 1);

fn main() {
    use larder::Record as _;
    assert_eq!(City::VERSION, 4);
    let described = City::describe_record();
    let country = &described.fields[4];
    assert_eq!(country.renamed_from, ["land", "nation"]);
    assert_eq!(country.default.as_deref(), Some(b"FR\xff\xff\xff\xff\xff\xff".as_slice()));
    assert_eq!(City::steps().len(), 2);
    assert_eq!(City::default().r#type, Kind::Two);
    let _ = (Place::LAT, Texts::VALUE, Numbers::VALUE);
}
