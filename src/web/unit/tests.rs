//! Escaping, links and structure of the unit's HTML.

use super::*;
use crate::delivery::rendered_unit::EventUrls;

/// The example with a logo and an image.
fn example() -> RenderedUnit<'static> {
    let (content_type, alt) = ("image/png", "A rack");
    let image = |url, width, height| Some(UnitImage { url, width, height, alt, content_type });
    let mut unit = RenderedUnit::example();
    unit.creative.logo = image("https://units.example/embed/pictures/5b1d.png", 192, 96);
    unit.creative.image = image("https://units.example/embed/pictures/3f0c.png", 640, 360);
    unit
}

fn in_style(style: Style) -> RenderedUnit<'static> {
    let mut unit = example();
    unit.creative.style = style;
    unit
}

/// Texts that are harmless in one HTML context and executable in another.
const POLYGLOTS: [&str; 8] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "javascript:alert(1)//https://x.example/",
    "https://x.example/\"onclick=\"alert(1)",
    "--></title></style></textarea><svg onload=alert(1)>",
    "jaVasCript:/*-/*`/*\\`/*'/*\"/**/(/* */oNcliCk=alert() )//%0D%0A</script>\\x3csVg/<svg>",
    "{{7*7}}&lt;b&gt;\u{202e}\u{0}",
];

/// One unit per field with `text` in that field, and the field's name.
fn units_with(text: &'static str) -> Vec<(&'static str, RenderedUnit<'static>)> {
    let mut units = Vec::new();
    let mut add = |field, change: fn(&mut RenderedUnit<'static>, &'static str)| {
        let mut unit = example();
        change(&mut unit, text);
        units.push((field, unit));
    };
    add("language", |unit, text| unit.creative.language = text);
    add("direction", |unit, text| unit.creative.direction = text);
    add("label.text", |unit, text| unit.label.text = text);
    add("label.language", |unit, text| unit.label.language = text);
    add("label.aria", |unit, text| unit.label.aria = text);
    add("label.sponsor_line", |unit, text| unit.label.sponsor_line = text);
    add("logo alt", |unit, text| unit.creative.logo.as_mut().unwrap().alt = text);
    add("logo url", |unit, text| unit.creative.logo.as_mut().unwrap().url = text);
    add("image alt", |unit, text| unit.creative.image.as_mut().unwrap().alt = text);
    add("image url", |unit, text| unit.creative.image.as_mut().unwrap().url = text);
    add("kicker", |unit, text| unit.creative.kicker = Some(text));
    add("headline", |unit, text| unit.creative.headline = text);
    add("headline alone", |unit, text| {
        unit.creative.click_url = "";
        unit.creative.headline = text;
    });
    add("body", |unit, text| unit.creative.body = text);
    add("proof", |unit, text| {
        let proof = unit.creative.proof.as_mut().unwrap();
        (proof.text, proof.source) = (text, text);
    });
    add("command", |unit, text| {
        let command = unit.creative.command.as_mut().unwrap();
        (command.text, command.output, command.aria) = (text, text, text);
    });
    add("cta text", |unit, text| unit.creative.ctas[0].text = text);
    add("cta url", |unit, text| unit.creative.ctas[1].click_url = text);
    add("click_url", |unit, text| unit.creative.click_url = text);
    add("price", |unit, text| {
        let price = unit.creative.price.as_mut().unwrap();
        (price.text, price.note) = (text, Some(text));
    });
    add("why", |unit, text| unit.transparency.why = text);
    add("why language", |unit, text| unit.transparency.language = text);
    add("why_text", |unit, text| unit.transparency.why_text = text);
    add("why_url", |unit, text| unit.transparency.why_url = text);
    add("rel", |unit, text| unit.rel = text);
    add("impression url", |unit, text| unit.event_urls.impression = Some(text));
    units
}

/// The tags of an HTML text with their attribute names, parsed like a browser.
fn tags(html: &str) -> Vec<String> {
    let mut found = Vec::new();
    for piece in html.split('<').skip(1) {
        let mut tag = String::new();
        let mut quoted = false;
        for character in piece.chars() {
            match character {
                '"' => quoted = !quoted,
                '>' if !quoted => break,
                _ if !quoted => tag.push(character),
                _ => {}
            }
        }
        assert!(!quoted, "an open quote in {piece}");
        found.push(tag);
    }
    found
}

#[test]
fn no_field_can_add_a_tag_or_an_attribute() {
    for text in POLYGLOTS {
        for (field, unit) in units_with(text) {
            for (place, html) in [("fragment", fragment(&unit)), ("page", page(Some(&unit), text))]
            {
                let whole = tags(&html);
                for tag in &whole {
                    let name = tag.split([' ', '/']).find(|part| !part.is_empty());
                    let known = [
                        "aside", "p", "b", "a", "div", "figure", "code", "samp", "span",
                        "!doctype", "html", "head", "meta", "link", "title", "body", "img",
                        "picture", "source",
                    ];
                    assert!(
                        name.is_some_and(|name| known.contains(&name)),
                        "{place} {field}: {tag}"
                    );
                    for attribute in tag.split_whitespace().skip(1) {
                        let attribute = attribute.trim_end_matches('=');
                        let known = [
                            "class",
                            "lang",
                            "dir",
                            "aria-label",
                            "title",
                            "href",
                            "rel",
                            "target",
                            "charset",
                            "name",
                            "content",
                            "src",
                            "srcset",
                            "media",
                            "width",
                            "height",
                            "alt",
                            "loading",
                            "decoding",
                            "referrerpolicy",
                            "html",
                        ];
                        assert!(known.contains(&attribute), "{place} {field}: {tag}");
                    }
                }
                assert!(!html.contains("href=\"java"), "{place} {field}");
                assert!(!html.contains("href=\"jaVa"), "{place} {field}");
            }
        }
    }
}

