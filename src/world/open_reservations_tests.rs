use super::*;
use crate::world::open_reservation::WHOLE;
use proptest::prelude::*;
use std::collections::{BTreeSet, HashMap};

/// A plain form of the same: everything by decision, and when each is due.
#[derive(Default)]
struct Plain {
    open: HashMap<u128, Open>,
    due: BTreeSet<(i64, u128)>,
}

impl Plain {
    fn remove(&mut self, decision: u128) -> Option<Open> {
        let open = self.open.remove(&decision)?;
        self.due.remove(&(open.due_ms, decision));
        Some(open)
    }

    fn first(&self, publisher: u32) -> Option<u128> {
        let is_wanted = |(_, decision): &&(i64, u128)| {
            let open = &self.open[decision];
            open.stage == Stage::Unseen && open.caller.is_some() && open.publisher == publisher
        };
        self.due.iter().find(is_wanted).map(|(_, decision)| *decision)
    }
}

fn caller(number: u64) -> Option<KeylessCaller> {
    let hashes = [number / 4, number / 2, number];
    let unknown = number.is_multiple_of(2);
    (number > 0).then_some(KeylessCaller { hashes, unknown, unrecognised: false })
}

fn open() -> impl Strategy<Value = Open> {
    let chances: [Option<Arc<ShowChance>>; 3] = [None, Some(Arc::default()), Some(Arc::default())];
    let numbers = (1i64..4, 0u32..3, 0u64..9, 0..=WHOLE, 0u8..7);
    let stages = prop::sample::select(vec![Stage::Unseen, Stage::Seen, Stage::Recorded]);
    let times = (-5_000..2 * ERA_MS, 0i64..5_000, prop::sample::select(chances.to_vec()));
    (numbers, stages, times).prop_map(|(numbers, stage, (decided_ms, due, chance))| {
        let (price, publisher, number, parts, span) = numbers;
        let term = Term { chance, ..Term::whole_price(decided_ms, decided_ms + 900_000) };
        Open {
            price: Micros::try_from(price).unwrap(),
            parts,
            due_ms: decided_ms + due,
            publisher,
            caller: caller(number),
            term,
            span,
            stage,
        }
    })
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u128, Box<Open>),
    Remove(u128),
    TakeDue(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0u128..300, open()).prop_map(|(decision, open)| Step::Insert(decision, open.into())),
        5 => (0u128..300).prop_map(Step::Remove),
        1 => (0i64..6_000).prop_map(Step::TakeDue),
    ];
    prop::collection::vec(step, 0..600)
}

fn is_same(one: Option<Open>, other: Option<Open>) -> bool {
    format!("{one:?}") == format!("{other:?}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn packed_reservations_are_what_plain_ones_would_be(steps in steps(), near in any::<bool>()) {
        let (mut packed, mut plain) = (OpenReservations::default(), Plain::default());
        for step in steps {
            match step {
                Step::Insert(decision, mut open) => {
                    if near {
                        // Many in the same seconds.
                        let later = open.due_ms - open.term.decided_ms;
                        open.term = Term { chance: open.term.chance, ..Term::whole_price(0, 900_000) };
                        open.due_ms = later;
                    }
                    prop_assert!(is_same(packed.remove(decision), plain.remove(decision)));
                    packed.insert(decision, (*open).clone());
                    plain.due.insert((open.due_ms, decision));
                    plain.open.insert(decision, *open);
                }
                Step::Remove(decision) => {
                    prop_assert!(is_same(packed.remove(decision), plain.remove(decision)));
                }
                Step::TakeDue(now_ms) => {
                    let due: Vec<u128> = packed.take_due(now_ms);
                    let expected = plain.due.iter().take_while(|(due_ms, _)| *due_ms <= now_ms);
                    let expected: Vec<u128> = expected.map(|(_, decision)| *decision).collect();
                    prop_assert_eq!(&due, &expected);
                    for decision in due {
                        prop_assert!(is_same(packed.remove(decision), plain.remove(decision)));
                    }
                }
            }
            prop_assert_eq!(packed.len(), plain.open.len());
            prop_assert!(packed.listed <= 2 * packed.len() + 65);
            for publisher in 0..3 {
                let first = packed.first(Stage::Unseen, |of, _| of == publisher);
                prop_assert_eq!(first, plain.first(publisher));
            }
        }
    }
}

#[test]
fn what_a_reservation_has_of_its_own_takes_36_bytes() {
    assert_eq!(size_of::<Option<Slot>>(), 36);
}
