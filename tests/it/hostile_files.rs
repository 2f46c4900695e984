//! Files and texts of others: what is refused at once, what is written to a terminal, and who can read what
//! the executable writes.

use crate::harness::process::Installation;
use crate::harness::{Reader, reference};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

/// Longer than any of these commands takes on a slow host; a blocked one would never end.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs the executable; a command that blocks fails the test.
fn run(installation: &Installation, arguments: &[&str]) -> Output {
    let mut command = installation.command(arguments);
    let (out, errors) = (installation.path("out"), installation.path("errors"));
    command.stdout(std::fs::File::create(&out).unwrap());
    command.stderr(std::fs::File::create(&errors).unwrap());
    let mut child = command.spawn().unwrap();
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > LIMIT {
            child.kill().unwrap();
            panic!("{arguments:?} did not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let read = |path| std::fs::read(path).unwrap();
    Output { status, stdout: read(out), stderr: read(errors) }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn pipe(path: &Path) {
    std::fs::remove_file(path).ok();
    mknodat(CWD, path, FileType::Fifo, Mode::from_bits_truncate(0o644), 0).unwrap();
}

#[test]
fn pictures_and_databases_that_are_pipes_or_devices_are_refused_at_once() {
    let picture = "config/inventory/pictures/pfanne.png";
    for to_device in [false, true] {
        let installation = Installation::new();
        std::fs::remove_file(installation.path(picture)).unwrap();
        match to_device {
            true => std::os::unix::fs::symlink("/dev/zero", installation.path(picture)).unwrap(),
            false => pipe(&installation.path(picture)),
        }
        let output = run(&installation, &["check", "config"]);
        assert_eq!(output.status.code(), Some(64));
        let kind = if to_device { "a device" } else { "a pipe" };
        let expected = format!("`pictures/pfanne.png` cannot be read: {kind}, not a regular file");
        assert!(text(&output.stderr).contains(&expected), "{}", text(&output.stderr));
    }
    let installation = Installation::new();
    pipe(&installation.path("pipe"));
    for (from, to) in [
        ("[traffic]", "[traffic]\ndatacenters = \"pipe\""),
        ("[server]", "[server]\ngeoip = \"pipe\""),
    ] {
        installation.change("adjacent.toml", from, to);
        let output = run(&installation, &["check", "config"]);
        assert_eq!(output.status.code(), Some(64));
        let errors = text(&output.stderr);
        assert!(errors.contains("cannot be read: a pipe, not a regular file"), "{errors}");
        installation.change("adjacent.toml", to, from);
    }
    let store = ["drain", "--store", "rediss://127.0.0.1:1", "--ca", "pipe"];
    let output = run(&installation, &store);
    assert_eq!(output.status.code(), Some(64));
    assert!(
        text(&output.stderr).contains("a pipe, not a regular file"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn no_command_prints_a_hidden_character_of_a_file() {
    let hostile = "\\u001B]0;x\\u0007\\u009B2J\\u202E\\u200B\\r\\nvalid: settings\\U000E0041";
    let installation = Installation::new();
    installation.change("inventory/zahid-host.toml", "\"ai-agents\"", &format!("\"{hostile}\""));
    installation.change("labels.toml", "[[label]]", "\"a\u{202E}b\" = 1\n[[label]]");
    for arguments in [
        &["check", "config"][..],
        &["check", "config", "--json"],
        &["diff", "config"],
        &["apply", "config"],
    ] {
        let output = run(&installation, arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        let printed = [text(&output.stdout), text(&output.stderr)].concat();
        let is_hidden =
            |c: char| (c.is_control() && c != '\n') || "\u{202E}\u{200B}\u{E0041}".contains(c);
        assert_eq!(printed.find(is_hidden), None, "{arguments:?}: {printed:?}");
        assert!(!printed.contains("\nvalid"), "{arguments:?}: {printed}");
        assert!(printed.contains("202e"), "{arguments:?}: {printed}");
    }
}

#[test]
fn a_command_that_the_operator_did_not_approve_is_refused_with_the_setting_that_approves_it() {
    let command = "text = \"git push zahid main\"";
    let mut accepted = Vec::new();
    let attempts = [
        "env git push x",
        "find . -delete",
        "python3 -m http.server",
        "npx evil",
        "git clone ext::sh",
        "git -c core.pager=x push",
        "ssh -oProxyCommand=x h",
        "busybox rm x",
        "git push | sh",
        "git push & x",
        "git push $HOME",
        "git push {a,b}",
        "git push *",
        "git push !x",
        "git push \\\\n x",
        "nc -e x",
        "xargs rm",
        "Git push x",
        "tar --checkpoint-action=x",
        "awk x",
    ];
    for attempt in attempts {
        let installation = Installation::new();
        let changed = format!("text = \"{attempt}\"");
        installation.change("inventory/zahid-host.toml", command, &changed);
        let output = run(&installation, &["check", "config"]);
        let errors = text(&output.stderr);
        if output.status.success() {
            accepted.push(attempt);
        } else if !errors.contains("command.text: contains") {
            assert!(
                errors.contains("creatives.commands") && errors.contains("command.text"),
                "{errors}"
            );
        }
    }
    assert_eq!(accepted, [""; 0], "of {} attempts", attempts.len());

    let installation = Installation::new();
    installation.change("inventory/zahid-host.toml", command, "text = \"npx create-app@latest x\"");
    installation.change("adjacent.toml", "\"git push\"", "\"npx\"");
    assert!(run(&installation, &["check", "config"]).status.success(), "approved");
    // Without the settings among the files, those of the working folder apply.
    assert!(run(&installation, &["check", "config/inventory"]).status.success());
    installation.change("adjacent.toml", "\"npx\"", "\"sudo npx\"");
    let output = run(&installation, &["check", "config"]);
    let errors = text(&output.stderr);
    assert!(errors.contains("creatives.commands[1]: `sudo` cannot be approved"), "{errors}");
}

/// Every path below a folder with its mode.
fn modes(folder: &Path) -> Vec<(String, u32, bool)> {
    let mut found = Vec::new();
    let mut left = vec![folder.to_owned()];
    while let Some(path) = left.pop() {
        let metadata = std::fs::metadata(&path).unwrap();
        let mode = metadata.permissions().mode() & 0o777;
        found.push((path.display().to_string(), mode, metadata.is_dir()));
        if metadata.is_dir() {
            left.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    found
}

#[tokio::test]
async fn other_users_cannot_read_what_a_server_writes_whatever_umask_it_inherits() {
    for (umask, folder, file) in
        [("000", 0o750, 0o640), ("022", 0o750, 0o640), ("077", 0o700, 0o600)]
    {
        let installation = Installation::new();
        // The server makes it, with its umask.
        std::fs::remove_dir(installation.path("data")).unwrap();
        let wrapper =
            ["sh", "-c", &format!("umask {umask}; exec \"$0\" \"$@\"")].map(str::to_owned);
        let process = installation.serve_under(&wrapper).unwrap();
        let decisions = format!("{}/v1/decisions", process.public);
        Reader::new().post(&decisions).json(&reference()).send().await.unwrap();
        process.kill();
        let found = modes(&installation.path("data"));
        assert!(found.len() > 10, "{found:?}");
        for (path, mode, is_folder) in found {
            let expected = match is_folder {
                true => folder,
                false if path.ends_with("keys.toml") => 0o600,
                false => file,
            };
            assert_eq!(mode, expected, "umask {umask}: {path} has mode {mode:o}");
        }
    }
}

#[tokio::test]
async fn a_server_tightens_an_open_data_directory_and_refuses_keys_that_others_can_read() {
    let installation = Installation::new();
    installation.serve().kill();
    let set_mode = |path: &Path, mode: u32| {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    };
    let data = installation.path("data");
    for (path, _, is_folder) in modes(&data) {
        if !path.ends_with("keys.toml") {
            set_mode(Path::new(&path), if is_folder { 0o777 } else { 0o666 });
        }
    }
    let process = installation.serve();
    process.wait_for_log("the data directory was open to other users").await;
    process.kill();
    for (path, mode, _) in modes(&data) {
        assert_eq!(mode & 0o027, 0, "{path} has mode {mode:o}");
    }
    for name in ["keys.toml", "token-keys.toml", "local-keys.toml"] {
        set_mode(&data.join(name), 0o644);
        let (status, log) = installation.serve_under(&[]).err().unwrap();
        let output = run(
            &installation,
            &["serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"],
        );
        assert_eq!((status.code(), output.status.code()), (Some(64), Some(64)), "{name}: {log}");
        let errors = text(&output.stderr);
        assert!(errors.contains(&format!("run `chmod 0640 data/{name}`")), "{errors}");
        set_mode(&data.join(name), 0o600);
    }
    installation.serve().kill();
}
