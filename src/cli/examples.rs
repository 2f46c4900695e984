//! Examples in the help of verbs that do not have their own.

use clap::Command;

/// Verbs, with the subcommand if there is one, and examples of them.
const EXAMPLES: &[(&[&str], &str)] = &[
    (
        &[],
        "\
  adjacent init                                  write a starter inventory
  adjacent                                       serve the example, or what was served last
  adjacent serve --inventory config/inventory --watch
  adjacent status                                what runs and how it is going",
    ),
    (
        &["serve"],
        "\
  adjacent serve --inventory config/inventory --watch
  adjacent serve --data /var/lib/adjacent --config /etc/adjacent/adjacent.toml
  adjacent serve --listen 127.0.0.1:0 --ops-listen 127.0.0.1:0 --json",
    ),
    (
        &["check"],
        "\
  adjacent check                                 the files in config/
  adjacent check config/inventory config/weights.toml
  adjacent check --strict --json                 for a pipeline: warnings exit with 64, too",
    ),
    (
        &["diff"],
        "\
  adjacent diff config/inventory
  adjacent diff config/weights.toml --json",
    ),
    (
        &["apply"],
        "\
  adjacent apply config/inventory                shows the difference and asks
  adjacent apply config/weights.toml --yes
  adjacent apply config/weights.toml --force     what the guard would stop",
    ),
    (
        &["pull"],
        "\
  adjacent pull config/inventory                 shows what it will write and asks
  adjacent pull config/inventory --weights config/weights.toml --yes",
    ),
    (
        &["rollback"],
        "\
  adjacent rollback                              undo the last change of content
  adjacent rollback 41                           serve the content of change 41 again",
    ),
    (
        &["shares"],
        "\
  adjacent shares
  adjacent shares --json",
    ),
    (
        &["drain"],
        "\
  adjacent drain --data data-1 --store redis://10.0.0.5:6379",
    ),
    (
        &["store", "acl"],
        "\
  adjacent store acl
  adjacent store acl --user adjacent --loader adjacent-loader",
    ),
    (
        &["store", "load"],
        "\
  adjacent store load --store redis://loader:PASSWORD@10.0.0.5:6379",
    ),
    (
        &["migrate"],
        "\
  adjacent migrate --data data --to redis://10.0.0.5:6379
  adjacent migrate --from redis://10.0.0.5:6379 --to redis+cluster://10.0.0.6:6379",
    ),
    (
        &["explain"],
        "\
  adjacent explain 0198c0de-1f2e-7a3b-8c4d-5e6f70819201
  adjacent explain 0198c0de-1f2e-7a3b-8c4d-5e6f70819201 --want zahid-git-push --all
  adjacent explain 0198c0de-1f2e-7a3b-8c4d-5e6f70819201 --weights sharper-draw",
    ),
    (
        &["why"],
        "\
  adjacent why zahid-ai-europe                   the last seven days
  adjacent why zahid-ai-europe --from 2026-11-01 --to 2026-12-01",
    ),
    (
        &["gaps"],
        "\
  adjacent gaps
  adjacent gaps --from 2026-11-01 --to 2026-12-01 --json",
    ),
    (
        &["weights", "list"],
        "\
  adjacent weights list                          newest first, with state, author and note
  adjacent weights list --json",
    ),
    (
        &["weights", "show"],
        "\
  adjacent weights show sharper-draw             difference, replay, when it was active
  adjacent weights show 5f0c1b6f --json          by the beginning of its hash, with its content",
    ),
    (
        &["weights", "diff"],
        "\
  adjacent weights diff sharper-draw             against the active weights
  adjacent weights diff spring sharper-draw",
    ),
    (
        &["weights", "draft"],
        "\
  adjacent weights draft new.toml --name sharper-draw --note best-takes-more",
    ),
    (
        &["weights", "replay"],
        "\
  adjacent weights replay sharper-draw           the last 24 hours with these weights",
    ),
    (
        &["weights", "shadow"],
        "\
  adjacent weights shadow sharper-draw           compare it on live traffic
  adjacent weights shadow --off",
    ),
    (
        &["weights", "canary"],
        "\
  adjacent weights canary sharper-draw --percent 1
  adjacent weights canary sharper-draw --auto --every 1h
  adjacent weights canary                        what its requests do, and the others
  adjacent weights canary --off",
    ),
    (
        &["weights", "activate"],
        "\
  adjacent weights activate sharper-draw
  adjacent weights activate sharper-draw --force   what the guard would stop, too",
    ),
    (
        &["weights", "drop"],
        "\
  adjacent weights drop sharper-draw",
    ),
    (
        &["export"],
        "\
  adjacent export --out events.ndjson.zst
  adjacent export --store redis://10.0.0.5:6379 --out events.ndjson",
    ),
    (
        &["audit"],
        "\
  adjacent audit
  adjacent audit --store redis://10.0.0.5:6379",
    ),
    (
        &["journal", "repair"],
        "\
  adjacent journal repair                        show what is damaged; changes nothing
  adjacent journal repair --apply                repair it",
    ),
    (
        &["health"],
        "\
  adjacent health                                exit code 0: ready; 1: not ready
  adjacent health --ops 127.0.0.1:8081",
    ),
    (
        &["keys", "list"],
        "\
  adjacent keys list
  adjacent keys list --json",
    ),
    (
        &["keys", "create"],
        "\
  adjacent keys create --role operator --owner alice --days 90
  adjacent keys create --role publisher --owner eu-tech-news
  adjacent keys create --role exchange --owner big-exchange --per-second 500",
    ),
    (
        &["keys", "revoke"],
        "\
  adjacent keys revoke x7k2m9qa",
    ),
    (
        &["keys", "rotate"],
        "\
  adjacent keys rotate
  adjacent keys rotate --revoke-earlier          after a leak: earlier tokens are invalid at once",
    ),
    (
        &["keys", "link"],
        "\
  adjacent keys link zahid-host --days 30
  adjacent keys link eu-tech-news --role publisher",
    ),
    (
        &["openapi"],
        "\
  adjacent openapi > openapi.json",
    ),
    (
        &["schema"],
        "\
  adjacent schema inventory > inventory.schema.json
  adjacent schema config",
    ),
    (
        &["synth"],
        "\
  adjacent synth --flights 1000 --seed 7 > inventory.toml",
    ),
    (
        &["import", "iab"],
        "\
  adjacent import iab taxonomy-3.1.tsv > topics.toml",
    ),
];

