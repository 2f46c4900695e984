//! A defect of ours in one request: that request alone has it.

use crate::harness::Setup;
use actix_web::App;
use actix_web::HttpResponse;
use actix_web::HttpServer;
use actix_web::middleware::from_fn;
use actix_web::web;
use adjacent::http::blocking;
use adjacent::http::guard;
use adjacent::http::problem::ApiError;
use serde_json::Value;

async fn panics() -> HttpResponse {
    panic!("a defect")
}

async fn panics_on_another_thread() -> Result<HttpResponse, ApiError> {
    blocking(|| -> Result<(), ApiError> { panic!("a defect where it keeps nobody waiting") })
        .await?;
    Ok(HttpResponse::Ok().finish())
}

#[actix_web::test]
async fn a_handler_that_panics_costs_one_request_and_is_counted() {
    let (app, _folder) = Setup::default().build().await;
    let face = app.face().clone();
    let served = HttpServer::new(move || {
        let routes = web::scope("")
            .wrap(from_fn(guard::guard))
            .route("/here", web::get().to(panics))
            .route("/there", web::get().to(panics_on_another_thread))
            .route("/well", web::get().to(|| async { "well" }));
        App::new().app_data(face.clone()).service(routes)
    });
    let served = served.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", served.addrs()[0]);
    let served = served.run();
    let handle = served.handle();
    actix_web::rt::spawn(served);
    let client = reqwest::Client::new();
    let get = |path: &str| client.get(format!("{base}{path}")).send();

    for (count, path) in [(1, "/here"), (2, "/there"), (3, "/here")] {
        let reply = get(path).await.unwrap();
        assert_eq!(reply.status(), 500, "{path}");
        let problem: Value = reply.json().await.unwrap();
        assert_eq!(problem["code"], "internal", "{problem}");
        assert!(
            !problem.to_string().contains("defect"),
            "nothing of how it works inside: {problem}"
        );
        assert_eq!(app.face().server.metrics.panics.get(), count);
        assert_eq!(get("/well").await.unwrap().text().await.unwrap(), "well", "after {path}");
    }
    handle.stop(false).await;
}
