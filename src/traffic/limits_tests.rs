//! What the limits let pass: readers, offices and mobile carriers; and what attacks gain.

use crate::domain::event::EventKind;
use crate::domain::event::EventKind::*;
use crate::traffic::Quota;
use crate::traffic::limits::{Layer, LayerQuotas, Quotas, VisitorLimits};
use crate::traffic::visitor::EventSource;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(super) const START: i64 = 1_790_000_000_000;
const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

fn quota(count: u32, seconds: u32) -> Quota {
    Quota { count, seconds }
}

/// Quotas of visitors only.
fn visitor_quotas() -> Quotas {
    let mut quotas = Quotas::default();
    quotas.0[Layer::Visitor as usize] = LayerQuotas {
        impressions: vec![quota(60, 300), quota(600, 86_400)],
        clicks: vec![quota(2, 60), quota(6, 600), quota(20, 3_600), quota(40, 86_400)],
    };
    quotas
}

fn visitors(max: usize) -> VisitorLimits {
    VisitorLimits::new(&visitor_quotas(), max, [1; 32])
}

pub(super) fn source(address: impl Into<IpAddr>) -> EventSource<'static> {
    let address = Some(address.into());
    EventSource {
        address,
        agent: Some("agent"),
        publisher: "site",
        campaign: "spring",
        server: false,
    }
}

fn reader(number: u32) -> EventSource<'static> {
    source(Ipv4Addr::from_bits(0x0a00_0000 + number))
}

pub(super) fn allows(
    visitors: &VisitorLimits,
    from: &EventSource<'_>,
    kind: EventKind,
    decision: u128,
    now_ms: i64,
) -> bool {
    visitors.allows(&visitors.keys(from), kind, decision, now_ms)
}

/// How many of `times` events are allowed, each on a new decision and `gap_ms` after the previous one.
fn allowed(
    visitors: &VisitorLimits,
    kind: EventKind,
    times: u32,
    from_ms: i64,
    gap_ms: i64,
) -> usize {
    let at = |number: u32| from_ms + i64::from(number) * gap_ms;
    let decision = |number: u32| u128::from(at(number).unsigned_abs()) << 40 | u128::from(number);
    let one = reader(1);
    (0..times).filter(|&n| allows(visitors, &one, kind, decision(n), at(n))).count()
}

#[test]
fn a_visitor_has_sixty_units_in_five_minutes() {
    for kind in [Impression, Viewable] {
        let visitors = visitors(10_000);
        assert_eq!(allowed(&visitors, kind, 2_000, START, 0), 60);
        assert_eq!(allowed(&visitors, kind, 2_000, START + 5_000, 0), 1);
        assert_eq!(allowed(&visitors, kind, 2_000, START + 6 * MINUTE, 0), 60);
    }
}

#[test]
fn a_visitor_has_six_hundred_units_plus_refill_in_a_day() {
    let visitors = visitors(10_000);
    let hours =
        (0..24).map(|hour| allowed(&visitors, Impression, 60, START + hour * 60 * MINUTE, 0));
    // A burst of 600, then 25 per hour.
    assert_eq!(hours.sum::<usize>(), 600 + 23 * 25);
}

#[test]
fn every_unit_of_a_page_call_counts() {
    let visitors = visitors(10_000);
    let counted = (0..60_u128).flat_map(|call| (0..8).map(move |unit| call << 8 | unit));
    let counted =
        counted.filter(|decision| allows(&visitors, &reader(1), Impression, *decision, START));
    assert_eq!(counted.count(), 60);
}

#[test]
fn clicks_and_copies_have_the_default_quotas() {
    for kind in [Click, Copy] {
        let fresh = || visitors(10_000);
        assert_eq!(allowed(&fresh(), kind, 100, START, 0), 2);
        // The burst, plus what was replenished until the last click.
        assert_eq!(allowed(&fresh(), kind, 20, START, 30_000), 6 + 570 / 100);
        assert_eq!(allowed(&fresh(), kind, 60, START, MINUTE), 20 + 59 * 60 / 180);
        assert_eq!(allowed(&fresh(), kind, 288, START, 5 * MINUTE), 40 + 287 * 300 / 2_160);
    }
}

