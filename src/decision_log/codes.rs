//! Stored codes of the enums in a line. A code keeps its meaning forever; a new value gets a new one.

use crate::domain::event::NoFill;
use crate::domain::party::Style;
use crate::domain::targeting::Sentiment;
use crate::selection::page::{Commercial, RegionBasis, Role};

/// An enum with stored codes.
pub(super) trait Coded: Sized {
    /// The stored code.
    fn code(self) -> u8;
    /// The value of a stored code, or why there is none.
    fn from_code(code: u8) -> Result<Self, String>;
}

macro_rules! codes {
    ($name:ident { $($code:literal $variant:ident,)* }) => {
        impl Coded for $name {
            fn code(self) -> u8 {
                match self { $($name::$variant => $code,)* }
            }

            fn from_code(code: u8) -> Result<$name, String> {
                match code {
                    $($code => Ok($name::$variant),)*
                    _ => Err(format!("{} has no value {code}", stringify!($name))),
                }
            }
        }
    };
}

codes! { Role { 0 Subject, 1 Mention, } }
codes! { Commercial { 0 Allow, 1 HouseOnly, 2 None, } }
codes! { RegionBasis { 0 Observed, 1 Declared, 2 PublisherDefault, 3 Unknown, } }
codes! { Sentiment { 0 Positive, 1 Neutral, 2 Negative, } }
codes! { Style { 0 Terminal, 1 Card, 2 Line, } }
codes! {
    NoFill {
        0 NoCandidate,
        1 AllPaced,
        2 BudgetsSpent,
        3 SubjectConflict,
        4 SensitivePage,
        5 PublisherBlocked,
        6 HouseOnly,
        7 CommercialOff,
        8 StyleMismatch,
        9 BelowRelevance,
        10 LabelUnavailable,
        11 UnknownPlacement,
        12 Paused,
        13 StaleTooOld,
        14 Overloaded,
    }
}
