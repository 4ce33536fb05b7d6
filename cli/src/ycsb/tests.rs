//! Does every workload do what YCSB says of it, on a database that is then as it should be?

use super::*;

const RECORDS: u64 = 200;

fn parameters(operations: u64, threads: usize) -> Parameters {
    Parameters {
        records: RECORDS,
        operations,
        threads,
        seed: 20_261_127,
    }
}

fn loaded() -> Database {
    let db = Database::in_memory().unwrap();
    let parameters = parameters(0, 1);
    let phase = load(&db, &parameters, |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(phase.operations, RECORDS);
    assert_eq!(phase.by_kind, []);
    db
}

fn records(db: &Database) -> u64 {
    db.read()
        .unwrap()
        .documents(COLLECTION)
        .unwrap()
        .len()
        .unwrap()
}

fn of(phase: &Phase, kind: Operation) -> Option<Latencies> {
    phase.by_kind.iter().find(|l| l.kind == kind).copied()
}

#[test]
fn every_workload_runs_and_does_no_other_operations_than_its_own() {
    let db = loaded();
    let mut inserted = 0;
    for workload in Workload::ALL {
        for threads in [1, 3] {
            let parameters = parameters(200, threads);
            let mut told = 0;
            let phase = run(&db, workload, &parameters, |done| {
                assert!(done >= told);
                told = done;
                ControlFlow::Continue(())
            })
            .unwrap();
            assert_eq!(phase.operations, 200);
            assert_eq!(phase.not_found, 0, "{workload:?}");
            assert!(phase.throughput() > 0.0);
            let counts = phase.by_kind.iter().map(|latencies| latencies.count);
            assert_eq!(counts.sum::<u64>(), 200);
            for latencies in &phase.by_kind {
                let mut kinds = workload.proportions().iter().map(|(kind, _)| kind);
                assert!(kinds.any(|kind| *kind == latencies.kind), "{latencies:?}");
                let steps = [latencies.p50, latencies.p95, latencies.p99, latencies.max];
                assert!(steps.is_sorted(), "{latencies:?}");
                assert!(Duration::ZERO < latencies.mean && latencies.mean <= latencies.max);
            }
            inserted += of(&phase, Operation::Insert).map_or(0, |inserts| inserts.count);
        }
    }
    assert!(inserted > 0);
    assert_eq!(records(&db), RECORDS + inserted);
    assert!(
        db.read()
            .unwrap()
            .documents(COLLECTION)
            .unwrap()
            .contains(key(RECORDS))
            .unwrap()
    );
}

#[test]
fn each_workload_does_its_proportions_within_two_percent() {
    const DRAWS: u64 = 50_000;
    for workload in Workload::ALL {
        let total: u64 = workload
            .proportions()
            .iter()
            .map(|(_, percent)| percent)
            .sum();
        assert_eq!(total, 100, "{workload:?}");
        let mut random = SplitMix64::new(11);
        let mut counts = [0_u64; Operation::ALL.len()];
        for _ in 0..DRAWS {
            counts[workload.operation(random.below(100)) as usize] += 1;
        }
        for (kind, count) in Operation::ALL.iter().zip(counts) {
            let mut proportions = workload.proportions().iter();
            let percent = proportions
                .find(|(of, _)| of == kind)
                .map_or(0, |(_, percent)| *percent);
            let expected = DRAWS * percent / 100;
            assert!(
                count.abs_diff(expected) <= DRAWS / 50,
                "{workload:?} {kind:?}: {count}"
            );
            assert_eq!(count == 0, percent == 0, "{workload:?} {kind:?}: {count}");
        }
    }
    assert_eq!(Workload::D.inserts(10_000), 500);
    assert_eq!(Workload::A.inserts(10_000), 0);
}

#[test]
fn a_run_measures_the_proportions_that_it_was_to_have() {
    let phase = run(&loaded(), Workload::A, &parameters(2_000, 2), |_| {
        ControlFlow::Continue(())
    })
    .unwrap();
    for kind in [Operation::Read, Operation::Update] {
        let count = of(&phase, kind).unwrap().count;
        assert!(count.abs_diff(1_000) <= 100, "{kind:?}: {count}");
    }
}

#[test]
fn one_thread_and_one_seed_do_the_same_again() {
    let contents = || {
        let db = loaded();
        run(&db, Workload::A, &parameters(300, 1), |_| {
            ControlFlow::Continue(())
        })
        .unwrap();
        let mut text = Vec::new();
        db.read()
            .unwrap()
            .documents(COLLECTION)
            .unwrap()
            .export_ndjson(&mut text)
            .unwrap();
        text
    };
    assert!(contents() == contents());
}

#[test]
fn progress_may_end_loading_and_running() {
    let db = Database::in_memory().unwrap();
    let many = Parameters {
        records: 10_000,
        operations: u64::MAX,
        threads: 2,
        seed: 1,
    };
    let stop_at = |least: u64| {
        move |done: u64| {
            if done >= least {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        }
    };
    assert_eq!(load(&db, &many, stop_at(2_000)).unwrap().operations, 2_000);
    assert_eq!(records(&db), 2_000);
    let phase = run(&db, Workload::C, &many, stop_at(1)).unwrap();
    assert!(phase.operations > 0);
}

#[test]
fn nothing_is_done_where_nothing_is_loaded() {
    let db = Database::in_memory().unwrap();
    let phase = run(&db, Workload::A, &parameters(10, 1), |_| {
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!((phase.operations, phase.by_kind.len()), (0, 0));
    assert!(phase.throughput() < f64::EPSILON);
}

#[test]
fn an_error_ends_all_threads() {
    let db = loaded();
    db.write(|tx| {
        let mut records = tx.documents(COLLECTION)?;
        for number in 0..RECORDS / 2 {
            records.remove(key(number))?;
            records.put(format!("user{number}"), larder::serde_json::json!({}))?;
        }
        Ok(())
    })
    .unwrap();
    let many = parameters(u64::MAX, 3);
    let error = run(&db, Workload::A, &many, |_| ControlFlow::Continue(())).unwrap_err();
    assert_eq!(error.kind(), larder::ErrorKind::NotFound);
    let phase = run(&db, Workload::C, &parameters(500, 1), |_| {
        ControlFlow::Continue(())
    })
    .unwrap();
    assert!(phase.not_found > 0);
}
