//! Counts the records of mailbox auditing in a stream of bytes, whether they are selected or not, without parsing them.

use memchr::memmem;

/// The member that names the kind of a record.
const MEMBER: &[u8] = b"\"RecordType\"";

/// The kinds: `ExchangeItem`, `ExchangeItemGroup` and `ExchangeItemAggregated`.
/// <https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-schema>
const KINDS: [&[u8]; 3] = [b"2", b"3", b"50"];

/// The longest text that is looked at: the member, white space, the number and the character after it.
const LONGEST: usize = 40;

/// A chunk that is shorter is copied behind the end of the one before.
const SHORT: usize = 1_024;

/// Counts records of mailbox auditing.
#[derive(Debug, Default)]
pub struct MailboxItems {
    /// The end of the stream so far, in which a member may have begun.
    tail: Vec<u8>,
    count: u64,
}

impl MailboxItems {
    /// Looks at the next bytes of the stream.
    pub fn push(&mut self, chunk: &[u8]) {
        let first = chunk.get(..LONGEST).unwrap_or(chunk);
        if chunk.len() < SHORT {
            self.tail.extend_from_slice(chunk);
            let settled = self.tail.len().saturating_sub(LONGEST);
            self.count += count(&self.tail, settled);
            self.tail.drain(..settled);
            return;
        }
        let settled = self.tail.len();
        self.tail.extend_from_slice(first);
        self.count += count(&self.tail, settled);
        let settled = chunk.len() - LONGEST;
        self.count += count(chunk, settled);
        self.tail.clear();
        self.tail.extend_from_slice(chunk.get(settled..).unwrap_or_default());
    }

    /// Returns the number of records in the whole stream.
    pub fn finish(self) -> u64 {
        self.count + count(&self.tail, self.tail.len())
    }
}

/// Counts the members that begin before `end`.
fn count(bytes: &[u8], end: usize) -> u64 {
    let found = memmem::find_iter(bytes, MEMBER).take_while(|at| *at < end);
    found.filter(|at| bytes.get(at + MEMBER.len()..).is_some_and(is_of_mailbox)).map(|_| 1).sum()
}

/// Returns whether a value begins with the number of one of the kinds.
fn is_of_mailbox(value: &[u8]) -> bool {
    let Some(value) = value.trim_ascii_start().strip_prefix(b":") else { return false };
    let value = value.trim_ascii_start();
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
    KINDS.contains(&&value[..digits])
}

#[cfg(test)]
mod tests {
    use super::MailboxItems;

    fn counted(text: &str, chunk: usize) -> u64 {
        let mut items = MailboxItems::default();
        text.as_bytes().chunks(chunk).for_each(|chunk| items.push(chunk));
        items.finish()
    }

    #[test]
    fn records_are_counted_however_the_stream_is_cut() {
        let mut text = String::from("[");
        for kind in [1, 2, 3, 50, 8, 20, 15, 500] {
            text.push_str(&format!(r#"{{"Id":"x{}","RecordType":{kind},"Operation":"o"}},"#, "y".repeat(700)));
            text.push_str(&format!(r#"{{"Operation":"o", "RecordType" : {kind} }},"#));
            text.push_str(&format!(r#"{{"Text":"\"RecordType\":{kind},"}},"#));
        }
        for chunk in [1, 2, 7, 39, 40, 41, 1_023, 1_024, 1_025, 2_048, 100_000] {
            assert_eq!(counted(&text, chunk), 6, "{chunk}");
        }
    }
}
