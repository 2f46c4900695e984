//! A route: one path with who answers it by method, and manners for every other method.

use crate::http::problem::ApiError;
use actix_web::FromRequest;
use actix_web::Handler;
use actix_web::HttpResponse;
use actix_web::Resource;
use actix_web::Responder;
use actix_web::dev::AppService;
use actix_web::dev::HttpServiceFactory;
use actix_web::http::Method;
use actix_web::http::header;
use actix_web::web;

/// One row of a listener's table.
pub struct At {
    path: &'static str,
    methods: Vec<Method>,
    resource: Resource,
}

/// A row for `path`, which may name parameters: `/w/{id}`.
pub fn at(path: &'static str) -> At {
    At { path, methods: Vec::new(), resource: web::resource(path) }
}

impl At {
    /// Read without consequence: HEAD is answered like GET.
    pub fn reads<F, Args>(self, handler: F) -> At
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::GET, handler.clone()).on(Method::HEAD, handler)
    }

    /// A GET that counts or costs something: HEAD is refused.
    pub fn get<F, Args>(self, handler: F) -> At
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::GET, handler)
    }

    /// POST.
    pub fn post<F, Args>(self, handler: F) -> At
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::POST, handler)
    }

    /// Any other method.
    pub fn on<F, Args>(mut self, method: Method, handler: F) -> At
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.resource = self.resource.route(web::method(method.clone()).to(handler));
        self.methods.push(method);
        self
    }

    /// The path as the router reads it.
    pub fn path(&self) -> &'static str {
        self.path
    }

    /// The methods that are answered, without OPTIONS, which always is.
    pub fn methods(&self) -> &[Method] {
        &self.methods
    }

    fn allowed(&self) -> String {
        let named = self.methods.iter().map(Method::as_str);
        named.chain(["OPTIONS"]).collect::<Vec<_>>().join(", ")
    }
}

impl HttpServiceFactory for At {
    fn register(self, config: &mut AppService) {
        let allowed = self.allowed();
        let refused = move |method: Method| {
            let allowed = allowed.clone();
            async move {
                if method == Method::OPTIONS {
                    let mut answer = HttpResponse::NoContent();
                    return Ok(answer.insert_header((header::ALLOW, allowed)).finish());
                }
                Err(ApiError::wrong_method(allowed))
            }
        };
        self.resource.default_service(web::to(refused)).register(config);
    }
}
