//! Drops records by their bytes before they are parsed.

use aho_corasick::{AhoCorasick, BuildError};

/// Names of members with an address or a session, and the escape with which a name may be written.
const TRACES: [&str; 4] = ["clientip", "actorip", "sessionid", "\\u"];

/// Finds the records that can matter to an investigation: those about the account, and those with an address or a session. No other
/// record can be judged or linked.
#[derive(Debug)]
pub(super) struct ByteFilter(AhoCorasick);

impl ByteFilter {
    /// The filter for an account under these names.
    pub(super) fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, BuildError> {
        let patterns = names.into_iter().filter(|name| !name.is_empty()).chain(TRACES);
        AhoCorasick::builder().ascii_case_insensitive(true).build(patterns).map(Self)
    }

    /// Returns whether a record can matter.
    pub(super) fn lets_through(&self, record: &[u8]) -> bool {
        self.0.is_match(record)
    }
}

#[cfg(test)]
mod tests {
    use super::ByteFilter;

    #[test]
    fn records_without_account_address_and_session_are_dropped() {
        let filter = ByteFilter::new(["v@contoso.com", "v.id"]).unwrap();
        let system = r#"{"Operation":"Move","UserId":"NT AUTHORITY\\SYSTEM","ObjectId":"w"}"#;
        assert!(!filter.lets_through(system.as_bytes()));
        for kept in [r#"{"UserId":"V@Contoso.com"}"#, r#"{"ClientIPAddress":"1"}"#, r#"{"AADSessionId":"1"}"#] {
            assert!(filter.lets_through(kept.as_bytes()), "{kept}");
        }
    }
}
