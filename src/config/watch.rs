//! Watches files for changes, including replacement by an editor, folders that are removed and
//! created again, and symlinks that are changed to another target.

use crate::config::{ConfigError, files};
use crate::domain::image::Format;
use notify::{RecursiveMode, Watcher};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The debounce interval: files are read once no event has arrived for this long.
const DEBOUNCE: Duration = Duration::from_millis(200);

/// The longest time for which a steady stream of events can postpone reading.
const MAX_DEBOUNCE: Duration = Duration::from_secs(2);

/// Watches files until dropped.
pub(crate) struct Watch {
    sender: mpsc::Sender<Message>,
    thread: Option<JoinHandle<()>>,
}

enum Message {
    /// An event in a watched folder.
    Event,
    Stop,
}

impl Watch {
    /// Watches files, and folders with the `.toml` files and images in them. When the content of
    /// paths changes (a missing file has no content), calls `changed` with these paths, as given,
    /// on a dedicated thread. A path need not exist.
    ///
    /// Changes after this returns are not missed.
    pub(crate) fn start(
        paths: Vec<PathBuf>,
        changed: impl FnMut(Vec<PathBuf>) + Send + 'static,
    ) -> Result<Watch, ConfigError> {
        let failed = |error: &dyn std::fmt::Display| {
            ConfigError::Usage(format!("configuration files cannot be watched: {error}"))
        };
        let (sender, receiver) = mpsc::channel();
        let events = sender.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Reading the files causes access events, which must not cause reading them again. After
            // an error events may be missing, so the files are read.
            if event.map_or(true, |event| !event.kind.is_access()) {
                events.send(Message::Event).ok();
            }
        })
        .map_err(|error| failed(&error))?;
        let mut worker =
            Worker { watcher, watched: BTreeSet::new(), paths, contents: Vec::new(), changed };
        worker.update_watches();
        worker.contents = worker.hash_contents();
        let thread = std::thread::Builder::new()
            .name("watch".into())
            .spawn(move || worker.run(&receiver))
            .map_err(|error| failed(&error))?;
        Ok(Watch { sender, thread: Some(thread) })
    }
}

