//! `tenantwatch onboard`: gives the app in each customer tenant what it needs, with the technician's own sign-in, and starts its
//! subscriptions. A second run does only what is missing.

mod auditing;
mod directory;
mod due;
mod feed;
mod meaning;
mod output;
mod sign_in;
mod steps;
mod tenant;
mod verification;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use m365::exchange::Exchange;
use m365::graph::Graph;
use m365::sign_in::SignInError;
use m365::tokens::Tokens;

use crate::app::App;
use crate::settings::{Needs, Settings};
use crate::tenants::customers::{self, ListingError, Watched};
use base::clock::Deadline;
use table_store::StoreError;

use super::bootstrap::{self, BootstrapError};
use super::choice::{NoCustomer, chosen, progress};
use super::{EXIT_USAGE, SettingsArgs, report};
use output::Output;
use steps::TenantSteps;
use tenant::Onboarding;

/// The number of tenants that are worked on concurrently.
const TENANTS_AT_ONCE: usize = 8;

/// The time limit of the list of customers.
const LISTING_LIMIT: Duration = Duration::from_secs(300);

/// The tenants, what is done in them, and the form of the answer.
#[derive(Debug, clap::Args)]
pub struct OnboardArgs {
    /// Domain or tenant id of a customer, repeatable
    #[arg(long = "tenant", value_name = "D", required_unless_present = "all", conflicts_with = "all")]
    pub tenants: Vec<String>,
    /// Onboard every customer
    #[arg(long)]
    pub all: bool,
    /// Say what would be done, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print the link for an administrator's consent of each tenant instead, for customers without GDAP
    #[arg(long)]
    pub links: bool,
    /// Also enable the unified audit log, after customizing the organization where that is needed
    #[arg(long)]
    pub enable_auditing: bool,
    /// Also enable the auditing of mailboxes that have it only by default
    #[arg(long)]
    pub enable_mailbox_auditing: bool,
    /// Way in which the technician signs in [default: az, if the Azure CLI is installed]
    #[arg(long, value_enum)]
    pub sign_in: Option<sign_in::Way>,
    /// Form of the answer
    #[arg(long, value_enum, default_value = "table")]
    pub format: output::Format,
    /// File for the answer; without it, the answer goes to standard output
    #[arg(long, value_name = "F")]
    pub output: Option<PathBuf>,
    /// The source of the settings and of the tables.
    #[command(flatten)]
    pub source: SettingsArgs,
}

/// Why nothing was onboarded.
#[derive(Debug, thiserror::Error)]
enum OnboardError {
    #[error(transparent)]
    Open(#[from] BootstrapError),
    #[error(transparent)]
    Customer(#[from] NoCustomer),
    #[error(
        "the Azure CLI (az) is not installed; choose how to sign in: --sign-in az (after `az login`), --sign-in browser or --sign-in device"
    )]
    NoWay,
    #[error(
        "--sign-in browser and --sign-in device need ONBOARD_CLIENT_ID, a public-client registration; see docs/operations.md"
    )]
    NoRegistration,
    #[error("{}: {source}", path.display())]
    Output { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Listing(#[from] ListingError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    SignIn(#[from] SignInError),
}

impl OnboardError {
    /// Returns 2 for wrong usage, 1 if a service failed.
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Listing(_) | Self::Store(_) | Self::SignIn(_) => ExitCode::FAILURE,
            _ => ExitCode::from(EXIT_USAGE),
        }
    }
}

/// The work in each tenant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Options {
    dry_run: bool,
    enable_auditing: bool,
    enable_mailbox_auditing: bool,
}

/// The clients that work with the technician's own rights.
#[derive(Debug)]
struct Technician {
    graph: Graph,
    exchange: Exchange,
    is_azure_cli: bool,
}

/// Onboards the tenants and writes what was done. Exit code 0 if nothing failed, 1 if something did, 2 if nothing could begin.
pub async fn run(args: OnboardArgs) -> ExitCode {
    match onboard(&args).await {
        Ok(has_failed) if has_failed => ExitCode::FAILURE,
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error.to_string());
            error.exit_code()
        }
    }
}

/// Returns whether a step failed.
async fn onboard(args: &OnboardArgs) -> Result<bool, OnboardError> {
    let way = if args.links { None } else { Some(sign_in::choose(args.sign_in)?) };
    let app = open(args)?;
    let output = Output::open(args.output.as_deref())?;
    let (known, _) = customers::known(&app).await?;
    let deadline = Deadline::after(app.clock.clone(), LISTING_LIMIT);
    let customers = chosen(customers::listed(&app, &deadline, &known).await?, &args.tenants, Watched::names)?;
    let tenants = match way {
        None => customers.iter().map(|customer| TenantSteps::link(&app, customer)).collect(),
        Some(way) => work(&app, args, way, customers).await?,
    };
    output.write(args.format, &tenants)?;
    Ok(tenants.iter().any(TenantSteps::has_failed))
}

/// Opens the tables. A data folder that no run has used yet is created, because onboarding comes before the first run.
fn open(args: &OnboardArgs) -> Result<App, BootstrapError> {
    let needs = Needs { storage: args.source.data.is_none(), channels: false };
    let settings = Settings::from_environment(args.source.variables()?, needs)?;
    let store = args.source.create_for(&settings)?;
    Ok(App::new(settings, store, bootstrap::clock()?)?)
}

/// Works on all tenants, several at once, in the order of the list.
async fn work(
    app: &App,
    args: &OnboardArgs,
    way: sign_in::Way,
    customers: Vec<Watched>,
) -> Result<Vec<TenantSteps>, OnboardError> {
    let options = Options {
        dry_run: args.dry_run,
        enable_auditing: args.enable_auditing,
        enable_mailbox_auditing: args.enable_mailbox_auditing,
    };
    if way == sign_in::Way::Az && (options.enable_auditing || options.enable_mailbox_auditing) {
        report(
            "Exchange does not accept the token of the Azure CLI in most tenants: if enabling of auditing fails, run again with \
             --sign-in browser or --sign-in device",
        );
    }
    let technician = technician(app, way).await?;
    let bar = Arc::new(progress(customers.len()));
    let works = customers.into_iter().map(|customer| {
        let (bar, technician) = (Arc::clone(&bar), &technician);
        async move {
            let steps = Box::pin(Onboarding::new(app, technician, options, &customer).run()).await;
            bar.inc(1);
            steps
        }
    });
    let done = futures::stream::iter(works.collect::<Vec<_>>()).buffered(TENANTS_AT_ONCE).collect().await;
    bar.finish_and_clear();
    Ok(done)
}

/// Signs the technician in, and returns the clients that use the technician's tokens.
async fn technician(app: &App, way: sign_in::Way) -> Result<Technician, OnboardError> {
    let (hosts, partner) = (&app.settings.hosts, app.settings.partner.tenant_id);
    let http = base::http::client(app.settings.root_certificates.as_deref()).map_err(BootstrapError::from)?;
    let sign_in = sign_in::sign_in(app, way, &http).await?;
    let is_azure_cli = sign_in.is_azure_cli();
    let tokens = Arc::new(Tokens::of_technician(sign_in, hosts, http.clone(), app.clock.clone()));
    Ok(Technician {
        graph: Graph::new(hosts, partner, http.clone(), tokens.clone(), app.clock.clone()),
        exchange: Exchange::new(hosts, http, tokens, app.clock.clone()),
        is_azure_cli,
    })
}
