//! The admin API's operations: rows as in [`super::operations`], with `Listener::Operations`.

use crate::http::openapi::operation::Operation;
use crate::http::openapi::schemas::Schemas;

/// The rows, in the order of the route table.
pub(super) fn operations(_: &mut Schemas) -> Vec<Operation> {
    Vec::new()
}
