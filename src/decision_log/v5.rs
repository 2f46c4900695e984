//! Version 5: the state has rotations, and advertisers that have taken their part of a topic; a part of the requests
//! may have other weights.

use crate::decision_log::line::{CanaryLine, DecisionLine, StateChange, WorldLine};
use crate::decision_log::{line, v1, v3, v4};
use crate::selection::rotation::{Rotations, Row, Scope};
use crate::selection::snapshot::Closed;
use serde::{Deserialize, Serialize};

/// A line of version 5: a decision as in version 3, and a state with rotations and closed topics.
#[derive(Debug, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "one at a time, and nearly all are decisions")]
pub(super) enum Line<'a> {
    #[serde(borrow)]
    World(World<'a>),
    Change(Change<'a>),
    Decision(v1::Decision<'a, v3::Page<'a>>),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct World<'a> {
    #[serde(borrow)]
    base: v4::World<'a>,
    rotations: Vec<StoredRow>,
    /// Indices of an advertiser and a topic.
    closed: Vec<Closed>,
    /// The canary: its share in units of 2^-32, and its world.
    #[serde(borrow)]
    canary: Option<(u32, Box<World<'a>>)>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Change<'a> {
    #[serde(borrow)]
    base: v4::Change<'a>,
    rotations: Vec<StoredRow>,
    /// Place and scope of rows that are gone.
    forgotten: Vec<(u32, u64)>,
    closed: Vec<Closed>,
    reopened: Vec<Closed>,
    /// The change of the canary's state.
    #[serde(borrow)]
    canary: Option<Box<Change<'a>>>,
}

/// Place, scope (0 of the flight, odd of a group of topics, even of a topic), and parts.
type StoredRow = (u32, u64, Vec<u16>);

fn stored(rows: &[Row]) -> Vec<StoredRow> {
    rows.iter().map(|row| (row.place, row.scope.number(), row.parts.to_vec())).collect()
}

fn read(rows: Vec<StoredRow>) -> Result<Vec<Row>, String> {
    let row = |(place, scope, parts): StoredRow| {
        Ok(Row { place, scope: Scope::from_number(scope)?, parts: parts.into() })
    };
    rows.into_iter().map(row).collect()
}

impl<'a> From<&'a WorldLine> for World<'a> {
    fn from(line: &'a WorldLine) -> World<'a> {
        let state = &line.state;
        let rotations = stored(state.rotations.rows());
        let canary = line.canary.as_deref();
        let canary = canary.map(|canary| (canary.share, Box::new(World::from(&canary.world))));
        World { base: line.into(), rotations, closed: state.closed.clone(), canary }
    }
}

impl TryFrom<World<'_>> for WorldLine {
    type Error = String;

    fn try_from(stored: World<'_>) -> Result<WorldLine, String> {
        let World { base, rotations, closed, canary } = stored;
        let mut world = WorldLine::from(base);
        let of_canary = |(share, world): (u32, Box<World<'_>>)| {
            Ok::<_, String>(Box::new(CanaryLine { share, world: (*world).try_into()? }))
        };
        world.canary = canary.map(of_canary).transpose()?;
        world.state.rotations = Rotations::new(read(rotations)?);
        world.state.closed = closed;
        Ok(world)
    }
}

impl<'a> From<&'a StateChange> for Change<'a> {
    fn from(change: &'a StateChange) -> Change<'a> {
        let number = |(place, scope): &(u32, Scope)| (*place, scope.number());
        Change {
            rotations: stored(&change.rotations),
            forgotten: change.forgotten.iter().map(number).collect(),
            closed: change.closed.clone(),
            reopened: change.reopened.clone(),
            canary: change.canary.as_deref().map(|change| Box::new(change.into())),
            base: change.into(),
        }
    }
}

impl TryFrom<Change<'_>> for StateChange {
    type Error = String;

    fn try_from(stored: Change<'_>) -> Result<StateChange, String> {
        let scope = |(place, scope)| Ok((place, Scope::from_number(scope)?));
        let forgotten: Result<Vec<_>, String> = stored.forgotten.into_iter().map(scope).collect();
        let canary = stored.canary.map(|change| (*change).try_into().map(Box::new));
        Ok(StateChange {
            rotations: read(stored.rotations)?,
            forgotten: forgotten?,
            closed: stored.closed,
            reopened: stored.reopened,
            canary: canary.transpose()?,
            ..stored.base.into()
        })
    }
}

impl<'a> From<&'a DecisionLine> for Line<'a> {
    fn from(line: &'a DecisionLine) -> Line<'a> {
        Line::Decision(v1::Decision::new(line, v3::Page::from(&*line.page)))
    }
}

impl TryFrom<Line<'_>> for line::Line {
    type Error = String;

    fn try_from(stored: Line<'_>) -> Result<line::Line, String> {
        Ok(match stored {
            Line::World(world) => line::Line::World(world.try_into()?),
            Line::Change(change) => line::Line::Change(change.try_into()?),
            Line::Decision(decision) => line::Line::Decision(Box::new(decision.try_into()?)),
        })
    }
}