impl Drop for Watch {
    /// Waits for the thread, so that `changed` is not called after this returns.
    fn drop(&mut self) {
        self.sender.send(Message::Stop).ok();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

struct Worker<F> {
    watcher: notify::RecommendedWatcher,
    /// The folders with an active watch.
    watched: BTreeSet<PathBuf>,
    paths: Vec<PathBuf>,
    contents: Vec<Option<blake3::Hash>>,
    changed: F,
}

impl<F: FnMut(Vec<PathBuf>)> Worker<F> {
    fn run(mut self, receiver: &mpsc::Receiver<Message>) {
        while let Ok(Message::Event) = receiver.recv() {
            if !debounce(receiver) {
                return;
            }
            // A folder may have been created, removed, or replaced under the same name. Watches are
            // updated before reading, so that a change in between causes another event.
            self.update_watches();
            let contents = self.hash_contents();
            let pairs = self.contents.iter().zip(&contents).zip(&self.paths);
            let changed = pairs.filter(|((before, after), _)| before != after);
            let paths: Vec<PathBuf> = changed.map(|(_, path)| path.clone()).collect();
            self.contents = contents;
            if !paths.is_empty() {
                (self.changed)(paths);
            }
        }
    }

    /// Watches the parent folder of each path (or its nearest existing ancestor), and each path that
    /// is a folder, with its subfolders.
    fn update_watches(&mut self) {
        let mut wanted = BTreeSet::new();
        for path in &self.paths {
            let parent = path.parent().filter(|parent| *parent != Path::new(""));
            wanted.extend(parent.unwrap_or(Path::new(".")).ancestors().find(|f| f.is_dir()));
        }
        let mut wanted: BTreeSet<PathBuf> = wanted.into_iter().map(Path::to_owned).collect();
        wanted
            .extend(self.paths.iter().filter(|path| path.is_dir()).flat_map(|path| folders(path)));
        for folder in self.watched.union(&wanted) {
            // Also folders that stay watched: the same path may be another folder now.
            self.watcher.unwatch(folder).ok();
        }
        self.watched = wanted;
        self.watched
            .retain(|folder| self.watcher.watch(folder, RecursiveMode::NonRecursive).is_ok());
    }

    fn hash_contents(&self) -> Vec<Option<blake3::Hash>> {
        self.paths.iter().map(|path| content(path)).collect()
    }
}

/// Waits until no event arrives for [`DEBOUNCE`], at most for [`MAX_DEBOUNCE`]. Returns `false` if
/// the watch was stopped.
fn debounce(receiver: &mpsc::Receiver<Message>) -> bool {
    let start = Instant::now();
    while start.elapsed() < MAX_DEBOUNCE {
        match receiver.recv_timeout(DEBOUNCE) {
            Ok(Message::Event) => {}
            Err(mpsc::RecvTimeoutError::Timeout) => return true,
            Ok(Message::Stop) | Err(mpsc::RecvTimeoutError::Disconnected) => return false,
        }
    }
    true
}

/// The maximum depth of image folders; it ends the traversal of symlink loops.
const DEPTH: usize = 4;

/// A folder and its subfolders, without hidden ones.
fn folders(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    let mut level = 0..1;
    for _ in 0..DEPTH {
        for index in level.clone() {
            let entries = std::fs::read_dir(&found[index]).into_iter().flatten().flatten();
            let visible = entries.filter(|entry| !files::is_hidden(&entry.file_name()));
            found.extend(visible.map(|entry| entry.path()).filter(|path| path.is_dir()));
        }
        level = level.end..found.len();
    }
    found
}

/// A hash of a file's bytes, or of a folder: the names and bytes of its `.toml` files and of the
/// images in it and its subfolders. `None` if the path cannot be read.
fn content(path: &Path) -> Option<blake3::Hash> {
    let metadata = std::fs::metadata(path).ok()?;
    let mut hasher = blake3::Hasher::new();
    if metadata.is_file() {
        let mut file = files::open_regular(path).ok()?;
        std::io::copy(&mut file, &mut hasher).ok()?;
        return Some(hasher.finalize());
    }
    if !metadata.is_dir() {
        return None;
    }
    let included = |folder: &Path, file: &Path| {
        let extension =
            file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let is_toml = extension == "toml"
            && folder == path
            && !file.file_name().is_some_and(files::is_hidden);
        is_toml || extension == "jpeg" || extension.parse::<Format>().is_ok()
    };
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in folders(path) {
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        files.extend(entries.map(|entry| entry.path()).filter(|file| included(&folder, file)));
    }
    files.sort();
    for file in files {
        hasher.update(file.as_os_str().as_encoded_bytes());
        match content(&file) {
            Some(hash) => hasher.update(hash.as_bytes()),
            None => hasher.update(b"unreadable"),
        };
    }
    Some(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Long enough for a slow host; a passing test never waits this long.
    const TIMEOUT: Duration = Duration::from_secs(20);

    fn watch(paths: &[&PathBuf]) -> (Watch, mpsc::Receiver<Vec<PathBuf>>) {
        let (send, receive) = mpsc::channel();
        let paths = paths.iter().map(|path| (*path).clone()).collect();
        let watch = Watch::start(paths, move |paths| send.send(paths).unwrap()).unwrap();
        (watch, receive)
    }

    /// Waits until each of the paths was reported, in one call or in several: under load, two
    /// consecutive writes can be further apart than `DEBOUNCE`.
    fn expect_changes(changes: &mpsc::Receiver<Vec<PathBuf>>, paths: &[&PathBuf]) {
        let mut missing: BTreeSet<&PathBuf> = paths.iter().copied().collect();
        while !missing.is_empty() {
            for path in changes.recv_timeout(TIMEOUT).unwrap() {
                missing.remove(&path);
            }
        }
    }

    #[test]
    fn writing_replacing_removing_and_creating_a_file_are_each_reported() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("weights.toml");
        let other = folder.path().join("labels.toml");
        fs::write(&file, "a").unwrap();
        fs::write(&other, "a").unwrap();
        let (_watch, changes) = watch(&[&file, &other]);

        fs::write(&file, "b").unwrap();
        expect_changes(&changes, &[&file]);

        let new = folder.path().join("weights.toml.swp");
        fs::write(&new, "c").unwrap();
        fs::rename(&new, &file).unwrap();
        expect_changes(&changes, &[&file]);

        fs::remove_file(&file).unwrap();
        expect_changes(&changes, &[&file]);

        fs::write(&file, "d").unwrap();
        fs::write(&other, "d").unwrap();
        expect_changes(&changes, &[&file, &other]);
    }

    #[test]
    fn changes_in_a_folder_are_reported_also_after_it_was_replaced() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("config").join("inventory");
        let (_watch, changes) = watch(&[&folder]);

        fs::create_dir_all(&folder).unwrap();
        expect_changes(&changes, &[&folder]);
        fs::write(folder.join("a.toml"), "a").unwrap();
        expect_changes(&changes, &[&folder]);

        fs::rename(root.path().join("config"), root.path().join("old")).unwrap();
        expect_changes(&changes, &[&folder]);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("b.toml"), "b").unwrap();
        expect_changes(&changes, &[&folder]);
        fs::write(folder.join("b.toml"), "c").unwrap();
        expect_changes(&changes, &[&folder]);
    }

    #[test]
    fn new_and_changed_images_in_a_subfolder_are_reported() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("inventory");
        let images = folder.join("pictures");
        fs::create_dir_all(&folder).unwrap();
        let (_watch, changes) = watch(&[&folder]);

        fs::create_dir(&images).unwrap();
        fs::write(images.join("a.png"), "a").unwrap();
        expect_changes(&changes, &[&folder]);
        fs::write(images.join("a.png"), "b").unwrap();
        expect_changes(&changes, &[&folder]);
    }

    #[test]
    fn events_without_a_change_of_content_are_not_reported() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("weights.toml");
        fs::write(&file, "a").unwrap();
        fs::write(folder.path().join("same"), "a").unwrap();
        fs::write(folder.path().join("next"), "b").unwrap();
        let notes = folder.path().join("notes.txt");
        let (watched, changes) = watch(&[&file]);
        let (_fence, fence) = watch(&[&notes]);

        fs::rename(folder.path().join("same"), &file).unwrap();
        fs::write(&notes, "x").unwrap();
        // Once the change of the notes is reported, the first event is past its debounce interval.
        expect_changes(&fence, &[&notes]);
        // The next change is the first one reported.
        fs::rename(folder.path().join("next"), &file).unwrap();
        assert_eq!(changes.recv_timeout(TIMEOUT).unwrap(), [file]);
        drop(watched);
        assert_eq!(changes.iter().count(), 0, "a dropped watch reports nothing");
    }

    #[cfg(unix)]
    #[test]
    fn changing_the_target_of_a_symlink_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("one"), "1").unwrap();
        fs::write(at("two"), "2").unwrap();
        std::os::unix::fs::symlink("one", at("weights.toml")).unwrap();
        let (_watch, changes) = watch(&[&at("weights.toml")]);
        std::os::unix::fs::symlink("two", at("next")).unwrap();
        fs::rename(at("next"), at("weights.toml")).unwrap();
        assert_eq!(changes.recv_timeout(TIMEOUT).unwrap(), [at("weights.toml")]);
    }
}
