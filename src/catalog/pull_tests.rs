use super::*;
use crate::catalog::{pause, synth};
use crate::domain::money::Micros;
use crate::domain::weights::Weights;
use proptest::prelude::*;

/// The files of the example, relative to the project.
fn example() -> Vec<Text> {
    files::EXAMPLE.map(|(name, text)| (name.to_owned(), text.to_owned())).into()
}

fn pulled(texts: &[Text], wanted: &Inventory) -> Vec<Text> {
    inventory(texts, &Place::Folder(Path::new("config/inventory")), wanted).unwrap()
}

fn text_of<'a>(texts: &'a [Text], name: &str) -> &'a str {
    &texts.iter().find(|(file, _)| file.ends_with(name)).unwrap().1
}

#[test]
fn files_without_a_difference_keep_every_byte() {
    assert_eq!(pulled(&example(), &files::example()), example());
}

#[test]
fn a_changed_field_changes_its_line_and_keeps_comments_and_order() {
    let mut wanted = files::example();
    let flight =
        wanted.flights.iter_mut().find(|one| one.id.as_str() == "zahid-ai-europe").unwrap();
    flight.price_micros = Micros::try_from(9_000_000).unwrap();
    flight.goal_clicks = Some(70);
    let mut before = example();
    for (name, text) in &mut before {
        if name.ends_with("zahid-host.toml") {
            *text =
                text.replacen("price_micros = 8_000_000", "price_micros = 8_000_000 # agreed", 1);
            *text = format!("# Our first customer.\n\n{text}");
        }
    }

    let after = pulled(&before, &wanted);

    let lines = |texts: &[Text]| -> Vec<String> {
        text_of(texts, "zahid-host.toml").lines().map(str::to_owned).collect()
    };
    let (old, new) = (lines(&before), lines(&after));
    let added: Vec<&String> = new.iter().filter(|line| !old.contains(line)).collect();
    assert_eq!(added, ["price_micros = 9000000 # agreed", "goal_clicks = 70"]);
    assert_eq!(new.len(), old.len() + 1);
    for (before, after) in before.iter().zip(&after).filter(|(one, _)| !one.0.contains("zahid")) {
        assert_eq!(before, after, "no other file changes");
    }
}

#[test]
fn new_documents_are_appended_to_the_file_of_their_owner_and_removed_ones_are_removed() {
    let mut wanted = files::example();
    let mut flight =
        wanted.flights.iter().find(|one| one.id.as_str() == "zahid-ai-europe").unwrap().clone();
    flight.id = "brand-new".parse().unwrap();
    wanted.flights.push(flight);
    let gone =
        wanted.creatives.iter().position(|one| one.flight.as_str() != "zahid-ai-europe").unwrap();
    let gone = wanted.creatives.remove(gone);
    wanted.sort();

    let after = pulled(&example(), &wanted);

    assert!(text_of(&after, "zahid-host.toml").contains("id = \"brand-new\""));
    let needle = format!("id = \"{}\"\nflight", gone.id);
    assert!(!after.iter().any(|(_, text)| text.contains(&needle)));
    assert_eq!(current(&after).unwrap(), wanted);
}

#[test]
fn without_files_each_list_gets_one() {
    let after = pulled(&[], &files::example());
    let names: Vec<&str> = after.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.contains(&"config/inventory/flights.toml"), "{names:?}");
    assert_eq!(current(&after).unwrap(), files::example());
    let one = inventory(&[], &Place::File(Path::new("all.toml")), &files::example()).unwrap();
    assert_eq!(one.len(), 1);
}

