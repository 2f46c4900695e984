//! What no sponsor wanted.

use crate::domain::zone::Zone;
use crate::http::problem::ApiError;
use crate::http::public::funnel::DEFAULT_DAYS;
use crate::http::public::reports::period::Period;
use crate::http::public::reports::table::escape_formula;
use crate::http::public::reports::{Format, format};
use crate::http::{AppState, blocking, caller, json};
use crate::reporting::Reporting;
use crate::reporting::funnel::FunnelError;
use crate::reporting::gaps::GapReport;
use actix_web::http::header::ContentDisposition;
use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;

/// Query parameters of a gap report.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GapQuery {
    from: Option<String>,
    to: Option<String>,
    format: Option<String>,
}

/// `GET /v1/admin/gaps`: JSON, or CSV by `Accept` or `format`. Days are in UTC.
pub(crate) async fn gaps(
    app: Data<AppState>,
    reporting: Data<Reporting>,
    http: HttpRequest,
    query: Query<GapQuery>,
) -> Result<HttpResponse, ApiError> {
    let identity = caller::require_operator(&app, &http)?;
    let format = format(query.format.as_deref(), &http)?;
    let days = (query.from.as_deref(), query.to.as_deref());
    let period = Period::parse_or_last(days, DEFAULT_DAYS, Zone::utc(), app.clock.now())?;
    let pass = app.gates.pass_over_log(&identity, app.clock.now_ms()).await?;
    let read = move || {
        // Until it is done, whether or not the caller waits.
        let _pass = pass;
        reporting.gaps(&(period.from_ms..period.to_ms)).map_err(FunnelError::from)
    };
    let report = blocking(read).await?;
    match format {
        Format::Json => Ok(json(&report)),
        Format::Csv => {
            let body = csv(&report).map_err(ApiError::internal)?;
            Ok(HttpResponse::Ok()
                .content_type("text/csv; charset=utf-8")
                .insert_header(("Cache-Control", "no-store"))
                .insert_header(ContentDisposition::attachment("adjacent-gaps.csv"))
                .body(body))
        }
    }
}

/// One line per context below a header line.
fn csv(report: &GapReport) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "kind",
        "value",
        "requests",
        "unwanted",
        "unwanted_a_day",
        "share",
        "reason",
        "sampled_part",
    ])?;
    for row in &report.contexts {
        writer.write_record([
            row.kind.as_str(),
            &escape_formula(&row.value),
            &row.requests.to_string(),
            &row.unwanted.to_string(),
            &row.unwanted_a_day.to_string(),
            &row.share.to_string(),
            &row.reason,
            &report.coverage.part.to_string(),
        ])?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reporting::gaps::{ContextKind, GapRow};
    use crate::reporting::recorded::Coverage;

    #[test]
    fn a_spreadsheet_runs_no_formula_that_a_page_states_as_a_name() {
        let row = GapRow {
            kind: ContextKind::UnknownName,
            value: "=1+1".into(),
            requests: 3,
            unwanted: 2,
            unwanted_a_day: 0.5,
            share: 0.25,
            reason: "house".into(),
        };
        let report = GapReport {
            from: String::new(),
            to: String::new(),
            requests: 3,
            unwanted: 2,
            contexts: vec![row],
            omitted: Vec::new(),
            publishers: Vec::new(),
            one_of_several_instances: false,
            coverage: Coverage { part: 1.0, ..Coverage::default() },
        };
        let text = String::from_utf8(csv(&report).unwrap()).unwrap();
        assert_eq!(text.lines().nth(1), Some("unknown_name,'=1+1,3,2,0.5,0.25,house,1"));
    }
}
