//! Funnels of the flights that this server serves or served.

use crate::domain::campaign::Flight;
use crate::domain::goal::ByGoal;
use crate::reporting::Reporting;
use crate::reporting::funnel;
use crate::reporting::funnel::{Evidence, FlightFunnel, FunnelError, OwnedFlight};
use crate::token;
use std::io;
use std::ops::Range;

impl Reporting {
    /// Looks for a flight that is or was in the inventory; `of`: only among those of this advertiser.
    pub(crate) fn find_flight(
        &self,
        id: &str,
        of: Option<&str>,
    ) -> Result<OwnedFlight, FunnelError> {
        funnel::find_flight(&self.world.directory(), id, of)
    }

    /// The funnel of a flight; its advertiser gets rounded counts. Reads the decision log: do not call on a
    /// request thread.
    pub(crate) fn funnel(
        &self,
        flight: &OwnedFlight,
        times: &Range<i64>,
        is_operator: bool,
    ) -> io::Result<FlightFunnel> {
        self.read_recorded(|recorded| {
            let evidence = Evidence {
                recorded,
                directory: &self.world.directory(),
                views: self.views(),
                counted: self.counted_of(&flight.flight),
                is_shared: self.ledger.state().is_shared(),
                now_ms: self.clock.now_ms(),
            };
            funnel::funnel(&evidence, flight, times, is_operator)
        })
    }

    fn counted_of(&self, flight: &Flight) -> ByGoal<u64> {
        let partition = token::partition_of(flight.campaign.as_str());
        let state = self.ledger.state();
        let counts = state.flight_counts(partition, flight.id.as_str());
        counts.map(|counts| *counts.counted()).unwrap_or_default()
    }
}
