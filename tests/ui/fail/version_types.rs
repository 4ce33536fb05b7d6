//! Defaults that do not fit the type of their field, and records that do not come from one another.
use larder::{part, record};

#[record(name = "cities", version = 2)]
pub struct CityV2 {
    #[key]
    id: u64,
    #[default = "many"]
    population: u64,
    #[default = 1]
    area: f64,
    #[default = 300]
    stars: u8,
    #[default = 'F']
    country: String,
    #[default]
    color: Color,
    #[default = undefined]
    name: String,
}

#[part]
pub enum Color {
    Red,
    Mixed(#[default = Some(1)] u8),
}

// No conversion.
#[record(name = "cities", version = 3, from = CityV2)]
pub struct Unconverted {
    #[key]
    id: u64,
}

// No way back.
#[record(name = "cities", version = 3, from = CityV2, downgrade)]
pub struct OneWay {
    #[key]
    id: u64,
}

impl From<CityV2> for OneWay {
    fn from(city: CityV2) -> Self {
        Self { id: city.id }
    }
}

#[record(name = "towns", version = 3, from = CityV2)]
pub struct Town {
    #[key]
    id: u64,
}

impl From<CityV2> for Town {
    fn from(city: CityV2) -> Self {
        Self { id: city.id }
    }
}

#[record(name = "cities", version = 2, from = CityV2)]
pub struct Same {
    #[key]
    id: u64,
}

impl From<CityV2> for Same {
    fn from(city: CityV2) -> Self {
        Self { id: city.id }
    }
}

#[record(version = 2, from = Color)]
pub struct FromPart {
    #[key]
    id: u64,
}

#[record(version = 2, from = Missing)]
pub struct FromMissing {
    #[key]
    id: u64,
}

fn main() {}
