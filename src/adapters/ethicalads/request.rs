//! EthicalAds requests, from the in-page client and from servers.

use crate::adapters::lenient;
use crate::domain::party::Style;
use crate::http::body;
use crate::http::problem::ApiError;
use crate::world::live::Live;
use serde::{Deserialize, Deserializer};
use std::cmp::Reverse;
use std::collections::HashSet;

/// Maximum length of a callback name.
const CALLBACK_CHARS: usize = 128;

string_enum! {
    /// A kind of campaign that a page accepts.
    CampaignType {
        /// Paid.
        Paid = "paid",
        /// Donated inventory; never served here.
        Community = "community",
        /// House campaign of the network.
        House = "house",
        /// House campaign of the publisher.
        PublisherHouse = "publisher-house",
    }
}

/// A candidate slot.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Placement {
    /// The element's id.
    #[serde(default, deserialize_with = "name")]
    pub(crate) div_id: String,
    /// The ad format, such as `text-v1`.
    #[serde(default, deserialize_with = "name")]
    pub(crate) ad_type: String,
    /// 1 to 10; the highest is preferred.
    #[serde(default, deserialize_with = "lenient::integer")]
    priority: Option<i64>,
}

impl Placement {
    fn priority(&self) -> i64 {
        self.priority.unwrap_or(1)
    }

    /// What the client's stylesheet calls the format: formats without an image are lines of text.
    pub(crate) fn kind(&self) -> &'static str {
        let is_text = ["text", "footer", "header"].iter().any(|word| self.ad_type.contains(word));
        if is_text { "text" } else { "image" }
    }

    /// The styles to choose from, preferred first: nothing tall for a line of text.
    pub(crate) fn styles(&self) -> Vec<Style> {
        match self.kind() {
            "text" => vec![Style::Line, Style::Card, Style::Terminal],
            _ => vec![Style::Card, Style::Line, Style::Terminal],
        }
    }
}

/// The longest name of an element or a format, in characters, as in a decision request.
const MAX_NAME_CHARS: usize = 128;

fn name<'de, D: Deserializer<'de>>(source: D) -> Result<String, D::Error> {
    let text = lenient::text(source)?.unwrap_or_default();
    Ok(text.chars().take(MAX_NAME_CHARS).collect())
}

/// A decision request, from a query or a body.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Request {
    /// The publisher's name.
    #[serde(default, deserialize_with = "name")]
    pub(crate) publisher: String,
    /// Candidate slots; one of them is filled.
    #[serde(default, deserialize_with = "lenient::objects")]
    pub(crate) placements: Vec<Placement>,
    /// Keywords of the page.
    #[serde(default, deserialize_with = "lenient::texts")]
    pub(crate) keywords: Vec<String>,
    /// Accepted campaign types; empty accepts all, and an unknown one accepts none.
    #[serde(default, deserialize_with = "lenient::texts")]
    pub(crate) campaign_types: Vec<String>,
    /// The page's URL.
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) url: Option<String>,
    /// Creative to force.
    #[serde(default, deserialize_with = "lenient::text")]
    pub(crate) force_ad: Option<String>,
    /// Campaign to force; rejected.
    #[serde(default, deserialize_with = "lenient::text")]
    force_campaign: Option<String>,
    /// JSONP function name.
    #[serde(skip)]
    pub(crate) callback: Option<String>,
    /// Ignored fields.
    #[serde(skip)]
    pub(crate) ignored: Vec<String>,
}

/// Parses query parameters, as the in-page client sends them; lists are separated by `|`.
pub(crate) fn from_query(query: &str) -> Result<Request, ApiError> {
    let mut request = Request::default();
    let (mut divs, mut types, mut priorities) = (Vec::new(), Vec::new(), Vec::new());
    let mut jsonp = false;
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let list = || -> Vec<String> {
            value.split('|').filter(|one| !one.is_empty()).map(str::to_owned).collect()
        };
        match &*name {
            "publisher" => request.publisher = value.into_owned(),
            "div_ids" => divs = by_position(&value),
            "ad_types" => types = by_position(&value),
            "priorities" => priorities = by_position(&value),
            "keywords" => request.keywords = list(),
            "campaign_types" => request.campaign_types = list(),
            "url" => request.url = Some(value.into_owned()),
            "force_ad" => request.force_ad = Some(value.into_owned()),
            "force_campaign" => request.force_campaign = Some(value.into_owned()),
            "callback" => request.callback = Some(value.into_owned()),
            "format" => jsonp = value == "jsonp",
            other => request.ignored.push(other.to_owned()),
        }
    }
    if divs.len() != types.len() {
        // As the original server: what has no counterpart is dropped.
        let longer = if divs.len() > types.len() { "div_ids" } else { "ad_types" };
        request.ignored.push(format!("{longer}[{}]", divs.len().min(types.len())));
    }
    for (at, (div_id, ad_type)) in divs.into_iter().zip(types).enumerate() {
        if div_id.is_empty() && ad_type.is_empty() {
            continue;
        }
        let given = priorities.get(at).filter(|text| !text.is_empty());
        let priority = given.map(|text| text.trim().parse()).transpose();
        let priority = priority
            .map_err(|_| ApiError::invalid_field("priorities", "must be integers from 1 to 10"))?;
        request.placements.push(Placement { div_id, ad_type, priority });
    }
    if jsonp && request.callback.is_none() {
        request.callback = Some("callback".to_owned());
    }
    request.validate()
}

