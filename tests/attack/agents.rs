//! Clicks of programs: HTTP clients, AI agents, and browsers that fetch in advance.

use crate::runner::Plan;
use crate::table::{Row, row, run};
use crate::target::{Target, Visitor, main_click};
use futures_util::future::join_all;
use reqwest::Method;

/// A program clicks a unit each that a reader sees. Returns the row, and how many clicks have this reason.
async fn clicked(
    attack: &str,
    reason: &str,
    programs: &[impl Fn(Visitor) -> Visitor],
) -> (Row, u64) {
    let target = Target::start(Target::on_a_day()).await;
    let mut sent = 0;
    for some in programs.chunks(25) {
        let units = join_all(some.iter().enumerate().map(async |(number, _)| {
            let reader = Visitor::at(&format!("198.{number}.{}.1", sent % 256));
            let unit = target.reference_unit(&reader).await;
            assert!(target.send(&reader, unit.impression_url()).await.recorded);
            (reader, unit)
        }))
        .await;
        target.advance_ms(target.pause_ms());
        let clicks = some.iter().zip(&units).map(async |(program, (reader, unit))| {
            let ack = target.send(&program(reader.clone()), main_click(unit)).await;
            assert_eq!(ack.status, 302, "a program is redirected like a reader");
        });
        sent += join_all(clicks).await.len() as u64;
    }
    let counted = target.clicks().await;
    let named = target.scrape().await.invalid("click", reason);
    // The same path counts for a reader, so that it is the program that does not.
    let reader = Visitor::at("203.0.113.7");
    let unit = target.seen_unit(&reader).await;
    target.send(&reader, main_click(&unit)).await;
    assert_eq!(target.clicks().await, counted + 1, "{attack}: not even a reader's click counts");
    (row(attack, sent, "clicks billed", (counted, 0)), named)
}

type Program = Box<dyn Fn(Visitor) -> Visitor>;

fn agent(name: String) -> Program {
    Box::new(move |own| own.with("user-agent", &name))
}

pub fn programs(_: &Plan) -> String {
    run(async {
        let clients = include_str!("../data/clients.txt").lines();
        let clients = clients.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let clients: Vec<Program> = clients.map(|name| agent(name.to_owned())).collect();
        assert!(clients.len() > 100);
        let (clients, bots) = clicked("agents of HTTP clients and tools", "bot", &clients).await;

        let target = Target::start(Target::on_a_day()).await;
        let names = target.limits["agents"]["ai_agents"].as_array().unwrap();
        let in_browser = |name: &str| {
            format!(
                "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; {name}/1.0) Chrome/139.0.0.0"
            )
        };
        let names = names.iter().map(|name| agent(in_browser(name.as_str().unwrap())));
        let signed: Program =
            Box::new(|own| own.with("signature-agent", "\"https://chatgpt.com\""));
        let all: Vec<Program> = names.chain([signed]).collect();
        let count = all.len() as u64;
        let (agents, named) = clicked("AI agents, named or signed", "agent", &all).await;
        let unnamed = row("the same", count, "without the reason `agent`", (count - named, 0));
        assert!(bots > 100, "{bots} clicks of bots");
        vec![clients, agents, unnamed]
    })
}

pub fn prefetch(_: &Plan) -> String {
    run(async {
        let headers = ["purpose", "sec-purpose", "x-purpose", "x-moz"];
        let values = ["prefetch", "prerender", "preview"];
        let programs: Vec<Program> = headers
            .iter()
            .flat_map(|header| values.map(|value| (*header, value)))
            .map(|(header, value)| -> Program { Box::new(move |own| own.with(header, value)) })
            .collect();
        let (fetched, _) =
            clicked("clicks with a header of prefetching", "prefetch", &programs).await;

        let target = Target::start(Target::on_a_day()).await;
        let reader = Visitor::at("203.0.113.7");
        let unit = target.seen_unit(&reader).await;
        for _ in 0..20 {
            let head = target.request(Method::HEAD, &reader, main_click(&unit));
            assert_eq!(head.send().await.unwrap().status(), 302);
        }
        let counted = target.clicks().await;
        vec![fetched, row("HEAD of a click URL", 20, "clicks billed", (counted, 0))]
    })
}