#[test]
fn a_second_click_on_the_same_unit_is_free() {
    let visitors = visitors(10_000);
    let click = |decision| allows(&visitors, &reader(1), Click, decision, START);
    assert!([1, 2, 1, 2, 1, 2].into_iter().all(click));
    assert!(!click(3) && !click(3));
}

#[test]
fn visitors_have_separate_quotas() {
    let visitors = visitors(10_000);
    assert_eq!(allowed(&visitors, Click, 10, START, 0), 2);
    assert!(allows(&visitors, &reader(2), Click, 9, START));
}

#[test]
fn a_new_salt_resets_all_visitors() {
    let visitors = visitors(10_000);
    assert_eq!(allowed(&visitors, Click, 10, START, 0), 2);
    visitors.renew([2; 32]);
    assert_eq!(visitors.key_count(), 0);
    assert_eq!(allowed(&visitors, Click, 10, START, 0), 2);
}

#[test]
fn the_number_of_stored_keys_is_capped() {
    let visitors = visitors(1_000);
    for number in 0..10_000 {
        let one = reader(number * 7_919);
        allows(&visitors, &one, Impression, u128::from(number) << 8, START);
        allows(&visitors, &one, Click, u128::from(number), START);
    }
    assert!(visitors.key_count() <= 1_000, "{}", visitors.key_count());
    assert!(visitors.overflowed() > 0);
    visitors.sweep(START + 2 * DAY);
    assert_eq!(visitors.key_count(), 0);
}

#[test]
fn idle_visitors_are_evicted_when_capacity_is_short() {
    let visitors = visitors(1_000);
    for number in 0..2_000 {
        allows(&visitors, &reader(number << 8), Impression, u128::from(number) << 8, START);
    }
    let overflows = visitors.overflowed();
    assert_eq!(allowed(&visitors, Click, 10, START + 60 * MINUTE, 0), 2);
    assert!(visitors.key_count() < 10 && visitors.overflowed() == overflows);
}

#[test]
fn a_clock_step_back_replenishes_nothing() {
    let visitors = visitors(10_000);
    assert_eq!(allowed(&visitors, Click, 2, START, 0), 2);
    assert_eq!(allowed(&visitors, Click, 10, START - 60 * MINUTE, 0), 0);
    assert_eq!(allowed(&visitors, Click, 10, START + MINUTE, 0), 2);
}

/// The quotas of `config/adjacent.toml`.
pub(super) fn default_quotas() -> Quotas {
    let text = include_str!("../../config/adjacent.toml");
    let file: toml::Table = text.parse().unwrap();
    let limits = file["limits"].as_table().unwrap();
    let number =
        |one: &toml::Value, key: &str| u32::try_from(one[key].as_integer().unwrap()).unwrap();
    let list = |of: &toml::Table, name: &str| -> Vec<Quota> {
        let list = of[name].as_array().unwrap().iter();
        list.map(|one| quota(number(one, "count"), number(one, "seconds"))).collect()
    };
    let mut quotas = Quotas::default();
    for layer in Layer::ALL {
        let of = match layer {
            Layer::Visitor => limits,
            layer => limits["layers"][layer.as_str()].as_table().unwrap(),
        };
        let both = LayerQuotas { impressions: list(of, "impressions"), clicks: list(of, "clicks") };
        quotas.0[*layer as usize] = both;
    }
    quotas
}

fn default_limits() -> VisitorLimits {
    VisitorLimits::new(&default_quotas(), 1_500_000, [1; 32])
}