/// Parses a JSON body, as a publisher's server sends it.
pub(crate) fn from_body(bytes: &[u8]) -> Result<Request, ApiError> {
    let (request, ignored) = body::adapter_json::<Request>(bytes)?;
    Request { ignored, ..request }.validate()
}

impl Request {
    fn validate(mut self) -> Result<Request, ApiError> {
        if self.callback.as_deref().is_some_and(|name| !is_callback(name)) {
            let reason = "must be a function name of letters, digits, `_`, `$` and dots";
            return Err(ApiError::invalid_field("callback", reason));
        }
        if self.force_campaign.is_some() {
            let reason = "is not supported: use `force_ad` with an operator key";
            return Err(ApiError::invalid_field("force_campaign", reason));
        }
        if let Some(at) =
            self.placements.iter().position(|place| !(1..=10).contains(&place.priority()))
        {
            return Err(ApiError::invalid_field(
                format!("placements[{at}].priority"),
                "must be 1 to 10",
            ));
        }
        let is_unknown = |text: &String| text.parse::<CampaignType>().is_err();
        if let Some(at) = self.campaign_types.iter().position(is_unknown) {
            self.ignored.push(format!("campaign_types[{at}]"));
        }
        Ok(self)
    }

    /// Whether the page accepts a campaign of this type.
    pub(crate) fn accepts(&self, kind: CampaignType) -> bool {
        let own = [CampaignType::House, CampaignType::PublisherHouse].contains(&kind);
        self.campaign_types.is_empty()
            || self.campaign_types.iter().any(|text| {
                text == kind.as_str() || own && text == CampaignType::PublisherHouse.as_str()
            })
    }

    /// The slots in the order in which they are tried, each with its placement id: those that
    /// `placement_id` maps to a placement of the publisher, by falling priority, each placement once. If
    /// there are none, the slot of the highest priority.
    pub(crate) fn by_priority(
        &self,
        placement_id: impl Fn(&Placement) -> String,
        live: &Live,
        publisher: &str,
    ) -> Vec<(&Placement, String)> {
        let site = live.publisher(publisher);
        let known = |name: &str| {
            site.is_some_and(|site| site.placements.iter().any(|own| own.id.as_str() == name))
        };
        let mut named: Vec<(&Placement, String)> =
            self.placements.iter().map(|place| (place, placement_id(place))).collect();
        named.sort_by_key(|(place, name)| (!known(name), Reverse(place.priority())));
        let count = named.iter().filter(|(_, name)| known(name)).count();
        named.truncate(count.max(1));
        // An element with several formats is one slot: a second try would find the same units, and count
        // as a second request.
        let mut tried = HashSet::new();
        named.retain(|(_, name)| tried.insert(name.clone()));
        named.truncate(MAX_SLOTS);
        named
    }
}

/// The most slots that are tried for one unit.
const MAX_SLOTS: usize = 8;

/// The entries of a list separated by `|`, with the empty ones, cut to the length of a name.
fn by_position(list: &str) -> Vec<String> {
    list.split('|').map(|one| one.chars().take(MAX_NAME_CHARS).collect()).collect()
}

fn is_callback(name: &str) -> bool {
    let first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || byte == b'$';
    let part = |part: &str| {
        part.bytes().next().is_some_and(first)
            && part.bytes().all(|byte| first(byte) || byte.is_ascii_digit())
    };
    name.len() <= CALLBACK_CHARS && name.split('.').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_must_be_a_function_name() {
        for name in ["ad_1790000000000_42", "$", "window.ea.show"] {
            assert!(is_callback(name), "{name}");
        }
        for name in ["", "1a", "a.", "alert(1)", "a;b", "a b", "a\u{2028}", "<script>", "a[0]"] {
            assert!(!is_callback(name), "{name}");
        }
        assert!(!is_callback(&"a".repeat(CALLBACK_CHARS + 1)));
    }

    #[test]
    fn parallel_query_lists_are_paired_and_the_rest_is_dropped() {
        let request =
            from_query("div_ids=a|b&ad_types=x|y&priorities=|7&keywords=one||two").unwrap();
        let places: Vec<_> =
            request.placements.iter().map(|p| (&*p.div_id, p.priority())).collect();
        assert_eq!(places, [("a", 1), ("b", 7)]);
        assert_eq!(request.keywords, ["one", "two"]);
        for (query, ignored) in
            [("div_ids=a|b&ad_types=x", "div_ids[1]"), ("div_ids=a&ad_types=x|y|z", "ad_types[1]")]
        {
            let request = from_query(query).unwrap();
            assert_eq!((request.placements.len(), &*request.ignored[0]), (1, ignored));
        }
        assert!(from_query("div_ids=a&ad_types=x&priorities=11").is_err());
    }
}
