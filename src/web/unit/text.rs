//! The unit as plain text and as Markdown, with the label inside: for newsletters, feeds, documentation and
//! assistants. Links count clicks; the caller reports the impression.

use crate::delivery::rendered_unit::RenderedUnit;
use std::borrow::Cow;

/// How a text is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    Markdown,
}

/// The unit as lines of plain text. Empty without a label.
pub(crate) fn plain(unit: &RenderedUnit<'_>) -> String {
    lines(unit, Form::Plain).join("\n")
}

/// The unit as paragraphs of CommonMark. Empty without a label.
pub(crate) fn markdown(unit: &RenderedUnit<'_>) -> String {
    lines(unit, Form::Markdown).join("\n\n")
}

fn lines(unit: &RenderedUnit<'_>, form: Form) -> Vec<String> {
    if !unit.is_labelled() {
        return Vec::new();
    }
    let creative = &unit.creative;
    let text = |text: &str| form.text(text);
    let mut lines =
        vec![format!("{} {}", form.strong(unit.label.text), text(unit.label.sponsor_line))];
    lines.push(match (form, unit.head_link()) {
        (Form::Markdown, Some(address)) => form.strong_link(creative.headline, address),
        _ => form.strong(creative.headline),
    });
    if unit.is_full() {
        lines.extend(creative.proof.as_ref().map(|proof| {
            let source = format!("{}, {}", proof.source, proof.as_of);
            format!("{} ({})", text(proof.text), text(&source))
        }));
        lines.extend(creative.kicker.map(text));
        lines.extend(Some(text(creative.body)).filter(|body| !body.is_empty()));
        lines.extend(creative.command.as_ref().map(|command| form.code(command.text)));
    }
    for cta in unit.shown_ctas() {
        lines.extend(cta.link().map(|address| form.link(cta.text, address)));
    }
    if let Some(price) = creative.price.as_ref().filter(|_| unit.is_full()) {
        let note = price.note.map(|note| format!(" · {note}")).unwrap_or_default();
        lines.push(text(&format!("{}{note}", price.text)));
    }
    lines.extend(unit.why_link().map(|address| form.link(unit.transparency.why_text, address)));
    lines
}

impl Form {
    fn text(self, text: &str) -> String {
        let text: Cow<'_, str> = match text.contains(char::is_control) {
            true => text.replace(char::is_control, " ").into(),
            false => text.into(),
        };
        match self {
            Form::Plain => text.trim().to_owned(),
            Form::Markdown => escape(text.trim()),
        }
    }

    fn strong(self, text: &str) -> String {
        match self {
            Form::Plain => self.text(text),
            Form::Markdown => format!("**{}**", self.text(text)),
        }
    }

    fn link(self, text: &str, address: &str) -> String {
        match self {
            Form::Plain => format!("{}: {address}", self.text(text)),
            Form::Markdown => format!("[{}]({})", self.text(text), destination(address)),
        }
    }

    fn strong_link(self, text: &str, address: &str) -> String {
        match self {
            Form::Plain => self.link(text, address),
            Form::Markdown => format!("**{}**", self.link(text, address)),
        }
    }

    fn code(self, command: &str) -> String {
        let command = command.replace(char::is_control, " ");
        match self {
            Form::Plain => format!("$ {command}"),
            Form::Markdown => {
                // A fence that is longer than any in the command.
                let longest = command.split(|c| c != '`').map(str::len).max().unwrap_or(0);
                let fence = "`".repeat(longest + 1);
                format!("{fence} {command} {fence}")
            }
        }
    }
}

