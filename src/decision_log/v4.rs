//! Version 4: the state has tickets.

use crate::decision_log::line::{StateChange, WorldLine};
use crate::decision_log::{line, v1, v3};
use crate::selection::snapshot::Ticket;
use serde::{Deserialize, Serialize};

/// A line of version 4: a decision as in version 3, and a state with tickets.
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
    base: v1::World<'a>,
    tickets: Vec<StoredTicket>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Change<'a> {
    #[serde(borrow)]
    base: v1::Change<'a>,
    tickets: Vec<StoredTicket>,
    returned: Vec<u32>,
}

/// Place, share and turn.
type StoredTicket = (u32, u32, u32);

fn stored(tickets: &[Ticket]) -> Vec<StoredTicket> {
    tickets.iter().map(|one| (one.place, one.share, one.turn)).collect()
}

fn read(tickets: Vec<StoredTicket>) -> Vec<Ticket> {
    tickets.into_iter().map(|(place, share, turn)| Ticket { place, share, turn }).collect()
}

impl<'a> From<&'a WorldLine> for World<'a> {
    fn from(line: &'a WorldLine) -> World<'a> {
        World { base: line.into(), tickets: stored(&line.state.tickets) }
    }
}

impl From<World<'_>> for WorldLine {
    fn from(World { base, tickets }: World<'_>) -> WorldLine {
        let mut world = WorldLine::from(base);
        world.state.tickets = read(tickets);
        world
    }
}

impl<'a> From<&'a StateChange> for Change<'a> {
    fn from(change: &'a StateChange) -> Change<'a> {
        let (tickets, returned) = (stored(&change.tickets), change.returned.clone());
        Change { base: change.into(), tickets, returned }
    }
}

impl From<Change<'_>> for StateChange {
    fn from(Change { base, tickets, returned }: Change<'_>) -> StateChange {
        StateChange { tickets: read(tickets), returned, ..base.into() }
    }
}

impl TryFrom<Line<'_>> for line::Line {
    type Error = String;

    fn try_from(stored: Line<'_>) -> Result<line::Line, String> {
        Ok(match stored {
            Line::World(world) => line::Line::World(world.into()),
            Line::Change(change) => line::Line::Change(change.into()),
            Line::Decision(decision) => line::Line::Decision(Box::new(decision.try_into()?)),
        })
    }
}
