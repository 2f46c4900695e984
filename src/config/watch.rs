//! Files that tell when they change: through editors that replace them, folders that come and go,
//! and links that are turned to another place.

use crate::config::ConfigError;
use crate::domain::picture::Format;
use notify::RecursiveMode;
use notify::Watcher;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

/// How long nothing must happen before the files are read.
pub const QUIET: Duration = Duration::from_millis(200);

/// How long a folder that never rests can put that off.
const AT_MOST: Duration = Duration::from_secs(2);

/// Watches until dropped.
pub struct Watch {
    tell: mpsc::Sender<Told>,
    thread: Option<JoinHandle<()>>,
}

enum Told {
    /// Something happened in a watched folder.
    Stirred,
    Stop,
}

impl Watch {
    /// Watches files, and folders with the `.toml` files in them. When their content differs from
    /// what it was before (a file that is not there has none), `changed` is called with the paths,
    /// as given, on a thread of the watch's own. A path need not exist, now or ever.
    ///
    /// What changes after this returns is not missed.
    pub fn start(
        paths: Vec<PathBuf>,
        changed: impl FnMut(Vec<PathBuf>) + Send + 'static,
    ) -> Result<Watch, ConfigError> {
        let refused = |error: &dyn std::fmt::Display| {
            ConfigError::Usage(format!("files cannot be watched: {error}"))
        };
        let (tell, told) = mpsc::channel();
        let stirred = tell.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Reading the files is an event, too, and must not lead to reading them again. An
            // error is no knowledge: look.
            if event.map_or(true, |event| !event.kind.is_access()) {
                stirred.send(Told::Stirred).ok();
            }
        })
        .map_err(|error| refused(&error))?;
        let mut watched =
            Watched { watcher, armed: BTreeSet::new(), paths, contents: Vec::new(), changed };
        watched.arm();
        watched.contents = watched.read();
        let thread = std::thread::Builder::new()
            .name("watch".into())
            .spawn(move || watched.run(&told))
            .map_err(|error| refused(&error))?;
        Ok(Watch { tell, thread: Some(thread) })
    }
}

