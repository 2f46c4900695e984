//! `adjacent completions`: prints the completions of a shell.

use crate::cli::Command;
use clap::CommandFactory;
use clap_complete::Shell;
use std::io;
use std::io::Write;

const EXAMPLES: &str = "\
Examples:
  adjacent completions bash > ~/.local/share/bash-completion/completions/adjacent
  adjacent completions zsh > ~/.zfunc/_adjacent
  adjacent completions fish > ~/.config/fish/completions/adjacent.fish";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Completions {
    /// The shell.
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Command::command(), "adjacent", &mut script);
        Ok(io::stdout().write_all(&script)?)
    }
}