#[test]
fn the_label_comes_first_and_nothing_is_shown_without_it() {
    let mut unit = example();
    let html = fragment(&unit);
    let first = html.find("Anzeige</b>").unwrap();
    for later in ["4,200+", "reading about", "Run your AI", "git push", "Pricing", "from €0"] {
        assert!(html.find(later).unwrap() > first, "{later}");
    }
    unit.label.text = " ";
    assert_eq!(fragment(&unit), "");
    assert!(!page(Some(&unit), "en").contains("zahid"));
}

#[test]
fn only_http_and_https_urls_become_links() {
    for good in ["https://x.example/c/a", "http://127.0.0.1:8080/c/a", "HTTPS://x.example"] {
        assert_eq!(link(good), Some(good));
    }
    for bad in ["javascript:alert(1)", "data:text/html,x", "//x.example", "/c/a", " https://x", "é"]
    {
        assert_eq!(link(bad), None, "{bad}");
    }
}

#[test]
fn a_fragment_has_no_script_no_inline_style_and_no_handler() {
    let html = fragment(&example());
    for never in ["<script", " style=", "<style", " onclick", " onload", " id="] {
        assert!(!html.contains(never), "{never}");
    }
    assert_eq!(html.matches("rel=\"sponsored nofollow noopener\"").count(), 3);
}

#[test]
fn a_filled_page_contains_the_impression_pixel_and_an_empty_page_does_not() {
    let full = page(Some(&example()), "en");
    // Loaded only where the frame has room for the unit.
    assert!(full.contains("srcset=\"https://units.example/e/AQEAimpression\"><img class"));
    assert!(full.contains(&format!("<source media=\"{FITS}\"")));
    assert!(full.contains(&format!("href=\"{}\"", assets::path(assets::UNIT_CSS))));
    assert!(!styled(&example(), "https://x.example").contains("adj-seen"));
    for kind in ["text", "image"] {
        let markup = ethicalads(&example(), kind);
        assert!(
            markup
                .starts_with(&format!("<div class=\"ea-type-{kind}\"><div class=\"ea-content\">"))
        );
        assert!(markup.contains("ea-label") && markup.contains("ea-callout"), "{markup}");
        assert!(!markup.contains("adj-seen") && !markup.contains("<script"));
    }
    let unmeasured = RenderedUnit { event_urls: EventUrls::default(), ..example() };
    assert!(!fragment(&unmeasured).contains("adj-seen"));
    let empty = page(None, "en");
    assert!(!empty.contains("<img") && !empty.contains("<aside") && !empty.contains("stylesheet"));
}

#[test]
fn the_line_style_omits_most_parts_but_keeps_its_label() {
    let html = fragment(&in_style(Style::Line));
    assert!(html.contains("Anzeige") && html.contains("Get free account"));
    for left_out in ["git push", "Pricing", "from €0", "reading about", "4,200+"] {
        assert!(!html.contains(left_out), "{left_out}");
    }
}

#[test]
fn no_class_matches_ad_blocker_rules() {
    let html = page(Some(&example()), "en");
    for classes in html.split("class=\"").skip(1) {
        let classes = classes.split('"').next().unwrap();
        for part in classes.split([' ', '-']) {
            let blocked = ["ad", "ads", "advert", "banner", "sponsor", "sponsored"];
            assert!(!blocked.contains(&part), "{classes}");
        }
    }
}

#[test]
fn images_carry_their_size_and_are_omitted_in_the_line_style() {
    let shown = |unit: &RenderedUnit<'_>| {
        let html = fragment(unit);
        let images: Vec<String> = html
            .split("<img ")
            .skip(1)
            .map(|rest| rest.split('>').next().unwrap().to_owned())
            .filter(|tag| !tag.contains("adj-seen"))
            .collect();
        images
    };
    let loading = "loading=\"lazy\" decoding=\"async\" referrerpolicy=\"no-referrer\"";
    for style in [Style::Terminal, Style::Card] {
        let unit = in_style(style);
        let [logo, image] = &shown(&unit)[..] else { panic!("{:?}", shown(&unit)) };
        assert!(logo.contains("5b1d.png\" width=\"40\" height=\"20\" alt=\"A rack\""), "{logo}");
        assert!(
            image.contains("3f0c.png\" width=\"640\" height=\"360\" alt=\"A rack\""),
            "{image}"
        );
        assert!(logo.ends_with(loading) && image.ends_with(loading));
    }
    assert_eq!(shown(&in_style(Style::Line)), [""; 0]);
    let mut without = example();
    (without.creative.logo, without.creative.image) = (None, None);
    assert_eq!(shown(&without), [""; 0]);
}
