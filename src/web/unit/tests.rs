//! Escaping, links and structure of the unit's HTML.

use super::*;

fn reference() -> UnitView<'static> {
    UnitView {
        style: "terminal",
        language: "en",
        direction: "ltr",
        label: LabelView {
            text: "Anzeige",
            language: "de",
            aria: "Anzeige, bezahlter Inhalt",
            line: "präsentiert von zahid.host",
        },
        logo: Some(LOGO),
        image: Some(IMAGE),
        kicker: Some("reading about agents?"),
        headline: "Run your AI side-project on zahid.host",
        body: Some("Push a repository."),
        proof: Some(ProofView { text: "4,200+ projects", source: "count", as_of: "2026-10-01" }),
        command: Some(CommandView {
            text: "git push zahid main",
            output: Some("Live"),
            aria: "command for a terminal",
        }),
        ctas: vec![
            CtaView { text: "Get free account", click_url: "https://x.example/c/a" },
            CtaView { text: "Pricing", click_url: "https://x.example/c/b" },
        ],
        click_url: Some("https://x.example/c/h"),
        price: Some(PriceView { text: "from €0/mo", note: Some("no card required") }),
        why: "shown because this page is about AI infrastructure",
        why_language: "en",
        why_text: "why this",
        why_url: Some("https://x.example/w/d"),
        rel: "sponsored nofollow noopener",
        impression_url: Some("https://x.example/e/i"),
    }
}

const LOGO: ImageView<'static> = ImageView {
    url: "https://x.example/embed/pictures/a.png",
    width: 192,
    height: 96,
    alt: "Zahid",
};
const IMAGE: ImageView<'static> = ImageView {
    url: "https://x.example/embed/pictures/b.png",
    width: 640,
    height: 360,
    alt: "A rack",
};

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

/// One view per field with `text` in that field, and the field's name.
fn views_with(text: &'static str) -> Vec<(&'static str, UnitView<'static>)> {
    let mut views = Vec::new();
    let mut add = |field, change: fn(&mut UnitView<'static>, &'static str)| {
        let mut view = reference();
        change(&mut view, text);
        views.push((field, view));
    };
    add("style", |view, text| view.style = text);
    add("language", |view, text| view.language = text);
    add("direction", |view, text| view.direction = text);
    add("label.text", |view, text| view.label.text = text);
    add("label.language", |view, text| view.label.language = text);
    add("label.aria", |view, text| view.label.aria = text);
    add("label.line", |view, text| view.label.line = text);
    add("logo alt", |view, text| view.logo = Some(ImageView { alt: text, ..LOGO }));
    add("logo url", |view, text| view.logo = Some(ImageView { url: text, ..LOGO }));
    add("image alt", |view, text| view.image = Some(ImageView { alt: text, ..IMAGE }));
    add("image url", |view, text| view.image = Some(ImageView { url: text, ..IMAGE }));
    add("kicker", |view, text| view.kicker = Some(text));
    add("headline", |view, text| view.headline = text);
    add("headline alone", |view, text| {
        view.click_url = None;
        view.headline = text;
    });
    add("body", |view, text| view.body = Some(text));
    add("proof", |view, text| {
        view.proof = Some(ProofView { text, source: text, as_of: text });
    });
    add("command", |view, text| {
        view.command = Some(CommandView { text, output: Some(text), aria: text });
    });
    add("cta text", |view, text| view.ctas[0].text = text);
    add("cta url", |view, text| view.ctas[1].click_url = text);
    add("click_url", |view, text| view.click_url = Some(text));
    add("price", |view, text| view.price = Some(PriceView { text, note: Some(text) }));
    add("why", |view, text| view.why = text);
    add("why_language", |view, text| view.why_language = text);
    add("why_text", |view, text| view.why_text = text);
    add("why_url", |view, text| view.why_url = Some(text));
    add("rel", |view, text| view.rel = text);
    add("impression_url", |view, text| view.impression_url = Some(text));
    views
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
        for (field, view) in views_with(text) {
            for (place, html) in [("fragment", fragment(&view)), ("page", page(Some(&view), text))]
            {
                let whole = tags(&html);
                for tag in &whole {
                    let name = tag.split([' ', '/']).find(|part| !part.is_empty());
                    let known = [
                        "aside", "p", "b", "a", "div", "figure", "code", "samp", "span",
                        "!doctype", "html", "head", "meta", "link", "title", "body", "img",
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
    let mut view = reference();
    let html = fragment(&view);
    let first = html.find("Anzeige</b>").unwrap();
    for later in ["4,200+", "reading about", "Run your AI", "git push", "Pricing", "from €0"] {
        assert!(html.find(later).unwrap() > first, "{later}");
    }
    view.label.text = " ";
    assert_eq!(fragment(&view), "");
    assert!(!page(Some(&view), "en").contains("zahid"));
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
    let html = fragment(&reference());
    for never in ["<script", " style=", "<style", " onclick", " onload", " id="] {
        assert!(!html.contains(never), "{never}");
    }
    assert_eq!(html.matches("rel=\"sponsored nofollow noopener\"").count(), 3);
}

#[test]
fn a_filled_page_contains_the_impression_pixel_and_an_empty_page_does_not() {
    let full = page(Some(&reference()), "en");
    assert!(full.contains("src=\"https://x.example/e/i\" width=\"1\" height=\"1\""));
    assert!(full.contains(&format!("href=\"{}\"", assets::path(assets::UNIT_CSS))));
    let by_itself = fragment(&UnitView { impression_url: None, ..reference() });
    assert!(!by_itself.contains("adj-seen"));
    let empty = page(None, "en");
    assert!(!empty.contains("<img") && !empty.contains("<aside") && !empty.contains("stylesheet"));
}

#[test]
fn the_line_style_omits_most_parts_but_keeps_its_label() {
    let html = fragment(&UnitView { style: "line", ..reference() });
    assert!(html.contains("Anzeige") && html.contains("Get free account"));
    for left_out in ["git push", "Pricing", "from €0", "reading about", "4,200+"] {
        assert!(!html.contains(left_out), "{left_out}");
    }
}

#[test]
fn no_class_matches_ad_blocker_rules() {
    let html = page(Some(&reference()), "en");
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
    let shown = |view: &UnitView<'_>| {
        let html = fragment(view);
        let images: Vec<String> = html
            .split("<img ")
            .skip(1)
            .map(|rest| rest.split('>').next().unwrap().to_owned())
            .filter(|tag| !tag.contains("adj-seen"))
            .collect();
        images
    };
    let loading = "loading=\"lazy\" decoding=\"async\" referrerpolicy=\"no-referrer\"";
    for style in ["terminal", "card"] {
        let view = UnitView { style, ..reference() };
        let [logo, image] = &shown(&view)[..] else { panic!("{:?}", shown(&view)) };
        assert!(logo.contains("a.png\" width=\"40\" height=\"20\" alt=\"Zahid\""), "{logo}");
        assert!(image.contains("b.png\" width=\"640\" height=\"360\" alt=\"A rack\""), "{image}");
        assert!(logo.ends_with(loading) && image.ends_with(loading));
    }
    assert_eq!(shown(&UnitView { style: "line", ..reference() }), [""; 0]);
    assert_eq!(shown(&UnitView { logo: None, image: None, ..reference() }), [""; 0]);
}
