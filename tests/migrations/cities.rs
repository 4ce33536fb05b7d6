//! A collection in five versions: what an application made of it over the years.

use larder::{BoxError, Database, Downgrade, Timestamp};

pub mod v1 {
    #[larder::part]
    #[derive(Clone, Debug, PartialEq)]
    pub struct Place {
        pub lat: f32,
        pub lon: f32,
        pub datum: String,
    }

    #[larder::part]
    #[derive(Clone, Debug, PartialEq)]
    pub enum Kind {
        Town,
        Village { houses: u16 },
    }

    #[larder::record(name = "cities")]
    #[derive(Clone, Debug, PartialEq)]
    pub struct City {
        #[key]
        pub id: u64,
        #[index]
        pub name: String,
        #[index]
        pub pop: u32,
        pub mayor: String,
        #[index]
        pub country: String,
        pub place: Place,
        pub kind: Kind,
        pub alias: String,
        pub sisters: Vec<Place>,
    }
}

/// Renamed, widened, added, removed, reordered, and so within parts; no code.
pub mod v2 {
    #[larder::part]
    #[derive(Clone, Debug, PartialEq)]
    pub struct Place {
        #[default = -1]
        pub height: i32,
        #[renamed(from = "lon")]
        pub east: f64,
        #[renamed(from = "lat")]
        pub north: f64,
    }

    #[larder::part]
    #[derive(Clone, Debug, PartialEq)]
    pub enum Kind {
        Hamlet,
        #[renamed(from = "Village")]
        Rural {
            houses: u64,
            mills: Option<u8>,
        },
        Town,
    }

    #[larder::record(name = "cities", version = 2)]
    #[derive(Clone, Debug, PartialEq)]
    pub struct City {
        pub country: String,
        #[key]
        pub id: u64,
        #[index]
        pub name: String,
        #[index]
        #[renamed(from = "pop")]
        pub population: u64,
        #[default = "UTC"]
        #[index]
        pub zone: String,
        pub founded: Option<larder::Timestamp>,
        pub place: Place,
        pub kind: Kind,
        #[renamed(from = "alias")]
        pub aliases: Vec<String>,
        pub sisters: Vec<Place>,
    }
}

/// By code, and there is a way back.
pub mod v3 {
    #[larder::record(name = "cities", version = 3, from = super::v2::City, downgrade)]
    #[derive(Clone, Debug, PartialEq)]
    pub struct City {
        #[key]
        pub id: u64,
        #[unique]
        pub slug: String,
        #[index]
        pub thousands: u32,
        pub north: f64,
        pub east: f64,
    }
}

/// Without code again.
pub mod v4 {
    #[larder::record(name = "cities", version = 4)]
    #[derive(Clone, Debug, PartialEq)]
    pub struct City {
        #[key]
        pub id: u64,
        #[unique]
        #[renamed(from = "slug")]
        pub tag: String,
        pub thousands: u64,
        #[default = true]
        pub open: bool,
    }
}

/// What knows the whole way: the last version again, with the code that leads to the one before.
pub mod whole {
    #[larder::record(name = "cities", version = 4, from = super::v3::City)]
    #[derive(Clone, Debug, PartialEq)]
    pub struct City {
        #[key]
        pub id: u64,
        #[unique]
        #[renamed(from = "slug")]
        pub tag: String,
        pub thousands: u64,
        #[default = true]
        pub open: bool,
    }

    impl From<super::v3::City> for City {
        fn from(city: super::v3::City) -> Self {
            Self {
                id: city.id,
                tag: city.slug,
                thousands: city.thousands.into(),
                open: true,
            }
        }
    }
}

impl TryFrom<v2::City> for v3::City {
    type Error = String;

    fn try_from(city: v2::City) -> Result<Self, String> {
        if city.name.is_empty() {
            return Err("it has no name".to_owned());
        }
        Ok(Self {
            id: city.id,
            slug: format!("{}-{}", city.country, city.name).to_lowercase(),
            thousands: u32::try_from(city.population / 1000).map_err(|error| error.to_string())?,
            north: city.place.north,
            east: city.place.east,
        })
    }
}

impl Downgrade<v2::City> for v3::City {
    fn downgrade(self, before: Option<v2::City>) -> Result<v2::City, BoxError> {
        let (country, name) = self.slug.split_once('-').ok_or("the slug has no country")?;
        let before = before.unwrap_or_else(|| v2::City {
            country: country.to_uppercase(),
            id: self.id,
            name: name.to_owned(),
            population: 0,
            zone: "back".to_owned(),
            founded: Some(Timestamp::from_micros(0)),
            place: v2::Place {
                height: 0,
                east: self.east,
                north: self.north,
            },
            kind: v2::Kind::Hamlet,
            aliases: Vec::new(),
            sisters: Vec::new(),
        });
        Ok(v2::City {
            population: u64::from(self.thousands) * 1000,
            ..before
        })
    }
}

/// City `id` in its first version.
pub fn first(id: u64) -> v1::City {
    let place = |n: f32| v1::Place {
        lat: n + 0.5,
        lon: -n,
        datum: format!("a datum that lies out of line, {n}"),
    };
    v1::City {
        id,
        name: format!("City number {id}"),
        pop: u32::try_from(id * 1000).unwrap(),
        mayor: format!("Mayor {id}"),
        country: ["FR", "DE", "IT"][usize::try_from(id % 3).unwrap()].to_owned(),
        place: place(id as f32),
        kind: if id.is_multiple_of(2) {
            v1::Kind::Town
        } else {
            v1::Kind::Village {
                houses: u16::try_from(id).unwrap(),
            }
        },
        alias: format!("alias {id}"),
        sisters: (0..id % 3).map(|n| place(n as f32)).collect(),
    }
}

/// The same in its second, as whoever reads the declarations would say.
pub fn second(id: u64) -> v2::City {
    let old = first(id);
    let place = |place: v1::Place| v2::Place {
        height: -1,
        east: place.lon.into(),
        north: place.lat.into(),
    };
    v2::City {
        country: old.country,
        id,
        name: old.name,
        population: old.pop.into(),
        zone: "UTC".to_owned(),
        founded: None,
        place: place(old.place),
        kind: match old.kind {
            v1::Kind::Town => v2::Kind::Town,
            v1::Kind::Village { houses } => v2::Kind::Rural {
                houses: houses.into(),
                mills: None,
            },
        },
        aliases: vec![old.alias],
        sisters: old.sisters.into_iter().map(place).collect(),
    }
}

pub fn third(id: u64) -> v3::City {
    second(id).try_into().unwrap()
}

/// Puts the cities `1..=count` into a database, in their first version.
pub fn found(db: &Database, count: u64) {
    db.register::<v1::City>().unwrap();
    db.write(|tx| {
        let mut cities = tx.collection::<v1::City>()?;
        for id in 1..=count {
            cities.insert(&first(id))?;
        }
        Ok::<_, larder::Error>(())
    })
    .unwrap();
}