/// Escapes everything that CommonMark or its extensions could take for markup; a backslash before ASCII
/// punctuation is that character (<https://spec.commonmark.org/0.31.2/#backslash-escapes>).
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if c.is_ascii_punctuation() && !matches!(c, ',' | '?' | '%' | ';' | '/') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// An address as the destination of a link.
fn destination(address: &str) -> String {
    let mut encoded = String::with_capacity(address.len());
    for c in address.chars() {
        match c {
            '(' | ')' | '<' | '>' | '\\' | '*' | '`' => {
                encoded.push_str(&format!("%{:02X}", u32::from(c)));
            }
            '&' => encoded.push_str("&amp;"),
            c if c.is_whitespace() || c.is_control() => encoded.push_str("%20"),
            c => encoded.push(c),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use pulldown_cmark::{Event, Options, Parser, Tag};

    fn unit(text: &str) -> RenderedUnit<'_> {
        let mut unit = RenderedUnit::example();
        unit.creative.headline = text;
        unit.creative.body = text;
        unit.creative.kicker = Some(text);
        unit
    }

    /// The texts and link addresses that a reader of Markdown sees.
    fn read(markdown: &str) -> (Vec<String>, Vec<String>) {
        let (mut texts, mut links) = (vec![String::new()], Vec::new());
        for event in Parser::new_ext(markdown, Options::all()) {
            match event {
                Event::Start(Tag::Paragraph) => texts.push(String::new()),
                Event::Start(Tag::Link { dest_url, .. }) => links.push(dest_url.into_string()),
                Event::Start(Tag::Strong) | Event::End(_) => {}
                Event::Text(text) | Event::Code(text) => texts.last_mut().unwrap().push_str(&text),
                other => panic!("{other:?} in {markdown}"),
            }
        }
        texts.remove(0);
        (texts, links)
    }

    const LINKS: [&str; 4] = [
        "https://units.example/c/AQEAprimary",
        "https://units.example/c/AQEAprimary",
        "https://units.example/c/AQEApricing",
        "https://units.example/w/0198c0de-1f2e-7a3b-8c4d-5e6f70819201",
    ];

    #[test]
    fn both_forms_have_the_label_first_and_every_part() {
        let example = RenderedUnit::example();
        let text = plain(&example);
        let expected = "Anzeige präsentiert von zahid.host\n\
            Run your AI side-project on zahid.host\n\
            4,200+ EU-deployed projects (zahid.host, own count of running projects, 2026-10-01)\n\
            reading about AI infrastructure? ship yours in a single git push.\n\
            Push a repository and get a running service with its own address, logs and a certificate.\n\
            $ git push zahid main\n\
            Get free account: https://units.example/c/AQEAprimary\n\
            Pricing: https://units.example/c/AQEApricing\n\
            from €0/mo · no card required\n\
            warum das: https://units.example/w/0198c0de-1f2e-7a3b-8c4d-5e6f70819201";
        assert_eq!(text, expected);
        let (texts, links) = read(&markdown(&example));
        assert_eq!(texts[0], "Anzeige präsentiert von zahid.host");
        assert_eq!((texts.len(), &links[..]), (10, &LINKS.map(String::from)[..]));
    }

    #[test]
    fn nothing_is_shown_without_a_label() {
        let mut unlabelled = RenderedUnit::example();
        unlabelled.label.text = " ";
        assert_eq!((plain(&unlabelled), markdown(&unlabelled)), (String::new(), String::new()));
    }

    #[test]
    fn a_command_with_backticks_stays_code() {
        let mut unit = RenderedUnit::example();
        unit.creative.command.as_mut().unwrap().text = "echo ``date`` `x";
        let (texts, links) = read(&markdown(&unit));
        assert!(texts.contains(&"echo ``date`` `x".to_owned()), "{texts:?}");
        assert_eq!(links.len(), 4);
    }

    proptest! {
        #[test]
        fn no_text_makes_markup_or_a_link_in_markdown(text in "[ -~äß€\\n]{1,60}") {
            prop_assume!(!text.trim().is_empty());
            let shown = text.replace('\n', " ").trim().to_owned();
            let (texts, links) = read(&markdown(&unit(&text)));
            for at in [1, 3, 4] {
                prop_assert_eq!(&texts[at], &shown);
            }
            prop_assert_eq!(&links[..], &LINKS.map(String::from)[..]);
        }
    }
}
