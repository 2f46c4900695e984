//! Golden segments: each format version is read from a file that the code of that version wrote.

use crate::decision_log::line::{CanaryLine, Chosen, Line, StateChange};
use crate::decision_log::{DecisionLine, Lookup, SlotLine, WorldLine, find, stored};
use crate::domain::entity::EntityIx;
use crate::domain::party::Style;
use crate::domain::targeting::PageFacts;
use crate::domain::taxonomy::TopicIx;
use crate::journal::frame;
use crate::selection::page::{Commercial, Page, RegionBasis, Role, Slot, Viewer};
use crate::selection::rotation::{Rotations, Row, Scope};
use crate::selection::rules::Mask;
use crate::selection::snapshot::{Closed, State, Ticket};
use smallvec::smallvec;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const STYLES: [Style; 3] = [Style::Terminal, Style::Card, Style::Line];
const ROLES: [Role; 2] = [Role::Subject, Role::Mention];
const COMMERCIAL: [Commercial; 3] = [Commercial::Allow, Commercial::HouseOnly, Commercial::None];
const BASES: [RegionBasis; 4] = [
    RegionBasis::Observed,
    RegionBasis::Declared,
    RegionBasis::PublisherDefault,
    RegionBasis::Unknown,
];
const NO_FILLS: &str = "no_candidate all_paced budgets_spent subject_conflict sensitive_page \
     publisher_blocked house_only commercial_off style_mismatch below_relevance \
     label_unavailable unknown_placement paused stale_too_old overloaded";

/// The lines of the golden segments: every kind of line, and every value that each enum had.
fn lines(version: u8) -> Vec<Line> {
    let tickets = |tickets: &[(u32, u32, u32)]| {
        let ticket = |(place, share, turn): &(u32, u32, u32)| Ticket {
            place: *place,
            share: *share,
            turn: *turn,
        };
        tickets.iter().filter(|_| version >= 4).map(ticket).collect()
    };
    let row = |place, scope, parts: &[u16]| Row { place, scope, parts: parts.into() };
    let rotations = [
        row(7, Scope::Flight, &[9_500, 500]),
        row(7, Scope::Group(300), &[1, 2]),
        row(90_000, Scope::Topic(3), &[1, u16::MAX, 3]),
    ];
    let since_5 = |rows: &[Row]| rows.iter().filter(|_| version >= 5).cloned().collect();
    let closed_since_5 =
        |pairs: &[Closed]| pairs.iter().filter(|_| version >= 5).copied().collect();
    let hash = |of: &str| of.repeat(32);
    let of_canary = WorldLine {
        inventory: hash("a"),
        weights: hash("d"),
        labels: hash("c"),
        state: State { number: 300, spent: vec![5], ..State::default() },
        canary: None,
    };
    let canary = CanaryLine { share: 1 << 28, world: of_canary };
    let world = WorldLine {
        canary: (version >= 5).then(|| Box::new(canary)),
        inventory: hash("a"),
        weights: hash("b"),
        labels: hash("c"),
        state: State {
            number: 300,
            spent: vec![0, 3],
            paced: vec![(1, 1 << 31)],
            paused: vec![2, 70_000],
            tickets: tickets(&[(8, 1 << 30, 0), (90_000, Ticket::ALL, 3)]),
            rotations: Rotations::new(since_5(&rotations)),
            closed: closed_since_5(&[(0, 3), (4, 300)]),
        },
    };
    let change = StateChange {
        number: 301,
        spent: vec![4],
        unspent: vec![0],
        paced: vec![(1, 7), (6, 8)],
        unpaced: vec![5],
        paused: vec![9],
        resumed: vec![2],
        tickets: tickets(&[(8, 0, 300)]),
        returned: if version >= 4 { vec![90_000] } else { Vec::new() },
        rotations: since_5(&[row(7, Scope::Flight, &[500, 9_500])]),
        forgotten: if version >= 5 { vec![(7, Scope::Group(300))] } else { Vec::new() },
        closed: closed_since_5(&[(4, 2)]),
        reopened: closed_since_5(&[(0, 3)]),
        canary: (version >= 5).then(|| {
            let number = 301;
            Box::new(StateChange { number, unspent: vec![5], ..StateChange::default() })
        }),
    };
    let decisions = (0..BASES.len()).map(|at| Line::Decision(Box::new(decision(at))));
    let worlds = [Line::World(world), Line::Change(change)];
    worlds.into_iter().chain(decisions).collect()
}

