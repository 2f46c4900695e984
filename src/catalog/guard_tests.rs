use super::*;
use crate::catalog::difference;
use crate::catalog::effect::AdvertiserEffect;
use crate::catalog::files;
use crate::domain::money::Micros;
use proptest::prelude::*;

fn judged(old: &Inventory, new: &Inventory, weights: &Weights) -> Vec<String> {
    let mut new = new.clone();
    new.sort();
    let difference = difference::between(Some((old, &new)), None, None);
    let compared = Compared { inventory: Some((old, &new)), weights: Some(weights) };
    texts(concerns(&difference, compared, None, &GuardSettings::default()))
}

fn weighed(old: &Weights, new: &Weights) -> Vec<String> {
    let difference = difference::between(None, Some((old, new)), None);
    let compared = Compared { inventory: None, weights: Some(new) };
    texts(concerns(&difference, compared, None, &GuardSettings::default()))
}

fn texts(concerns: Vec<Concern>) -> Vec<String> {
    concerns.into_iter().map(|one| one.text).collect()
}

fn micros(amount: i64) -> Micros {
    Micros::try_from(amount).unwrap()
}

/// The example with a change; what needs confirmation of it.
fn changed(change: impl FnOnce(&mut Inventory)) -> Vec<String> {
    let old = files::example();
    let mut new = old.clone();
    change(&mut new);
    judged(&old, &new, &Weights::default())
}

fn reference(inventory: &mut Inventory) -> &mut crate::domain::campaign::Flight {
    inventory.flights.iter_mut().find(|one| one.id.as_str() == "zahid-ai-europe").unwrap()
}

#[test]
fn a_removed_document_of_any_list_needs_confirmation_and_so_does_a_placement() {
    let all = changed(|new| *new = Inventory::default());
    let example = files::example();
    let value = serde_json::to_value(&example).unwrap();
    let count: usize =
        value.as_object().unwrap().values().map(|l| l.as_array().unwrap().len()).sum();
    assert_eq!(all.len(), count, "every document is named");
    assert!(all.contains(&"flights: removes `zahid-ai-europe`".to_owned()));

    let found = changed(|new| {
        let site = new.publishers.iter_mut().find(|one| one.id.as_str() == "eu-tech-news").unwrap();
        site.placements.retain(|placement| placement.id.as_str() != "article-end");
    });
    assert_eq!(found, ["publishers: `eu-tech-news`: removes the placement `article-end`"]);
}

#[test]
fn prices_budgets_goals_and_weights_need_confirmation_beyond_the_factor_and_from_and_to_zero() {
    for (price, stops) in
        [(8_001_000, 0), (16_000_000, 0), (4_000_000, 0), (16_001_000, 1), (3_999_000, 1), (0, 1)]
    {
        let found = changed(|new| reference(new).price_micros = micros(price));
        assert_eq!(found.len(), stops, "{price}: {found:?}");
    }
    let found = changed(|new| reference(new).price_micros = micros(800_000_000));
    assert_eq!(found, ["flights: `zahid-ai-europe`: price_micros: 8000000 → 800000000"]);
    let found = changed(|new| reference(new).weight = 100.0);
    assert_eq!(found, ["flights: `zahid-ai-europe`: weight: 1.0 → 100.0"]);
    let found = changed(|new| {
        let launch = new.campaigns.iter_mut().find(|one| one.id.as_str() == "zahid-launch");
        launch.unwrap().budget.daily_micros = Some(micros(20_000_000));
    });
    assert_eq!(found, ["campaigns: `zahid-launch`: budget.daily_micros: 200000000 → 20000000"]);
    let found = changed(|new| reference(new).copy_price_micros = Some(micros(1_000)));
    assert_eq!(found.len(), 1, "from no price to one: {found:?}");
}

#[test]
fn a_limit_that_is_removed_needs_confirmation_and_a_first_one_does_not() {
    let found = changed(|new| {
        let launch = new.campaigns.iter_mut().find(|one| one.id.as_str() == "zahid-launch");
        launch.unwrap().budget.lifetime_micros = None;
    });
    assert_eq!(
        found,
        ["campaigns: `zahid-launch`: budget.lifetime_micros: 5000000000 → — (no limit)"]
    );
    assert_eq!(changed(|new| reference(new).goal_impressions = Some(5)), [""; 0]);
}

#[test]
fn new_documents_and_other_fields_are_no_concern() {
    let found = changed(|new| {
        let mut flight = reference(new).clone();
        flight.id = "brand-new".parse().unwrap();
        flight.price_micros = micros(900_000_000);
        new.flights.push(flight);
        reference(new).accepts_sensitive = true;
    });
    assert_eq!(found, [""; 0]);
}

#[test]
fn amounts_in_two_currencies_are_compared_by_the_rates() {
    let rates = Weights::default();
    let moved = |price: i64, weights: &Weights| {
        let old = files::example();
        let mut new = old.clone();
        let owner = new.advertisers.iter_mut().find(|one| one.id.as_str() == "zahid-host").unwrap();
        owner.currency = "USD".parse().unwrap();
        reference(&mut new).price_micros = micros(price);
        judged(&old, &new, weights)
    };
    let currency = "advertisers: `zahid-host`: currency: \"EUR\" → \"USD\" (its prices and budgets keep their numbers)";
    assert_eq!(moved(9_000_000, &rates), [currency]);
    // Below twice €8 as a number and above it in dollars, and the other way around.
    assert_eq!(moved(18_000_000, &rates), [currency], "$18 are less than €16");
    assert_eq!(moved(19_000_000, &rates).len(), 2, "$19 are more than €16");
    let without = Weights { exchange_rates: None, ..rates };
    assert_eq!(moved(9_000_000, &without).len(), 2, "they cannot be compared");
}

