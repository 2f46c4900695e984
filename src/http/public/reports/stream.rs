//! CSV of any length in bounded memory: chunks are made one after the other, as the client reads them.

use crate::http::problem::ApiError;
use crate::http::public::reports::query::MAX_LIMIT;
use crate::http::public::reports::table;
use crate::http::public::reports::threads::Slot;
use crate::ledger::views::Views;
use crate::reporting::report::{Page, Query, RowPlace};
use crate::reporting::{Completeness, report};
use actix_web::web::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::timeout;

/// How long a client may leave a chunk unread until its report ends.
pub(super) const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// What a CSV is made from.
pub(super) struct Source {
    pub(super) views: Views,
    pub(super) completeness: Completeness,
}

/// A page of a report as CSV, and where the next one begins.
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    pub(super) more_after: Option<RowPlace>,
}

/// Makes a chunk. Scans every ledger row of the period.
pub(super) fn chunk(source: &Source, query: &Query) -> Result<Chunk, ApiError> {
    let report = report::report(&source.views, query);
    let is_first = query.page.after.is_none();
    let bytes = table::csv(&report, &query.by, is_first, &source.completeness)
        .map_err(ApiError::internal)?;
    Ok(Chunk { bytes, more_after: report.more_after })
}

/// The bytes of all chunks, of which `first` is made. `patience` is how long a chunk may stay unread: a client that stops reading gets a cut connection,
/// never a file that looks complete.
pub(super) fn chunks(
    first: Chunk,
    slot: Slot,
    source: Arc<Source>,
    query: Query,
    patience: Duration,
) -> impl Stream<Item = io::Result<Bytes>> {
    let (sent, received) = channel(1);
    actix_web::rt::spawn(async move {
        let mut next = Some(first);
        while let Some(Chunk { bytes, more_after }) = next {
            let sending = sent.send(Some(Bytes::from(bytes)));
            if !matches!(timeout(patience, sending).await, Ok(Ok(()))) {
                return;
            }
            next = None;
            if more_after.is_some() {
                let (source, query) = (source.clone(), query.clone());
                let page = Page { after: more_after, limit: MAX_LIMIT };
                match slot.run(move || chunk(&source, &Query { page, ..query })).await {
                    Ok(Ok(chunk)) => next = Some(chunk),
                    Ok(Err(_)) | Err(_) => return,
                }
            }
        }
        let _ = timeout(patience, sent.send(None)).await;
    });
    unfold(Some(received), |received: Option<Receiver<Option<Bytes>>>| async {
        let mut received = received?;
        match received.recv().await {
            Some(Some(bytes)) => Some((Ok(bytes), Some(received))),
            Some(None) => None,
            None => Some((Err(io::ErrorKind::TimedOut.into()), None)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::attribution::{Dimension, PageKey};
    use crate::domain::event::NoFill;
    use crate::domain::zone::Zone;
    use crate::http::public::reports::threads::ReportThreads;
    use crate::ledger::apply::apply;
    use crate::ledger::record::{OpportunityCount, RecordId, UnfilledSlot};
    use crate::ledger::{Record, State};
    use crate::reporting::report::Party;
    use futures_util::StreamExt;
    use jiff::Timestamp;

    /// A publisher's report with a row for each of so many topics.
    fn rows(count: usize) -> (Arc<Source>, Query) {
        let slot = |topic: usize| {
            let (publisher, topic) = ("news".into(), topic.to_string().into());
            let page = PageKey { publisher, topic, ..PageKey::default() };
            Err(Arc::new(UnfilledSlot { page, reason: NoFill::NoCandidate }))
        };
        let one = |topic| OpportunityCount { decided_at_ms: 0, slot: slot(topic), count: 1 };
        let record = Record::Opportunities((0..count).map(one).collect());
        let mut state = State::default();
        let id = RecordId { incarnation: 0, lsn: 0 };
        apply(state.partition_mut(0), id, &record, true);
        let query = Query {
            party: Party::Publisher { id: "news".into(), shares: Vec::new() },
            from_ms: 0,
            to_ms: 900_000,
            by: vec![Dimension::Topic.into()],
            zone: Zone::utc(),
            filters: Vec::new(),
            page: Page { after: None, limit: MAX_LIMIT },
        };
        let completeness = Completeness {
            complete_through: Timestamp::UNIX_EPOCH,
            final_until: None,
            is_final: false,
            is_provisional: true,
        };
        (Arc::new(Source { views: state.views(), completeness }), query)
    }

    #[actix_web::test]
    async fn a_csv_of_25_000_rows_comes_in_three_chunks_with_one_header_line() {
        let (threads, (source, query)) = (ReportThreads::start().unwrap(), rows(25_000));
        let slot = threads.slot("one".to_owned()).unwrap();
        let first = chunk(&source, &query).unwrap();
        let all: Vec<Bytes> = chunks(first, slot, source, query, READ_TIMEOUT)
            .map(|chunk| chunk.unwrap())
            .collect()
            .await;
        assert_eq!(all.len(), 3);
        let text = String::from_utf8(all.concat()).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        assert!(lines.remove(0).starts_with("topic,requests"));
        assert!(lines.is_sorted());
        lines.dedup();
        assert_eq!(lines.len(), 25_000);
    }

    #[actix_web::test]
    async fn a_client_that_stops_reading_gets_an_error_and_gives_its_place_back() {
        let patience = Duration::from_millis(20);
        let (threads, (source, query)) = (ReportThreads::start().unwrap(), rows(25_000));
        let slots: Vec<Slot> = (0..4).map(|_| threads.slot("one".to_owned()).unwrap()).collect();
        let mut streams = Vec::new();
        for slot in slots {
            let first = chunk(&source, &query).unwrap();
            streams.push(Box::pin(chunks(first, slot, source.clone(), query.clone(), patience)));
        }
        assert!(threads.slot("one".to_owned()).is_err());
        let given_back = async {
            while threads.slot("one".to_owned()).is_err() {
                tokio::task::yield_now().await;
            }
        };
        timeout(READ_TIMEOUT, given_back).await.expect("the places are given back");
        let read: Vec<io::Result<Bytes>> = streams.remove(0).collect().await;
        assert!(read.last().unwrap().is_err(), "the file must not look complete");
    }
}
