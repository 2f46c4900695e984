//! Images from a file beside the inventory to the reader's browser, and the behaviour when a stored
//! file is deleted or changed.

use crate::harness::decision::{page_on, reference};
use crate::harness::process::Installation;
use crate::harness::{Decision, Setup, TestServer, inventory, wait_until};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const PAN_IMAGE: &str = "config/inventory/pictures/pfanne.png";

fn repository_file(path: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// A page about cooking with a reader in Austria. Its unit is the one for the copper pan.
fn cooking_page() -> Value {
    let mut page = page_on("food");
    page["viewer"]["region"] = json!("AT");
    page["placements"][0]["styles"] = json!(["card", "line"]);
    page
}

async fn pan_decision(server: &TestServer) -> Decision {
    let decision = server.decide(&cooking_page()).await;
    assert_eq!(decision.advertiser(), "kupferpfanne", "{:#}", decision.0);
    decision
}

async fn fetch(server: &TestServer, url: &str) -> Response {
    server.reader.get(url).send().await.unwrap()
}

async fn admin(server: &TestServer, path: &str, bytes: &[u8]) -> (StatusCode, Value) {
    let request = server.reader.post(&format!("{}/v1/admin/{path}", server.ops));
    let request = request.bearer_auth(server.key("operator")).body(bytes.to_vec());
    let reply = request.send().await.unwrap();
    (reply.status(), reply.json().await.unwrap_or_default())
}

/// Path of the stored file for an image in a decision.
fn image_path(server: &TestServer, image: &Value) -> PathBuf {
    let (width, height) = (&image["width"], &image["height"]);
    let file = image["url"].as_str().unwrap().rsplit('/').next().unwrap();
    let (hash, ending) = file.split_once('.').unwrap();
    server.data().join(format!("catalog/pictures/{hash}-{width}x{height}.{ending}"))
}

#[tokio::test]
async fn a_decision_contains_the_images_with_their_sizes_and_alternative_texts() {
    let server = TestServer::start().await;
    let decision = pan_decision(&server).await;
    let (logo, image) = (&decision.0["creative"]["logo"], &decision.0["creative"]["image"]);
    assert_eq!((&logo["width"], &logo["height"]), (&json!(128), &json!(128)));
    assert_eq!((&image["width"], &image["height"]), (&json!(640), &json!(360)));
    assert_eq!(logo["alt"], "Kupferpfanne");
    assert_eq!(image["alt"], "Eine Kupferpfanne von oben, der Griff nach rechts");
    assert_eq!(image.as_object().unwrap().len(), 4, "{image}");

    let reply = fetch(&server, image["url"].as_str().unwrap()).await;
    let header = |name: &str| reply.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(reply.status(), 200);
    assert_eq!(header("content-type"), "image/png");
    assert_eq!(header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(header("content-security-policy"), "default-src 'none'");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("cross-origin-resource-policy"), "cross-origin");
    let tag = header("etag");
    assert_eq!(
        reply.bytes().await.unwrap(),
        repository_file(PAN_IMAGE),
        "the example has no metadata to strip"
    );

    let url = image["url"].as_str().unwrap();
    let again = server.reader.get(url).header("if-none-match", tag).send().await.unwrap();
    assert_eq!(again.status(), 304);
    assert_eq!(again.bytes().await.unwrap(), "");
}

#[tokio::test]
async fn the_reference_unit_and_the_line_style_have_no_image() {
    let server = TestServer::start().await;
    let unit = server.decide(&reference()).await;
    assert_eq!(unit.0["creative"]["logo"], Value::Null);
    assert_eq!(unit.0["creative"]["image"], Value::Null);

    let mut page = cooking_page();
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
async fn an_uploaded_image_is_stored_once_and_served_only_after_a_creative_references_it() {
    let server = TestServer::start().await;
    let mut bytes = repository_file(PAN_IMAGE);
    // A comment chunk before the pixels: a different file with the same image.
    let comment = b"\0\0\0\x08tEXtAuthor\0X\x0f\xca\x98\xd1";
    let sum = crc(&comment[4..16]);
    let comment = [&comment[..16], &sum].concat();
    bytes.splice(33..33, comment);
    let (status, uploaded) = admin(&server, "images", &bytes).await;
    assert_eq!(status, 200, "{uploaded}");
    let earlier = pan_decision(&server).await;
    let stored_path = image_path(&server, &earlier.0["creative"]["image"]);
    assert_eq!(
        uploaded["address"],
        stored_path.file_name().unwrap().to_str().unwrap(),
        "the image is already stored"
    );

    for (bytes, status, reason) in [
        (&b"<svg onload='alert(1)'/>"[..], 422, "must not be an SVG"),
        (&[&gif()[..], b"*/alert(1)"].concat(), 422, "must end with the image"),
        (&[0; 300_000], 413, "exceeds the limit"),
    ] {
        let (response_status, problem) = admin(&server, "images", bytes).await;
        assert_eq!(response_status, status, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(reason), "{problem}");
    }
    let (_, uploaded) = admin(&server, "images", &gif()).await;
    let (_, again) = admin(&server, "images", &gif()).await;
    assert_eq!(uploaded, again);
    let address = uploaded["address"].as_str().unwrap().to_owned();
    assert!(address.ends_with("-160x100.gif"), "{address}");
    let file = format!("{}.gif", &address[..32]);
    let url = format!("{}/embed/pictures/{file}", server.public);
    assert_eq!(fetch(&server, &url).await.status(), 404, "no creative references it");

    let list = server.reader.get(&format!("{}/v1/admin/images", server.ops));
    let list: Vec<Value> =
        list.bearer_auth(server.key("operator")).send().await.unwrap().json().await.unwrap();
    assert_eq!(list.len(), 5);
    assert!(list.contains(&uploaded));

    let path = format!("{}/v1/admin/creatives/kupferpfanne-pfanne", server.ops);
    let request = server.reader.get(&path).bearer_auth(server.key("operator"));
    let mut document: Value = request.send().await.unwrap().json().await.unwrap();
    document["image"] = json!({ "file": address, "alt": "A gradient" });
    let (put_status, reply) = put_document(&server, &path, &document).await;
    assert_eq!(put_status, 200, "{reply}");
    for state in ["approved", "live"] {
        let body = json!({ "state": state }).to_string();
        let step = admin(&server, "creatives/kupferpfanne-pfanne/state", body.as_bytes()).await;
        assert_eq!(step.0, 200, "{}", step.1);
    }
    let shown = pan_decision(&server).await;
    assert_eq!(shown.text("/creative/image/url"), url);
    let reply = fetch(&server, &url).await;
    assert_eq!(reply.headers()[CONTENT_TYPE], "image/gif");
    let old = fetch(&server, earlier.text("/creative/image/url")).await;
    assert_eq!(old.status(), 200, "pages that received the earlier image still load it");
}

async fn put_document(server: &TestServer, path: &str, document: &Value) -> (StatusCode, Value) {
    let request = server.reader.request(reqwest::Method::PUT, path);
    let reply = request.bearer_auth(server.key("operator")).json(document).send().await.unwrap();
    (reply.status(), reply.json().await.unwrap())
}

#[tokio::test]
async fn a_creative_that_references_an_image_that_is_not_stored_is_rejected() {
    let server = TestServer::start().await;
    let path = format!("{}/v1/admin/creatives/kupferpfanne-pfanne", server.ops);
    let request = server.reader.get(&path).bearer_auth(server.key("operator"));
    let mut document: Value = request.send().await.unwrap().json().await.unwrap();
    let unknown = format!("{}-640x360.png", "0".repeat(32));
    for (file, reason) in [
        (unknown.as_str(), "is not stored"),
        ("pictures/pfanne.png", "must be the address of a stored image"),
        ("../../etc/x.png", "is not an image path"),
        ("https://x.example/x.png", "is not an image path"),
    ] {
        document["image"] = json!({ "file": file, "alt": "A pan" });
        let (status, reply) = put_document(&server, &path, &document).await;
        assert_eq!(status, 422, "{file}");
        let problem = &reply["problems"][0];
        assert!(problem["field"].as_str().unwrap().ends_with("image.file"), "{reply}");
        assert!(problem["reason"].as_str().unwrap().contains(reason), "{reply}");
    }
    assert_eq!(
        pan_decision(&server).await.text("/creative/image/alt").split(' ').next(),
        Some("Eine")
    );
}

#[tokio::test]
async fn a_unit_is_served_without_a_lost_image_and_with_it_after_a_new_upload() {
    let server = TestServer::start().await;
    let mut decision = pan_decision(&server).await;
    for _ in 0..12 {
        decision = pan_decision(&server).await;
    }
    let (logo, image) = (&decision.0["creative"]["logo"], &decision.0["creative"]["image"]);
    let file = image_path(&server, image);
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    std::fs::remove_file(image_path(&server, logo)).unwrap();

    // The corruption is detected on request: the file is not served and later decisions omit it.
    let url = image["url"].as_str().unwrap();
    assert_eq!(fetch(&server, url).await.status(), 404);
    for _ in 0..12 {
        assert_eq!(pan_decision(&server).await.0["creative"]["image"], Value::Null);
    }

    // Missing and corrupt files are also detected at startup.
    let server = server.restart().await;
    let without = pan_decision(&server).await;
    assert_eq!(without.0["creative"]["image"], Value::Null);
    assert_eq!(without.0["creative"]["logo"], Value::Null);
    let request = server.reader.get(&format!("{}/v1/admin/audit", server.ops));
    let audit: Value =
        request.bearer_auth(server.key("operator")).send().await.unwrap().json().await.unwrap();
    assert_eq!(audit["images"].as_array().unwrap().len(), 2, "{audit}");

    // After a new upload the images are shown again without any other change.
    for name in ["pfanne", "kupferpfanne"] {
        let bytes = repository_file(&format!("config/inventory/pictures/{name}.png"));
        assert_eq!(admin(&server, "images", &bytes).await.0, 200);
    }
    let with = pan_decision(&server).await;
    assert_eq!(with.0["creative"]["image"]["width"], 640);
    assert_eq!(with.0["creative"]["logo"]["width"], 128);
}

#[tokio::test]
async fn an_image_file_restored_by_hand_is_shown_without_an_upload() {
    let server = TestServer::start().await;
    let image = pan_decision(&server).await.0["creative"]["image"].clone();
    let file = image_path(&server, &image);
    let original = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(fetch(&server, image["url"].as_str().unwrap()).await.status(), 404);
    assert_eq!(pan_decision(&server).await.0["creative"]["image"], Value::Null);

    std::fs::write(&file, &original).unwrap();

    wait_until("the image is shown", async || {
        let shown = pan_decision(&server).await.0["creative"]["image"].clone();
        (shown == image).then_some(())
    })
    .await;
    assert_eq!(fetch(&server, image["url"].as_str().unwrap()).await.status(), 200);
}

#[tokio::test]
async fn image_files_are_checked_locally_and_applied_to_a_running_server() {
    let installation = Installation::new();
    let process = installation.serve();
    let run = |arguments: &[&str]| {
        let finished = installation.command(arguments).output().unwrap();
        let text = [finished.stdout, finished.stderr].concat();
        (finished.status.code(), String::from_utf8(text).unwrap())
    };
    let image = |name: &str| installation.path("config/inventory/pictures").join(name);
    let pan = std::fs::read(image("pfanne.png")).unwrap();
    let (code, output) = run(&["check"]);
    assert!(code == Some(0) && output.contains("4 images"), "{output}");

    for (bytes, expected) in [
        (pan[..pan.len() - 20].to_vec(), "the file is truncated"),
        ([&pan[..], b"<script>"].concat(), "must end with the image (got 8 more bytes)"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(), "must not be an SVG"),
        (gif(), "must have the extension .gif"),
        (vec![0; 300_000], "must have at most 262144 bytes"),
    ] {
        std::fs::write(image("pfanne.png"), bytes).unwrap();
        let (code, output) = run(&["check"]);
        assert_eq!(code, Some(64), "{output}");
        let location =
            "config/inventory/others.toml:70:18: creatives[1].image.file: `pictures/pfanne";
        assert!(output.contains(location), "{output}");
        assert!(output.contains(expected), "{expected}: {output}");
    }
    std::fs::remove_file(image("pfanne.png")).unwrap();
    assert!(run(&["check"]).1.contains("cannot be read"));

    // A different image under the same name: detected by `--watch`, stored and served.
    std::fs::write(image("pfanne.png"), repository_file("config/inventory/pictures/lastenrad.png"))
        .unwrap();
    let reader = crate::harness::Reader::new();
    let shown = async || {
        let response = process.decide(&reader, &cooking_page()).await?;
        let height = response["decisions"]["article-end"]["creative"]["image"]["height"].as_u64();
        (height == Some(320)).then_some(())
    };
    wait_until("the other image", shown).await;

    // `apply` uploads the images of the folder.
    std::fs::create_dir(installation.path("other")).unwrap();
    let folder = installation.path("other/inventory");
    std::fs::create_dir_all(folder.join("pictures")).unwrap();
    std::fs::write(folder.join("all.toml"), inventory::example()).unwrap();
    inventory::copy_images_into(&folder);
    let (code, output) = run(&["apply", "other/inventory", "--yes"]);
    assert_eq!(code, Some(0), "{output}");
    assert!(output.contains("image.file"), "{output}");
    let response = process.decide(&reader, &cooking_page()).await.unwrap();
    let image = &response["decisions"]["article-end"]["creative"]["image"];
    assert_eq!(image["height"], 360, "{response:#}");

    // An image address is checked against the data directory.
    let unknown = format!("{}-640x360.png", "0".repeat(32));
    let text = inventory::example_with("pictures/pfanne.png", &unknown);
    std::fs::write(folder.join("all.toml"), text).unwrap();
    let (code, output) = run(&["check", "other/inventory"]);
    assert!(
        code == Some(64) && output.contains("is not stored") && output.contains("all.toml:"),
        "{output}"
    );
    // Without a data directory it is not.
    std::fs::write(installation.path("none.toml"), "[store]\ndata = \"none\"\n").unwrap();
    assert_eq!(run(&["check", "other/inventory", "--config", "none.toml"]).0, Some(0));
}

#[tokio::test]
async fn an_image_of_the_wrong_size_is_rejected() {
    let server = Setup::default().start().await;
    for (image, object, reason) in [
        ("config/inventory/pictures/pfanne.png", "advertisers/kupferpfanne", "at most 512"),
        (
            "config/inventory/pictures/kupferpfanne.png",
            "creatives/kupferpfanne-pfanne",
            "least 160",
        ),
    ] {
        let (_, uploaded) = admin(&server, "images", &repository_file(image)).await;
        let path = format!("{}/v1/admin/{object}", server.ops);
        let request = server.reader.get(&path).bearer_auth(server.key("operator"));
        let mut document: Value = request.send().await.unwrap().json().await.unwrap();
        if object.starts_with("adv") {
            document["logo"] = uploaded["address"].clone();
        } else {
            document["image"]["file"] = uploaded["address"].clone();
        }
        let (status, reply) = put_document(&server, &path, &document).await;
        assert_eq!(status, 422);
        assert!(reply["problems"][0]["reason"].as_str().unwrap().contains(reason), "{reply}");
        document["image"] = json!({ "file": uploaded["address"], "alt": " " });
    }
}

/// A single-colour GIF of 160 by 100 pixels, encoded with literal LZW codes of a fixed width.
fn gif() -> Vec<u8> {
    let mut bits = Vec::new();
    let mut put = |code: u16, width: u8| bits.extend((0..width).map(|bit| code >> bit & 1 == 1));
    // Three-bit codes; a clear code after every two keeps the width at three bits.
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

/// CRC-32 of a PNG chunk.
fn crc(bytes: &[u8]) -> [u8; 4] {
    let sum = bytes.iter().fold(!0u32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            if sum & 1 == 1 { sum >> 1 ^ 0xEDB8_8320 } else { sum >> 1 }
        })
    });
    (!sum).to_be_bytes()
}

