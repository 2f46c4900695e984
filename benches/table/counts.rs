//! Instructions, allocations and copies of a request, as callgrind counts them: unlike times, they do not depend on
//! what else the computer does.

use crate::client::Connection;
use crate::instance::BenchServer;
use crate::load::Load;
use crate::{Row, instance, readers};
use indicatif::ProgressBar;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A start takes fifty times as long as usual.
const FLIGHTS: usize = 10_000;
/// Requests of each kind.
const REQUESTS: usize = 1_000;
/// A click counts if it comes later after its impression than a program's would.
const BEFORE_CLICK: Duration = Duration::from_millis(700);

/// What callgrind counted in the whole process, for each request.
struct Counts {
    instructions: f64,
    allocations: f64,
    copies: f64,
}

pub fn rows(progress: &ProgressBar) -> Vec<Row> {
    let version = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status();
    if version.is_err() {
        return vec![Row::new("instructions of a request", "needs valgrind", "")];
    }
    progress.set_message("counts: starting a server under callgrind");
    let folder = instance::data_folder(FLIGHTS);
    let out = tempfile::tempdir().unwrap();
    let mut server = BenchServer::counted(folder.path(), &out.path().join("out"));
    let requests = instance::requests(3 * REQUESTS, FLIGHTS);
    progress.set_message("counts: decisions");
    // The first ones fill caches and buffers.
    let units = readers::units(server.adjacent, &requests[REQUESTS..], REQUESTS * 3 / 2);
    let units: Vec<_> = units.into_iter().take(REQUESTS).collect();
    assert_eq!(units.len(), REQUESTS);
    let (impressions, clicks): (Vec<_>, Vec<_>) = units.into_iter().unzip();
    let (mut bare, mut adjacent) = (Load::connect(server.bare), Load::connect(server.adjacent));
    let mut count = |work: &mut dyn FnMut()| count(&mut server, out.path(), work);
    let one_page = vec![requests[0].clone(); REQUESTS];
    let bare = count(&mut || {
        bare.decide(&requests[..REQUESTS]);
    });
    let mut rows = vec![row("bare handler", &bare, &bare, "")];
    for (name, requests) in [("one page", &one_page[..]), ("no page twice", &requests[..REQUESTS])]
    {
        let counted = count(&mut || {
            let filled = adjacent.decide(requests);
            assert!(filled * 10 >= REQUESTS * 8, "{filled} of {REQUESTS}");
        });
        rows.push(row(&format!("decision, {name}"), &counted, &bare, "<= 15 allocations"));
    }
    let kinds: [(_, _, fn(&mut Connection)); 2] = [
        ("impression", impressions, Connection::read_recorded),
        ("click", clicks, Connection::read_redirect),
    ];
    for (name, events, read) in kinds {
        progress.set_message(format!("counts: {name}s"));
        let counted = count(&mut || adjacent.send(&events, read));
        rows.push(row(name, &counted, &bare, ""));
        std::thread::sleep(BEFORE_CLICK);
    }
    rows
}

fn row(name: &str, counted: &Counts, bare: &Counts, goal: &'static str) -> Row {
    let ratio = counted.instructions / bare.instructions;
    Row::new(
        format!("{name}, {FLIGHTS} flights: instructions / bare handler; allocations; copies"),
        format!(
            "{ratio:.2} x ({:.1}k); {:.0}; {:.0}",
            counted.instructions / 1e3,
            counted.allocations,
            counted.copies
        ),
        goal,
    )
}

/// Counts what the process does for [`REQUESTS`] requests, less what it does in the same time without any.
fn count(server: &mut BenchServer, out: &Path, work: &mut dyn FnMut()) -> Counts {
    let began = Instant::now();
    let busy = counted(server, out, work);
    let took = began.elapsed();
    let idle = counted(server, out, &mut || std::thread::sleep(took));
    let each = |of: fn(&Counts) -> f64| (of(&busy) - of(&idle)) / REQUESTS as f64;
    Counts {
        instructions: each(|counts| counts.instructions),
        allocations: each(|counts| counts.allocations),
        copies: each(|counts| counts.copies),
    }
}

fn counted(server: &mut BenchServer, out: &Path, work: &mut dyn FnMut()) -> Counts {
    let mut control = |option: &str| {
        let mut command = Command::new("callgrind_control");
        let status =
            command.args([option, &server.id().to_string()]).stdout(Stdio::null()).status();
        assert!(status.unwrap().success());
        // It obeys while it runs something.
        server.query("memory");
    };
    control("--zero");
    work();
    control("--dump");
    let files = std::fs::read_dir(out).unwrap().map(|file| file.unwrap().path());
    let newest = files.max_by_key(|file| file.metadata().unwrap().modified().unwrap()).unwrap();
    let profile = std::fs::read_to_string(&newest).unwrap();
    std::fs::remove_file(newest).unwrap();
    read(&profile)
}

/// Adds up a profile: <https://valgrind.org/docs/manual/cl-format.html>. A function has a name where it is
/// mentioned first, and then a number.
fn read(profile: &str) -> Counts {
    let mut counts = Counts { instructions: 0.0, allocations: 0.0, copies: 0.0 };
    let mut names = std::collections::HashMap::new();
    let mut called = "";
    for line in profile.lines() {
        let function = line.strip_prefix("cfn=").or_else(|| line.strip_prefix("fn="));
        if let Some((number, name)) =
            function.map(|text| text.split_once(' ').unwrap_or((text, "")))
        {
            let name = if name.is_empty() { names[number] } else { name };
            names.insert(number, name);
            called = name;
        } else if let Some(calls) = line.strip_prefix("calls=") {
            let calls: f64 = calls.split(' ').next().unwrap().parse().unwrap();
            match called {
                "mi_malloc_aligned" | "mi_zalloc_aligned" | "mi_realloc_aligned" => {
                    counts.allocations += calls;
                }
                name if name.contains("memcpy") || name.contains("memmove") => {
                    counts.copies += calls
                }
                _ => {}
            }
        } else if let Some(total) = line.strip_prefix("totals: ") {
            counts.instructions = total.parse().unwrap();
        }
    }
    counts
}