/// The events allowed of one every 20 ms over `ms`; `source` gets the number of the event.
fn gained<'a>(kind: EventKind, ms: i64, source: impl Fn(u32) -> EventSource<'a>) -> u64 {
    let limits = default_limits();
    let at = |number: u32| i64::from(number) * 20;
    let times = u32::try_from(ms / 20).unwrap();
    let one = |n: &u32| allows(&limits, &source(*n), kind, u128::from(*n) << 8, START + at(*n));
    (0..times).filter(one).count() as u64
}

fn most(layer: Layer, kind: EventKind, seconds: u32) -> u64 {
    default_quotas().most(layer, kind, seconds).unwrap()
}

const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

#[test]
fn no_agent_and_no_privacy_signal_buys_clicks_beyond_the_limit_of_the_address() {
    let agents: Vec<String> = (0..3_000).map(|number| format!("Mozilla/5.0 ({number})")).collect();
    let rotated = |n: u32| EventSource { agent: Some(&agents[n as usize]), ..source(ADDRESS) };
    let private = |_| EventSource { agent: None, ..source(ADDRESS) };
    for kind in EventKind::ALL {
        // Other publishers and campaigns do not help either.
        let spread = |n: u32| EventSource {
            agent: None,
            publisher: &agents[n as usize],
            campaign: &agents[n as usize],
            ..source(ADDRESS)
        };
        let address = most(Layer::Address, *kind, 60);
        assert_eq!(gained(*kind, MINUTE, spread), address, "{kind}");
        let on_site = most(Layer::AddressOnPublisher, *kind, 60);
        let on_campaign = most(Layer::AddressOnCampaign, *kind, 60);
        assert_eq!(gained(*kind, MINUTE, rotated), on_site.min(on_campaign), "{kind}");
        assert_eq!(gained(*kind, MINUTE, private), on_site.min(on_campaign), "{kind}");
        assert!(on_site <= address && on_campaign <= address);
    }
    assert!(most(Layer::Address, Click, 60) <= 10 && most(Layer::Address, Click, 86_400) <= 100);
}

#[test]
fn neighbour_addresses_have_the_limit_of_their_network() {
    let v6 = |subnet: u32, own: u32| {
        let network = 0x2001_0db8_0001 << 80;
        source(Ipv6Addr::from_bits(network | u128::from(subnet) << 64 | u128::from(own)))
    };
    let new_64_of_a_56 = |n: u32| v6(n % 256, 1);
    let new_64_of_a_48 = |n: u32| v6(n, 1);
    let new_host_of_a_64 = |n: u32| v6(7, n);
    let new_host_of_a_24 = |n: u32| source(Ipv4Addr::from_bits(0xc000_0200 | (n % 256)));
    for kind in [Click, Copy] {
        assert_eq!(gained(kind, MINUTE, new_64_of_a_56), most(Layer::Subnet, kind, 60));
        assert_eq!(gained(kind, MINUTE, new_64_of_a_48), most(Layer::Network, kind, 60));
        assert_eq!(gained(kind, MINUTE, new_host_of_a_64), most(Layer::Visitor, kind, 60));
        assert_eq!(gained(kind, MINUTE, new_host_of_a_24), most(Layer::Network, kind, 60));
    }
    assert!(most(Layer::Network, Click, 60) <= 25 && most(Layer::Network, Click, 86_400) <= 400);
}

#[test]
fn a_flood_of_addresses_does_not_switch_the_limits_off() {
    let limits = VisitorLimits::new(&default_quotas(), 1_000, [1; 32]);
    for number in 0..20_000_u128 {
        let one = source(Ipv6Addr::from_bits(0x2a << 120 | number << 80));
        allows(&limits, &one, Impression, number, START);
    }
    let click = |n: &u32| allows(&limits, &source(ADDRESS), Click, u128::from(*n), START);
    let clicked = (0..1_000).filter(click).count() as u64;
    assert!(clicked <= most(Layer::Network, Click, 1), "{clicked}");
}

