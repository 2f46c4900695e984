//! A decision of another machine: its record is on that machine's disk, and its id says which.

use crate::server::Server;
use crate::store::StoreError;
use crate::store::starts;
use crate::store::starts::Start;

/// Where the mark of a process start stands in the id of a decision.
const MARK_BIT: u32 = 46;

/// What an id of a decision says of the process start that made it.
pub(in crate::server) fn mark_of(incarnation: u64) -> u16 {
    u16::try_from(incarnation >> 48).unwrap_or(0)
}

/// An id with this mark in it, in place of chance.
pub(in crate::server) fn marked(id: u128, mark: u16) -> u128 {
    let place = u128::from(u16::MAX) << MARK_BIT;
    id & !place | u128::from(mark) << MARK_BIT
}

fn is_marked(id: u128, mark: u16) -> bool {
    marked(id, mark) == id
}

impl Server {
    /// Which other machines may have decided this, where machines share a store: where each runs
    /// now, or ran last. Mostly one; two starts may have the same mark.
    pub async fn deciders(&self, decision: u128) -> Result<Vec<Start>, StoreError> {
        let Some(shared) = self.ledger.shared() else { return Ok(Vec::new()) };
        let known = starts::all(shared.client()).await?;
        let marked = known.iter().filter(|(start, _)| is_marked(decision, mark_of(**start)));
        let mut found: Vec<Start> = Vec::new();
        for (_, start) in marked {
            let last = known.values().filter(|other| other.data == start.data);
            let last = last.max_by_key(|other| other.at_ms).unwrap_or(start);
            if last.data != self.ledger.store() && !found.contains(last) {
                found.push(last.clone());
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_keeps_its_time_version_and_slot_and_says_who_decided() {
        let id = !0xFF_u128;
        let marked = marked(id, 0x1234);
        assert!(is_marked(marked, 0x1234) && is_marked(marked | 3, 0x1234));
        assert!(!is_marked(marked, 0x1235));
        assert_eq!(marked | u128::from(u16::MAX) << MARK_BIT, id);
        // Version and variant of a UUID stand above it.
        assert_eq!(marked >> 62, id >> 62);
    }
}
