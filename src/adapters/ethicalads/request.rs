//! EthicalAds requests, from the in-page client and from servers.

use crate::http::body;
use crate::http::problem::ApiError;
use crate::world::live::Live;
use serde::Deserialize;
use std::cmp::Reverse;

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
    pub(crate) div_id: String,
    /// The ad format, such as `text-v1`.
    pub(crate) ad_type: String,
    /// 1 to 10; the highest is preferred.
    #[serde(default = "lowest")]
    pub(crate) priority: u8,
}

fn lowest() -> u8 {
    1
}

/// A decision request, from a query or a body.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Request {
    /// The publisher's name.
    #[serde(default)]
    pub(crate) publisher: String,
    /// Candidate slots; one of them is filled.
    #[serde(default)]
    pub(crate) placements: Vec<Placement>,
    /// Keywords of the page.
    #[serde(default)]
    pub(crate) keywords: Vec<String>,
    /// Accepted campaign types; empty accepts all.
    #[serde(default)]
    pub(crate) campaign_types: Vec<String>,
    /// The page's URL.
    #[serde(default)]
    pub(crate) url: Option<String>,
    /// Creative to force.
    #[serde(default)]
    pub(crate) force_ad: Option<String>,
    /// Campaign to force; rejected.
    #[serde(default)]
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
            "div_ids" => divs = list(),
            "ad_types" => types = list(),
            "priorities" => priorities = value.split('|').map(str::to_owned).collect(),
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
        return Err(ApiError::invalid_field("div_ids", "must have as many entries as `ad_types`"));
    }
    for (at, (div_id, ad_type)) in divs.into_iter().zip(types).enumerate() {
        let given = priorities.get(at).filter(|text| !text.is_empty());
        let priority = given.map_or(Ok(lowest()), |text| text.parse());
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
    fn validate(self) -> Result<Request, ApiError> {
        if self.callback.as_deref().is_some_and(|name| !is_callback(name)) {
            let reason = "must be a function name of letters, digits, `_`, `$` and dots";
            return Err(ApiError::invalid_field("callback", reason));
        }
        if self.force_campaign.is_some() {
            let reason = "is not supported: use `force_ad` with an operator key";
            return Err(ApiError::invalid_field("force_campaign", reason));
        }
        if let Some(at) =
            self.placements.iter().position(|place| !(1..=10).contains(&place.priority))
        {
            return Err(ApiError::invalid_field(
                format!("placements[{at}].priority"),
                "must be 1 to 10",
            ));
        }
        let known = |text: &String| text.parse::<CampaignType>().is_ok();
        if let Some(at) = self.campaign_types.iter().position(|text| !known(text)) {
            let all: Vec<&str> = CampaignType::ALL.iter().map(|one| one.as_str()).collect();
            let reason = format!("must be one of {}", all.join(", "));
            return Err(ApiError::invalid_field(format!("campaign_types[{at}]"), reason));
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

    /// The slot of the highest priority that `placement_id` maps to a placement of the publisher,
    /// else the slot of the highest priority; with its placement id.
    pub(crate) fn best_placement(
        &self,
        placement_id: impl Fn(&Placement) -> String,
        live: &Live,
        publisher: &str,
    ) -> Option<(&Placement, String)> {
        let site = live.publisher(publisher);
        let known = |name: &str| {
            site.is_some_and(|site| site.placements.iter().any(|own| own.id.as_str() == name))
        };
        let mut named: Vec<(&Placement, String)> =
            self.placements.iter().map(|place| (place, placement_id(place))).collect();
        named.sort_by_key(|(place, name)| (!known(name), Reverse(place.priority)));
        named.into_iter().next()
    }
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
    fn parallel_query_lists_are_zipped_and_must_match_in_length() {
        let request =
            from_query("div_ids=a|b&ad_types=x|y&priorities=|7&keywords=one||two").unwrap();
        let places: Vec<_> = request.placements.iter().map(|p| (&*p.div_id, p.priority)).collect();
        assert_eq!(places, [("a", 1), ("b", 7)]);
        assert_eq!(request.keywords, ["one", "two"]);
        assert!(from_query("div_ids=a|b&ad_types=x").is_err());
        assert!(from_query("div_ids=a&ad_types=x&priorities=11").is_err());
    }
}
