//! Which slots of a future time each flight is expected to win: probabilities, summed up over the recorded slots;
//! nothing is drawn.
//!
//! As decisions do, it goes tier by tier. Flights with a goal come first, the scarcest first, each with the
//! constant share of its slots that gives what it needs; then the others share what is left by their weights,
//! less often where their campaign's budget is used up. What is left after that goes to the next tier.

use crate::forecast::calendar::{Calendar, KindWeights};
use crate::forecast::field::Field;
use crate::selection::snapshot::Ticket;
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

/// The most pieces that a time is cut into where flights begin or end, and the most entrants that are visited
/// because of them.
const MAX_PIECES: usize = 8;
const MAX_VISITS: usize = 40_000_000;

/// How often budgets are compared with what they would pay for.
const BUDGET_ROUNDS: usize = 3;

/// The terms of a flight, by rank.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) tier: usize,
    /// When it runs from now on.
    pub(super) times: Range<i64>,
    /// The slots that it needs from now on for its goals.
    pub(super) needs: Option<f64>,
    /// The share of its slots that it was sold.
    pub(super) share: Option<f64>,
    /// The budget that it spends from.
    pub(super) budget: Option<usize>,
    /// What a won slot costs.
    pub(super) cost: f64,
}

impl Terms {
    /// Whether it comes before the race of its tier.
    fn has_ticket(&self) -> bool {
        self.needs.is_some() || self.share.is_some()
    }
}

/// How a flight takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// As its terms say.
    AsSold,
    /// Not at all.
    Absent,
    /// It takes every slot that flights before it leave.
    Everything,
}

/// The slots that each flight wins in each of the pieces of a time, summed up.
pub(super) type Won = Vec<f64>;

/// A part of the time that is forecast.
struct Piece {
    times: Range<i64>,
    weights: Rc<KindWeights>,
}

/// How much of a piece a flight runs.
#[derive(Clone)]
enum Runs {
    Always,
    Never,
    /// For each kind of a quarter of an hour, how much of it.
    Partly(Rc<KindWeights>),
}

/// A flight with a goal or a share of voice.
struct Claim {
    place: usize,
    turn: u32,
    /// The rows that it may have.
    rows: Vec<u32>,
    /// The sum of the weights of its rows, by kind.
    by_kind: KindWeights,
    /// What it may expect until its end.
    supply: f64,
}

/// A contest for the slots of a time.
pub(super) struct Contest<'a> {
    field: &'a Field,
    calendar: &'a Calendar,
    terms: &'a [Terms],
    /// Flights with a goal or a share of voice, in the order of their turns.
    claims: Vec<Claim>,
    /// What each budget can pay in a time.
    budgets: &'a dyn Fn(usize, &Range<i64>) -> f64,
}

