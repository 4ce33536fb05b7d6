//! How does a body of the current version become one of an earlier version again?

use super::conversion::{Before, Conversion};
use super::{CodeBook, Upgrades, lacks_code, plan_back};
use crate::base::sync::Arc;
use crate::base::{Error, ErrorKind, Result};
use crate::schema::catalog::{Records, Shape};
use crate::schema::step::Revert;

/// The way from the current version of a collection back to an earlier one.
pub(crate) struct WayBack {
    /// The version that it leads to.
    pub(crate) target: u32,
    /// The latest first.
    steps: Vec<StepBack>,
    /// The way forward, for what was before.
    forward: Upgrades,
    /// What to do about a step that nothing leads back on.
    advice: &'static str,
}

struct StepBack {
    /// The later version.
    from: u32,
    to: u32,
    back: Back,
}

enum Back {
    Plan(Conversion),
    Code(Revert),
    /// There is code that leads on, and none that leads back.
    None,
}

impl WayBack {
    pub(crate) fn new(info: &Records, target: u32, code: &Arc<CodeBook>) -> Result<Self> {
        let by_code = |from: u32, to: u32| {
            let code = code.find(&info.name, from, to);
            let down = code.and_then(|code| code.down.clone());
            down.map_or(Back::None, Back::Code)
        };
        let (mut steps, forward) = match &info.shape {
            Shape::Typed(typed) => {
                let versions = &typed.stored.versions;
                let mut steps = Vec::new();
                for (old, new) in versions.iter().zip(versions.iter().skip(1)) {
                    let plan = if new.by_code {
                        None
                    } else {
                        plan_back(old, new)?
                    };
                    steps.push(StepBack {
                        from: new.version,
                        to: old.version,
                        back: plan.map_or_else(|| by_code(old.version, new.version), Back::Plan),
                    });
                }
                (steps, Upgrades::of_records(&info.name, versions, 0, code)?)
            }
            Shape::Documents(documents) => {
                let versions = documents.stored.versions();
                let pairs = versions.iter().zip(versions.iter().skip(1));
                let steps = pairs.map(|(old, new)| StepBack {
                    from: *new,
                    to: *old,
                    back: by_code(*old, *new),
                });
                let forward = Upgrades::of_documents(&info.name, &versions, 0, code)?;
                (steps.collect(), forward)
            }
        };
        steps.retain(|step| step.to >= target);
        steps.reverse();
        Ok(Self {
            target,
            steps,
            forward,
            advice: match info.shape {
                Shape::Typed(_) => "implement `Downgrade` and write `downgrade` beside `from = ..`",
                Shape::Documents(_) => "register a schema with a `step_back` for it",
            },
        })
    }

    /// The versions that it leads away from, the earliest first.
    pub(crate) fn undone(&self) -> impl Iterator<Item = u32> {
        self.steps.iter().rev().map(|step| step.from)
    }

    /// Whether a body of the current version is what an earlier one becomes by itself: nobody has changed
    /// it since.
    pub(crate) fn unchanged(&self, body: &[u8], before: (u32, &[u8])) -> Result<bool> {
        let (version, before) = before;
        let became = self.brought(self.forward.current, version, before)?;
        Ok(became.is_some_and(|became| became == body))
    }

    /// The form that a body has at the end; `before` is the body that it once was, with its version.
    pub(crate) fn take(
        &self,
        version: u32,
        body: &[u8],
        before: Option<(u32, &[u8])>,
    ) -> Result<Vec<u8>> {
        let mut taken = body.to_vec();
        for step in self.steps.iter().filter(|step| step.from <= version) {
            let mut next = Vec::with_capacity(taken.len());
            let before = match before {
                Some((version, body)) if version <= step.to => {
                    self.brought(step.to, version, body)?
                }
                _ => None,
            };
            self.take_step(step, &taken, before.as_deref(), &mut next)?;
            taken = next;
        }
        Ok(taken)
    }

    /// What a body from before is in a version on the way; `None` where the code fails on it, so that what
    /// is there now was written by somebody, and where the program has given up the code.
    fn brought(&self, to: u32, version: u32, body: &[u8]) -> Result<Option<Vec<u8>>> {
        match self.forward.bring_to(to, version, body) {
            Ok(body) => Ok(Some(body)),
            Err(error) if lacks_code(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether a body of that version, earlier than the target, has what its form there has not.
    pub(crate) fn target_lacks(&self, version: u32) -> bool {
        self.forward.lose_up_to(self.target, version)
    }

    fn take_step(
        &self,
        step: &StepBack,
        body: &[u8],
        before: Option<&[u8]>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let StepBack { from, to, back } = step;
        match (back, before) {
            (Back::Plan(conversion), Some(before)) => {
                let became = self.forward.bring_to(*from, *to, before)?;
                let before = Before {
                    body: before,
                    became: &became,
                };
                conversion.apply(body, Some(before), out)
            }
            (Back::Plan(conversion), None) => conversion.apply(body, None, out),
            (Back::Code(down), before) => down(body, before, out),
            (Back::None, _) => Err(no_way(*from, *to, self.advice)),
        }
    }
}

#[cold]
fn no_way(from: u32, to: u32, advice: &str) -> Error {
    Error::new(
        ErrorKind::NotMigrated,
        format!(
            "it was written since the migration, and no code leads from version {from} back to {to}; {advice}"
        ),
    )
}
