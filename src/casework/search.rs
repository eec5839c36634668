//! Looks further back than the feed reaches, with the audit search: by the account, then by the attacker's addresses, then by the
//! attacker's sessions.

use std::time::Duration;

use base::clock::Deadline;
use base::ids::TenantId;
use chrono::{DateTime, Utc};
use m365::graph::{AuditQuery, AuditQueryState, AuditSearch};
use m365::{Cloud, ServiceError};

use super::LookBackError;
use super::feed::Progress;
use super::gathered::{Gathered, activity};
use crate::app::App;

/// The shortest and the longest time between two questions whether a query has ended.
const POLL: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));

/// The most pages of one query: a million records, which is all that the service gives.
const PAGES: usize = 1_100;

/// One search for a tenant.
pub(super) struct Search<'a> {
    pub(super) app: &'a App,
    pub(super) tenant: TenantId,
    pub(super) span: (DateTime<Utc>, DateTime<Utc>),
    pub(super) deadline: &'a Deadline,
    pub(super) progress: &'a dyn Progress,
    pub(super) name: String,
}

impl Search<'_> {
    /// Adds the records by the account.
    pub(super) async fn by_account(
        &self,
        account: &str,
        gathered: &mut Gathered,
        not_read: &mut Vec<String>,
    ) -> Result<(), LookBackError> {
        let search = AuditSearch { users: vec![account.to_owned()], ..AuditSearch::default() };
        self.run("the account", search, gathered, not_read).await
    }

    /// Adds the records from addresses, of all accounts.
    pub(super) async fn by_addresses(
        &self,
        addresses: Vec<String>,
        gathered: &mut Gathered,
        not_read: &mut Vec<String>,
    ) -> Result<(), LookBackError> {
        let search = AuditSearch { addresses, ..AuditSearch::default() };
        self.run("the attacker's addresses", search, gathered, not_read).await
    }

    /// Adds the records that contain the id of a session.
    pub(super) async fn by_session(
        &self,
        session: &str,
        gathered: &mut Gathered,
        not_read: &mut Vec<String>,
    ) -> Result<(), LookBackError> {
        let search = AuditSearch { keyword: session.to_owned(), ..AuditSearch::default() };
        self.run("the attacker's session", search, gathered, not_read).await
    }

    /// Runs one search. The report says which searches failed; only the temporary database can fail the investigation.
    async fn run(
        &self,
        what: &str,
        search: AuditSearch,
        gathered: &mut Gathered,
        not_read: &mut Vec<String>,
    ) -> Result<(), LookBackError> {
        if !matches!(self.app.settings.hosts.cloud, Cloud::Worldwide | Cloud::Gcc) {
            not_read.push("The audit search is not offered in this cloud, so only the feed was read.".to_owned());
            return Ok(());
        }
        let search = AuditSearch { name: self.name.clone(), ..search };
        let (from, to) = self.span;
        let failed = |why: String| format!("The audit search for {what} gave nothing or not all: {why}.");
        match self.app.graph.start_audit_search(&self.tenant, &search, from, to).await {
            Ok(query) => match self.finished(what, &query).await {
                Ok(is_cut) => {
                    if is_cut {
                        not_read.push(failed("it found more records than the service gives".to_owned()));
                    }
                    if let Err(error) = self.read(what, &query, gathered).await? {
                        not_read.push(failed(error.to_string()));
                    }
                }
                Err(why) => not_read.push(failed(why)),
            },
            Err(error) if error.status() == Some(403) => {
                not_read.push(failed("the app lacks the permission AuditLogsQuery.Read.All in this tenant".to_owned()));
            }
            Err(error) => not_read.push(failed(error.to_string())),
        }
        Ok(())
    }

    /// Waits until the query has ended. Returns whether records are missing, or why it gives none.
    async fn finished(&self, what: &str, query: &AuditQuery) -> Result<bool, String> {
        let (mut pause, longest) = POLL;
        loop {
            self.progress.searching(what, "the query runs");
            match self.app.graph.audit_search_state(&self.tenant, query).await {
                Ok(AuditQueryState::Succeeded { is_cut }) => return Ok(is_cut),
                Ok(AuditQueryState::Failed) => return Err("the query failed".to_owned()),
                Ok(AuditQueryState::Running) => {}
                Err(error) if error.is_transient() => {}
                Err(error) => return Err(error.to_string()),
            }
            if self.deadline.left() < pause {
                return Err("the query did not end in time".to_owned());
            }
            self.app.clock.sleep(pause).await;
            pause = (pause * 2).min(longest);
        }
    }

    /// Reads the records of a query, page by page.
    async fn read(
        &self,
        what: &str,
        query: &AuditQuery,
        gathered: &mut Gathered,
    ) -> Result<Result<(), ServiceError>, LookBackError> {
        let (mut next, mut count) = (None::<String>, 0);
        for _ in 0..PAGES {
            let page = match self.app.graph.audit_search_records(&self.tenant, query, next.as_deref()).await {
                Ok(page) => page,
                Err(error) => return Ok(Err(error)),
            };
            for record in &page.records {
                let json = record.get().as_bytes();
                if let Some(activity) = activity(json) {
                    gathered.keep(&activity, json)?;
                    count += 1;
                }
            }
            self.progress.searching(what, &format!("{count} records"));
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        Ok(Ok(()))
    }
}
