//! A disk without room shows house units alone: what could not be recorded is not sold.

use crate::harness::Decision;
use crate::harness::Process;
use crate::harness::Reader;
use crate::harness::process::ENOUGH_ROOM;
use crate::harness::process::Place;
use crate::harness::reference;
use crate::harness::until;

const SETTING: &str = "house_only_below_percent = ";

async fn sponsor(process: &Process) -> String {
    let answer = process.decide(&Reader::new(), &reference()).await.unwrap();
    Decision(answer["decisions"]["article-end"].clone()).sponsor().to_owned()
}

#[tokio::test]
async fn a_disk_without_room_shows_house_units_alone_until_there_is_room_again() {
    let mut place = Place::new();
    place.environment.retain(|(name, _)| name != ENOUGH_ROOM);
    // No disk is wholly free, nor has any so much room: one that is full is not needed.
    place.change("adjacent.toml", &format!("{SETTING}5"), &format!("{SETTING}100"));
    let enough = "house_only_below_mib = ";
    let endless = i64::MAX;
    place.change("adjacent.toml", &format!("{enough}4096"), &format!("{enough}{endless}"));
    let process = place.serve();

    let house = async || (sponsor(&process).await == "house").then_some(());
    until("house units alone", house).await;
    let free = process.scrape().await.value("adjacent_store_free_ratio");
    assert!(free > 0.0 && free < 1.0, "{free}");
    process.says("pages get house units alone").await;

    place.change("adjacent.toml", &format!("{enough}{endless}"), &format!("{enough}1"));
    let sold = async || (sponsor(&process).await == "zahid-host").then_some(());
    until("the sponsor again", sold).await;
    process.says("pages get all units").await;
}