#[test]
fn a_publishers_server_is_limited_by_its_key() {
    let server = |_| EventSource { address: None, agent: None, server: true, ..source(ADDRESS) };
    assert_eq!(gained(Click, MINUTE, server), most(Layer::PublisherKey, Click, 60));
    let made_up = |n: u32| EventSource { server: true, ..reader(n << 8) };
    assert_eq!(gained(Click, MINUTE, made_up), most(Layer::PublisherKey, Click, 60));
}

/// Pseudo-random numbers below `below`.
fn chance(state: &mut u64, below: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % below
}

/// A day of `readers` who each view about `views` pages with two units and click once in 200 units.
/// Returns shown and invalid impressions, and clicks and invalid clicks.
fn day_of(readers: u64, views: u64, address: impl Fn(u64) -> Ipv4Addr) -> [u64; 4] {
    let (limits, mut state) = (default_limits(), 7);
    let agents = ["Safari", "Chrome", "Firefox", "Edge"];
    let mut pages = Vec::new();
    for reader in 0..readers {
        // Office hours and evenings: most of the day's pages within ten hours.
        let began = 8 * 3_600_000 + chance(&mut state, 10 * 3_600_000).cast_signed();
        for page in 0..1 + chance(&mut state, 2 * views - 1) {
            let after = chance(&mut state, 90_000).cast_signed() + page.cast_signed() * 60_000;
            pages.push((began + after, reader));
        }
    }
    pages.sort_unstable();
    let mut found = [0; 4];
    for (page, (at, reader)) in pages.into_iter().enumerate() {
        let agent = agents[usize::try_from(reader % 4).unwrap()];
        let from = EventSource { agent: Some(agent), ..source(address(reader)) };
        for unit in 0..2 {
            let decision = (page as u128) << 8 | unit;
            found[0] += 1;
            found[1] += u64::from(!allows(&limits, &from, Impression, decision, START + at));
            if chance(&mut state, 200) == 0 {
                found[2] += 1;
                found[3] += u64::from(!allows(&limits, &from, Click, decision, START + at + 9_000));
            }
        }
    }
    found
}

#[test]
fn an_office_and_a_mobile_carrier_pass() {
    // 150 readers of one publisher behind one address; 3,000 behind the 256 addresses of a carrier's /24.
    let office = day_of(150, 5, |_| ADDRESS);
    let host = |reader: u64| u32::try_from(reader * 7 % 256).unwrap();
    let carrier = day_of(3_000, 4, |reader| Ipv4Addr::from_bits(0x6440_0000 | host(reader)));
    for [shown, invalid, clicks, invalid_clicks] in [office, carrier] {
        assert!(shown > 1_000 && clicks > 4);
        assert!(invalid * 1_000 <= shown, "{invalid} of {shown}");
        assert!(invalid_clicks * 50 <= clicks, "{invalid_clicks} of {clicks}");
    }
}

#[test]
fn the_guide_prints_the_figures_of_the_default_limits() {
    let guide = include_str!("../web/guides/operator.md");
    let grouped = |number: u64| match number {
        0..1_000 => number.to_string(),
        _ => format!("{},{:03}", number / 1_000, number % 1_000),
    };
    for layer in Layer::ALL {
        let mut figures = Vec::new();
        let mut money = Vec::new();
        for (kind, price_micros) in [(Impression, 5_000), (Click, 1_000_000)] {
            for (at, seconds) in [60, 86_400].into_iter().enumerate() {
                let most = most(*layer, kind, seconds);
                figures.push(grouped(most));
                money.resize(2, 0);
                // Viewables and copies as many again.
                money[at] += 2 * most * price_micros;
            }
        }
        let money = money
            .iter()
            .map(|micros| format!("{}.{:02}", grouped(micros / 1_000_000), micros / 10_000 % 100));
        let cells: Vec<String> = figures.into_iter().chain(money).collect();
        let line = guide.lines().find(|line| line.contains(&format!("`{layer}`:")));
        let line = line.unwrap_or_else(|| panic!("the guide has no line of {layer}"));
        assert!(line.ends_with(&format!("| {} |", cells.join(" | "))), "{line}\n{cells:?}");
    }
}