#[test]
fn inline_lists_and_nested_tables_are_changed_in_their_own_form() {
    let text =
        "topics = [\n  { id = \"a\", name = \"A\" }, # first\n  { id = \"b\", name = \"B\" },\n]\n";
    let texts = [("t.toml".to_owned(), text.to_owned())];
    let mut wanted = current(&texts).unwrap();
    wanted.topics[1].name = "Bee".to_owned();
    let mut third = wanted.topics[0].clone();
    (third.id, third.name) = ("c".parse().unwrap(), "C".to_owned());
    wanted.topics.push(third);
    let after = pulled(&texts, &wanted);
    let after = text_of(&after, "t.toml");
    assert!(
        after.contains("{ id = \"a\", name = \"A\" }, # first\n  { id = \"b\", name = \"Bee\" }"),
        "{after}"
    );
    assert!(after.contains("id = \"c\""), "{after}");
}

#[test]
fn weights_are_changed_in_place() {
    let (name, text) = files::WEIGHTS;
    let wanted = Weights { entity_boost: 2.5, ..Default::default() };
    let after = document(name, Some(text), &wanted).unwrap();
    assert_eq!(after, text.replacen("entity_boost = 2.0", "entity_boost = 2.5", 1));
    assert_eq!(document(name, Some(text), &Weights::default()).unwrap(), text);
    let anew = document(name, None, &wanted).unwrap();
    assert_eq!(toml::from_str::<Weights>(&anew).unwrap(), wanted);
}

/// A random inventory, made from another by edits of every kind.
fn edited_by(inventory: &Inventory, edits: &[(u8, usize, i64)]) -> Inventory {
    let mut new = inventory.clone();
    for (kind, at, amount) in edits {
        let flights = new.flights.len();
        if flights == 0 {
            break;
        }
        let flight = &mut new.flights[at % flights];
        let micros = Micros::try_from(amount * 1_000).unwrap();
        match kind % 10 {
            0 => flight.price_micros = micros,
            1 => flight.copy_price_micros = Some(micros),
            2 => flight.copy_price_micros = None,
            3 => flight.weight = (*amount % 10_000) as f64 / 16.0 + 0.5,
            4 => flight.targeting = Default::default(),
            5 => {
                new.flights.remove(at % flights);
            }
            6 => {
                let mut copy = flight.clone();
                copy.id = format!("copy-{at}-{amount}").parse().unwrap();
                new.flights.retain(|one| one.id != copy.id);
                new.flights.push(copy);
            }
            7 => {
                let count = new.creatives.len().max(1);
                if let Some(creative) = new.creatives.get_mut(at % count) {
                    creative.ctas.rotate_left(1);
                    creative.ctas.truncate(1 + at % 3);
                    creative.weight = 1 + (*amount % 100) as u32;
                }
            }
            8 => {
                let count = new.publishers.len();
                let site = &mut new.publishers[at % count];
                let mut place = site.placements[0].clone();
                place.id = format!("place-{at}-{amount}").parse().unwrap();
                site.placements.retain(|one| one.id != place.id);
                site.placements.insert(at % 2, place);
            }
            _ => {
                let count = new.campaigns.len();
                new.campaigns[at % count].budget.daily_micros = Some(micros);
            }
        }
    }
    new.sort();
    new
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn after_a_pull_the_files_have_exactly_what_is_served(
        flights in 1u32..6, seed in 0u64..1_000, from_example: bool,
        edits in prop::collection::vec((0u8..10, 0usize..100, 1i64..100_000), 0..12),
        more in prop::collection::vec((0u8..10, 0usize..100, 1i64..100_000), 0..6),
    ) {
        let (texts, start) = match from_example {
            true => (example(), files::example()),
            false => {
                let start = pause::content(&synth::inventory(flights as _, seed));
                (pulled(&[], &start), start)
            }
        };
        let once = edited_by(&start, &edits);
        let first = pulled(&texts, &once);
        prop_assert_eq!(&current(&first).unwrap(), &once);
        let twice = edited_by(&once, &more);
        let second = pulled(&first, &twice);
        prop_assert_eq!(&current(&second).unwrap(), &twice);
        prop_assert_eq!(pulled(&second, &twice), second, "nothing left to write");
    }
}
