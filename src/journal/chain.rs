//! Seals: a hash of every finished segment, chained, so that changes to history are detected.
//!
//! The file `chain` has one line per segment, in write order:
//!
//! ```text
//! number incarnation bytes blake3(segment) blake3(previous chain hash | the fields before this one)
//! ```
//!
//! A segment that is deleted after its retention period stays in the chain.

use crate::journal::end::Acknowledged;
use crate::journal::segment::{Segment, segment_name};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::{fs, io};

/// The seals file in the journal folder.
const FILE: &str = "chain";

/// The seal of one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seal {
    /// The incarnation that wrote the segment.
    pub(crate) incarnation: u64,
    /// Length of the segment.
    pub(crate) bytes: u64,
    /// BLAKE3 hash of the segment, in hex.
    pub(crate) hash: String,
    /// Hash of the previous chain hash and this seal's own fields, in hex.
    pub(crate) chain: String,
}

impl Seal {
    /// The file name of the sealed segment.
    pub(crate) fn name(&self, number: u64) -> String {
        segment_name(self.incarnation, number)
    }
}

/// Reads all seals, by segment number. A line that does not continue the chain is an error: the file
/// was modified.
pub(crate) fn seals(folder: &Path) -> io::Result<BTreeMap<u64, Seal>> {
    let path = folder.join(FILE);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        read => read?,
    };
    let mut seals = BTreeMap::new();
    let mut previous = String::new();
    // A line without a newline is an append that a crash interrupted.
    let complete = text.rfind('\n').map_or("", |end| &text[..end]);
    for (at, line) in complete.lines().enumerate() {
        let (number, seal) = parse(line, &previous).ok_or_else(|| {
            let place = path.display();
            io::Error::other(format!(
                "{place}:{}: the seal does not continue the chain; restore this file from a backup",
                at + 1
            ))
        })?;
        previous.clone_from(&seal.chain);
        seals.insert(number, seal);
    }
    Ok(seals)
}

fn parse(line: &str, previous: &str) -> Option<(u64, Seal)> {
    let (sealed, chain) = line.rsplit_once(' ')?;
    let mut fields = sealed.split(' ');
    let number = fields.next()?.parse().ok()?;
    let incarnation = u64::from_str_radix(fields.next()?, 16).ok()?;
    let bytes = fields.next()?.parse().ok()?;
    let hash = fields.next()?.to_owned();
    let seal = Seal { incarnation, bytes, hash, chain: chain.to_owned() };
    (fields.next().is_none() && chain_hash(previous, sealed) == chain).then_some((number, seal))
}

fn chain_hash(previous: &str, fields: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(previous.as_bytes()).update(b"|").update(fields.as_bytes());
    hasher.finalize().to_hex().to_string()
}

/// Seals finished segments that have no seal yet; returns how many.
pub fn seal(folder: &Path, finished: &[Segment]) -> io::Result<usize> {
    let seals = seals(folder)?;
    let last = seals.last_key_value();
    let mut previous = last.map_or_else(String::new, |(_, seal)| seal.chain.clone());
    let last_sealed = last.map(|(number, _)| *number);
    let mut lines = String::new();
    let unsealed: Vec<&Segment> = finished
        .iter()
        .filter(|segment| last_sealed.is_none_or(|last| segment.number > last))
        .collect();
    for segment in &unsealed {
        let bytes = fs::read(&segment.path)?;
        let hash = blake3::hash(&bytes).to_hex();
        let Segment { number, incarnation, .. } = segment;
        let fields = format!("{number} {incarnation:016x} {} {hash}", bytes.len());
        previous = chain_hash(&previous, &fields);
        lines.push_str(&format!("{fields} {previous}\n"));
    }
    if !lines.is_empty() {
        let path = folder.join(FILE);
        let mut file = fs::File::options().create(true).append(true).open(&path)?;
        truncate_incomplete_line(&path)?;
        file.write_all(lines.as_bytes())?;
        file.sync_all()?;
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(unsealed.len())
}

/// Truncates an incomplete last line, which a crash leaves behind.
fn truncate_incomplete_line(path: &Path) -> io::Result<()> {
    let text = fs::read(path)?;
    let complete = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    if complete < text.len() {
        fs::File::options().write(true).open(path)?.set_len(complete as u64)?;
    }
    Ok(())
}

/// Names of existing segments whose length or hash differs from their seal, or from their repair.
pub(crate) fn modified(folder: &Path, segments: &[Segment]) -> io::Result<Vec<String>> {
    let seals = seals(folder)?;
    let acknowledged = Acknowledged::read(folder, None)?;
    let mut modified = Vec::new();
    for segment in segments {
        let Some(seal) = seals.get(&segment.number) else { continue };
        let bytes = fs::read(&segment.path)?;
        let is_intact = match acknowledged.repaired_end(segment.number) {
            Some(end) => bytes.len() as u64 == end.bytes && end.is_in(&bytes),
            None => {
                bytes.len() as u64 == seal.bytes && *blake3::hash(&bytes).to_hex() == *seal.hash
            }
        };
        if !is_intact {
            modified.push(segment.name());
        }
    }
    Ok(modified)
}
