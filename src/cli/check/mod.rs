//! `tenantwatch check`: tests everything that monitoring and remediation need, changes nothing, and says how to correct what is
//! missing.

mod ours;
mod output;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;

use futures::StreamExt as _;
use serde::Serialize;

use crate::app::App;
use crate::readiness::{Asked, Item, ItemState, look};
use crate::settings::{Needs, Settings};
use crate::tenants::customers::{Known, Watched};

use super::bootstrap::{self, BootstrapError};
use super::choice::{NoCustomer, chosen, progress};
use super::{EXIT_USAGE, SettingsArgs, report};

/// The number of tenants that are checked concurrently.
const TENANTS_AT_ONCE: usize = 8;

/// The tenants to look at, and the form of the answer.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// Domain or tenant id of a customer, repeatable; without it, all customers are checked
    #[arg(long = "tenant", value_name = "D")]
    pub tenants: Vec<String>,
    /// Send one notification of type Test through every channel
    #[arg(long)]
    pub notify: bool,
    /// Form of the answer
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
    /// The source of the settings and of the tables.
    #[command(flatten)]
    pub source: SettingsArgs,
}

/// The form of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// For programs
    Json,
}

/// Everything that was found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Found {
    ours: Vec<Item>,
    tenants: Vec<TenantItems>,
}

/// The items of one tenant.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct TenantItems {
    tenant: String,
    domain: String,
    items: Vec<Item>,
}

/// Why nothing can be checked.
#[derive(Debug, thiserror::Error)]
enum CheckError {
    #[error(transparent)]
    Open(#[from] BootstrapError),
    #[error(transparent)]
    Customer(#[from] NoCustomer),
}

impl Found {
    fn is_missing_something(&self) -> bool {
        let mut items = self.ours.iter().chain(self.tenants.iter().flat_map(|tenant| &tenant.items));
        items.any(|item| item.state == ItemState::Missing)
    }
}

/// Checks everything and writes it. Exit code 0 if nothing is missing, 1 if something is, 2 if nothing could be checked.
pub async fn run(args: CheckArgs) -> ExitCode {
    match check(&args).await {
        Ok(found) => {
            // Fails only if the reader has closed the pipe.
            let _ = output::write(&found, args.format, &mut std::io::stdout().lock());
            if found.is_missing_something() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        Err(error) => {
            report(&error.to_string());
            ExitCode::from(EXIT_USAGE)
        }
    }
}

async fn check(args: &CheckArgs) -> Result<Found, CheckError> {
    let needs = Needs { storage: args.source.data.is_none(), channels: true };
    let variables = args.source.action_key_of_folder(args.source.variables()?)?;
    let (settings, problems) = Settings::without_rejected(variables, needs);
    let Some(settings) = settings else {
        return Ok(Found { ours: vec![ours::settings_item(&problems)], tenants: Vec::new() });
    };
    let store = args.source.open_for(&settings)?;
    let app = App::new(settings, store, bootstrap::clock()?).map_err(BootstrapError::from)?;
    let mut ours = vec![ours::settings_item(&problems)];
    ours.extend(ours::table_items(&app).await);
    ours.push(ours::queue_item(&app).await);
    ours.push(ours::partner_item(&app).await);
    let known = crate::tenants::customers::known(&app).await.map(|(known, _)| known).unwrap_or_default();
    let (item, customers) = ours::customers(&app, &known).await;
    ours.push(item);
    ours.push(ours::action_key_item(&app));
    ours.push(ours::containment_item(&app, customers.as_deref()));
    ours.extend(ours::channel_items(&app, &problems, args.notify).await);
    let chosen = match customers {
        Some(customers) => chosen(customers, &args.tenants, Watched::names)?,
        None => Vec::new(),
    };
    Ok(Found { ours, tenants: look_at_all(&app, &known, chosen).await })
}

async fn look_at_all(app: &App, known: &Known, customers: Vec<Watched>) -> Vec<TenantItems> {
    let bar = Arc::new(progress(customers.len()));
    let unique: BTreeSet<_> = customers.iter().map(|customer| customer.tenant_id).collect();
    debug_assert_eq!(unique.len(), customers.len());
    let looks = customers.into_iter().map(|customer| {
        let bar = Arc::clone(&bar);
        let row = known.get(&customer.tenant_id).map(|(row, _)| row);
        async move {
            let asked = Asked { tenant_id: customer.tenant_id, domain: &customer.domain, row };
            let items = look(app, &asked).await;
            bar.inc(1);
            TenantItems { tenant: customer.tenant_id.to_string(), domain: customer.domain.to_string(), items }
        }
    });
    let found = futures::stream::iter(looks.collect::<Vec<_>>()).buffered(TENANTS_AT_ONCE).collect().await;
    bar.finish_and_clear();
    found
}
