//! A panic affects only the request that caused it.

use crate::harness::Setup;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpResponse, HttpServer, web};
use adjacent::http::problem::ApiError;
use adjacent::http::{blocking, guard};
use serde_json::Value;

async fn panics() -> HttpResponse {
    panic!("a defect")
}

async fn panics_on_a_blocking_thread() -> Result<HttpResponse, ApiError> {
    blocking(|| -> Result<(), ApiError> { panic!("a defect in a blocking task") }).await?;
    Ok(HttpResponse::Ok().finish())
}

#[actix_web::test]
async fn a_panic_in_a_handler_fails_one_request_and_is_counted() {
    let (app, _folder) = Setup::default().build().await;
    let state = app.state().clone();
    let running = HttpServer::new(move || {
        let routes = web::scope("")
            .wrap(from_fn(guard::guard))
            .route("/async", web::get().to(panics))
            .route("/blocking", web::get().to(panics_on_a_blocking_thread))
            .route("/ok", web::get().to(|| async { "ok" }));
        App::new().app_data(state.clone()).service(routes)
    });
    let running = running.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", running.addrs()[0]);
    let running = running.run();
    let handle = running.handle();
    actix_web::rt::spawn(running);
    let client = reqwest::Client::new();
    let get = |path: &str| client.get(format!("{base}{path}")).send();

    for (count, path) in [(1, "/async"), (2, "/blocking"), (3, "/async")] {
        let reply = get(path).await.unwrap();
        assert_eq!(reply.status(), 500, "{path}");
        let problem: Value = reply.json().await.unwrap();
        assert_eq!(problem["code"], "internal", "{problem}");
        assert!(
            !problem.to_string().contains("defect"),
            "the response reveals no internals: {problem}"
        );
        assert_eq!(app.state().metrics.panics.get(), count);
        assert_eq!(get("/ok").await.unwrap().text().await.unwrap(), "ok", "after {path}");
    }
    handle.stop(false).await;
}