impl Drop for Watch {
    /// Returns when `changed` will not be called any more.
    fn drop(&mut self) {
        self.tell.send(Told::Stop).ok();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

struct Watched<F> {
    watcher: notify::RecommendedWatcher,
    armed: BTreeSet<PathBuf>,
    paths: Vec<PathBuf>,
    contents: Vec<Option<blake3::Hash>>,
    changed: F,
}

impl<F: FnMut(Vec<PathBuf>)> Watched<F> {
    fn run(mut self, told: &mpsc::Receiver<Told>) {
        while let Ok(Told::Stirred) = told.recv() {
            if !rests(told) {
                return;
            }
            // A folder may have come, gone, or come again under the same name. Arm before reading:
            // what happens in between stirs again.
            self.arm();
            let now = self.read();
            let pairs = self.contents.iter().zip(&now).zip(&self.paths);
            let differ = pairs.filter(|((before, after), _)| before != after);
            let paths: Vec<PathBuf> = differ.map(|(_, path)| path.clone()).collect();
            self.contents = now;
            if !paths.is_empty() {
                (self.changed)(paths);
            }
        }
    }

    /// Watches the folders that hold the paths, and what is a folder itself; of a folder that is
    /// not there, the nearest above it that is.
    fn arm(&mut self) {
        let mut wanted = BTreeSet::new();
        for path in &self.paths {
            let parent = path.parent().filter(|parent| *parent != Path::new(""));
            wanted.extend(parent.unwrap_or(Path::new(".")).ancestors().find(|f| f.is_dir()));
        }
        let mut wanted: BTreeSet<PathBuf> = wanted.into_iter().map(Path::to_owned).collect();
        wanted
            .extend(self.paths.iter().filter(|path| path.is_dir()).flat_map(|path| folders(path)));
        for folder in self.armed.union(&wanted) {
            // Also where it is armed already: the name may stand for another folder by now.
            self.watcher.unwatch(folder).ok();
        }
        self.armed = wanted;
        self.armed.retain(|folder| self.watcher.watch(folder, RecursiveMode::NonRecursive).is_ok());
    }

    fn read(&self) -> Vec<Option<blake3::Hash>> {
        self.paths.iter().map(|path| content(path)).collect()
    }
}

/// Waits until nothing happens for a while; `false` when it is time to stop.
fn rests(told: &mpsc::Receiver<Told>) -> bool {
    let began = Instant::now();
    while began.elapsed() < AT_MOST {
        match told.recv_timeout(QUIET) {
            Ok(Told::Stirred) => {}
            Err(mpsc::RecvTimeoutError::Timeout) => return true,
            Ok(Told::Stop) | Err(mpsc::RecvTimeoutError::Disconnected) => return false,
        }
    }
    true
}

/// How deep the folders of pictures lie: a link can lead round in a circle.
const DEPTH: usize = 4;

/// A folder, and the folders below it that are not hidden.
fn folders(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    let mut level = 0..1;
    for _ in 0..DEPTH {
        for at in level.clone() {
            let entries = std::fs::read_dir(&found[at]).into_iter().flatten().flatten();
            let visible =
                entries.filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
            found.extend(visible.map(|entry| entry.path()).filter(|path| path.is_dir()));
        }
        level = level.end..found.len();
    }
    found
}

/// A hash of a file's bytes; or of a folder's: the names and bytes of its `.toml` files, and of
/// pictures in it and below. What cannot be read has none.
fn content(path: &Path) -> Option<blake3::Hash> {
    let metadata = std::fs::metadata(path).ok()?;
    let mut hasher = blake3::Hasher::new();
    if metadata.is_file() {
        let mut file = std::fs::File::open(path).ok()?;
        std::io::copy(&mut file, &mut hasher).ok()?;
        return Some(hasher.finalize());
    }
    if !metadata.is_dir() {
        return None;
    }
    let told = |folder: &Path, file: &Path| {
        let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let own = ending == "toml" && folder == path;
        own || ending == "jpeg" || ending.parse::<Format>().is_ok()
    };
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in folders(path) {
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        files.extend(entries.map(|entry| entry.path()).filter(|file| told(&folder, file)));
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

    /// Long enough for any machine: a test that passes never waits for it.
    const PATIENCE: Duration = Duration::from_secs(20);

    fn watch(paths: &[&PathBuf]) -> (Watch, mpsc::Receiver<Vec<PathBuf>>) {
        let (send, receive) = mpsc::channel();
        let paths = paths.iter().map(|path| (*path).clone()).collect();
        let watch = Watch::start(paths, move |paths| send.send(paths).unwrap()).unwrap();
        (watch, receive)
    }

    /// Waits until each of the paths was told of, in one call or in several: a machine under load
    /// can take longer than `QUIET` from one write to the next.
    fn hears(told: &mpsc::Receiver<Vec<PathBuf>>, paths: &[&PathBuf]) {
        let mut missing: BTreeSet<&PathBuf> = paths.iter().copied().collect();
        while !missing.is_empty() {
            for path in told.recv_timeout(PATIENCE).unwrap() {
                missing.remove(&path);
            }
        }
    }

    #[test]
    fn a_file_that_is_written_replaced_removed_and_made_again_tells_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("weights.toml");
        let other = folder.path().join("labels.toml");
        fs::write(&file, "a").unwrap();
        fs::write(&other, "a").unwrap();
        let (_watch, told) = watch(&[&file, &other]);

        fs::write(&file, "b").unwrap();
        hears(&told, &[&file]);

        let new = folder.path().join("weights.toml.swp");
        fs::write(&new, "c").unwrap();
        fs::rename(&new, &file).unwrap();
        hears(&told, &[&file]);

        fs::remove_file(&file).unwrap();
        hears(&told, &[&file]);

        fs::write(&file, "d").unwrap();
        fs::write(&other, "d").unwrap();
        hears(&told, &[&file, &other]);
    }

    #[test]
    fn a_folder_tells_of_the_files_in_it_and_comes_back_under_its_name() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("config").join("inventory");
        let (_watch, told) = watch(&[&folder]);

        fs::create_dir_all(&folder).unwrap();
        hears(&told, &[&folder]);
        fs::write(folder.join("a.toml"), "a").unwrap();
        hears(&told, &[&folder]);

        fs::rename(root.path().join("config"), root.path().join("old")).unwrap();
        hears(&told, &[&folder]);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("b.toml"), "b").unwrap();
        hears(&told, &[&folder]);
        fs::write(folder.join("b.toml"), "c").unwrap();
        hears(&told, &[&folder]);
    }

    #[test]
    fn a_picture_below_a_folder_tells_when_it_comes_and_when_it_changes() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("inventory");
        let pictures = folder.join("pictures");
        fs::create_dir_all(&folder).unwrap();
        let (_watch, told) = watch(&[&folder]);

        fs::create_dir(&pictures).unwrap();
        fs::write(pictures.join("a.png"), "a").unwrap();
        hears(&told, &[&folder]);
        fs::write(pictures.join("a.png"), "b").unwrap();
        hears(&told, &[&folder]);
    }

    #[test]
    fn what_leaves_the_content_alone_is_not_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("weights.toml");
        fs::write(&file, "a").unwrap();
        fs::write(folder.path().join("same"), "a").unwrap();
        fs::write(folder.path().join("next"), "b").unwrap();
        let notes = folder.path().join("notes.txt");
        let (watched, told) = watch(&[&file]);
        let (_fence, seen) = watch(&[&notes]);

        fs::rename(folder.path().join("same"), &file).unwrap();
        fs::write(&notes, "x").unwrap();
        // Whoever watches the notes has heard: by now it is quiet for the others, too.
        hears(&seen, &[&notes]);
        // The next change is the first that is told.
        fs::rename(folder.path().join("next"), &file).unwrap();
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), [file]);
        drop(watched);
        assert_eq!(told.iter().count(), 0, "a watch that is dropped is silent");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_is_turned_to_another_file_tells() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("one"), "1").unwrap();
        fs::write(at("two"), "2").unwrap();
        std::os::unix::fs::symlink("one", at("weights.toml")).unwrap();
        let (_watch, told) = watch(&[&at("weights.toml")]);
        std::os::unix::fs::symlink("two", at("next")).unwrap();
        fs::rename(at("next"), at("weights.toml")).unwrap();
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), [at("weights.toml")]);
    }
}
