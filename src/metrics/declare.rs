//! The macro behind the table of metrics, and the kinds of metric that a row can have.

use prometheus::core::{
    Atomic, Collector, GenericCounter, GenericCounterVec, GenericGauge, GenericGaugeVec,
};
use prometheus::{Error, Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, Registry};

/// Histogram buckets in seconds, from 10 µs to 5 s.
const BUCKETS: [f64; 18] = [
    0.000_01, 0.000_02, 0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05,
    0.1, 0.2, 0.5, 1.0, 2.0, 5.0,
];

/// Declares `Metrics` from rows like
///
/// ```text
/// /// The help text.
/// field: Kind = "name" (label, other) in (VALUES, OTHER_VALUES), (MORE, OTHER_MORE);
/// ```
///
/// Every combination of the values of one group exists at zero from the start. A row without `in` gets its
/// series later: for configured campaigns and flights, and for kinds of store errors.
macro_rules! metrics {
    ($(
        $(#[doc = $help:literal])+
        $field:ident: $kind:ty = $name:literal
        $(($($label:ident),+) $(in $(($($values:expr),+)),+)?)?;
    )+) => {
        /// All metrics of the server.
        pub struct Metrics {
            /// Locked while a scrape sets and reads the metrics.
            registry: Mutex<Registry>,
            limits: SeriesLimits,
            /// Campaigns with series of their own.
            own_campaigns: Mutex<OwnSeries<String>>,
            own_delivery: Mutex<OwnDelivery>,
            placements: Placements,
            changers: Mutex<OwnSeries<String>>,
            /// Rejected event tokens since the start, in the order of `TokenRejection::ALL`.
            rejected_tokens: [AtomicU64; TokenRejection::ALL.len()],
            $($(#[doc = $help])+ pub $field: $kind,)+
        }

        impl Metrics {
            /// The names of all metrics, without the prefix `adjacent_`.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            fn register(registry: Registry, limits: SeriesLimits) -> Result<Metrics, prometheus::Error> {
                Ok(Metrics {
                    $($field: <$kind as declare::MetricKind>::register(&registry, declare::Definition {
                        opts: Opts::new($name, concat!($($help),+).trim_start()),
                        labels: &[$($(stringify!($label)),+)?],
                        series: <[Vec<Vec<String>>]>::concat(&[
                            $($($(declare::combinations([$(declare::texts($values)),+])),+)?)?
                        ]),
                    })?,)+
                    limits,
                    own_campaigns: Mutex::new(OwnSeries::at_most(limits.campaigns)),
                    own_delivery: OwnDelivery::at_most(limits.delivery_flights, limits.delivery_placements),
                    placements: Placements::default(),
                    changers: Mutex::new(OwnSeries::at_most(CHANGERS)),
                    rejected_tokens: [const { AtomicU64::new(0) }; TokenRejection::ALL.len()],
                    registry: Mutex::new(registry),
                })
            }
        }
    };
}

/// What a row declares.
pub(super) struct Definition<'a> {
    pub(crate) opts: Opts,
    pub(crate) labels: &'a [&'a str],
    /// The label values of each series that exists from the start.
    pub(crate) series: Vec<Vec<String>>,
}

pub(super) trait MetricKind: Sized {
    /// Registers the metric and creates its series.
    fn register(registry: &Registry, definition: Definition<'_>) -> Result<Self, Error>;
}

impl<P: Atomic + 'static> MetricKind for GenericCounter<P> {
    fn register(registry: &Registry, definition: Definition<'_>) -> Result<Self, Error> {
        registered(registry, Self::with_opts(definition.opts)?)
    }
}

impl<P: Atomic + 'static> MetricKind for GenericGauge<P> {
    fn register(registry: &Registry, definition: Definition<'_>) -> Result<Self, Error> {
        registered(registry, Self::with_opts(definition.opts)?)
    }
}

impl MetricKind for Histogram {
    fn register(registry: &Registry, definition: Definition<'_>) -> Result<Self, Error> {
        let opts = HistogramOpts::from(definition.opts).buckets(BUCKETS.to_vec());
        registered(registry, Histogram::with_opts(opts)?)
    }
}

impl<P: Atomic + 'static> MetricKind for GenericCounterVec<P> {
    fn register(registry: &Registry, definition: Definition<'_>) -> Result<Self, Error> {
        let vec = registered(registry, Self::new(definition.opts, definition.labels)?)?;
        definition.series.iter().for_each(|values| drop(vec.with_label_values(values)));
        Ok(vec)
    }
}

impl<P: Atomic + 'static> MetricKind for GenericGaugeVec<P> {
    fn register(registry: &Registry, definition: Definition<'_>) -> Result<Self, Error> {
        let vec = registered(registry, Self::new(definition.opts, definition.labels)?)?;
        definition.series.iter().for_each(|values| drop(vec.with_label_values(values)));
        Ok(vec)
    }
}

/// Counters in the order of the label's values, for paths where a lookup by label takes too long.
impl MetricKind for Vec<IntCounter> {
    fn register(registry: &Registry, definition: Definition<'_>) -> Result<Self, Error> {
        let vec = registered(registry, IntCounterVec::new(definition.opts, definition.labels)?)?;
        Ok(definition.series.iter().map(|values| vec.with_label_values(values)).collect())
    }
}

fn registered<M: Collector + Clone + 'static>(registry: &Registry, metric: M) -> Result<M, Error> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

/// The values of one label.
pub(super) fn texts(values: impl IntoIterator<Item: ToString>) -> Vec<String> {
    values.into_iter().map(|value| value.to_string()).collect()
}

/// Every combination of one value per label.
pub(super) fn combinations<const N: usize>(labels: [Vec<String>; N]) -> Vec<Vec<String>> {
    labels.iter().fold(vec![Vec::new()], |rows, values| {
        let extended = |row: &Vec<String>| {
            let row = row.clone();
            values.iter().map(move |value| [&row[..], std::slice::from_ref(value)].concat())
        };
        rows.iter().flat_map(extended).collect()
    })
}
