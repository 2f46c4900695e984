//! What a page sends: `POST /v1/decisions` as JSON, `GET /v1/decisions` as parameters.

use crate::config::settings::RequestLimits;
use crate::domain::party::Style;
use crate::http::problem::ApiError;
use crate::selection::page::Commercial;
use crate::selection::page::Role;
use crate::selection::resolve::EntityInput;
use crate::selection::resolve::PageInput;
use crate::selection::resolve::SlotInput;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

/// One call per page.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
pub struct DecisionRequest {
    /// Whose page it is.
    #[schemars(length(min = 1))]
    pub publisher: String,
    /// What the page is about.
    #[serde(default)]
    #[schemars(with = "PageDocument")]
    pub page: PageInput,
    /// What the caller says of the reader's region: a declaration.
    #[serde(default)]
    pub viewer: ViewerRequest,
    /// The slots to fill, 8 at the most.
    #[schemars(with = "Vec<SlotDocument>", length(min = 1))]
    pub placements: Vec<SlotInput>,
    /// `json`, or `html` for a complete escaped unit besides.
    #[serde(default)]
    pub render: Render,
    /// A fully working unit that never counts, bills, reserves or feeds pace.
    #[serde(default)]
    pub test: bool,
    /// Refuse what is over a limit instead of cutting it.
    #[serde(default)]
    pub strict: bool,
    /// The whole trace besides; needs an operator's key.
    #[serde(default)]
    pub explain: bool,
    /// The creative to show; needs an operator's key and implies `test`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force_creative: Option<String>,
    /// Observe no viewport and tell no visitors apart. Not on this wire: `Sec-GPC` says it here,
    /// other dialects have a field for it.
    #[serde(skip)]
    pub basic: bool,
}

/// What the caller says of the reader.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
pub struct ViewerRequest {
    /// An ISO 3166 country.
    #[serde(default)]
    pub region: Option<String>,
}

closed! {
    /// How a unit is answered.
    #[derive(Default)]
    Render {
        /// As data.
        #[default]
        Json = "json",
        /// As data and as a complete HTML fragment.
        Html = "html",
    }
}

/// What the page is about. Names may be written any way; unknown ones are kept for the gap report.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes `PageInput`, which is read on the way in")]
pub struct PageDocument {
    /// Its address. Query and fragment are never kept; of the rest, what the publisher chose.
    #[serde(default)]
    url: Option<String>,
    /// A BCP 47 tag; the publisher's language when absent.
    #[serde(default)]
    language: Option<String>,
    /// Up to 16 topics.
    #[serde(default)]
    topics: Vec<String>,
    /// Up to 32 entities: a name, or a name with its role.
    #[serde(default)]
    entities: Vec<EntityDocument>,
    /// Up to 64 keywords.
    #[serde(default)]
    keywords: Vec<String>,
    /// Where the page is about: a country or a group.
    #[serde(default)]
    region: Option<String>,
    /// What the page allows.
    #[serde(default)]
    commercial: Commercial,
    /// Why it is sensitive; anything here makes it so.
    #[serde(default)]
    sensitive: Vec<String>,
    /// Creatives that this page view shows already.
    #[serde(default)]
    shown: Vec<String>,
}

/// An entity of the page.
#[derive(JsonSchema)]
#[serde(untagged)]
pub enum EntityDocument {
    /// A name: a mention.
    Name(String),
    /// A name with its role.
    Named {
        /// The name.
        name: String,
        /// What it is to the page.
        #[serde(default)]
        role: Role,
    },
}

/// A slot to fill.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes `SlotInput`")]
pub struct SlotDocument {
    /// The publisher's placement.
    #[schemars(length(min = 1, max = 128))]
    name: String,
    /// Names the answer; the placement's name when absent.
    #[serde(default)]
    #[schemars(length(max = 128))]
    key: Option<String>,
    /// Styles it takes, best first; all of the placement's when empty.
    #[serde(default)]
    styles: Vec<Style>,
}

