//! A route: one path with a handler per method; OPTIONS and 405 responses for the other methods.

use crate::http::problem::ApiError;
use actix_web::dev::{AppService, HttpServiceFactory};
use actix_web::http::{Method, header};
use actix_web::{FromRequest, Handler, HttpResponse, Resource, Responder, web};

/// One row of a listener's route table.
pub struct Route {
    path: &'static str,
    methods: Vec<Method>,
    resource: Resource,
}

/// A route for `path`, which may contain parameters: `/w/{id}`.
pub(crate) fn route(path: &'static str) -> Route {
    Route { path, methods: Vec::new(), resource: web::resource(path) }
}

impl Route {
    /// A GET without side effects: HEAD is answered, too.
    pub(crate) fn get_and_head<F, Args>(self, handler: F) -> Route
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::GET, handler.clone()).on(Method::HEAD, handler)
    }

    /// A GET with side effects or a cost: HEAD is answered 405.
    pub(crate) fn get<F, Args>(self, handler: F) -> Route
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::GET, handler)
    }

    pub(crate) fn post<F, Args>(self, handler: F) -> Route
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.on(Method::POST, handler)
    }

    pub(crate) fn on<F, Args>(mut self, method: Method, handler: F) -> Route
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.resource = self.resource.route(web::method(method.clone()).to(handler));
        self.methods.push(method);
        self
    }

    /// The path pattern, in the router's syntax.
    pub fn path(&self) -> &'static str {
        self.path
    }

    /// The methods with a handler; OPTIONS is always answered and not listed.
    pub fn methods(&self) -> &[Method] {
        &self.methods
    }

    fn allowed(&self) -> String {
        let methods = self.methods.iter().map(Method::as_str);
        methods.chain(["OPTIONS"]).collect::<Vec<_>>().join(", ")
    }
}

impl HttpServiceFactory for Route {
    fn register(self, config: &mut AppService) {
        let allowed = self.allowed();
        let other_methods = move |method: Method| {
            let allowed = allowed.clone();
            async move {
                if method == Method::OPTIONS {
                    let mut response = HttpResponse::NoContent();
                    return Ok(response.insert_header((header::ALLOW, allowed)).finish());
                }
                Err(ApiError::method_not_allowed(allowed))
            }
        };
        self.resource.default_service(web::to(other_methods)).register(config);
    }
}
