//! What do rules of retention keep of these snapshots?

use super::snapshot_open::SnapshotInfo;
use crate::snapshot::{Dated, Moment, Retention, RetentionPlan};

impl Retention {
    /// What is kept of `snapshots`, and what is forgotten. Their order does not matter; each database is
    /// planned for by itself, whatever its epoch. One that is forgotten may still be what a kept one builds on:
    /// do not delete it for this alone.
    #[must_use]
    pub fn plan(&self, snapshots: &[SnapshotInfo]) -> RetentionPlan {
        self.plan_dated(snapshots.iter().map(|info| Dated {
            database: info.database,
            moment: Moment {
                epoch: info.epoch,
                sequence: info.commit.sequence(),
                created: info.created,
                id: info.id,
            },
        }))
    }
}
