//! Protocols of other ad clients: one row for each adapter, from which settings, metric labels, CORS and
//! the OpenAPI document follow. The module `adapters` has the routes.

/// Calls a macro with every protocol:
///
/// ```text
/// /// What it is.
/// VARIANT = NAME OF ITS FOLDER, ITS SETTING AND ITS METRIC LABEL,
/// [request headers that its client sends from a page, also with every event];
/// ```
macro_rules! protocols {
    ($then:ident) => {
        $then! {
            /// The EthicalAds client and its decision endpoint.
            EthicalAds = ethicalads, [];
            /// The Kevel Decision API.
            Kevel = kevel,
            ["x-adzerk-apikey", "x-adzerk-explain", "x-adzerk-sdk-version", "x-kevel-apikey"];
            /// OpenRTB 2.6 with Native 1.2.
            OpenRtb = openrtb, [];
        }
    };
}

macro_rules! protocol {
    ($($(#[$doc:meta])* $variant:ident = $name:ident, [$($header:literal),*];)*) => {
        /// A protocol of other ad clients.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Protocol { $($(#[$doc])* $variant,)* }

        impl Protocol {
            /// Every protocol, in the order of the table.
            pub(crate) const ALL: &'static [Protocol] = &[$(Protocol::$variant),*];

            /// Its name in settings and metrics.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Protocol::$variant => stringify!($name),)* }
            }

            /// Its operations by path, in the notation that `http::openapi` completes.
            pub(crate) const fn openapi(self) -> &'static str {
                match self {
                    $(Protocol::$variant => {
                        include_str!(concat!("../adapters/", stringify!($name), "/openapi.json"))
                    })*
                }
            }

            /// Request headers that its client sends from a page, also with every event.
            pub(crate) const fn request_headers(self) -> &'static [&'static str] {
                match self { $(Protocol::$variant => &[$($header),*],)* }
            }
        }

        impl std::fmt::Display for Protocol {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

protocols!(protocol);