/// The command with examples in the help of each of these verbs.
pub(super) fn with_examples(command: Command) -> Command {
    EXAMPLES.iter().fold(command, |command, (path, text)| at(command, path, text))
}

fn at(command: Command, path: &[&'static str], text: &'static str) -> Command {
    match path {
        // The line break after the opening quote takes the first line's indentation with it.
        [] => command.after_help(format!("Examples:\n  {text}")),
        [verb, rest @ ..] => command.mut_subcommand(*verb, |inner| at(inner, rest, text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn command() -> Command {
        with_examples(crate::cli::Command::command())
    }

    /// Every command that can be run, with its help.
    fn runnable(command: &Command, path: String, found: &mut Vec<(String, String)>) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let inner: Vec<&Command> =
            command.get_subcommands().filter(|one| one.get_name() != "help").collect();
        if inner.is_empty() || path == "adjacent" {
            found.push((path.clone(), help));
        }
        for one in inner {
            runnable(one, format!("{path} {}", one.get_name()), found);
        }
    }

    /// The command lines of a help text, without what a shell does with them and what they are for.
    fn lines(help: &str) -> impl Iterator<Item = Vec<&str>> {
        let examples = help.lines().filter_map(|line| line.strip_prefix("  adjacent"));
        examples.map(|line| {
            let line = line.split("  ").next().unwrap_or_default();
            let line = line.split(" > ").next().unwrap_or_default();
            line.split_whitespace().collect()
        })
    }

    #[test]
    fn every_verb_has_examples_and_each_of_them_is_valid() {
        let mut all = Vec::new();
        runnable(&command(), "adjacent".to_owned(), &mut all);
        assert!(all.len() > 25, "{}", all.len());
        for (verb, help) in all {
            assert!(help.starts_with("Examples:\n"), "`{verb}` has no examples");
            let of_verb = verb.strip_prefix("adjacent").unwrap().trim_start();
            assert!(lines(&help).count() > 0, "`{verb}` has no examples");
            for words in lines(&help) {
                let line = words.join(" ");
                assert!(line.starts_with(of_verb), "`{line}` is no example of `{verb}`");
                let parsed = command().try_get_matches_from([&["adjacent"], &words[..]].concat());
                parsed.unwrap_or_else(|error| panic!("adjacent {line}: {error}"));
            }
        }
    }
}