/// The request of `GET /v1/decisions`, from its parameters; and names that are not known.
pub fn from_query(query: &str) -> Result<(DecisionRequest, Vec<String>), ApiError> {
    let mut request = DecisionRequest::default();
    let mut ignored = Vec::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let value = value.into_owned();
        let page = &mut request.page;
        match &*name {
            "publisher" => request.publisher = value,
            "placement" => {
                request.placements.push(SlotInput { name: value, key: None, styles: Vec::new() });
            }
            "style" => {
                let style = value.parse().map_err(|why: String| ApiError::refused("style", why))?;
                request.placements.iter_mut().for_each(|slot| slot.styles.push(style));
            }
            "topic" => page.topics.push(value),
            "entity" => page.entities.push(EntityInput::Name(value)),
            "subject" => {
                page.entities.push(EntityInput::Named { name: value, role: Role::Subject })
            }
            "keyword" => page.keywords.push(value),
            "region" => page.region = Some(value),
            "language" => page.language = Some(value),
            "url" => page.url = Some(value),
            "commercial" => {
                page.commercial =
                    value.parse().map_err(|why: String| ApiError::refused("commercial", why))?;
            }
            "sensitive" => page.sensitive.push(value),
            "shown" => page.shown.push(value),
            "viewer_region" => request.viewer.region = Some(value),
            "render" => {
                request.render =
                    value.parse().map_err(|why: String| ApiError::refused("render", why))?;
            }
            "test" => request.test = switch("test", &value)?,
            "strict" => request.strict = switch("strict", &value)?,
            other if crate::http::body::is_personal(other) => {
                return Err(ApiError::personal(other.to_owned()));
            }
            other => ignored.push(other.to_owned()),
        }
    }
    Ok((request, ignored))
}

/// A parameter that is on or off. A mistyped `test` would bill, so nothing else is taken for off.
fn switch(name: &str, value: &str) -> Result<bool, ApiError> {
    match value {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(ApiError::refused(name, "is `true` or `false`")),
    }
}

/// Cuts a request to its limits and says what was dropped; refuses what is malformed, and under
/// `strict` what is over a limit.
pub fn bound(
    request: &mut DecisionRequest,
    limits: &RequestLimits,
) -> Result<Vec<String>, ApiError> {
    let mut cut = Cut { strict: request.strict, warnings: Vec::new() };
    let page = &mut request.page;
    cut.list("page.topics", &mut page.topics, limits.topics)?;
    cut.list("page.entities", &mut page.entities, limits.entities)?;
    cut.list("page.keywords", &mut page.keywords, limits.keywords)?;
    cut.list("page.sensitive", &mut page.sensitive, limits.topics)?;
    cut.list("page.shown", &mut page.shown, limits.keywords)?;
    cut.list("placements", &mut request.placements, limits.placements)?;
    cut.names("page.topics", page.topics.iter_mut(), limits.characters)?;
    cut.names("page.keywords", page.keywords.iter_mut(), limits.characters)?;
    let entity_names = page.entities.iter_mut().map(|entity| match entity {
        EntityInput::Name(name) | EntityInput::Named { name, .. } => name,
    });
    cut.names("page.entities", entity_names, limits.characters)?;
    if request.publisher.is_empty() {
        return Err(ApiError::refused("publisher", "is required"));
    }
    if request.placements.is_empty() {
        return Err(ApiError::refused("placements", "name one placement at least"));
    }
    for (at, slot) in request.placements.iter().enumerate() {
        let long = |text: &str| text.chars().count() > limits.characters;
        if slot.name.is_empty() || long(&slot.name) || slot.key.as_deref().is_some_and(long) {
            let reason = format!("names have 1 to {} characters", limits.characters);
            return Err(ApiError::refused(format!("placements[{at}]"), reason));
        }
    }
    let mut seen = std::collections::HashSet::new();
    let key_of = |slot: &SlotInput| slot.key.clone().unwrap_or_else(|| slot.name.clone());
    let twice: Vec<String> =
        request.placements.iter().map(key_of).filter(|key| !seen.insert(key.clone())).collect();
    if !twice.is_empty() {
        let mut kept = std::collections::HashSet::new();
        request.placements.retain(|slot| kept.insert(key_of(slot)));
        for key in twice {
            cut.over(
                "placements",
                format!("the key `{key}` is given twice: the first one counts"),
            )?;
        }
    }
    Ok(cut.warnings)
}

struct Cut {
    strict: bool,
    warnings: Vec<String>,
}

impl Cut {
    fn over(&mut self, field: &str, what: String) -> Result<(), ApiError> {
        if self.strict {
            return Err(ApiError::refused(field, what));
        }
        self.warnings.push(format!("{field}: {what}"));
        Ok(())
    }

    fn list<T>(&mut self, field: &str, list: &mut Vec<T>, limit: usize) -> Result<(), ApiError> {
        let given = list.len();
        if given <= limit {
            return Ok(());
        }
        list.truncate(limit);
        self.over(field, format!("{given} given, {limit} allowed: the first {limit} were kept"))
    }

    fn names<'a>(
        &mut self,
        field: &str,
        names: impl Iterator<Item = &'a mut String>,
        limit: usize,
    ) -> Result<(), ApiError> {
        for (at, name) in names.enumerate() {
            if name.len() > limit && name.chars().count() > limit {
                *name = name.chars().take(limit).collect();
                self.over(&format!("{field}[{at}]"), format!("cut to {limit} characters"))?;
            }
        }
        Ok(())
    }
}