fn decision(at: usize) -> DecisionLine {
    let chosen = |style: Style| Chosen {
        place: 200,
        creative: 3,
        variant: 1,
        style,
        flight_propensity: u32::MAX,
        creative_propensity: 1 << 20,
    };
    let masked =
        [Mask::reservation_lost(3), Mask::rejected(4), Mask::creative(5)].repeat(at.min(1));
    let empty = NO_FILLS.split(' ').map(|reason| Err(reason.parse().unwrap()));
    let filled = STYLES.map(|style| Ok(chosen(style))).into_iter();
    let slots = filled.chain(empty).map(|result| SlotLine { masked: masked.clone(), result });
    DecisionLine {
        request: (1_795_973_719_166 << 80) | (7 << 62) | ((at as u128) << 8),
        at_ms: 1_795_973_719_166 + i64::try_from(at).unwrap(),
        state: 300 + (at as u64) % 2,
        page: Arc::new(page(at)),
        url: (at > 0).then(|| "news.example/a".into()),
        forced: (at == 2).then(|| "zahid-git-push".into()),
        test: at == 2,
        slots: slots.collect(),
    }
}

fn page(at: usize) -> Page {
    Page {
        publisher: 1,
        topics: (0..10).map(TopicIx).take(at * 5).collect(),
        entities: ROLES.map(|role| (EntityIx(400), role)).into_iter().take(at).collect(),
        unknown: ["unknown topic".into()].into_iter().take(at).collect(),
        keywords: smallvec![1, 130],
        region: [None, "DE".parse().ok(), "eu".parse().ok(), None][at].clone(),
        language: ["en", "de-AT"][at % 2].parse().unwrap(),
        facts: PageFacts::default(),
        custom: smallvec![],
        commercial: COMMERCIAL[at % 3],
        sensitive: at == 1,
        paused: at == 2,
        shown: smallvec![9; at],
        viewer: Viewer { country: ["AT", ""][at % 2].parse().ok(), basis: BASES[at] },
        slots: smallvec![
            Slot { key: "article-end".into(), placement: Some(2), styles: STYLES.into() },
            Slot { key: "sidebar".into(), placement: None, styles: smallvec![] },
        ],
    }
}

fn golden(version: u8) -> PathBuf {
    let name = format!("tests/data/stored/decision-log-{version}.decisions");
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The lines of a segment, or why one cannot be read.
fn read(bytes: &[u8]) -> Result<Vec<Line>, String> {
    let header = stored::read_header(bytes)?;
    let (mut at, mut lines) = (header.length, Vec::new());
    while at < bytes.len() {
        let (entry, length) = frame::read(&bytes[at..], header.incarnation).unwrap();
        lines.push(stored::decode(header.version, &entry.payload)?);
        at += length;
    }
    Ok(lines)
}

/// A segment of these lines in the written format.
fn written(incarnation: u64, lines: &[Line]) -> Vec<u8> {
    let mut bytes = stored::header(incarnation).to_vec();
    for (line, number) in lines.iter().zip(1..) {
        let line = match line {
            Line::World(line) => stored::encode_world(line, Vec::new()),
            Line::Change(line) => stored::encode_change(line, Vec::new()),
            Line::Decision(line) => stored::encode_decision(line, Vec::new()),
        };
        frame::write(&mut bytes, 0, number, &line);
    }
    bytes
}

#[test]
fn a_segment_of_every_version_is_read_as_the_same_lines() {
    for version in 1..=stored::VERSION {
        let bytes = fs::read(golden(version)).unwrap();
        assert_eq!(stored::read_header(&bytes).unwrap().version, version);
        assert_eq!(read(&bytes).unwrap(), lines(version), "version {version}");
    }
}

/// When this fails, stored bytes have changed: add a version, and leave the files of others alone.
#[test]
fn the_written_version_is_written_byte_for_byte() {
    let (path, bytes) =
        (golden(stored::VERSION), written(0x0007_0000_0000_0001, &lines(stored::VERSION)));
    if std::env::var_os("ADJACENT_BLESS").is_some() && !path.exists() {
        fs::write(&path, &bytes).unwrap();
    }
    assert!(bytes == fs::read(&path).unwrap(), "the bytes of version {} changed", stored::VERSION);
}

#[test]
fn a_recorded_segment_rewritten_in_the_written_version_gives_the_same_decisions_and_worlds() {
    let old = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/recorded-0.1.0-november/data/decisions");
    let new = tempfile::tempdir().unwrap();
    let mut requests = Vec::new();
    for entry in fs::read_dir(&old).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let header = stored::read_header(&bytes).unwrap();
        assert_eq!(header.version, 1);
        let lines = read(&bytes).unwrap();
        let name = path.file_name().unwrap();
        fs::write(new.path().join(name), written(header.incarnation, &lines)).unwrap();
        requests.extend(lines.into_iter().filter_map(|line| match line {
            Line::Decision(line) => Some(line.request),
            _ => None,
        }));
    }

    assert!(requests.len() > 200, "{} decisions", requests.len());
    for request in requests {
        let find = |folder: &Path| find(folder, request, &mut Vec::new()).unwrap();
        let found = find(&old);
        assert!(matches!(found, Lookup::Found(_)), "{found:?}");
        assert_eq!(found, find(new.path()));
    }
}
