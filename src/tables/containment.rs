//! The result of an automatic containment, as the column `Containment` holds it.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// The result of the automatic containment of a threat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Containment {
    /// Every step was taken, and a second read found it in effect.
    Done,
    /// Some step was not taken.
    Partly,
    /// Its run had begun and not ended when the notification was sent; people are told `Partly`. A later run ends it.
    Open,
    /// It would have been done, but only observing is enabled.
    WouldBe,
    /// A condition was not met: which.
    Refused(String),
    /// A result that a newer version of the program wrote. It is written back.
    Unknown(String),
}

/// The word before the condition.
const REFUSED: &str = "Refused: ";

impl Containment {
    /// Returns whether something was changed in the tenant, so that it can be undone.
    pub fn has_acted(&self) -> bool {
        matches!(self, Self::Done | Self::Partly | Self::Open)
    }

    /// The member `Containment` of a notification.
    pub fn told(&self) -> String {
        match self {
            Self::Open => Self::Partly.to_string(),
            told => told.to_string(),
        }
    }
}

impl fmt::Display for Containment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("Done"),
            Self::Partly => f.write_str("Partly"),
            Self::Open => f.write_str("Open"),
            Self::WouldBe => f.write_str("WouldBe"),
            Self::Refused(condition) => write!(f, "{REFUSED}{condition}"),
            Self::Unknown(text) => f.write_str(text),
        }
    }
}

impl FromStr for Containment {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "Done" => Self::Done,
            "Partly" => Self::Partly,
            "Open" => Self::Open,
            "WouldBe" => Self::WouldBe,
            other => match other.strip_prefix(REFUSED) {
                Some(condition) => Self::Refused(condition.to_owned()),
                None => Self::Unknown(other.to_owned()),
            },
        })
    }
}
