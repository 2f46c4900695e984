//! Decisions that a program, a foreign page or a caller without the required key asks for.

use crate::harness::inventory::{replace_once, with_origins};
use crate::harness::reference;
use crate::runner::Plan;
use crate::table::{Row, row, run};
use crate::target::{Target, Visitor, main_click};

/// Events of a unit that `caller` asked for, reported by readers without fault.
async fn reported(attack: &str, caller: Visitor) -> Row {
    let target = Target::start(Target::on_a_day().inventory(with_origins())).await;
    let units = 10;
    for number in 0..units {
        let unit = target.reference_unit(&caller).await;
        let reader = Visitor::at(&format!("198.51.{number}.1"));
        target.send(&reader, unit.impression_url()).await;
        target.advance_ms(1_000);
        target.send(&reader, unit.viewable_url()).await;
        target.send(&reader, main_click(&unit)).await;
    }
    target.inner.ledger.barrier().await.unwrap();
    let scrape = target.scrape().await;
    let idle = scrape.invalid("impression", "idle");
    assert_eq!(idle, units, "{attack}: the events did not arrive, so this shows nothing");
    let kinds = ["impression", "viewable", "click", "copy"];
    let counted = kinds.map(|kind| scrape.events(kind, "counted"));
    row(attack, 3 * units, "events billed", (counted.iter().sum(), 0))
}

pub fn idle_decisions(_: &Plan) -> String {
    let caller = || Visitor::at("203.0.113.7");
    run(async {
        vec![
            reported("events of decisions of a bot", caller().with("user-agent", "Googlebot/2.1"))
                .await,
            reported("of an HTTP client", caller().with("user-agent", "curl/8.5.0")).await,
            reported("of an AI agent", caller().with("user-agent", "ChatGPT-User/1.0")).await,
            reported("of a foreign origin", caller().with("origin", "https://evil.example")).await,
            without_key().await,
        ]
    })
}

/// Calls for a publisher who lets only its own servers ask.
async fn without_key() -> Row {
    let line = "staging_origins = [\"https://staging.news.example\"]";
    let inventory = replace_once(&with_origins(), line, &format!("{line}\ndecide = \"key\""));
    let target = Target::start(Target::on_a_day().inventory(inventory)).await;
    let bare = Visitor::at("203.0.113.7");
    let foreign = format!("Bearer {}", target.key("publisher:kitchen-journal"));
    let callers = [
        bare.clone(),
        bare.clone().with("origin", "https://news.example"),
        bare.clone().with("referer", "https://news.example/a"),
        bare.clone().with("authorization", &foreign),
    ];
    let mut given = 0;
    for caller in &callers {
        let (_, decisions) = target.ask(caller, &reference()).await;
        given += u64::from(!decisions.is_empty());
    }
    let own = format!("Bearer {}", target.key("publisher:eu-tech-news"));
    let (status, _) = target.ask(&bare.with("authorization", &own), &reference()).await;
    assert_eq!(status, 200, "the publisher's own server");
    row("calls without the key that the publisher requires", 4, "decisions", (given, 0))
}
