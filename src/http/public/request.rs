//! The decision request: `POST /v1/decisions` as JSON, `GET /v1/decisions` as query parameters.

use crate::config::settings::RequestLimits;
use crate::domain::party::Style;
use crate::domain::targeting::PageFacts;
use crate::http::body::is_personal;
use crate::http::problem::ApiError;
use crate::selection::input_text::InputText;
use crate::selection::page::{Commercial, Role};
use crate::selection::resolve::{EntityInput, PageInput, SlotInput};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A decision request; one per page view.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
pub(crate) struct DecisionRequest<'a> {
    /// The publisher's id.
    #[schemars(with = "String", length(min = 1))]
    pub(crate) publisher: InputText<'a>,
    /// What the page is about.
    #[serde(default)]
    #[schemars(with = "PageDocument")]
    pub(crate) page: PageInput<'a>,
    /// What the caller declares about the reader.
    #[serde(default)]
    pub(crate) viewer: ViewerRequest<'a>,
    /// The slots to fill; at most 8.
    #[schemars(with = "Vec<SlotDocument>", length(min = 1))]
    pub(crate) placements: Vec<SlotInput<'a>>,
    /// `json`, or `html`, `markdown` or `text` to also get the complete unit in that form.
    #[serde(default)]
    pub(crate) render: Render,
    /// Test mode: the unit works fully, but is never counted or billed, reserves no budget and does not
    /// affect pacing.
    #[serde(default)]
    pub(crate) test: bool,
    /// Reject a request that exceeds a limit instead of truncating it.
    #[serde(default)]
    pub(crate) strict: bool,
    /// Also return the full trace; requires an operator key.
    #[serde(default)]
    pub(crate) explain: bool,
    /// Id of the creative to show; requires an operator key and implies `test`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub(crate) force_creative: Option<InputText<'a>>,
    /// Basic measurement: no viewport observation, no visitor key. Not a field of this API, which uses
    /// the `Sec-GPC` header; other protocols have a field for it.
    #[serde(skip)]
    pub(crate) basic: bool,
}

/// What the caller declares about the reader.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
pub(crate) struct ViewerRequest<'a> {
    /// The reader's country, as an ISO 3166 code.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(crate) region: Option<InputText<'a>>,
}

string_enum! {
    /// Format in which a unit is returned.
    #[derive(Default)]
    Render {
        /// JSON fields.
        #[default]
        Json = "json",
        /// JSON fields and a complete HTML fragment.
        Html = "html",
        /// JSON fields and the unit as CommonMark.
        Markdown = "markdown",
        /// JSON fields and the unit as plain text.
        Text = "text",
    }
}

/// What the page is about. Names are normalised; unknown ones are recorded for the gap report.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "JSON Schema of `PageInput`")]
pub(crate) struct PageDocument {
    /// The page's URL. Query and fragment are never stored; of the rest, the publisher's setting decides.
    #[serde(default)]
    url: Option<String>,
    /// Language as a BCP 47 tag; the publisher's language if absent.
    #[serde(default)]
    language: Option<String>,
    /// Topics; at most 16.
    #[serde(default)]
    topics: Vec<String>,
    /// Names of the entities that it is about; the same as `entities` with the role `subject`. One name
    /// need not be in a list.
    #[serde(default)]
    subject: Vec<String>,
    /// Entities, each a name or a name with its role; at most 32, with those of `subject`.
    #[serde(default)]
    entities: Vec<EntityDocument>,
    /// Keywords; at most 64.
    #[serde(default)]
    keywords: Vec<String>,
    /// The region that the page is about: a country or a region group.
    #[serde(default)]
    region: Option<String>,
    #[serde(flatten)]
    facts: PageFacts,
    /// What it states for the operator's context keys.
    #[serde(default)]
    custom: CustomStatements,
    /// Which commercial content the page allows.
    #[serde(default)]
    commercial: Commercial,
    /// Reasons why the page is sensitive; it is sensitive if there is any.
    #[serde(default)]
    sensitive: Vec<String>,
    /// Ids of creatives that this page view already shows.
    #[serde(default)]
    shown: Vec<String>,
}

/// What a page states for context keys.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "JSON Schema of `CustomInput`")]
#[serde(untagged)]
pub(crate) enum CustomStatements {
    /// By key: a value or a list of at most 8.
    ByKey(BTreeMap<String, CustomDocument>),
    /// A list of `KEY=VALUE`, as the script sends it.
    Listed(Vec<String>),
}

impl Default for CustomStatements {
    fn default() -> CustomStatements {
        CustomStatements::ByKey(BTreeMap::new())
    }
}

