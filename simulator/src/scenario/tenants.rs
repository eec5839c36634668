//! Creates customers and their people.

use serde_json::json;
use uuid::Uuid;

use crate::records::{Seeded, organization_name};
use crate::world::{AcceptedDomain, Tenant};

use super::{DIRECTORY, EXCHANGE};

const CUSTOMERS: [(&str, &str); 8] = [
    ("baeckerei-lindner.example", "Bäckerei Lindner GmbH"),
    ("kanzlei-hofbauer.example", "Kanzlei Hofbauer & Partner"),
    ("alpstein-logistik.example", "Alpstein Logistik AG"),
    ("nordwind-energie.example", "Nordwind Energie KG"),
    ("praxis-am-markt.example", "Praxis am Markt"),
    ("weingut-sonnleiten.example", "Weingut Sonnleiten"),
    ("gartenbau-sommer.example", "Gartenbau Sommer"),
    ("optik-lichtblick.example", "Optik Lichtblick OHG"),
];

const FIRST_NAMES: [&str; 12] =
    ["Anna", "Bernd", "Clara", "David", "Elif", "Franz", "Greta", "Henrik", "Ines", "Jonas", "Karin", "Lukas"];

const LAST_NAMES: [&str; 11] =
    ["Adler", "Brandt", "Conrad", "Dietz", "Ebner", "Fuchs", "Gruber", "Hartl", "Imhof", "Jost", "Keller"];

/// The content types whose subscriptions are enabled from the beginning.
const SUBSCRIBED: [&str; 2] = [EXCHANGE, DIRECTORY];

/// Creates a customer with nine people, the last of whom is an administrator. `number` chooses the people, the domain the id.
pub fn tenant(number: usize, domain: &str) -> Tenant {
    let id = Uuid::new_v5(&Uuid::NAMESPACE_DNS, domain.as_bytes());
    people(Tenant::new(id, domain, domain), number)
}

/// Creates `customer-3.example` and so on.
pub(super) fn numbered(number: usize) -> Tenant {
    let mut tenant = tenant(number, &format!("customer-{number}.example"));
    tenant.display_name = format!("Customer {number}");
    tenant
}

/// Creates a customer of the demo.
pub(super) fn demo(number: usize, seeded: &mut Seeded) -> Tenant {
    let (domain, name) = CUSTOMERS[number % CUSTOMERS.len()];
    people(Tenant::new(seeded.guid(), domain, name), number)
}

fn people(mut tenant: Tenant, number: usize) -> Tenant {
    let initial = organization_name(&tenant.default_domain);
    tenant.accepted_domains.push(AcceptedDomain::new(&initial));
    tenant.subscriptions = SUBSCRIBED.iter().map(|name| ((*name).to_owned(), true)).collect();
    for person in 0..8 {
        // Eight of twelve first names in a row, so no two people of the tenant have the same name.
        let first = FIRST_NAMES[(number * 5 + person) % FIRST_NAMES.len()];
        let last = LAST_NAMES[(number * 3 + person) % LAST_NAMES.len()];
        let alias = format!("{first}.{last}").to_lowercase();
        tenant.add_person(&alias, &format!("{first} {last}"));
    }
    tenant.add_person("admin", "Administrator");
    if let Some(administrator) = tenant.users.last_mut() {
        administrator.administrator = true;
    }
    for mailbox in &mut tenant.mailboxes {
        // Every mailbox has this rule of Exchange's own.
        let id = u64::from_be_bytes(first_half(mailbox.guid)) | 1;
        mailbox.add_rule(id, "Junk E-mail Rule", json!({"MoveToFolder": "Junk Email"})).hidden = true;
    }
    tenant
}

fn first_half(guid: Uuid) -> [u8; 8] {
    guid.as_u64_pair().0.to_be_bytes()
}
