//! Who reads a party's numbers: the party by its key, an operator, and whoever has a link to an
//! advertiser's page until it expires.

use crate::config::keys::Role;
use crate::http::Face;
use crate::http::caller;
use crate::http::problem::ApiError;
use actix_web::HttpRequest;

/// Lets the party itself, an operator or the bearer of a link pass. A link is for one advertiser;
/// an empty one is none.
pub fn allowed(
    face: &Face,
    http: &HttpRequest,
    role: Role,
    id: &str,
    link: &str,
) -> Result<(), ApiError> {
    if !link.is_empty() {
        let opened = face.links.load().verify(link, face.server.clock.now_ms());
        let opens = role == Role::Advertiser && opened.is_some_and(|own| own.as_str() == id);
        let why = "this link has expired or was not made for this page: ask for a new one";
        return if opens { Ok(()) } else { Err(ApiError::unauthorized(why)) };
    }
    let identity = caller::identity(face, http)?.ok_or_else(|| {
        ApiError::unauthorized("this needs the party's key, its link, or an operator's key")
    })?;
    if identity.role == Role::Operator || (identity.role == role && identity.owner == id) {
        Ok(())
    } else {
        Err(ApiError::forbidden("this key opens another party's reports"))
    }
}
