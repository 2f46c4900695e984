//! CSV of any length in bounded memory: chunks are made one after the other, as the client reads them.

use crate::http::problem::ApiError;
use crate::http::public::reports::query::MAX_LIMIT;
use crate::http::public::reports::table;
use crate::http::public::reports::threads::Slot;
use crate::ledger::views::Views;
use crate::reporting::{Completeness, report};
use crate::reporting::report::{Page, Query, RowPlace};
use actix_web::web::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::timeout;

/// How long a client may leave a chunk unread until its report ends.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

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

/// The bytes of all chunks, of which `first` is made. A client that stops reading gets a cut connection,
/// never a file that looks complete.
pub(super) fn chunks(
    first: Chunk,
    slot: Slot,
    source: Arc<Source>,
    query: Query,
) -> impl Stream<Item = io::Result<Bytes>> {
    let (sent, received) = channel(1);
    actix_web::rt::spawn(async move {
        let mut next = Some(first);
        while let Some(Chunk { bytes, more_after }) = next {
            let sending = sent.send(Some(Bytes::from(bytes)));
            if !matches!(timeout(READ_TIMEOUT, sending).await, Ok(Ok(()))) {
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
        let _ = timeout(READ_TIMEOUT, sent.send(None)).await;
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
