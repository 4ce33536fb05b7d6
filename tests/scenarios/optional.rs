//! C: optional values. `None` has no entry in an index of its own; in a compound index it is a
//! value like any other, before all others.

use larder::{ErrorKind, record};

use crate::support::db;

#[record(name = "members", index(by_team_rank = (team, rank)))]
struct Member {
    #[key]
    id: u64,
    #[unique]
    card: Option<u32>,
    #[index]
    rank: Option<i32>,
    team: String,
}

fn member(id: u64, card: Option<u32>, rank: Option<i32>) -> Member {
    Member {
        id,
        card,
        rank,
        team: "red".into(),
    }
}

#[test]
fn c17_many_records_without_an_optional_unique_key_live_together() {
    let db = db();
    db.write(|tx| {
        let mut members = tx.collection::<Member>()?;
        for id in 0..5 {
            members.insert(&member(id, None, None))?;
        }
        members.insert(&member(5, Some(7), None))?;
        assert_eq!(members.by(Member::BY_CARD).len()?, 1);
        assert!(
            members
                .insert(&member(6, Some(7), None))
                .unwrap_err()
                .is(ErrorKind::Conflict)
        );
        assert!(members.remove(0)?);
        members.update(5, |member| member.card = None)?;
        assert!(members.by(Member::BY_CARD).is_empty()?);
        members.update(1, |member| member.card = Some(7))?;
        assert_eq!(
            members
                .by(Member::BY_CARD)
                .get(7)?
                .expect("it has the card now")
                .id,
            1
        );
        assert_eq!(members.len()?, 5);
        Ok(())
    })
    .unwrap();
}

#[test]
fn c18_a_range_over_an_optional_key_never_yields_a_record_without_it() {
    let db = db();
    db.write(|tx| {
        let ranks = [
            None,
            Some(i32::MIN),
            Some(-1),
            None,
            Some(0),
            Some(i32::MAX),
        ];
        let members = ranks
            .into_iter()
            .zip(0..)
            .map(|(rank, id)| member(id, None, rank));
        tx.collection::<Member>()?.load(members)
    })
    .unwrap();
    let tx = db.read().unwrap();
    let members = tx.collection::<Member>().unwrap();
    let by_rank = members.by(Member::BY_RANK);
    let ids = |entries: larder::Result<larder::IndexEntries<'_, Member>>| {
        entries
            .unwrap()
            .map(|member| member.unwrap().id.to_native())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(by_rank.range(..)), [1, 2, 4, 5]);
    assert_eq!(ids(by_rank.range(i32::MIN..)), [1, 2, 4, 5]);
    assert_eq!(ids(by_rank.range(..=0)), [1, 2, 4]);
    assert_eq!(by_rank.len().unwrap(), 4);
    // A compound index has them all, those without a rank first.
    let by_team = members.by(Member::BY_TEAM_RANK);
    assert_eq!(ids(by_team.prefix(("red",))), [0, 3, 1, 2, 4, 5]);
    assert_eq!(ids(by_team.equal(("red", None::<i32>))), [0, 3]);
    assert_eq!(ids(by_team.range(("red", Some(i32::MIN))..)), [1, 2, 4, 5]);
}
