//! Open redirects: click URLs and requests made to lead somewhere else than the landing page.

use crate::runner::Plan;
use crate::table::{row, run};
use crate::target::{Target, Visitor};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg32;
use std::collections::BTreeSet;

/// What is appended to a click URL.
const SUFFIXES: [&str; 17] = [
    "",
    "?url=https://evil.example",
    "?to=//evil.example",
    "?redirect=https%3A%2F%2Fevil.example",
    "/https://evil.example",
    "/..//evil.example",
    "%2F..%2Fevil.example",
    "?cta=9",
    "#@evil.example",
    "%0d%0aLocation:%20https://evil.example",
    ";url=evil",
    "/",
    "?u=javascript:alert(1)",
    "%00",
    "\\evil.example",
    "@evil.example",
    "?topic=//evil.example&publisher=evil.example",
];

const HEADERS: [(&str, &str); 6] = [
    ("x-forwarded-host", "evil.example"),
    ("forwarded", "host=evil.example"),
    ("x-original-url", "https://evil.example"),
    ("x-rewrite-url", "https://evil.example"),
    ("referer", "https://evil.example"),
    ("origin", "https://evil.example"),
];

/// A token that is cut, changed or longer.
fn changed(token: &str, round: u64, dice: &mut Pcg32) -> String {
    let mut letters: Vec<char> = token.chars().collect();
    match round % 4 {
        0 => {}
        1 => letters.truncate(dice.random_range(0..letters.len())),
        2 => {
            let at = dice.random_range(0..letters.len());
            letters[at] = char::from(dice.random_range(b'a'..=b'z'));
        }
        _ => letters.push('A'),
    }
    letters.into_iter().collect()
}

pub fn redirects(plan: &Plan) -> String {
    let mut dice = Pcg32::seed_from_u64(plan.seed.into());
    run(async {
        let target = Target::start(Target::on_a_day()).await;
        let reader = Visitor::at("203.0.113.7");
        let unit = target.reference_unit(&reader).await;
        let urls = ["primary", "pricing"].map(|cta| unit.click_url(cta));
        let mut booked = BTreeSet::new();
        for url in urls {
            booked.insert(target.send(&reader, url).await.location.unwrap());
        }
        let leaves = |location: Option<String>| {
            u64::from(location.is_some_and(|location| !booked.contains(&location)))
        };

        let (mut left, mut followed) = (0, 0);
        let attempts = plan.scaled(1_000) as u64;
        for round in 0..attempts {
            let url = urls[usize::from(dice.random::<bool>())];
            let (path, token) = url.rsplit_once('/').unwrap();
            let token = changed(token, round, &mut dice);
            let suffix = SUFFIXES[dice.random_range(0..SUFFIXES.len())];
            let ack = target.send(&reader, &format!("{path}/{token}{suffix}")).await;
            assert!(matches!(ack.status, 302 | 404), "{token}{suffix}: {ack:?}");
            followed += u64::from(ack.status == 302);
            left += leaves(ack.location);
        }
        assert!(
            followed > 20 && followed < attempts / 2,
            "{followed} of {attempts} were redirected"
        );

        let mut by_header = 0;
        for (name, value) in HEADERS {
            let ack = target.send(&reader.clone().with(name, value), urls[0]).await;
            by_header += leaves(ack.location);
        }
        let of = "redirects elsewhere";
        vec![
            row("changed click URLs", attempts, of, (left, 0)),
            row("clicks with headers of other addresses", HEADERS.len() as u64, of, (by_header, 0)),
        ]
    })
}