/// A server with the adapters whose protocols can carry images.
async fn server_with_adapters() -> TestServer {
    let enable = |settings: &mut adjacent::config::Settings| {
        settings.adapters.ethicalads = true;
        settings.adapters.openrtb = true;
    };
    Setup::default().settings(enable).start().await
}

#[tokio::test]
async fn an_ethicalads_decision_contains_the_image() {
    let server = server_with_adapters().await;
    let query =
        "publisher=eu-tech-news&div_ids=article-end&ad_types=article-end&campaign_types=paid";
    let decide = async |keywords: &str| -> Value {
        let url = format!("{}/api/v1/decision/?{query}&keywords={keywords}", server.public);
        server.reader.get(&url).send().await.unwrap().json().await.unwrap()
    };
    let reply = decide("mobility").await;
    let url = reply["image"].as_str().unwrap_or_else(|| panic!("{reply}"));
    assert_eq!(fetch(&server, url).await.status(), 200);
    assert!(reply["html"].as_str().unwrap().contains(url));
    let reply = decide("ai-infrastructure").await;
    assert_eq!(reply["id"], "zahid-git-push");
    assert_eq!(reply["image"], Value::Null);
}

#[tokio::test]
async fn a_native_bid_contains_the_logo_and_the_image_that_fit_the_request() {
    let server = server_with_adapters().await;
    let bid = async |image: Value, required: u8| -> Option<Value> {
        let assets = json!([
            { "id": 1, "required": 1, "title": { "len": 90 } },
            { "id": 2, "required": 1, "img": { "type": 1, "wmin": 50, "hmin": 50 } },
            { "id": 3, "required": required, "img": image },
        ]);
        // The flight is billed by viewable impressions.
        let trackers = json!([{ "event": 1, "methods": [1] }, { "event": 2, "methods": [1] }]);
        let native = json!({ "ver": "1.2", "assets": assets, "eventtrackers": trackers });
        let native = native.to_string();
        let auction = json!({
            "id": "1",
            "imp": [{ "id": "1", "tagid": "article-end", "native": { "request": native } }],
            "site": { "id": "eu-tech-news", "keywords": "food", "content": { "language": "de" } },
            "device": { "geo": { "country": "AUT" } },
        });
        let request = server.reader.post(&format!("{}/openrtb2/2.6/bids", server.public));
        let reply = request.json(&auction).send().await.unwrap();
        if reply.status() == 204 {
            assert_eq!(reply.headers()["adjacent-no-fill"], "assets");
            return None;
        }
        let response: Value = reply.json().await.unwrap();
        let adm = response["seatbid"][0]["bid"][0]["adm"].as_str();
        let markup: Value =
            serde_json::from_str(adm.unwrap_or_else(|| panic!("{response}"))).unwrap();
        Some(markup["assets"].clone())
    };
    let assets = bid(json!({ "type": 3, "w": 640, "h": 360 }), 1).await.unwrap();
    assert_eq!((&assets[1]["img"]["type"], &assets[1]["img"]["w"]), (&json!(1), &json!(128)));
    let image = &assets[2]["img"];
    assert_eq!((&image["type"], &image["w"], &image["h"]), (&json!(3), &json!(640), &json!(360)));
    assert_eq!(fetch(&server, image["url"].as_str().unwrap()).await.status(), 200);
    let parsed: openrtb_native1::response::Asset =
        serde_json::from_value(assets[2].clone()).unwrap();
    assert_eq!(serde_json::to_value(parsed).unwrap()["img"]["w"], 640);

    for fitting in [
        json!({ "type": 3, "wmin": 600, "hmin": 300 }),
        json!({ "type": 3, "w": 1200, "wmin": 640, "mimes": ["image/jpeg", "image/png"] }),
        json!({ "type": 3 }),
    ] {
        assert_eq!(
            bid(fitting.clone(), 1).await.unwrap().as_array().unwrap().len(),
            3,
            "{fitting}"
        );
    }
    for unfitting in [
        json!({ "type": 3, "w": 1200, "h": 627 }),
        json!({ "type": 3, "wmin": 641 }),
        json!({ "type": 3, "hmin": 361 }),
        json!({ "type": 3, "mimes": ["image/webp"] }),
        json!({ "type": 2 }),
    ] {
        assert!(bid(unfitting.clone(), 1).await.is_none(), "{unfitting}");
        assert_eq!(
            bid(unfitting.clone(), 0).await.unwrap().as_array().unwrap().len(),
            2,
            "{unfitting}"
        );
    }
}
