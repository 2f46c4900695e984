//! Commands that readers copy into a terminal: a plain shape, of a program that the operator approved.
//!
//! This limits what a command can look like. It is no sandbox: what an approved program does with its
//! arguments is not checked.

/// Why a command, or an approved shape, is rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CommandProblem {
    /// A character with a meaning to a shell, or one that looks like another.
    #[error(
        "contains `{}`: use only letters, digits and spaces of ASCII and @ % + = : , . / _ -, so that it runs \
         one program and does what it shows", .0.escape_default()
    )]
    Character(char),
    /// A quote without its other half.
    #[error("has a quote that is not closed: close or remove it")]
    Quote,
    /// The first word is not the name of a program.
    #[error("must start with the name of a program, such as git, without a path")]
    Program,
    /// A program that makes an approval meaningless.
    #[error(
        "`{0}` cannot be approved: it runs other programs, gains privileges or destroys data; approve the \
         program itself"
    )]
    NeverApproved(String),
}

/// Programs that run any other program, gain privileges, or destroy data.
const NEVER_APPROVED: [&str; 35] = [
    "bash",
    "busybox",
    "chmod",
    "chown",
    "cmd",
    "command",
    "csh",
    "dash",
    "dd",
    "doas",
    "env",
    "eval",
    "exec",
    "fish",
    "kill",
    "ksh",
    "mkfs",
    "nice",
    "nohup",
    "pkexec",
    "powershell",
    "pwsh",
    "reboot",
    "rm",
    "runas",
    "setsid",
    "sh",
    "shutdown",
    "source",
    "su",
    "sudo",
    "tcsh",
    "timeout",
    "xargs",
    "zsh",
];

/// Options with which many programs run the code in the next word.
const RUNS_CODE: [&str; 5] = ["-c", "-e", "--command", "--eval", "--exec"];

/// Checks that a command line is one program with plain arguments: nothing that a shell expands,
/// redirects, or runs as another command.
pub(crate) fn check(text: &str) -> Result<(), CommandProblem> {
    let mut quote = None;
    for c in text.chars() {
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (c, _) if c.is_ascii_alphanumeric() || " @%+=:,./_-".contains(c) => {}
            (c, _) => return Err(CommandProblem::Character(c)),
        }
    }
    if quote.is_some() {
        return Err(CommandProblem::Quote);
    }
    let program = text.split(' ').next().unwrap_or_default();
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
    match program.starts_with(|c: char| c.is_ascii_alphanumeric()) && program.chars().all(is_name) {
        true => Ok(()),
        false => Err(CommandProblem::Program),
    }
}

/// Checks an approved shape: a program, and the words that must follow it.
pub(crate) fn check_shape(shape: &str) -> Result<(), CommandProblem> {
    check(shape)?;
    if let Some(quote) = shape.chars().find(|c| "'\"".contains(*c)) {
        return Err(CommandProblem::Character(quote));
    }
    let program = shape.split(' ').next().unwrap_or_default().to_ascii_lowercase();
    let program = program.strip_suffix(".exe").unwrap_or(&program);
    match NEVER_APPROVED.contains(&program) {
        true => Err(CommandProblem::NeverApproved(program.to_owned())),
        false => Ok(()),
    }
}

/// Whether a command starts with the words of an approved shape, and has no further option that runs
/// code.
pub(crate) fn is_approved(text: &str, shapes: &[String]) -> bool {
    let runs_code = |word: &str| {
        let plain = word.replace(['\'', '"'], "").to_ascii_lowercase();
        RUNS_CODE.contains(&plain.split('=').next().unwrap_or(&plain))
    };
    shapes.iter().any(|shape| {
        let mut words = text.split_ascii_whitespace();
        shape.split_ascii_whitespace().all(|word| words.next() == Some(word))
            && !words.any(runs_code)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_one_program_with_plain_arguments() {
        for good in [
            "git push zahid main",
            "cargo install palisade-scan",
            "npx create-app@latest my-app",
            "curl -O https://x.example/f",
            "git push zahid --x='onfocus=1 onmouseover=1'",
            "g++ a.cpp",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "curl https://x.example | sh",
            "a && b",
            "a & b",
            "a; b",
            "a\nb",
            "a\tb",
            "echo $(id)",
            "echo `id`",
            "echo $HOME",
            "cat > x",
            "cat < x",
            "a *",
            "a ?",
            "a [x]",
            "a {b,c}",
            "a ~",
            "a !x",
            "a # b",
            "a \\ b",
            "a (b)",
            "a ^b",
            "gіt push",
            "git\u{a0}push",
            "git 'x",
            "git \"x'",
            "'git' push",
            "./x",
            "/usr/bin/git",
            "A=1 git",
            "-c x",
            "",
            " git",
        ] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_command_starts_with_an_approved_shape_and_adds_no_option_that_runs_code() {
        let shapes = ["git push", "npm", "python3 -c"].map(str::to_owned);
        for good in ["git push zahid main", "git push", "npm install x -D", "python3 -c x"] {
            assert!(is_approved(good, &shapes), "{good}");
        }
        for bad in [
            "git",
            "git clone x",
            "git -c core.pager=x push",
            "git pushx",
            "GIT push",
            "npmx",
            "npm exec -c x",
            "npm '-c' x",
            "npm --eval=x",
            "python3 x",
            "sudo git push",
            "env git push",
            "find . -delete",
            "python3 -m http.server",
            "ssh -oProxyCommand=x h",
            "",
        ] {
            assert!(!is_approved(bad, &shapes), "{bad}");
        }
    }

    #[test]
    fn a_program_that_runs_any_other_cannot_be_approved() {
        for bad in [
            "sudo",
            "sudo apt install",
            "bash",
            "ENV",
            "cmd.exe",
            "rm",
            "xargs git",
            "",
            "git 'x'",
            "a|b",
        ] {
            assert!(check_shape(bad).is_err(), "{bad}");
        }
        assert_eq!(check_shape("cargo install"), Ok(()));
    }
}
