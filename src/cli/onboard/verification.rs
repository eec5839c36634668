//! Step 7: what was done, seen with the app's own eyes. A redirect or an answer of a change proves nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use m365::Service;
use m365::tokens::Claims;

use super::directory::Held;
use super::steps::StepState;
use super::tenant::Onboarding;
use crate::readiness::items::{DIRECTORY_ROLES, OPTIONAL_PERMISSION, PERMISSIONS};
use crate::readiness::{self, Item, ItemState, look};
use crate::tables::{CoverageSession, coverage};

const STEP: &str = "Verification";

/// The waits until new permissions are in the app's tokens, in seconds: 2 minutes together.
const WAITS: [u64; 6] = [2, 4, 8, 16, 30, 60];

impl Onboarding<'_> {
    /// Looks at the tenant as `check` does, with new tokens. It does not wait for the effects of a step that failed.
    pub(super) async fn verify(&mut self, held: &Held) {
        if self.options.dry_run && self.steps.has(StepState::WouldDo) {
            return self.note(STEP, StepState::WouldDo, "look at the tenant as the app");
        }
        let is_new = self.steps.has(StepState::Done);
        let absent = self.wait_for(held, if is_new { &WAITS } else { &[] }).await;
        let items = self.look().await;
        if !absent.is_empty() {
            let absent = absent.join(", ");
            let detail = format!("not in the app's tokens yet: {absent} – run the same command again in a few minutes");
            return self.note(STEP, StepState::Failed, &detail);
        }
        let state = if is_new { StepState::Done } else { StepState::AlreadyThere };
        self.note(STEP, state, &self.remarks(held, &items));
    }

    /// Requests new tokens until they name everything that the app holds. Returns what they do not name.
    async fn wait_for(&self, held: &Held, waits: &[u64]) -> Vec<&'static str> {
        for seconds in waits {
            if self.absent(held).await.is_empty() {
                return Vec::new();
            }
            self.app.clock.sleep(Duration::from_secs(*seconds)).await;
        }
        self.absent(held).await
    }

    async fn absent(&self, held: &Held) -> Vec<&'static str> {
        let tenant = &self.customer.tenant_id;
        self.app.tokens.forget(tenant);
        let mut named: BTreeSet<String> = BTreeSet::new();
        let mut wids = None;
        for service in [Service::Graph, Service::ManagementActivity, Service::Exchange] {
            let token = self.app.tokens.token(tenant, service).await;
            // A token that cannot be read proves nothing; the look asks the services themselves.
            match token.as_ref().map(Claims::of) {
                Ok(Some(claims)) => {
                    named.extend(claims.roles);
                    wids = wids.or(claims.wids);
                }
                Ok(None) => named.extend(permissions_of(service)),
                Err(_) => {}
            }
        }
        let mut absent: Vec<&'static str> =
            held.permissions().filter(|permission| !named.contains(*permission)).collect();
        if let Some(wids) = wids {
            let roles = DIRECTORY_ROLES.iter().filter(|role| held.roles().contains(role.name) && !role.is_among(&wids));
            absent.extend(roles.map(|role| role.name));
        }
        absent
    }

    /// Looks at the tenant, and stores what was found if the tenant is known: the report of yesterday would be wrong now.
    async fn look(&self) -> Vec<Item> {
        let store = self.app.store.as_ref();
        let known = coverage::read(store, &self.customer.tenant_id).await.ok().flatten();
        let row = known.as_ref().map(|(row, _)| row);
        let asked = readiness::Asked { tenant_id: self.customer.tenant_id, domain: &self.customer.domain, row };
        let items = Box::pin(look(self.app, &asked)).await;
        if let Some((row, version)) = known.filter(|_| !self.options.dry_run) {
            let session = CoverageSession::new(store, self.app.clock.clone(), row, version);
            readiness::daily::store(self.app, &session, &items).await;
        }
        items
    }

    /// Returns what is to be said beside the success: that Exchange follows later, and what onboarding does not mend by itself.
    fn remarks(&self, held: &Held, items: &[Item]) -> String {
        let mut remarks = Vec::new();
        let refuses = |item: &Item| item.item == "Exchange" && item.state == ItemState::Missing;
        let is_assigned = held.roles().contains("Exchange Administrator") && held.holds("Exchange.ManageAsApp");
        if is_assigned && items.iter().any(refuses) {
            remarks.push("Exchange accepts a new directory role within half an hour".to_owned());
        }
        let is_left = |item: &&Item| {
            item.state == ItemState::Missing && !refuses(item) && !self.steps.is(&item.item, StepState::Failed)
        };
        for item in items.iter().filter(is_left) {
            remarks.push(format!("still missing: {} ({})", item.item, item.detail));
        }
        remarks.join("; ")
    }
}

/// Returns the permissions of a service.
fn permissions_of(service: Service) -> impl Iterator<Item = String> {
    let all = PERMISSIONS.iter().chain([&OPTIONAL_PERMISSION]);
    all.filter(move |permission| permission.service == service).map(|permission| permission.value.to_owned())
}
