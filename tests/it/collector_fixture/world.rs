//! The tenants of the fixture, and its settings.

use std::collections::BTreeSet;
use std::time::Duration;

use base::ids::TenantId;
use m365::{AppCredential, AppRegistration, Cloud, Hosts};
use tenantwatch::settings::{
    ActionKey, ActionSettings, ChannelSettings, CollectionSettings, InvestigationSettings, LocationSettings, Settings,
    TableNames, TenantSettings, TenantSource, TrustSettings,
};
use tenantwatch_simulator::{Simulator, Tenant, World};
use uuid::Uuid;

use super::{CONTOSO, FABRIKAM, PARTNER};

pub(super) fn world() -> World {
    let mut world = World::new(PARTNER, Uuid::from_u128(0xc1));
    add_customer(&mut world, CONTOSO, "contoso.com", "Contoso");
    add_customer(&mut world, FABRIKAM, "fabrikam.com", "Fabrikam").contract = false;
    world
}

pub(super) fn add_customer<'w>(world: &'w mut World, id: Uuid, domain: &str, name: &str) -> &'w mut Tenant {
    let tenant = world.add(Tenant::new(id, domain, name));
    tenant.add_person("victor", "Victor");
    for content_type in ["Audit.Exchange", "Audit.AzureActiveDirectory"] {
        tenant.subscriptions.insert(content_type.to_owned(), true);
    }
    tenant
}

pub(super) fn settings(sim: &Simulator) -> Settings {
    let urls = sim.urls();
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    let secret = |name: &str| {
        let found = sim.environment().into_iter().find(|(known, _)| known == name);
        found.map(|(_, value)| secrecy::SecretString::from(value))
    };
    Settings {
        heartbeat: Default::default(),
        containment: Default::default(),
        partner: AppRegistration {
            tenant_id: TenantId::new(PARTNER),
            client_id: Uuid::from_u128(0xc1),
            credential: AppCredential::Secret(secret("CLIENT_SECRET").unwrap()),
        },
        onboard_client_id: None,
        hosts: Hosts {
            cloud: Cloud::Worldwide,
            authority: urls.authority.parse().unwrap(),
            management: urls.management.parse().unwrap(),
            graph: urls.graph.parse().unwrap(),
            exchange: urls.exchange.parse().unwrap(),
        },
        tenants: TenantSettings {
            source: TenantSource::Contracts,
            excluded_domains: BTreeSet::new(),
            excluded_ids: BTreeSet::new(),
        },
        collection: CollectionSettings {
            schedule: "0 */15 * * * *".parse().unwrap(),
            lookback: minutes(180),
            overlap: minutes(120),
            retention: minutes(365 * 24 * 60),
        },
        storage: None,
        tables: TableNames::default(),
        channels: ChannelSettings {
            flow_url: secret("FLOW_URL"),
            teams_url: secret("TEAMS_WEBHOOK_URL"),
            ..ChannelSettings::default()
        },
        actions: ActionSettings {
            key: ActionKey::Unset,
            token_life: minutes(72 * 60),
            protected_users: Vec::new(),
            remove_signin_methods: false,
        },
        trust: TrustSettings::default(),
        investigation: InvestigationSettings { is_on: false, ..InvestigationSettings::default() },
        location: LocationSettings::default(),
        root_certificates: Some(sim.ca_path()),
    }
}