/// What a page states for a context key.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "JSON Schema of `CustomInput`")]
#[serde(untagged)]
pub(crate) enum CustomDocument {
    /// A value.
    One(String),
    /// Several values.
    Several(Vec<String>),
}

/// An entity on the page.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "JSON Schema of an entity")]
#[serde(untagged)]
pub(crate) enum EntityDocument {
    /// A name; its role is a mention.
    Name(String),
    /// A name with its role.
    Named {
        /// The name.
        name: String,
        /// Its role on the page.
        #[serde(default)]
        role: Role,
    },
}

/// A slot to fill.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "JSON Schema of `SlotInput`")]
pub(crate) struct SlotDocument {
    /// Id of the publisher's placement.
    #[schemars(length(min = 1, max = 128))]
    name: String,
    /// Key of the answer in the reply; the placement's name if absent.
    #[serde(default)]
    #[schemars(length(max = 128))]
    key: Option<String>,
    /// Accepted styles, preferred first; all styles of the placement if empty.
    #[serde(default)]
    styles: Vec<Style>,
}

/// Longest query of `GET /v1/decisions` and `/v1/unit`, in bytes: each style goes to every placement.
const MAX_QUERY_BYTES: usize = 16 * 1024;

/// Parses the query parameters of `GET /v1/decisions`; also returns the names of unknown parameters.
pub(crate) fn from_query(query: &str) -> Result<(DecisionRequest<'_>, Vec<String>), ApiError> {
    if query.len() > MAX_QUERY_BYTES {
        let detail =
            format!("the query is longer than {MAX_QUERY_BYTES} bytes: send the request by POST");
        return Err(ApiError::malformed_request(detail));
    }
    let mut request = DecisionRequest::default();
    let mut ignored = Vec::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let page = &mut request.page;
        match &*name {
            "publisher" => request.publisher = value.into(),
            "placement" => {
                request.placements.push(SlotInput { name: value.into(), ..SlotInput::default() });
            }
            "style" => {
                let style =
                    value.parse().map_err(|why: String| ApiError::invalid_field("style", why))?;
                let missing = |slot: &&mut SlotInput<'_>| !slot.styles.contains(&style);
                let slots = request.placements.iter_mut().filter(missing);
                slots.for_each(|slot| slot.styles.push(style));
            }
            "topic" => page.topics.push(value.into()),
            "entity" => page.entities.push(EntityInput::Name(value.into())),
            "subject" => {
                page.entities.push(EntityInput::Named { name: value.into(), role: Role::Subject })
            }
            "keyword" => page.keywords.push(value.into()),
            "region" => page.region = Some(value.into()),
            "language" => page.language = Some(value.into()),
            "url" => page.url = Some(value.into()),
            "commercial" => {
                page.commercial = value
                    .parse()
                    .map_err(|why: String| ApiError::invalid_field("commercial", why))?;
            }
            "sensitive" => page.sensitive.push(value.into()),
            "shown" => page.shown.push(value.into()),
            "viewer_region" => request.viewer.region = Some(value.into()),
            "render" => {
                request.render =
                    value.parse().map_err(|why: String| ApiError::invalid_field("render", why))?;
            }
            "test" => request.test = boolean("test", &value)?,
            "strict" => request.strict = boolean("strict", &value)?,
            other if other.strip_prefix("custom.").is_some_and(|key| !is_personal(key)) => {
                page.custom.state(&other["custom.".len()..], value.into_owned());
            }
            other if page.state(other, &value) => {}
            other if is_personal(other.strip_prefix("custom.").unwrap_or(other)) => {
                return Err(ApiError::personal_data(other.to_owned()));
            }
            other => ignored.push(other.to_owned()),
        }
    }
    Ok((request, ignored))
}

/// A boolean parameter. Anything else is rejected: a mistyped `test` read as `false` would be billed.
fn boolean(name: &str, value: &str) -> Result<bool, ApiError> {
    match value {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(ApiError::invalid_field(name, "must be `true` or `false`")),
    }
}

