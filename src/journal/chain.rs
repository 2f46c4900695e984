//! Seals: what each finished segment held, chained, so that history cannot change unseen.
//!
//! The file `chain` has one line a segment, in the order of writing:
//!
//! ```text
//! number incarnation bytes blake3-of-the-bytes blake3-of(the chain before | all before it in the line)
//! ```
//!
//! A segment that is deleted when its time is over stays in the chain.

use crate::journal::recover::Segment;
use crate::journal::writer::segment_name;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::io::Write;
use std::path::Path;

/// The file of seals in the journal's folder.
const FILE: &str = "chain";

/// The seal of one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The process start that wrote the segment.
    pub incarnation: u64,
    /// Bytes it had.
    pub bytes: u64,
    /// Hash of its bytes, in hex.
    pub hash: String,
    /// Hash of the link before and this one's own fields, in hex.
    pub chain: String,
}

impl Link {
    /// The name of the segment it seals.
    pub fn name(&self, number: u64) -> String {
        segment_name(self.incarnation, number)
    }
}

/// All seals by the segment's number. A line that does not follow from those before it is an error:
/// somebody changed it.
pub fn links(folder: &Path) -> io::Result<BTreeMap<u64, Link>> {
    let path = folder.join(FILE);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        read => read?,
    };
    let mut links = BTreeMap::new();
    let mut before = String::new();
    // A line without its end is what a crash left of one that was being written.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    for (at, line) in whole.lines().enumerate() {
        let (number, link) = parse(line, &before).ok_or_else(|| {
            let place = path.display();
            io::Error::other(format!("{place}:{}: the chain of seals is broken here", at + 1))
        })?;
        before.clone_from(&link.chain);
        links.insert(number, link);
    }
    Ok(links)
}

fn parse(line: &str, before: &str) -> Option<(u64, Link)> {
    let (told, chain) = line.rsplit_once(' ')?;
    let mut fields = told.split(' ');
    let number = fields.next()?.parse().ok()?;
    let incarnation = u64::from_str_radix(fields.next()?, 16).ok()?;
    let bytes = fields.next()?.parse().ok()?;
    let hash = fields.next()?.to_owned();
    let link = Link { incarnation, bytes, hash, chain: chain.to_owned() };
    (fields.next().is_none() && chained(before, told) == chain).then_some((number, link))
}

fn chained(before: &str, told: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(before.as_bytes()).update(b"|").update(told.as_bytes());
    hasher.finalize().to_hex().to_string()
}

/// Seals segments that nobody writes any more and that have no seal yet; says how many.
pub fn seal(folder: &Path, finished: &[Segment]) -> io::Result<usize> {
    let links = links(folder)?;
    let last = links.last_key_value();
    let mut before = last.map_or_else(String::new, |(_, link)| link.chain.clone());
    let after = last.map(|(number, _)| *number);
    let mut lines = String::new();
    let fresh: Vec<&Segment> =
        finished.iter().filter(|segment| after.is_none_or(|last| segment.number > last)).collect();
    for segment in &fresh {
        let bytes = fs::read(&segment.path)?;
        let hash = blake3::hash(&bytes).to_hex();
        let Segment { number, incarnation, .. } = segment;
        let told = format!("{number} {incarnation:016x} {} {hash}", bytes.len());
        before = chained(&before, &told);
        lines.push_str(&format!("{told} {before}\n"));
    }
    if !lines.is_empty() {
        let path = folder.join(FILE);
        let mut file = fs::File::options().create(true).append(true).open(&path)?;
        cut_half_a_line(&path)?;
        file.write_all(lines.as_bytes())?;
        file.sync_all()?;
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(fresh.len())
}

/// Removes what a crash left behind the last whole line.
fn cut_half_a_line(path: &Path) -> io::Result<()> {
    let text = fs::read(path)?;
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    if whole < text.len() {
        fs::File::options().write(true).open(path)?.set_len(whole as u64)?;
    }
    Ok(())
}

/// Sealed segments that are there and are not what was sealed, by name.
pub fn changed(folder: &Path, segments: &[Segment]) -> io::Result<Vec<String>> {
    let links = links(folder)?;
    let mut changed = Vec::new();
    for segment in segments {
        let Some(link) = links.get(&segment.number) else { continue };
        let bytes = fs::read(&segment.path)?;
        if bytes.len() as u64 != link.bytes || *blake3::hash(&bytes).to_hex() != *link.hash {
            changed.push(segment.name());
        }
    }
    Ok(changed)
}
