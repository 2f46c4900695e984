//! The unit as JSON, the reply for one placement: the bytes of its serializer, which adapters use for parts of
//! a unit, at a third of the cost. A new field is added to both; the tests compare them.

use crate::delivery::json_text::JsonText;
use crate::delivery::rendered_unit::{
    EventUrls, RenderedUnit, Transparency, UnitCommand, UnitCreative, UnitCta, UnitImage,
    UnitLabel, UnitPrice, UnitProof,
};

impl RenderedUnit<'_> {
    /// Appends the unit.
    pub(crate) fn write(&self, out: &mut JsonText) {
        out.value(r#"{"fill":"#, &self.fill);
        out.text(r#","decision_id":"#, self.decision_id);
        out.text(r#","tier":"#, self.tier.as_str());
        out.text(r#","advertiser":{"id":"#, self.advertiser.id);
        out.text(r#","name":"#, self.advertiser.name);
        out.text(r#"},"campaign":"#, self.campaign);
        out.text(r#","flight":"#, self.flight);
        self.creative.write(out);
        self.label.write(out);
        self.transparency.write(out);
        out.text(r#","rel":"#, self.rel);
        self.event_urls.write(out);
        out.time(r#","impression_until":"#, self.impression_until.seconds());
        out.time(r#","click_until":"#, self.click_until.seconds());
        if self.test {
            out.raw(r#","test":true"#);
        }
        let forms = [
            (r#","html":"#, &self.html),
            (r#","markdown":"#, &self.markdown),
            (r#","text":"#, &self.text),
        ];
        for (key, form) in forms {
            if let Some(form) = form {
                out.text(key, form);
            }
        }
        out.raw("}");
    }
}

/// Appends a part of a unit, or `null`, after its key.
fn part<T>(out: &mut JsonText, key: &str, part: Option<&T>, write: fn(&T, &mut JsonText)) {
    out.raw(key);
    match part {
        Some(part) => write(part, out),
        None => out.raw("null"),
    }
}

impl UnitCreative<'_> {
    fn write(&self, out: &mut JsonText) {
        out.text(r#","creative":{"id":"#, self.id);
        out.text(r#","hash":"#, self.hash);
        out.value(r#","variant":"#, &self.variant);
        out.text(r#","style":"#, self.style.as_str());
        out.text(r#","language":"#, self.language);
        out.text(r#","direction":"#, self.direction);
        out.optional(r#","kicker":"#, self.kicker);
        out.text(r#","headline":"#, self.headline);
        out.text(r#","body":"#, self.body);
        part(out, r#","proof":"#, self.proof.as_ref(), UnitProof::write);
        part(out, r#","command":"#, self.command.as_ref(), UnitCommand::write);
        out.raw(r#","ctas":["#);
        for (at, cta) in self.ctas.iter().enumerate() {
            out.raw(if at == 0 { "" } else { "," });
            cta.write(out);
        }
        out.text(r#"],"click_url":"#, self.click_url);
        out.text(r#","landing_domain":"#, self.landing_domain);
        part(out, r#","logo":"#, self.logo.as_ref(), UnitImage::write);
        part(out, r#","image":"#, self.image.as_ref(), UnitImage::write);
        part(out, r#","price":"#, self.price.as_ref(), UnitPrice::write);
        out.raw("}");
    }
}

impl UnitProof<'_> {
    fn write(&self, out: &mut JsonText) {
        out.text(r#"{"text":"#, self.text);
        out.text(r#","source":"#, self.source);
        out.value(r#","as_of":"#, &self.as_of);
        out.raw("}");
    }
}

impl UnitCommand<'_> {
    fn write(&self, out: &mut JsonText) {
        out.text(r#"{"text":"#, self.text);
        out.text(r#","output":"#, self.output);
        out.text(r#","copy_url":"#, self.copy_url);
        out.text(r#","copy_text":"#, self.copy_text);
        out.text(r#","copied_text":"#, self.copied_text);
        out.text(r#","aria":"#, self.aria);
        out.raw("}");
    }
}

impl UnitCta<'_> {
    fn write(&self, out: &mut JsonText) {
        out.text(r#"{"id":"#, self.id);
        out.text(r#","text":"#, self.text);
        out.text(r#","click_url":"#, self.click_url);
        out.raw("}");
    }
}

impl UnitImage<'_> {
    fn write(&self, out: &mut JsonText) {
        out.text(r#"{"url":"#, self.url);
        out.value(r#","width":"#, &self.width);
        out.value(r#","height":"#, &self.height);
        out.text(r#","alt":"#, self.alt);
        out.raw("}");
    }
}

impl UnitPrice<'_> {
    fn write(&self, out: &mut JsonText) {
        out.text(r#"{"text":"#, self.text);
        out.value(r#","amount_micros":"#, &self.amount_micros);
        out.text(r#","currency":"#, self.currency.as_str());
        out.text(r#","per":"#, self.per);
        out.value(r#","tax_included":"#, &self.tax_included);
        out.text(r#","audience":"#, self.audience.as_str());
        out.optional(r#","note":"#, self.note);
        out.time(r#","valid_until":"#, self.valid_until);
        out.raw("}");
    }
}

impl UnitLabel<'_> {
    fn write(&self, out: &mut JsonText) {
        out.text(r#","label":{"text":"#, self.text);
        out.text(r#","language":"#, self.language);
        out.text(r#","aria":"#, self.aria);
        out.text(r#","sponsor_line":"#, self.sponsor_line);
        out.text(r#","ruleset":"#, self.ruleset);
        out.text(r#","region_basis":"#, self.region_basis.as_str());
        out.raw("}");
    }
}

impl Transparency<'_> {
    fn write(&self, out: &mut JsonText) {
        out.text(r#","transparency":{"on_behalf_of":"#, self.on_behalf_of);
        out.text(r#","paid_by":"#, self.paid_by);
        out.text(r#","why":"#, self.why);
        out.text(r#","why_text":"#, self.why_text);
        out.text(r#","language":"#, self.language);
        out.text(r#","why_url":"#, self.why_url);
        out.raw("}");
    }
}

impl EventUrls<'_> {
    fn write(&self, out: &mut JsonText) {
        out.raw(r#","event_urls":{"#);
        let urls = [(r#""impression":"#, self.impression), (r#""viewable":"#, self.viewable)];
        let mut before = "";
        for (key, url) in urls {
            if let Some(url) = url {
                out.raw(before);
                out.text(key, url);
                before = ",";
            }
        }
        out.raw("}");
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::delivery::rendered_unit::Timestamp;
    use crate::domain::creative::Audience;
    use crate::domain::event::Tier;
    use crate::domain::party::Style;
    use crate::selection::page::RegionBasis;
    use bumpalo::Bump;
    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    /// Texts of every kind: with quotes, backslashes, controls, and characters of any length.
    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[ -~]{0,80}",
            "\\PC{0,40}",
            any::<String>(),
            select(vec!["", "\"", "\\", "\u{1f}", "\u{7f}", "a\nb", "\u{2028}", "ü\"ü"])
                .prop_map(str::to_owned),
        ]
    }

    /// The values of a unit: its texts, flags, numbers and closed lists.
    pub(crate) type UnitValues = (Vec<String>, Vec<bool>, (u8, u16, i64, i64), Index);

    pub(crate) fn unit_values() -> impl Strategy<Value = UnitValues> {
        (
            prop::collection::vec(any_text(), TEXTS),
            prop::collection::vec(any::<bool>(), 16),
            (any::<u8>(), any::<u16>(), any::<i64>(), 0..4_000_000_000_i64),
            any::<Index>(),
        )
    }

    const TEXTS: usize = 40;

    /// A unit with these values in its fields.
    pub(crate) fn unit_of<'a>(values: &UnitValues, kept: &'a Bump) -> RenderedUnit<'a> {
        let (texts, flags, (small, number, large, second), index) = values;
        let (mut texts, mut flags) = (texts.iter(), flags.iter());
        let mut text = || -> &'a str { kept.alloc_str(texts.next().expect("there are enough")) };
        let mut flag = || *flags.next().expect("there are enough");
        let at = |millis: i64| jiff::Timestamp::from_millisecond(millis).unwrap();
        let mut unit = RenderedUnit::example();
        unit.decision_id = text();
        unit.tier = *index.get(Tier::ALL);
        (unit.advertiser.id, unit.advertiser.name) = (text(), text());
        (unit.campaign, unit.flight) = (text(), text());
        (unit.impression_until, unit.click_until) = (Timestamp(*second * 1_000), Timestamp(*large));
        unit.test = flag();
        unit.html = flag().then(|| text().to_owned());
        unit.markdown = flag().then(|| text().to_owned());
        unit.text = flag().then(|| text().to_owned());
        let urls = &mut unit.event_urls;
        (urls.impression, urls.viewable) = (flag().then(&mut text), flag().then(&mut text));
        let label = &mut unit.label;
        label.region_basis = *index.get(RegionBasis::ALL);
        for field in [
            &mut label.text,
            &mut label.language,
            &mut label.aria,
            &mut label.sponsor_line,
            &mut label.ruleset,
        ] {
            *field = text();
        }
        let why = &mut unit.transparency;
        for field in [&mut why.on_behalf_of, &mut why.paid_by, &mut why.why, &mut why.why_url] {
            *field = text();
        }
        let creative = &mut unit.creative;
        creative.variant = *small;
        creative.style = *index.get(Style::ALL);
        creative.kicker = flag().then(&mut text);
        (creative.headline, creative.body) = (text(), text());
        creative.proof = creative.proof.take().filter(|_| flag());
        creative.proof.iter_mut().for_each(|proof| (proof.text, proof.source) = (text(), text()));
        creative.command = creative.command.take().filter(|_| flag());
        creative.command.iter_mut().for_each(|command| command.copy_url = text());
        creative.ctas.truncate(usize::from(*small % 3));
        creative.ctas.iter_mut().for_each(|cta| (cta.id, cta.text) = (text(), text()));
        let mut image = || UnitImage {
            url: text(),
            width: *number,
            height: *number / 2,
            alt: text(),
            content_type: "image/webp",
        };
        (creative.logo, creative.image) = (flag().then(&mut image), flag().then(&mut image));
        creative.price = creative.price.take().filter(|_| flag());
        if let Some(price) = &mut creative.price {
            price.text = text();
            price.amount_micros = *large;
            price.tax_included = flag();
            price.audience = *index.get(Audience::ALL);
            price.note = flag().then(&mut text);
            price.valid_until = at(*second);
        }
        unit
    }

    proptest! {
        #[test]
        fn a_unit_is_written_as_its_serializer_writes_it(values in unit_values()) {
            let kept = Bump::new();
            let unit = unit_of(&values, &kept);
            let mut out = JsonText::with_capacity(0);
            unit.write(&mut out);
            let written = String::from_utf8(out.into_bytes()).unwrap();
            prop_assert_eq!(written, serde_json::to_string(&unit).unwrap());
        }
    }
}
