//! Attribution: what an event, an opportunity or a refund is reported under. Tokens carry it as numbers
//! of an inventory version, records as ids.

use crate::domain::event::Tier;
use crate::domain::money::Currency;
use crate::domain::region::Country;
use crate::domain::targeting::{PageFacts, Sentiment};
use std::borrow::Cow;

/// The attribution of a unit, by ids. What is not known is `unknown`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttributionKey {
    /// Advertiser id.
    pub advertiser: Box<str>,
    /// Currency of the advertiser.
    pub currency: Currency,
    /// Campaign id.
    pub campaign: Box<str>,
    /// Flight id.
    pub flight: Box<str>,
    /// Creative id.
    pub creative: Box<str>,
    /// Text variant of the creative: 0 is its default text.
    pub variant: u8,
    /// Where it was shown.
    pub page: PageKey,
    /// Tier of the flight.
    pub tier: Tier,
}

/// The part of an attribution that an unfilled slot has as well.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PageKey {
    /// Publisher id.
    pub publisher: Box<str>,
    /// Placement id.
    pub placement: Box<str>,
    /// The matched topic, else the first topic of the page.
    pub topic: Box<str>,
    /// The matched entity, else the first entity of the page.
    pub entity: Box<str>,
    /// The visitor's country.
    pub region: Box<str>,
    /// Context of the page.
    pub facts: PageFacts,
    /// What the page states for reported context keys: `KEY=VALUE` for each key that it states, in the order
    /// of the keys, separated by `;`. Empty if there is none.
    pub custom: Box<str>,
}

impl PageKey {
    /// The value of a reported context key; `None` if the page stated none.
    pub(crate) fn custom_value(&self, key: &str) -> Option<&str> {
        self.custom.split(';').find_map(|stated| stated.strip_prefix(key)?.strip_prefix('='))
    }
}

/// Value of an attribution field that is not known.
pub(crate) const UNKNOWN: &str = "unknown";

/// Value of an attribution field whose rows are bounded, beyond that number.
pub(crate) const OTHER: &str = "other";
/// The number of [`OTHER`] in [`PageNumbers`].
pub(crate) const OTHER_NUMBER: u32 = u32::MAX;

impl Default for PageKey {
    /// Nothing is known.
    fn default() -> PageKey {
        let unknown = || UNKNOWN.into();
        PageKey {
            publisher: unknown(),
            placement: unknown(),
            topic: unknown(),
            entity: unknown(),
            region: unknown(),
            facts: PageFacts::default(),
            custom: Box::default(),
        }
    }
}

/// The attribution of a unit, as indices into the lists of an inventory version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct UnitNumbers {
    /// Index of the creative.
    pub(crate) creative: u32,
    /// Text variant of the creative.
    pub(crate) variant: u8,
    /// Where it was shown.
    pub(crate) page: PageNumbers,
}

/// The part of [`UnitNumbers`] that an unfilled slot has as well. `None` is reported as `unknown`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PageNumbers {
    /// Index of the publisher.
    pub(crate) publisher: u32,
    /// Index of the publisher's placement.
    pub(crate) placement: Option<u16>,
    pub(crate) topic: Option<u32>,
    pub(crate) entity: Option<u32>,
    pub(crate) country: Option<Country>,
    /// Context of the page.
    pub(crate) facts: PageFacts,
    /// Values of the reported context keys.
    pub(crate) custom: ReportedValues,
}

/// The most reported context keys of an inventory.
pub(crate) const MAX_REPORTED_KEYS: usize = 2;

/// A number for each reported context key of an inventory version: 0 if the page states no value, else 1 more
/// than the place of the value in the key's list, or [`OTHER_VALUE`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct ReportedValues(pub(crate) [u8; MAX_REPORTED_KEYS]);

/// The number of [`OTHER`] in [`ReportedValues`].
pub(crate) const OTHER_VALUE: u8 = u8::MAX;

impl ReportedValues {
    /// The same keys, each that is stated with [`OTHER`].
    pub(crate) fn others(self) -> ReportedValues {
        ReportedValues(self.0.map(|number| if number == 0 { 0 } else { OTHER_VALUE }))
    }
}