/// Truncates a request to its limits and returns a warning for everything dropped.
///
/// # Errors
/// 422 for an invalid field; with `strict`, also for anything over a limit.
pub(crate) fn apply_limits(
    request: &mut DecisionRequest<'_>,
    limits: &RequestLimits,
) -> Result<Vec<String>, ApiError> {
    let mut limiter = Limiter { strict: request.strict, warnings: Vec::new() };
    let page = &mut request.page;
    let is_subject =
        |one: &EntityInput<'_>| one.parts().is_some_and(|(_, role)| role == Role::Subject);
    if let Some((at, what)) = page.merge_subjects() {
        let problem = format!(
            "must be a name, or an object with `name` and `role` (got {what}): no commercial unit, because \
             the page's subject cannot be read"
        );
        limiter.report(&format!("page.entities[{at}]"), problem)?;
        page.allow_house_only();
    }
    let is_long =
        |text: &str| text.len() > limits.characters && text.chars().count() > limits.characters;
    let is_long_word = |one: &InputText<'_>| is_long(one);
    limiter.remove_long("page.topics", &mut page.topics, limits.characters, is_long_word)?;
    limiter.remove_long("page.keywords", &mut page.keywords, limits.characters, is_long_word)?;
    let is_long_name = |one: &EntityInput<'_>| one.parts().is_some_and(|(name, _)| is_long(name));
    let long = limiter.remove_long(
        "page.entities",
        &mut page.entities,
        limits.characters,
        is_long_name,
    )?;
    let subjects = page.entities.iter().filter(|one| is_subject(one)).count();
    if long.iter().any(is_subject) || subjects > limits.entities {
        let problem = "has subjects over a limit: no commercial unit, because not all are known";
        limiter.report("page.entities", problem.to_owned())?;
        page.allow_house_only();
    }
    if page.entities.len() > limits.entities {
        // A subject keeps units off the page, so that it is not among those that are dropped.
        page.entities.sort_by_key(|one| !is_subject(one));
    }
    limiter.truncate_list("page.topics", &mut page.topics, limits.topics)?;
    limiter.truncate_list("page.entities", &mut page.entities, limits.entities)?;
    limiter.truncate_list("page.keywords", &mut page.keywords, limits.keywords)?;
    limiter.truncate_list("page.sensitive", &mut page.sensitive, limits.topics)?;
    limiter.truncate_list("page.shown", &mut page.shown, limits.keywords)?;
    limiter.truncate_list("placements", &mut request.placements, limits.placements)?;
    for (fact, problem) in page.remove_invalid_facts() {
        limiter.report(&format!("page.{fact}"), problem)?;
    }
    if let Some(key) = page.custom.keys().find(|key| is_personal(key)) {
        return Err(ApiError::personal_data(format!("page.custom.{key}")));
    }
    if request.publisher.is_empty() {
        return Err(ApiError::invalid_field("publisher", "is required"));
    }
    if request.placements.is_empty() {
        return Err(ApiError::invalid_field("placements", "must contain at least one placement"));
    }
    for (at, slot) in request.placements.iter().enumerate() {
        if slot.name.is_empty() || is_long(&slot.name) || slot.key.as_deref().is_some_and(is_long) {
            let reason =
                format!("the name and the key must have 1 to {} characters", limits.characters);
            return Err(ApiError::invalid_field(format!("placements[{at}]"), reason));
        }
    }
    let mut kept = 0;
    while let Some(slot) = request.placements.get(kept) {
        let key = slot.reply_key();
        if request.placements[..kept].iter().any(|one| one.reply_key() == key) {
            let problem = format!("duplicate key `{key}`: only the first is used");
            limiter.report("placements", problem)?;
            request.placements.remove(kept);
        } else {
            kept += 1;
        }
    }
    Ok(limiter.warnings)
}

struct Limiter {
    strict: bool,
    warnings: Vec<String>,
}

impl Limiter {
    fn report(&mut self, field: &str, problem: String) -> Result<(), ApiError> {
        if self.strict {
            return Err(ApiError::invalid_field(field, problem));
        }
        self.warnings.push(format!("{field}: {problem}"));
        Ok(())
    }

    fn truncate_list<T>(
        &mut self,
        field: &str,
        list: &mut Vec<T>,
        limit: usize,
    ) -> Result<(), ApiError> {
        let count = list.len();
        if count <= limit {
            return Ok(());
        }
        list.truncate(limit);
        self.report(
            field,
            format!("{count} items exceed the limit of {limit}: only the first {limit} are used"),
        )
    }

    /// Removes what has more than `limit` characters and returns it: a part of a name may be another name.
    fn remove_long<T>(
        &mut self,
        field: &str,
        list: &mut Vec<T>,
        limit: usize,
        is_long: impl Fn(&T) -> bool,
    ) -> Result<Vec<T>, ApiError> {
        if !list.iter().any(&is_long) {
            return Ok(Vec::new());
        }
        let mut removed = Vec::new();
        for (at, one) in std::mem::take(list).into_iter().enumerate() {
            if is_long(&one) {
                self.report(
                    &format!("{field}[{at}]"),
                    format!("has more than {limit} characters: left out"),
                )?;
                removed.push(one);
            } else {
                list.push(one);
            }
        }
        Ok(removed)
    }
}
