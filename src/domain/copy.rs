//! Text that readers see, and commands that readers paste: what may be in them.

/// Why a text is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextProblem {
    /// A character that does not show, or shows something else than it is.
    #[error("has {what} (U+{code:04X}) at character {at}: take it out")]
    Hidden {
        /// What kind of character.
        what: &'static str,
        /// Its code point.
        code: u32,
        /// Its place, from 1.
        at: usize,
    },
    /// A command that does more than it shows.
    #[error("{0}")]
    Command(String),
    /// A slot that is not one.
    #[error("`{{{0}}}` is not a slot: there are {{topic}} and {{entity}}")]
    Slot(String),
}

fn hidden(c: char) -> Option<&'static str> {
    match u32::from(c) {
        0x00..=0x1F | 0x7F..=0x9F => Some("a control character"),
        0x061C | 0x200E | 0x200F | 0x202A..=0x202E | 0x2066..=0x2069 => {
            Some("a character that turns the direction of text")
        }
        0x00AD
        | 0x034F
        | 0x115F
        | 0x1160
        | 0x17B4
        | 0x17B5
        | 0x180B..=0x180F
        | 0x200B..=0x200D
        | 0x2060..=0x2065
        | 0x206A..=0x206F
        | 0x3164
        | 0xFE00..=0xFE0E
        | 0xFEFF
        | 0xFFA0
        | 0xE0000..=0xE0FFF => Some("a character that does not show"),
        0x2028 | 0x2029 => Some("a line separator"),
        0xE000..=0xF8FF | 0xF0000..=0x10FFFF => Some("a character without a meaning"),
        0xFFF0..=0xFFFF => Some("a special character"),
        _ => None,
    }
}

/// Plain text: no control, bidirectional, zero-width or private characters.
pub fn plain(text: &str) -> Result<(), TextProblem> {
    for (at, c) in text.chars().enumerate() {
        if let Some(what) = hidden(c) {
            return Err(TextProblem::Hidden { what, code: u32::from(c), at: at + 1 });
        }
    }
    Ok(())
}

/// A command as somebody types it: plain ASCII, one program, nothing that takes over the shell.
pub fn command(text: &str) -> Result<(), TextProblem> {
    plain(text)?;
    let refuse = |reason: &str| Err(TextProblem::Command(reason.to_owned()));
    if let Some(c) = text.chars().find(|c| !c.is_ascii()) {
        return refuse(&format!("`{c}` can be mistaken for another character: use plain ASCII"));
    }
    for (sign, reason) in [
        ("|", "pipes into another program: show one program that can be read before it runs"),
        (";", "runs a second command: show one"),
        ("&", "runs a second command or one in the background: show one"),
        ("`", "runs a command inside the command: write its result"),
        ("$(", "runs a command inside the command: write its result"),
        ("<(", "runs a command inside the command: write its result"),
        (">", "writes into a file: let the reader decide where"),
        ("<<", "reads a hidden text: show all of it"),
    ] {
        if text.contains(sign) {
            return refuse(reason);
        }
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    for word in &words {
        let program = word.rsplit('/').next().unwrap_or(word).to_ascii_lowercase();
        if ["sudo", "su", "doas", "pkexec", "runas", "eval", "exec", "source"].contains(&&*program)
        {
            return refuse(&format!(
                "`{word}` takes rights or a shell the reader did not mean to give"
            ));
        }
    }
    let program = words.first().map(|w| w.rsplit('/').next().unwrap_or(w)).unwrap_or_default();
    match program {
        "rm" | "dd" | "mkfs" | "chmod" | "chown" | "shutdown" | "reboot" | "kill" => {
            refuse(&format!("`{program}` destroys or locks: that is no sponsor's business"))
        }
        "sh" | "bash" | "zsh" | "fish" | "dash" | "ksh" | "powershell" | "pwsh" | "cmd" => {
            refuse(&format!("`{program}` runs whatever follows: name the program itself"))
        }
        "python" | "python3" | "perl" | "ruby" | "node" | "php"
            if words.iter().any(|w| ["-c", "-e", "-r"].contains(w)) =>
        {
            refuse(&format!("`{program}` with code on the line runs what nobody reads"))
        }
        "" => refuse("is empty"),
        _ => Ok(()),
    }
}

/// The slots of a text, each once, or the first that is not one.
pub fn slots(text: &str) -> Result<Vec<&'static str>, TextProblem> {
    let mut found = Vec::new();
    for part in text.split('{').skip(1) {
        match part.split('}').next().unwrap_or(part) {
            "topic" => found.push("topic"),
            "entity" => found.push("entity"),
            other => return Err(TextProblem::Slot(other.to_owned())),
        }
    }
    found.dedup();
    Ok(found)
}

/// The text with its slots filled; `None` when a slot has nothing to hold.
pub fn fill(text: &str, topic: Option<&str>, entity: Option<&str>) -> Option<String> {
    let mut filled = text.to_owned();
    for (slot, name) in [("{topic}", topic), ("{entity}", entity)] {
        if filled.contains(slot) {
            filled = filled.replace(slot, name?);
        }
    }
    Some(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_hides_or_turns_something_is_refused() {
        for bad in
            ["a\u{202E}b", "a\u{200B}b", "a\nb", "\u{7f}", "a\u{2028}b", "\u{E000}", "\u{E0041}"]
        {
            assert!(plain(bad).is_err(), "{bad:?}");
        }
        for good in ["Anzeige", "4,200+ projects · no card", "广告", "Крем-брюле", "👍"]
        {
            assert_eq!(plain(good), Ok(()), "{good:?}");
        }
    }

    #[test]
    fn a_command_is_one_program_and_takes_nothing_over() {
        for good in [
            "git push zahid main",
            "cargo install palisade-scan",
            "npx create-app@latest my-app",
            "curl -O https://x.example/f",
        ] {
            assert_eq!(command(good), Ok(()), "{good}");
        }
        for bad in [
            "curl https://x.example | sh",
            "sudo apt install x",
            "a && b",
            "a; b",
            "echo $(id)",
            "echo `id`",
            "rm -rf /",
            "bash install.sh",
            "python -c 'x'",
            "gіt push",
            "cat > x",
            "/usr/bin/sudo x",
            "env eval x",
            "",
        ] {
            assert!(command(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_slot_is_filled_or_the_text_is_not_used() {
        assert_eq!(fill("on {topic}", Some("Rust"), None).as_deref(), Some("on Rust"));
        assert_eq!(fill("on {entity}", Some("Rust"), None), None);
        assert!(slots("{topic} and {reader}").is_err());
    }
}