impl<'a> Contest<'a> {
    /// Of all recorded slots, under these terms. `budgets` is what a budget can pay in a time.
    pub(super) fn new(
        field: &'a Field,
        calendar: &'a Calendar,
        terms: &'a [Terms],
        budgets: &'a dyn Fn(usize, &Range<i64>) -> f64,
    ) -> Contest<'a> {
        let mut claims: HashMap<usize, Claim> = HashMap::new();
        for (at, row) in field.rows.iter().enumerate() {
            let with_goals = field.of_row(at).iter().map(|one| one.place as usize);
            for place in with_goals.filter(|place| terms[*place].has_ticket()) {
                let claim = claims.entry(place).or_insert_with(|| Claim {
                    place,
                    turn: 0,
                    rows: Vec::new(),
                    by_kind: vec![0.0; crate::forecast::calendar::KINDS].into(),
                    supply: 0.0,
                });
                claim.rows.push(u32::try_from(at).unwrap_or(u32::MAX));
                claim.by_kind[usize::from(row.kind)] += row.weight;
            }
        }
        let mut claims: Vec<Claim> = claims.into_values().collect();
        let mut known: HashMap<Range<i64>, Rc<KindWeights>> = HashMap::new();
        for claim in &mut claims {
            let times = &terms[claim.place].times;
            let weights =
                known.entry(times.clone()).or_insert_with(|| Rc::new(calendar.weights(times)));
            claim.supply = dot(&claim.by_kind, weights);
            let place = u32::try_from(claim.place).unwrap_or(u32::MAX);
            claim.turn = Ticket::new(place, 0.0, claim.supply).turn;
        }
        claims.sort_by_key(|claim| (claim.turn, claim.place));
        Contest { field, calendar, terms, claims, budgets }
    }

    /// What each flight wins in a time, with one flight taking another part than it was sold.
    pub(super) fn won(&self, times: &Range<i64>, special: (usize, Part)) -> Won {
        let pieces = self.pieces(times);
        let mut throttles: HashMap<usize, f64> = HashMap::new();
        let mut won = Won::new();
        for round in 0..BUDGET_ROUNDS {
            won = self.round(times, &pieces, &throttles, special);
            if round + 1 < BUDGET_ROUNDS && !self.throttle(times, &won, &mut throttles) {
                break;
            }
        }
        won
    }

    /// Lowers the throttles of budgets that would pay for too much. Returns whether one changed.
    fn throttle(&self, times: &Range<i64>, won: &Won, throttles: &mut HashMap<usize, f64>) -> bool {
        let mut spent: HashMap<usize, f64> = HashMap::new();
        for (terms, won) in self.terms.iter().zip(won).filter(|(terms, _)| !terms.has_ticket()) {
            if let Some(budget) = terms.budget {
                *spent.entry(budget).or_default() += won * terms.cost;
            }
        }
        let mut has_changed = false;
        for (budget, spent) in spent {
            let throttle = throttles.entry(budget).or_insert(1.0);
            let can_pay = (self.budgets)(budget, times);
            let next = (*throttle * can_pay / spent.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
            has_changed |= (next - *throttle).abs() > 0.01;
            *throttle = next;
        }
        has_changed
    }

    fn round(
        &self,
        times: &Range<i64>,
        pieces: &[Piece],
        throttles: &HashMap<usize, f64>,
        (special, part): (usize, Part),
    ) -> Won {
        let mut won = vec![0.0; self.terms.len()];
        let mut left: Vec<f32> = Vec::new();
        for piece in pieces {
            left.clear();
            left.resize(self.field.rows.len(), 1.0);
            let runs: Vec<Runs> = self.runs(piece);
            let passed = times.start..piece.times.end;
            for tier in 0..3 {
                let claims =
                    self.claims.iter().filter(|claim| self.terms[claim.place].tier == tier);
                for claim in claims {
                    let own = if claim.place == special { part } else { Part::AsSold };
                    let needs = match own {
                        Part::AsSold => self.needs(claim, &passed) - won[claim.place],
                        Part::Absent => 0.0,
                        Part::Everything => f64::INFINITY,
                    };
                    won[claim.place] += self.claim(claim, needs, (piece, &runs), &mut left);
                }
                let is_absent = |place: usize| place == special && part == Part::Absent;
                let mut race =
                    Race { contest: self, runs: &runs, throttles, is_absent: &is_absent };
                race.run(tier, piece, &mut left, &mut won);
            }
        }
        won
    }

    /// The slots that a flight with a goal needs in a time, in step with its traffic, or its share of them.
    fn needs(&self, claim: &Claim, times: &Range<i64>) -> f64 {
        let terms = &self.terms[claim.place];
        let own = terms.times.start.max(times.start)..terms.times.end.min(times.end);
        if claim.supply <= 0.0 || own.is_empty() {
            return 0.0;
        }
        if let Some(share) = terms.share {
            return share * dot(&claim.by_kind, &self.calendar.weights(&own));
        }
        let all = terms.needs.unwrap_or_default();
        if own == terms.times {
            return all;
        }
        all * dot(&claim.by_kind, &self.calendar.weights(&own)) / claim.supply
    }

    /// A flight with a goal takes what it needs in a piece; returns what it got.
    fn claim(
        &self,
        claim: &Claim,
        needs: f64,
        (piece, runs): (&Piece, &[Runs]),
        left: &mut [f32],
    ) -> f64 {
        if needs <= 0.0 || matches!(runs[claim.place], Runs::Never) {
            return 0.0;
        }
        let part = |kind: u16| match &runs[claim.place] {
            Runs::Partly(parts) => parts[usize::from(kind)],
            _ => 1.0,
        };
        // Visits its slots with the share that it takes of each, the slot's weight, and whether more would
        // give more. A page has it once: what it takes of a page's first slot it cannot take of the second.
        let visit = |share: f64, left: &[f32], each: &mut dyn FnMut(usize, f64, f64, bool)| {
            let (mut page, mut room) = (u32::MAX, 1.0);
            for at in &claim.rows {
                let row = &self.field.rows[*at as usize];
                if row.page != page {
                    (page, room) = (row.page, 1.0);
                }
                let rest = f64::from(left[*at as usize]);
                let taken = share.min(rest) * room;
                room -= taken;
                let weight = row.weight * piece.weights[usize::from(row.kind)] * part(row.kind);
                each(*at as usize, taken, weight, rest > share);
            }
        };
        let mut share: f64 = if needs.is_finite() { 0.0 } else { 1.0 };
        for _ in 0..40 {
            if share >= 1.0 {
                break;
            }
            let (mut got, mut slope) = (0.0, 0.0);
            visit(share, left, &mut |_, taken, weight, grows| {
                got += taken * weight;
                slope += if grows { weight } else { 0.0 };
            });
            // What a slot gives does not grow faster than its weight, so this stays below what is needed.
            if needs - got <= 1e-4 * needs || slope <= 0.0 {
                break;
            }
            share = (share + (needs - got) / slope).min(1.0);
        }
        let (mut got, mut taken_of) = (0.0, Vec::with_capacity(claim.rows.len()));
        visit(share, left, &mut |at, taken, weight, _| {
            got += taken * weight;
            taken_of.push((at, taken));
        });
        for (at, taken) in taken_of {
            let kind = self.field.rows[at].kind;
            #[expect(clippy::cast_possible_truncation, reason = "a part of a slot")]
            let taken = (taken * part(kind)) as f32;
            left[at] = (left[at] - taken).max(0.0);
        }
        got
    }

    /// How much of a piece each flight runs.
    fn runs(&self, piece: &Piece) -> Vec<Runs> {
        let mut known: HashMap<Range<i64>, Rc<KindWeights>> = HashMap::new();
        let of = |terms: &Terms| {
            let own =
                terms.times.start.max(piece.times.start)..terms.times.end.min(piece.times.end);
            if own == piece.times {
                return Runs::Always;
            }
            if own.is_empty() {
                return Runs::Never;
            }
            let parts = known.entry(own.clone()).or_insert_with(|| {
                let own = self.calendar.weights(&own);
                let parts = own.iter().zip(piece.weights.iter());
                Rc::new(parts.map(|(own, all)| if *all > 0.0 { own / all } else { 0.0 }).collect())
            });
            Runs::Partly(parts.clone())
        };
        self.terms.iter().map(of).collect()
    }

    /// Cuts a time where flights begin or end, while these places are few.
    fn pieces(&self, times: &Range<i64>) -> Vec<Piece> {
        let most = (MAX_VISITS / self.field.entrants.len().max(1)).clamp(1, MAX_PIECES);
        let edges = self.terms.iter().flat_map(|terms| [terms.times.start, terms.times.end]);
        let mut cuts: Vec<i64> = edges.filter(|at| times.start < *at && *at < times.end).collect();
        cuts.sort_unstable();
        cuts.dedup();
        let step = cuts.len().div_ceil(most).max(1);
        let inner = cuts.into_iter().step_by(step).take(most - 1);
        let ends: Vec<i64> = inner.chain([times.end]).collect();
        let mut start = times.start;
        let piece = |end: i64| {
            let times = start..end;
            start = end;
            Piece { weights: Rc::new(self.calendar.weights(&times)), times }
        };
        ends.into_iter().map(piece).collect()
    }

    /// Whether a flight comes before another one, or has the same right to a slot: by tier.
    pub(super) fn is_protected_from(&self, place: usize, other: usize) -> bool {
        self.terms[place].has_ticket() && self.terms[place].tier <= self.terms[other].tier
    }
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

/// The race of the flights without a goal.
struct Race<'a> {
    contest: &'a Contest<'a>,
    runs: &'a [Runs],
    throttles: &'a HashMap<usize, f64>,
    is_absent: &'a dyn Fn(usize) -> bool,
}