/// Declares [`Dimension`] with the value of each row in an attribution. The unit is `None` for an
/// unfilled slot.
macro_rules! dimensions {
    (|$unit:ident, $page:ident| $($(#[$doc:meta])* $name:ident = $text:literal: $value:expr,)*) => {
        string_enum! {
            /// A dimension to break a report down by.
            Dimension { $($(#[$doc])* $name = $text,)* }
        }

        impl Dimension {
            /// The value in an attribution, as text; `None` if it has none.
            pub(crate) fn value<'a>(
                self,
                $unit: Option<&'a AttributionKey>,
                $page: &'a PageKey,
            ) -> Option<Cow<'a, str>> {
                match self { $(Dimension::$name => $value,)* }
            }
        }
    };
}

// The one list of what reports break down by. Report parameters, their documentation, and the columns of
// exports follow from it; exports have these columns in this order.
dimensions! { |unit, page|
    /// Civil day of the decision.
    Day = "day": None,
    /// Civil hour of the decision.
    Hour = "hour": None,
    /// Call to action; clicks only.
    Cta = "cta": None,
    /// Advertiser.
    Advertiser = "advertiser": text(&unit?.advertiser),
    /// Campaign.
    Campaign = "campaign": text(&unit?.campaign),
    /// Flight.
    Flight = "flight": text(&unit?.flight),
    /// Creative.
    Creative = "creative": text(&unit?.creative),
    /// Variant of the creative.
    Variant = "variant": Some(unit?.variant.to_string().into()),
    /// Tier.
    Tier = "tier": text(unit?.tier.as_str()),
    /// Publisher.
    Publisher = "publisher": text(&page.publisher),
    /// Placement.
    Placement = "placement": text(&page.placement),
    /// Attributed topic.
    Topic = "topic": text(&page.topic),
    /// Attributed entity.
    Entity = "entity": text(&page.entity),
    /// The reader's country.
    Region = "region": text(&page.region),
    /// How the page speaks of its subject; `none` if unknown.
    Sentiment = "sentiment": text(page.facts.sentiment.map_or("none", Sentiment::as_str)),
    /// Whether the facts of the page were verified; `none` if unknown.
    Verified = "verified": text(match page.facts.verified {
        None => "none",
        Some(false) => "false",
        Some(true) => "true",
    }),
}

impl Dimension {
    /// Dimensions that a report can be restricted by.
    pub(crate) const FILTERS: [Dimension; 3] =
        [Dimension::Campaign, Dimension::Flight, Dimension::Creative];

    /// Dimensions that are not in an attribution: of the decision's time, and of the event.
    const COMPUTED: [Dimension; 3] = [Dimension::Day, Dimension::Hour, Dimension::Cta];

    /// The dimensions that an attribution has, in order.
    pub(crate) fn attributed() -> impl Iterator<Item = Dimension> {
        Dimension::ALL.iter().copied().filter(|dimension| !Dimension::COMPUTED.contains(dimension))
    }
}

fn text(value: &str) -> Option<Cow<'_, str>> {
    Some(value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_has_a_value_in_every_attributed_dimension_and_an_unfilled_slot_in_those_of_its_page()
    {
        let page = PageKey {
            publisher: "news".into(),
            placement: "end".into(),
            topic: "ai".into(),
            region: "DE".into(),
            facts: PageFacts { sentiment: Some(Sentiment::Neutral), verified: Some(true) },
            ..PageKey::default()
        };
        let unit = AttributionKey {
            advertiser: "acme".into(),
            currency: "EUR".parse().unwrap(),
            campaign: "c".into(),
            flight: "f".into(),
            creative: "u".into(),
            variant: 2,
            page: page.clone(),
            tier: Tier::Standard,
        };
        let values = |unit| -> Vec<String> {
            let text = |by: Dimension| Some(format!("{by}={}", by.value(unit, &page)?));
            Dimension::ALL.iter().copied().filter_map(text).collect()
        };
        let of_page = "publisher=news placement=end topic=ai entity=unknown region=DE \
                       sentiment=neutral verified=true";
        let of_unit = "advertiser=acme campaign=c flight=f creative=u variant=2 tier=standard";
        let of_unit = format!("{of_unit} {of_page}");
        assert_eq!(values(Some(&unit)).join(" "), of_unit);
        assert_eq!(values(None).join(" "), of_page);
        assert_eq!(Dimension::attributed().count(), values(Some(&unit)).len());
        let unknown = PageKey::default();
        assert_eq!(Dimension::Sentiment.value(None, &unknown).unwrap(), "none");
        assert_eq!(Dimension::Verified.value(None, &unknown).unwrap(), "none");
    }
}
