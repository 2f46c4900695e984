//! Pictures from a file beside the inventory to the reader's browser, and what becomes of them when
//! somebody takes or changes the stored file.

use crate::harness::Decision;
use crate::harness::Setup;
use crate::harness::TestServer;
use crate::harness::decision::page_on;
use crate::harness::decision::reference;
use crate::harness::inventory;
use crate::harness::process::Place;
use crate::harness::until;
use reqwest::Response;
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use serde_json::json;
use std::path::Path;
use std::path::PathBuf;

const PAN: &str = "config/inventory/pictures/pfanne.png";

fn example(path: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// A page on cooking, read in Austria: it shows the copper pan.
fn kitchen() -> Value {
    let mut page = page_on("food");
    page["viewer"]["region"] = json!("AT");
    page["placements"][0]["styles"] = json!(["card", "line"]);
    page
}

async fn pan(server: &TestServer) -> Decision {
    let decision = server.decide(&kitchen()).await;
    assert_eq!(decision.sponsor(), "kupferpfanne", "{:#}", decision.0);
    decision
}

async fn fetched(server: &TestServer, url: &str) -> Response {
    server.reader.get(url).send().await.unwrap()
}

async fn admin(server: &TestServer, path: &str, bytes: &[u8]) -> (StatusCode, Value) {
    let call = server.reader.post(&format!("{}/v1/admin/{path}", server.ops));
    let sent = call.bearer_auth(server.key("operator")).body(bytes.to_vec());
    let reply = sent.send().await.unwrap();
    (reply.status(), reply.json().await.unwrap_or_default())
}

/// The stored file of a picture that a reply names.
fn stored(server: &TestServer, picture: &Value) -> PathBuf {
    let (width, height) = (&picture["width"], &picture["height"]);
    let file = picture["url"].as_str().unwrap().rsplit('/').next().unwrap();
    let (hash, ending) = file.split_once('.').unwrap();
    server.data().join(format!("catalog/pictures/{hash}-{width}x{height}.{ending}"))
}

#[tokio::test]
async fn a_unit_comes_with_its_pictures_their_sizes_and_what_they_show() {
    let server = TestServer::start().await;
    let decision = pan(&server).await;
    let (logo, image) = (&decision.0["creative"]["logo"], &decision.0["creative"]["image"]);
    assert_eq!((&logo["width"], &logo["height"]), (&json!(128), &json!(128)));
    assert_eq!((&image["width"], &image["height"]), (&json!(640), &json!(360)));
    assert_eq!(logo["alt"], "Kupferpfanne");
    assert_eq!(image["alt"], "Eine Kupferpfanne von oben, der Griff nach rechts");
    assert_eq!(image.as_object().unwrap().len(), 4, "{image}");

    let reply = fetched(&server, image["url"].as_str().unwrap()).await;
    let header = |name: &str| reply.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(reply.status(), 200);
    assert_eq!(header("content-type"), "image/png");
    assert_eq!(header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(header("content-security-policy"), "default-src 'none'");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("cross-origin-resource-policy"), "cross-origin");
    let tag = header("etag");
    assert_eq!(reply.bytes().await.unwrap(), example(PAN), "the example is bare already");

    let url = image["url"].as_str().unwrap();
    let again = server.reader.get(url).header("if-none-match", tag).send().await.unwrap();
    assert_eq!(again.status(), 304);
    assert_eq!(again.bytes().await.unwrap(), "");
}

#[tokio::test]
async fn the_reference_unit_and_a_line_have_no_picture() {
    let server = TestServer::start().await;
    let unit = server.decide(&reference()).await;
    assert_eq!(unit.0["creative"]["logo"], Value::Null);
    assert_eq!(unit.0["creative"]["image"], Value::Null);

    let mut page = kitchen();
    page["render"] = json!("html");
    let card = server.decide(&page).await;
    let html = card.text("/html");
    for part in ["width=\"640\" height=\"360\"", "width=\"20\" height=\"20\"", "alt=\"Eine Kupfer"]
    {
        assert!(html.contains(part), "{part}: {html}");
    }
    page["placements"][0]["styles"] = json!(["line"]);
    let line = server.decide(&page).await;
    assert!(!line.text("/html").contains("/embed/pictures/"));
}

#[tokio::test]
async fn a_picture_is_handed_in_once_named_and_shown_and_no_page_finds_it_before() {
    let server = TestServer::start().await;
    let mut bytes = example(PAN);
    // A comment before the pixels: another file, the same picture.
    let comment = b"\0\0\0\x08tEXtAuthor\0X\x0f\xca\x98\xd1";
    let sum = crc(&comment[4..16]);
    let comment = [&comment[..16], &sum].concat();
    bytes.splice(33..33, comment);
    let (status, told) = admin(&server, "images", &bytes).await;
    assert_eq!(status, 200, "{told}");
    let pan = pan(&server).await;
    let own = stored(&server, &pan.0["creative"]["image"]);
    assert_eq!(told["address"], own.file_name().unwrap().to_str().unwrap(), "it is stored already");

    for (bytes, status, reason) in [
        (&b"<svg onload='alert(1)'/>"[..], 422, "is an SVG"),
        (&[&gif()[..], b"*/alert(1)"].concat(), 422, "after the picture's end"),
        (&[0; 300_000], 413, "longer than"),
    ] {
        let (found, refused) = admin(&server, "images", bytes).await;
        assert_eq!(found, status, "{refused}");
        assert!(refused["detail"].as_str().unwrap().contains(reason), "{refused}");
    }
    let (_, told) = admin(&server, "images", &gif()).await;
    let (_, again) = admin(&server, "images", &gif()).await;
    assert_eq!(told, again);
    let address = told["address"].as_str().unwrap().to_owned();
    assert!(address.ends_with("-160x100.gif"), "{address}");
    let file = format!("{}.gif", &address[..32]);
    let url = format!("{}/embed/pictures/{file}", server.public);
    assert_eq!(fetched(&server, &url).await.status(), 404, "nobody named it");

    let list = server.reader.get(&format!("{}/v1/admin/images", server.ops));
    let list: Vec<Value> =
        list.bearer_auth(server.key("operator")).send().await.unwrap().json().await.unwrap();
    assert_eq!(list.len(), 5);
    assert!(list.contains(&told));

    let path = format!("{}/v1/admin/creatives/kupferpfanne-pfanne", server.ops);
    let call = server.reader.get(&path).bearer_auth(server.key("operator"));
    let mut document: Value = call.send().await.unwrap().json().await.unwrap();
    document["image"] = json!({ "file": address, "alt": "A gradient" });
    let (before, reply) = replaced(&server, &path, &document).await;
    assert_eq!(before, 200, "{reply}");
    for state in ["approved", "live"] {
        let body = json!({ "state": state }).to_string();
        let step = admin(&server, "creatives/kupferpfanne-pfanne/state", body.as_bytes()).await;
        assert_eq!(step.0, 200, "{}", step.1);
    }
    let shown = self::pan(&server).await;
    assert_eq!(shown.text("/creative/image/url"), url);
    let reply = fetched(&server, &url).await;
    assert_eq!(reply.headers()[CONTENT_TYPE], "image/gif");
    let old = fetched(&server, pan.text("/creative/image/url")).await;
    assert_eq!(old.status(), 200, "pages that were given the picture before still show it");
}

async fn replaced(server: &TestServer, path: &str, document: &Value) -> (StatusCode, Value) {
    let call = server.reader.request(reqwest::Method::PUT, path);
    let reply = call.bearer_auth(server.key("operator")).json(document).send().await.unwrap();
    (reply.status(), reply.json().await.unwrap())
}

#[tokio::test]
async fn a_document_names_no_picture_that_is_not_stored() {
    let server = TestServer::start().await;
    let path = format!("{}/v1/admin/creatives/kupferpfanne-pfanne", server.ops);
    let call = server.reader.get(&path).bearer_auth(server.key("operator"));
    let mut document: Value = call.send().await.unwrap().json().await.unwrap();
    let nowhere = format!("{}-640x360.png", "0".repeat(32));
    for (file, reason) in [
        (nowhere.as_str(), "is not stored"),
        ("pictures/pfanne.png", "there is no folder here"),
        ("../../etc/x.png", "is no path of a picture"),
        ("https://x.example/x.png", "is no path of a picture"),
    ] {
        document["image"] = json!({ "file": file, "alt": "A pan" });
        let (status, refused) = replaced(&server, &path, &document).await;
        assert_eq!(status, 422, "{file}");
        let problem = &refused["problems"][0];
        assert!(problem["field"].as_str().unwrap().ends_with("image.file"), "{refused}");
        assert!(problem["reason"].as_str().unwrap().contains(reason), "{refused}");
    }
    assert_eq!(pan(&server).await.text("/creative/image/alt").split(' ').next(), Some("Eine"));
}

#[tokio::test]
async fn a_unit_is_served_without_a_picture_that_is_lost_and_with_it_when_it_is_back() {
    let server = TestServer::start().await;
    let decision = pan(&server).await;
    let (logo, image) = (&decision.0["creative"]["logo"], &decision.0["creative"]["image"]);
    let file = stored(&server, image);
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    std::fs::remove_file(stored(&server, logo)).unwrap();

    // Found when it is asked for: never a broken one, and no page is given it any more.
    let url = image["url"].as_str().unwrap();
    assert_eq!(fetched(&server, url).await.status(), 404);
    assert_eq!(pan(&server).await.0["creative"]["image"], Value::Null);

    // Found at the start, whoever asks.
    let server = server.restart().await;
    let without = pan(&server).await;
    assert_eq!(without.0["creative"]["image"], Value::Null);
    assert_eq!(without.0["creative"]["logo"], Value::Null);
    let call = server.reader.get(&format!("{}/v1/admin/audit", server.ops));
    let audit: Value =
        call.bearer_auth(server.key("operator")).send().await.unwrap().json().await.unwrap();
    assert_eq!(audit["pictures"].as_array().unwrap().len(), 2, "{audit}");

    // Sent again, it is shown again: nothing else has to change.
    for name in ["pfanne", "kupferpfanne"] {
        let bytes = example(&format!("config/inventory/pictures/{name}.png"));
        assert_eq!(admin(&server, "images", &bytes).await.0, 200);
    }
    let with = pan(&server).await;
    assert_eq!(with.0["creative"]["image"]["width"], 640);
    assert_eq!(with.0["creative"]["logo"]["width"], 128);
}

#[tokio::test]
async fn a_picture_that_somebody_puts_back_is_shown_without_being_sent() {
    let server = TestServer::start().await;
    let image = pan(&server).await.0["creative"]["image"].clone();
    let file = stored(&server, &image);
    let kept = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(fetched(&server, image["url"].as_str().unwrap()).await.status(), 404);
    assert_eq!(pan(&server).await.0["creative"]["image"], Value::Null);

    std::fs::write(&file, &kept).unwrap();

    until("the picture is shown", async || {
        let shown = pan(&server).await.0["creative"]["image"].clone();
        (shown == image).then_some(())
    })
    .await;
    assert_eq!(fetched(&server, image["url"].as_str().unwrap()).await.status(), 200);
}

#[tokio::test]
async fn files_are_checked_where_they_lie_and_applied_to_a_server_that_runs() {
    let place = Place::new();
    let process = place.serve();
    let run = |arguments: &[&str]| {
        let done = place.command(arguments).output().unwrap();
        let text = [done.stdout, done.stderr].concat();
        (done.status.code(), String::from_utf8(text).unwrap())
    };
    let picture = |name: &str| place.path("config/inventory/pictures").join(name);
    let pan = std::fs::read(picture("pfanne.png")).unwrap();
    let (code, said) = run(&["check"]);
    assert!(code == Some(0) && said.contains("4 pictures"), "{said}");

    for (bytes, expected) in [
        (pan[..pan.len() - 20].to_vec(), "it is cut off"),
        ([&pan[..], b"<script>"].concat(), "goes on for 8 bytes"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(), "is an SVG"),
        (gif(), "is a GIF by its content"),
        (vec![0; 300_000], "bytes: 262144 at most"),
    ] {
        std::fs::write(picture("pfanne.png"), bytes).unwrap();
        let (code, said) = run(&["check"]);
        assert_eq!(code, Some(64), "{said}");
        let place = "config/inventory/others.toml:70:18: creatives[1].image.file: `pictures/pfanne";
        assert!(said.contains(place), "{said}");
        assert!(said.contains(expected), "{expected}: {said}");
    }
    std::fs::remove_file(picture("pfanne.png")).unwrap();
    assert!(run(&["check"]).1.contains("cannot be read"));

    // Another picture under the same name: seen by `--watch`, stored, served.
    std::fs::write(picture("pfanne.png"), example("config/inventory/pictures/lastenrad.png"))
        .unwrap();
    let reader = crate::harness::Reader::new();
    let shown = async || {
        let answer = process.decide(&reader, &kitchen()).await?;
        let height = answer["decisions"]["article-end"]["creative"]["image"]["height"].as_u64();
        (height == Some(320)).then_some(())
    };
    until("the other picture", shown).await;

    // The verb hands its pictures over.
    std::fs::create_dir(place.path("other")).unwrap();
    let folder = place.path("other/inventory");
    std::fs::create_dir_all(folder.join("pictures")).unwrap();
    std::fs::write(folder.join("all.toml"), inventory::example()).unwrap();
    inventory::pictures_into(&folder);
    let (code, said) = run(&["apply", "other/inventory"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("image.file"), "{said}");
    let answer = process.decide(&reader, &kitchen()).await.unwrap();
    let image = &answer["decisions"]["article-end"]["creative"]["image"];
    assert_eq!(image["height"], 360, "{answer:#}");

    // An address is looked up where the data are.
    let nowhere = format!("{}-640x360.png", "0".repeat(32));
    let text = inventory::changed("pictures/pfanne.png", &nowhere);
    std::fs::write(folder.join("all.toml"), text).unwrap();
    let (code, said) = run(&["check", "other/inventory"]);
    assert!(
        code == Some(64) && said.contains("is not stored") && said.contains("all.toml:"),
        "{said}"
    );
    assert_eq!(run(&["check", "other/inventory", "--data", "none"]).0, Some(0));
}

#[tokio::test]
async fn a_picture_has_the_shape_that_a_unit_has_room_for() {
    let server = Setup::default().start().await;
    for (picture, place, reason) in [
        ("config/inventory/pictures/pfanne.png", "advertisers/kupferpfanne", "512 at most"),
        ("config/inventory/pictures/kupferpfanne.png", "creatives/kupferpfanne-pfanne", "160 at"),
    ] {
        let (_, told) = admin(&server, "images", &example(picture)).await;
        let path = format!("{}/v1/admin/{place}", server.ops);
        let call = server.reader.get(&path).bearer_auth(server.key("operator"));
        let mut document: Value = call.send().await.unwrap().json().await.unwrap();
        if place.starts_with("adv") {
            document["logo"] = told["address"].clone();
        } else {
            document["image"]["file"] = told["address"].clone();
        }
        let (status, refused) = replaced(&server, &path, &document).await;
        assert_eq!(status, 422);
        assert!(refused["problems"][0]["reason"].as_str().unwrap().contains(reason), "{refused}");
        document["image"] = json!({ "file": told["address"], "alt": " " });
    }
}

/// A GIF of 160 by 100 pixels of one colour: every code by itself, before the codes grow wider.
fn gif() -> Vec<u8> {
    let mut bits = Vec::new();
    let mut put = |code: u16, width: u8| bits.extend((0..width).map(|bit| code >> bit & 1 == 1));
    // Codes of three bits: cleared after every two, so that they never need a fourth.
    for _ in 0..8_000 {
        put(4, 3);
        put(0, 3);
        put(0, 3);
    }
    put(5, 3);
    let byte = |bits: &[bool]| {
        bits.iter().enumerate().fold(0u8, |byte, (at, set)| byte | u8::from(*set) << at)
    };
    let data: Vec<u8> = bits.chunks(8).map(byte).collect();
    let mut file = b"GIF89a\xA0\0\x64\0\x81\0\0".to_vec();
    file.extend([184, 104, 62, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    file.extend(b"\x2C\0\0\0\0\xA0\0\x64\0\0\x02");
    for block in data.chunks(255) {
        file.push(u8::try_from(block.len()).unwrap());
        file.extend(block);
    }
    file.extend(b"\0\x3B");
    file
}

/// The sum of a PNG chunk.
fn crc(bytes: &[u8]) -> [u8; 4] {
    let sum = bytes.iter().fold(!0u32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            if sum & 1 == 1 { sum >> 1 ^ 0xEDB8_8320 } else { sum >> 1 }
        })
    });
    (!sum).to_be_bytes()
}

/// A server that speaks the dialects with a place for pictures.
async fn speaking() -> TestServer {
    let turned = |settings: &mut adjacent::config::Settings| {
        settings.adapters.ethicalads = true;
        settings.adapters.openrtb = true;
    };
    Setup::default().settings(turned).start().await
}

#[tokio::test]
async fn ethicalads_is_given_the_image() {
    let server = speaking().await;
    let asked =
        "publisher=eu-tech-news&div_ids=article-end&ad_types=article-end&campaign_types=paid";
    let of = async |keywords: &str| -> Value {
        let url = format!("{}/api/v1/decision/?{asked}&keywords={keywords}", server.public);
        server.reader.get(&url).send().await.unwrap().json().await.unwrap()
    };
    let told = of("mobility").await;
    let url = told["image"].as_str().unwrap_or_else(|| panic!("{told}"));
    assert_eq!(fetched(&server, url).await.status(), 200);
    assert!(told["html"].as_str().unwrap().contains(url));
    let told = of("ai-infrastructure").await;
    assert_eq!(told["id"], "zahid-git-push");
    assert_eq!(told["image"], Value::Null);
}

#[tokio::test]
async fn a_native_bid_has_the_logo_and_the_image_that_fit_what_is_asked() {
    let server = speaking().await;
    let bid = async |image: Value, required: u8| -> Option<Value> {
        let assets = json!([
            { "id": 1, "required": 1, "title": { "len": 90 } },
            { "id": 2, "required": 1, "img": { "type": 1, "wmin": 50, "hmin": 50 } },
            { "id": 3, "required": required, "img": image },
        ]);
        let native = json!({ "ver": "1.2", "assets": assets }).to_string();
        let auction = json!({
            "id": "1",
            "imp": [{ "id": "1", "tagid": "article-end", "native": { "request": native } }],
            "site": { "id": "eu-tech-news", "keywords": "food", "content": { "language": "de" } },
            "device": { "geo": { "country": "AUT" } },
        });
        let call = server.reader.post(&format!("{}/openrtb2/2.6/bids", server.public));
        let reply = call.json(&auction).send().await.unwrap();
        if reply.status() == 204 {
            assert_eq!(reply.headers()["adjacent-no-fill"], "assets");
            return None;
        }
        let told: Value = reply.json().await.unwrap();
        let adm = told["seatbid"][0]["bid"][0]["adm"].as_str();
        let markup: Value = serde_json::from_str(adm.unwrap_or_else(|| panic!("{told}"))).unwrap();
        Some(markup["assets"].clone())
    };
    let assets = bid(json!({ "type": 3, "w": 640, "h": 360 }), 1).await.unwrap();
    assert_eq!((&assets[1]["img"]["type"], &assets[1]["img"]["w"]), (&json!(1), &json!(128)));
    let image = &assets[2]["img"];
    assert_eq!((&image["type"], &image["w"], &image["h"]), (&json!(3), &json!(640), &json!(360)));
    assert_eq!(fetched(&server, image["url"].as_str().unwrap()).await.status(), 200);
    let read: openrtb_native1::response::Asset = serde_json::from_value(assets[2].clone()).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap()["img"]["w"], 640);

    for fits in [
        json!({ "type": 3, "wmin": 600, "hmin": 300 }),
        json!({ "type": 3, "w": 1200, "wmin": 640, "mimes": ["image/jpeg", "image/png"] }),
        json!({ "type": 3 }),
    ] {
        assert_eq!(bid(fits.clone(), 1).await.unwrap().as_array().unwrap().len(), 3, "{fits}");
    }
    for other in [
        json!({ "type": 3, "w": 1200, "h": 627 }),
        json!({ "type": 3, "wmin": 641 }),
        json!({ "type": 3, "hmin": 361 }),
        json!({ "type": 3, "mimes": ["image/webp"] }),
        json!({ "type": 2 }),
    ] {
        assert!(bid(other.clone(), 1).await.is_none(), "{other}");
        assert_eq!(bid(other.clone(), 0).await.unwrap().as_array().unwrap().len(), 2, "{other}");
    }
}