#[test]
fn weights_need_confirmation_beyond_the_factor_and_exchange_rates_by_their_newest_row() {
    let old = Weights::default();
    for (entity_boost, explore_floor, stops) in
        [(2.0, 0.02, 0), (4.0, 0.01, 0), (4.1, 0.02, 1), (2.0, 0.0, 1), (20.0, 0.5, 2)]
    {
        let new = Weights { entity_boost, explore_floor, ..old.clone() };
        assert_eq!(weighed(&old, &new).len(), stops, "{entity_boost} {explore_floor}");
    }
    let with =
        |text: &str| Weights { exchange_rates: Some(toml::from_str(text).unwrap()), ..old.clone() };
    let row = |from: &str, rate: &str| {
        format!("{{ currency = \"USD\", from = \"{from}\", per_reference = \"{rate}\" }}")
    };
    let table =
        |rows: &[String]| with(&format!("reference = \"EUR\"\nrates = [{}]", rows.join(", ")));
    let (first, newest) = (row("2025-01-02", "1.0"), row("2026-01-02", "1.1"));
    let before = table(&[first.clone(), newest.clone()]);
    assert_eq!(weighed(&before, &table(std::slice::from_ref(&newest))), [""; 0]);
    assert_eq!(weighed(&before, &table(&[row("2025-01-02", "9"), newest])), [""; 0]);
    let typo = weighed(&before, &table(&[first, row("2026-01-02", "11")]));
    assert_eq!(typo, ["weights: exchange_rates.rates.USD.newest: 1.1 → 11.0"]);
    let other = with("reference = \"USD\"\nrates = []");
    assert_eq!(weighed(&before, &other).len(), 1, "the reference");
}

fn effect(slots: u64, fill: (f64, f64), share: (f64, f64), spend: (f64, f64)) -> Effect {
    let before = |(before, after): (f64, f64)| Before { before, after };
    Effect {
        slots,
        fill: before(fill),
        advertisers: vec![AdvertiserEffect {
            advertiser: "zahid-host".to_owned(),
            share: before(share),
            spend_micros: before(spend),
            currency: "EUR".to_owned(),
        }],
    }
}

fn predicted(effect: &Effect) -> Vec<String> {
    let nothing = Difference::default();
    texts(concerns(&nothing, Compared::default(), Some(effect), &GuardSettings::default()))
}

#[test]
fn a_predicted_effect_needs_confirmation_beyond_its_limits_if_enough_slots_were_recorded() {
    let same = ((0.5, 0.5), (0.2, 0.2), (4e6, 4e6));
    let (fill, share, spend) = same;
    assert_eq!(predicted(&effect(1_000, fill, share, spend)), [""; 0]);
    assert_eq!(predicted(&effect(1_000, (0.5, 0.45), (0.2, 0.3), (4e6, 5e6))), [""; 0]);
    let far = effect(1_000, (0.5, 0.44), (0.2, 0.31), (4e6, 5.1e6));
    assert_eq!(
        predicted(&far),
        [
            "predicted fill: 50.0 % → 44.0 %",
            "advertiser `zahid-host`: predicted share: 20.0 % → 31.0 %",
            "advertiser `zahid-host`: expected spend per 1,000 slots: 4.00 → 5.10 EUR",
        ]
    );
    assert_eq!(predicted(&Effect { slots: 999, ..far }), [""; 0]);
    assert_eq!(predicted(&effect(1_000, fill, share, (0.0, 9e6))), [""; 0], "from nothing");
    assert_eq!(predicted(&effect(1_000, (0.5, f64::NAN), share, spend)).len(), 1);
}

#[test]
fn spend_of_less_than_one_per_cent_of_all_is_no_concern() {
    let mut both = effect(1_000, (0.5, 0.5), (0.2, 0.2), (4e6, 4e6));
    let mut small = effect(1_000, (0.5, 0.5), (0.001, 0.004), (9e3, 39e3)).advertisers.remove(0);
    small.advertiser = "gitlift".to_owned();
    both.advertisers.push(small.clone());
    assert_eq!(predicted(&both), [""; 0]);
    both.advertisers[1].spend_micros.after = 50e3;
    assert_eq!(predicted(&both).len(), 1, "above one per cent afterwards");
    small.currency = "USD".to_owned();
    both.advertisers[1] = small;
    assert_eq!(predicted(&both).len(), 1, "all that is spent in its currency");
}

#[test]
fn an_advertiser_that_is_added_is_no_concern() {
    let new = files::example();
    let mut old = new.clone();
    old.advertisers.retain(|one| one.id.as_str() != "zahid-host");
    let difference = difference::between(Some((&old, &new)), None, None);
    let far = effect(1_000, (0.5, 0.5), (0.0, 0.9), (0.0, 9e6));
    let found = concerns(&difference, Compared::default(), Some(&far), &GuardSettings::default());
    assert_eq!(found, []);
}

proptest! {
    #[test]
    fn a_change_is_as_large_as_its_opposite_and_in_every_unit(
        old in 0.000_001f64..1e12, new in 0.000_001f64..1e12, factor in 1.0f64..10.0,
    ) {
        prop_assert_eq!(is_large(old, new, factor), is_large(new, old, factor));
        prop_assert!(!is_large(old, old, factor));
        prop_assert!(is_large(old, 0.0, factor) && is_large(0.0, new, factor));
        prop_assert!(is_large(old, f64::NAN, factor) && is_large(f64::INFINITY, new, factor));
        prop_assert!(is_large(old, old * factor * 1.001, factor));
        prop_assert!(!is_large(old, old * factor * 0.999, factor));
    }
}