impl Race<'_> {
    /// How much of its slots a flight takes part in: while it runs and its budget lets it.
    fn part(&self, place: usize, kind: u16) -> f64 {
        let terms = &self.contest.terms[place];
        if terms.has_ticket() || (self.is_absent)(place) {
            return 0.0;
        }
        let throttle = || terms.budget.and_then(|budget| self.throttles.get(&budget));
        match &self.runs[place] {
            Runs::Never => 0.0,
            Runs::Always => throttle().copied().unwrap_or(1.0),
            Runs::Partly(parts) => parts[usize::from(kind)] * throttle().copied().unwrap_or(1.0),
        }
    }

    fn run(&mut self, tier: usize, piece: &Piece, left: &mut [f32], won: &mut Won) {
        let field = self.contest.field;
        let mut weights: Vec<f64> = Vec::new();
        for (at, row) in field.rows.iter().enumerate() {
            let slots = row.weight * piece.weights[usize::from(row.kind)];
            let entrants = field.of_tier(at, tier);
            if entrants.is_empty() || left[at] <= 0.0 || slots <= 0.0 {
                continue;
            }
            let (mut sum, mut unclaimed) = (0.0, 1.0);
            weights.clear();
            for one in entrants {
                let part = self.part(one.place as usize, row.kind);
                weights.push(part * f64::from(one.weight));
                sum += part * f64::from(one.weight);
                unclaimed *= 1.0 - part;
            }
            if sum <= 0.0 {
                continue;
            }
            let each = slots * f64::from(left[at]) * (1.0 - unclaimed) / sum;
            for (one, weight) in entrants.iter().zip(&weights) {
                won[one.place as usize] += each * weight;
            }
            #[expect(clippy::cast_possible_truncation, reason = "a part of a slot")]
            let rest = unclaimed as f32;
            left[at] *= rest;
        }
    }
}
