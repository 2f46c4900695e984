//! What the EthicalAds client and servers send.

use crate::http::body;
use crate::http::problem::ApiError;
use crate::server::live::Live;
use serde::Deserialize;
use std::cmp::Reverse;

/// The longest name of a callback.
const CALLBACK_CHARS: usize = 128;

closed! {
    /// What kind of campaign a page takes.
    CampaignType {
        /// Paid for.
        Paid = "paid",
        /// Given away. We have none.
        Community = "community",
        /// The network's own.
        House = "house",
        /// The publisher's own.
        PublisherHouse = "publisher-house",
    }
}

/// One slot that would do.
#[derive(Clone, Debug, Deserialize)]
pub struct Place {
    /// The element's id.
    pub div_id: String,
    /// What fits into it.
    pub ad_type: String,
    /// 1 to 10, the highest first.
    #[serde(default = "lowest")]
    pub priority: u8,
}

fn lowest() -> u8 {
    1
}

/// One call, in either form.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    /// Whose page it is.
    #[serde(default)]
    pub publisher: String,
    /// The slots, of which one is filled.
    #[serde(default)]
    pub placements: Vec<Place>,
    /// Words of the page.
    #[serde(default)]
    pub keywords: Vec<String>,
    /// Kinds of campaigns that it takes; all when empty.
    #[serde(default)]
    pub campaign_types: Vec<String>,
    /// The page's address.
    #[serde(default)]
    pub url: Option<String>,
    /// The creative to show.
    #[serde(default)]
    pub force_ad: Option<String>,
    /// A campaign to show, which we do not do.
    #[serde(default)]
    force_campaign: Option<String>,
    /// Whom to call with the answer.
    #[serde(skip)]
    pub callback: Option<String>,
    /// What was passed over.
    #[serde(skip)]
    pub ignored: Vec<String>,
}

/// From the parameters that a page's script sends; lists have a `|` between their entries.
pub fn from_query(query: &str) -> Result<Asked, ApiError> {
    let mut asked = Asked::default();
    let (mut divs, mut types, mut priorities) = (Vec::new(), Vec::new(), Vec::new());
    let mut jsonp = false;
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let list = || -> Vec<String> {
            value.split('|').filter(|one| !one.is_empty()).map(str::to_owned).collect()
        };
        match &*name {
            "publisher" => asked.publisher = value.into_owned(),
            "div_ids" => divs = list(),
            "ad_types" => types = list(),
            "priorities" => priorities = value.split('|').map(str::to_owned).collect(),
            "keywords" => asked.keywords = list(),
            "campaign_types" => asked.campaign_types = list(),
            "url" => asked.url = Some(value.into_owned()),
            "force_ad" => asked.force_ad = Some(value.into_owned()),
            "force_campaign" => asked.force_campaign = Some(value.into_owned()),
            "callback" => asked.callback = Some(value.into_owned()),
            "format" => jsonp = value == "jsonp",
            other => asked.ignored.push(other.to_owned()),
        }
    }
    if divs.len() != types.len() {
        return Err(ApiError::refused("div_ids", "there must be as many as there are `ad_types`"));
    }
    for (at, (div_id, ad_type)) in divs.into_iter().zip(types).enumerate() {
        let given = priorities.get(at).filter(|text| !text.is_empty());
        let priority = given.map_or(Ok(lowest()), |text| text.parse());
        let priority = priority.map_err(|_| ApiError::refused("priorities", "are 1 to 10"))?;
        asked.placements.push(Place { div_id, ad_type, priority });
    }
    if jsonp && asked.callback.is_none() {
        asked.callback = Some("callback".to_owned());
    }
    asked.checked()
}

/// From the document that a publisher's server sends.
pub fn from_body(bytes: &[u8]) -> Result<Asked, ApiError> {
    let (asked, ignored) = body::foreign_json::<Asked>(bytes)?;
    Asked { ignored, ..asked }.checked()
}

impl Asked {
    fn checked(self) -> Result<Asked, ApiError> {
        if self.callback.as_deref().is_some_and(|name| !is_callback(name)) {
            let reason = "is a name of a function: letters, digits, `_`, `$` and dots";
            return Err(ApiError::refused("callback", reason));
        }
        if self.force_campaign.is_some() {
            let reason = "is not done here: `force_ad` with an operator's key shows one creative";
            return Err(ApiError::refused("force_campaign", reason));
        }
        if let Some(at) =
            self.placements.iter().position(|place| !(1..=10).contains(&place.priority))
        {
            return Err(ApiError::refused(format!("placements[{at}].priority"), "is 1 to 10"));
        }
        let known = |text: &String| text.parse::<CampaignType>().is_ok();
        if let Some(at) = self.campaign_types.iter().position(|text| !known(text)) {
            let all: Vec<&str> = CampaignType::ALL.iter().map(|one| one.as_str()).collect();
            let reason = format!("is one of {}", all.join(", "));
            return Err(ApiError::refused(format!("campaign_types[{at}]"), reason));
        }
        Ok(self)
    }

    /// Whether a campaign of this kind may be shown.
    pub fn takes(&self, kind: CampaignType) -> bool {
        let own = [CampaignType::House, CampaignType::PublisherHouse].contains(&kind);
        self.campaign_types.is_empty()
            || self.campaign_types.iter().any(|text| {
                text == kind.as_str() || own && text == CampaignType::PublisherHouse.as_str()
            })
    }

    /// The slot of the highest priority that `meaning` makes a placement of the publisher, else the
    /// first; with the placement's name.
    pub fn best_place(
        &self,
        meaning: impl Fn(&Place) -> String,
        live: &Live,
        publisher: &str,
    ) -> Option<(&Place, String)> {
        let site = live.publisher(publisher);
        let known = |name: &str| {
            site.is_some_and(|site| site.placements.iter().any(|own| own.id.as_str() == name))
        };
        let mut named: Vec<(&Place, String)> =
            self.placements.iter().map(|place| (place, meaning(place))).collect();
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
    fn a_callback_is_a_name_and_nothing_else() {
        for name in ["ad_1790000000000_42", "$", "window.ea.show"] {
            assert!(is_callback(name), "{name}");
        }
        for name in ["", "1a", "a.", "alert(1)", "a;b", "a b", "a\u{2028}", "<script>", "a[0]"] {
            assert!(!is_callback(name), "{name}");
        }
        assert!(!is_callback(&"a".repeat(CALLBACK_CHARS + 1)));
    }

    #[test]
    fn lists_of_parameters_belong_together() {
        let asked = from_query("div_ids=a|b&ad_types=x|y&priorities=|7&keywords=one||two").unwrap();
        let places: Vec<_> = asked.placements.iter().map(|p| (&*p.div_id, p.priority)).collect();
        assert_eq!(places, [("a", 1), ("b", 7)]);
        assert_eq!(asked.keywords, ["one", "two"]);
        assert!(from_query("div_ids=a|b&ad_types=x").is_err());
        assert!(from_query("div_ids=a&ad_types=x&priorities=11").is_err());
    }
}
