//! Protocols of other ad clients: one row for each adapter, from which settings, metric labels, CORS and
//! the OpenAPI document follow. The module `adapters` has the routes.

string_enum! {
    /// A protocol of other ad clients.
    Protocol {
        /// The EthicalAds client and its decision endpoint.
        EthicalAds = "ethicalads",
        /// The Kevel Decision API.
        Kevel = "kevel",
        /// OpenRTB 2.6 with Native 1.2.
        OpenRtb = "openrtb",
    }
}

impl Protocol {
    /// Its operations by path, in the notation that `http::openapi` completes.
    pub(crate) const fn openapi(self) -> &'static str {
        match self {
            Protocol::EthicalAds => include_str!("../adapters/ethicalads/openapi.json"),
            Protocol::Kevel => include_str!("../adapters/kevel/openapi.json"),
            Protocol::OpenRtb => include_str!("../adapters/openrtb/openapi.json"),
        }
    }

    /// Request headers that its client sends from a page, also with every event.
    pub(crate) const fn request_headers(self) -> &'static [&'static str] {
        match self {
            Protocol::Kevel => {
                &["x-adzerk-apikey", "x-adzerk-explain", "x-adzerk-sdk-version", "x-kevel-apikey"]
            }
            Protocol::EthicalAds | Protocol::OpenRtb => &[],
        }
    }
}
