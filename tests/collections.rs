//! Collections: the verbs, and what each leaves behind.

use larder::{ErrorKind, record};

use crate::support::db;

#[record(name = "cities", index(by_country_population = (country, desc(population))))]
#[derive(Clone, Debug, PartialEq)]
struct City {
    #[key]
    id: u64,
    #[unique]
    slug: String,
    #[index]
    elevation: Option<i32>,
    #[index(each)]
    names: Vec<String>,
    country: String,
    population: u64,
}

fn city(id: u64, country: &str, population: u64) -> City {
    City {
        id,
        slug: format!("slug-{id}"),
        elevation: id.is_multiple_of(2).then_some(id as i32),
        names: vec![format!("name-{id}"), "town".into(), "town".into()],
        country: country.into(),
        population,
    }
}

#[test]
fn what_was_inserted_is_found_by_key_and_by_every_index() {
    let db = db();
    let a = city(1, "FR", 10);
    let b = city(2, "FR", 20);
    db.write(|tx| {
        let mut cities = tx.collection::<City>()?;
        cities.insert(&a)?;
        assert_eq!(cities.insert(&b)?, 2);
        Ok(())
    })
    .unwrap();
    let db = db.reopen();
    let tx = db.read().unwrap();
    let cities = tx.collection::<City>().unwrap();
    assert_eq!(cities.get_owned(1).unwrap(), Some(a));
    assert_eq!(cities.get(2).unwrap().unwrap().slug, "slug-2");
    assert_eq!(
        cities.by(City::BY_SLUG).get("slug-2").unwrap().unwrap().id,
        2
    );
    assert_eq!(cities.by(City::BY_ELEVATION).len().unwrap(), 1);
    assert_eq!(cities.by(City::BY_NAMES).count("town"..="town").unwrap(), 2);
    assert_eq!(cities.by(City::BY_NAMES).len().unwrap(), 4);
    let ids: Vec<u64> = cities
        .by(City::BY_COUNTRY_POPULATION)
        .prefix(("FR",))
        .unwrap()
        .map(|city| city.unwrap().id.to_native())
        .collect();
    assert_eq!(ids, [2, 1]);
    assert_eq!(cities.field(2, City::POPULATION).unwrap(), Some(20));
}

#[test]
fn a_failed_unique_insert_leaves_no_index_entry() {
    let db = db();
    db.write(|tx| tx.collection::<City>()?.insert(&city(1, "FR", 10)))
        .unwrap();
    db.write(|tx| {
        let mut cities = tx.collection::<City>()?;
        let twin = City {
            slug: "slug-1".into(),
            ..city(3, "DE", 5)
        };
        let error = cities.insert(&twin).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().contains("by_slug"), "{error}");
        assert_eq!(cities.len()?, 1);
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_load_too_large_for_one_thread_is_refused_whole_or_written_whole() {
    let db = db();
    let mut cities: Vec<City> = (0..6_000)
        .rev()
        .map(|id| city(id, "FR", id % 100))
        .collect();
    cities[17].slug = cities[4_711].slug.clone();
    db.write(|tx| {
        let mut collection = tx.collection::<City>()?;
        let error = collection.load(cities.clone()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().contains("by_slug"), "{error}");
        assert!(collection.is_empty()?);
        assert!(collection.by(City::BY_SLUG).is_empty()?);
        cities[17].slug = "its-own".into();
        assert_eq!(collection.load(cities.clone())?, 6_000);
        // What is there already is refused as well.
        let error = collection.insert_many(&cities).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        Ok(())
    })
    .unwrap();
    let tx = db.read().unwrap();
    assert_eq!(tx.collection::<City>().unwrap().len().unwrap(), 6_000);
}

#[record(name = "visits")]
struct Visit {
    #[key]
    id: u64,
    city: u64,
    place: String,
    at: larder::Timestamp,
    guide: Option<u64>,
}

#[record(name = "moments")]
struct Moment {
    #[key]
    at: larder::Timestamp,
    #[index]
    guide: Option<u64>,
    #[index(fold)]
    place: String,
    #[key]
    share: f64,
}

#[test]
fn what_a_view_shows_is_a_key_for_other_collections() {
    let db = db();
    let at = larder::Timestamp::from_micros(-7);
    db.write(|tx| {
        tx.collection::<City>()?.insert(&city(9, "FR", 5))?;
        tx.collection::<Visit>()?.insert(&Visit {
            id: 1,
            city: 9,
            place: "FR".into(),
            at,
            guide: Some(3),
        })?;
        tx.collection::<Moment>()?.insert(&Moment {
            at,
            guide: Some(3),
            place: "fr".into(),
            share: 0.5,
        })?;
        Ok(())
    })
    .unwrap();
    let tx = db.read().unwrap();
    let cities = tx.collection::<City>().unwrap();
    let moments = tx.collection::<Moment>().unwrap();
    // As long as the transaction, not only as long as the handle.
    let visit = { tx.collection::<Visit>().unwrap().first().unwrap().unwrap() };
    assert!(cities.get(visit.city).unwrap().is_some());
    let by_reference = &visit.city;
    assert!(cities.contains(by_reference).unwrap());
    assert!(cities.range(..=visit.city).unwrap().next().is_some());
    let moment = { moments.last().unwrap().unwrap() };
    assert!(moments.get((visit.at, moment.share)).unwrap().is_some());
    let guided = moments.by(Moment::BY_GUIDE);
    assert!(guided.contains(visit.guide.as_ref().unwrap()).unwrap());
    assert!(moments.by(Moment::BY_PLACE).contains(&visit.place).unwrap());
    assert_eq!(
        cities
            .by(City::BY_COUNTRY_POPULATION)
            .prefix((&visit.place,))
            .unwrap()
            .count(),
        1
    );
}
