//! Checks for ad text and for commands that readers paste into a terminal.

/// Why a text is rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TextProblem {
    /// A character that is invisible or misleading.
    #[error("contains {what} (U+{code:04X}) at character {at}: remove it")]
    Hidden {
        /// Kind of character.
        what: &'static str,
        /// Unicode code point.
        code: u32,
        /// Position, counting characters from 1.
        at: usize,
    },
    /// A command that does more than it shows, or is otherwise unsafe.
    #[error("{0}")]
    Command(String),
    /// An unknown placeholder.
    #[error("`{{{0}}}` is not a placeholder: use {{topic}} or {{entity}}")]
    Placeholder(String),
}

fn hidden(c: char) -> Option<&'static str> {
    match u32::from(c) {
        0x00..=0x1F | 0x7F..=0x9F => Some("a control character"),
        0x061C | 0x200E | 0x200F | 0x202A..=0x202E | 0x2066..=0x2069 => {
            Some("a character that changes the text direction")
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
        | 0xE0000..=0xE0FFF => Some("an invisible character"),
        0x2028 | 0x2029 => Some("a line separator"),
        0xE000..=0xF8FF | 0xF0000..=0x10FFFF => Some("a private-use character"),
        0xFFF0..=0xFFFF => Some("a special character"),
        _ => None,
    }
}

/// Checks plain text: no control, bidirectional, zero-width or private-use characters.
pub(crate) fn plain(text: &str) -> Result<(), TextProblem> {
    for (at, c) in text.chars().enumerate() {
        if let Some(what) = hidden(c) {
            return Err(TextProblem::Hidden { what, code: u32::from(c), at: at + 1 });
        }
    }
    Ok(())
}

/// Checks a command line: plain ASCII, one program, no shell features that run or hide more.
pub(crate) fn command(text: &str) -> Result<(), TextProblem> {
    plain(text)?;
    let reject = |reason: &str| Err(TextProblem::Command(reason.to_owned()));
    if let Some(c) = text.chars().find(|c| !c.is_ascii()) {
        return reject(&format!("`{c}` can be mistaken for another character: use plain ASCII"));
    }
    for (sign, reason) in [
        ("|", "pipes into another program: use one program that can be read before it runs"),
        (";", "runs a second command: use one command"),
        ("&", "runs a second or a background command: use one command"),
        ("`", "contains a command substitution: write its result instead"),
        ("$(", "contains a command substitution: write its result instead"),
        ("<(", "contains a process substitution: write its result instead"),
        (">", "writes to a file: let the reader choose where to write"),
        ("<<", "contains a here-document: show the whole input"),
    ] {
        if text.contains(sign) {
            return reject(reason);
        }
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    for word in &words {
        let program = word.rsplit('/').next().unwrap_or(word).to_ascii_lowercase();
        if ["sudo", "su", "doas", "pkexec", "runas", "eval", "exec", "source"].contains(&&*program)
        {
            return reject(&format!("`{word}` gains privileges or runs arbitrary code: remove it"));
        }
    }
    let program = words.first().map(|w| w.rsplit('/').next().unwrap_or(w)).unwrap_or_default();
    match program {
        "rm" | "dd" | "mkfs" | "chmod" | "chown" | "shutdown" | "reboot" | "kill" => {
            reject(&format!("`{program}` can destroy data or block access: it is not allowed"))
        }
        "sh" | "bash" | "zsh" | "fish" | "dash" | "ksh" | "powershell" | "pwsh" | "cmd" => {
            reject(&format!("`{program}` runs arbitrary code: name the program itself"))
        }
        "python" | "python3" | "perl" | "ruby" | "node" | "php"
            if words.iter().any(|w| ["-c", "-e", "-r"].contains(w)) =>
        {
            reject(&format!("`{program}` with inline code is not allowed: name a program"))
        }
        "" => reject("is empty"),
        _ => Ok(()),
    }
}

/// The placeholders in a text, or an error for the first unknown one. Adjacent duplicates are removed.
pub(crate) fn placeholders(text: &str) -> Result<Vec<&'static str>, TextProblem> {
    let mut found = Vec::new();
    for part in text.split('{').skip(1) {
        match part.split('}').next().unwrap_or(part) {
            "topic" => found.push("topic"),
            "entity" => found.push("entity"),
            other => return Err(TextProblem::Placeholder(other.to_owned())),
        }
    }
    found.dedup();
    Ok(found)
}

/// Fills the placeholders in a text; `None` if a value for one is missing.
pub(crate) fn fill(text: &str, topic: Option<&str>, entity: Option<&str>) -> Option<String> {
    let mut filled = text.to_owned();
    for (placeholder, name) in [("{topic}", topic), ("{entity}", entity)] {
        if filled.contains(placeholder) {
            filled = filled.replace(placeholder, name?);
        }
    }
    Some(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_with_invisible_or_direction_changing_characters_is_rejected() {
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
    fn a_command_must_be_one_program_without_shell_tricks() {
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
    fn a_text_is_used_only_if_all_its_placeholders_have_values() {
        assert_eq!(fill("on {topic}", Some("Rust"), None).as_deref(), Some("on Rust"));
        assert_eq!(fill("on {entity}", Some("Rust"), None), None);
        assert!(placeholders("{topic} and {reader}").is_err());
    }
}
