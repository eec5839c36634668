//! Incidents over an ordinary tenant of 50 people and 7 days, from a seed, with the truth about every record.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::records::Records;

const PEOPLE: usize = 50;
const FIRST_DAY: u32 = 16;
const DAYS: u32 = 7;
const OFFICE: &str = "198.51.100.1";
const GRAPH: &str = "00000003-0000-0000-c000-000000000000";
const APP: &str = "99999999-aaaa-4bbb-8ccc-999999999999";
const PRINCIPAL: &str = "12345678-0000-4000-8000-00000000000b";
const BROWSER: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/131";

/// Numbers from a seed (SplitMix64).
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }

    fn one_in(&mut self, end: u64) -> bool {
        self.below(end) == 0
    }
}

/// The person behind a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// The attacker, in a way that the rules can know.
    Attacker,
    /// The attacker, but nothing in the record tells: Microsoft's address in a session that the owner shares.
    Hidden,
    /// Anybody else.
    Others,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Relay,
    Password,
    DeviceCode,
    Consent,
}

/// An incident.
#[derive(Debug)]
pub struct Incident {
    pub kind: Kind,
    pub victim: String,
    pub seconds: BTreeSet<String>,
    pub records: Vec<Value>,
    truth: BTreeMap<String, Truth>,
}

impl Incident {
    pub fn truth(&self, id: &str) -> Truth {
        self.truth.get(id).copied().unwrap_or(Truth::Others)
    }

    pub fn attacks(&self) -> impl Iterator<Item = &String> {
        self.truth.iter().filter(|(_, truth)| **truth == Truth::Attacker).map(|(id, _)| id)
    }
}

struct Maker {
    dice: Dice,
    records: Records,
    truth: BTreeMap<String, Truth>,
}

/// A place with a session.
#[derive(Clone)]
struct Place {
    ip: String,
    session: String,
}

fn place(ip: impl Into<String>, session: impl Into<String>) -> Place {
    Place { ip: ip.into(), session: session.into() }
}

fn person(number: usize) -> String {
    format!("p{number}@contoso.com")
}

fn home(number: usize) -> String {
    format!("192.0.2.{}", number + 1)
}

/// The mail program on the desk: one session all week, from the office and from home.
fn desk(number: usize) -> String {
    format!("10000000-0000-4000-8000-{number:012x}")
}

fn clock(day: u32, minute: u64) -> String {
    format!("{day:02}T{:02}:{:02}:{:02}", minute / 60 % 24, minute % 60, minute * 7 % 60)
}

impl Maker {
    fn mark(&mut self, record: &Value, truth: Truth) {
        self.truth.insert(record["Id"].as_str().unwrap().to_owned(), truth);
    }

    /// Some act of an account in its own mailbox and files.
    fn act(&mut self, day: u32, minute: u64, who: &str, at: &Place) -> Value {
        let (time, number) = (clock(day, minute), self.dice.below(400));
        match self.dice.below(10) {
            0..=4 => self.records.bind(&time, who, who, &at.ip, &at.session, &[&format!("{who}-{number}")]),
            5 => self.records.send(&time, who, &at.ip, &at.session, &format!("{who}-sent-{number}-{day}-{minute}")),
            6 | 7 => self.records.file(&time, who, "FileAccessed", &at.ip, &at.session, &format!("{number}.docx")),
            8 => self.records.file(&time, who, "FileDownloaded", &at.ip, &at.session, &format!("{number}.xlsx")),
            _ => {
                let item = json!({"AffectedItems": [{"Subject": "x", "InternetMessageId": format!("<{number}@x>")}],
                    "ClientIP": at.ip, "MailboxOwnerUPN": who, "SessionId": at.session});
                self.records.add(&time, who, "MoveToDeletedItems", 3, item)
            }
        }
    }

    /// A week of one person: desk, phone, browser, an occasional journey, background services.
    fn week(&mut self, number: usize) {
        let who = person(number);
        let in_office = !number.is_multiple_of(3);
        for day in FIRST_DAY..FIRST_DAY + DAYS {
            let travels = self.dice.one_in(12);
            let base = if travels {
                format!("198.19.{number}.{day}")
            } else if in_office && !self.dice.one_in(5) {
                OFFICE.to_owned()
            } else {
                home(number)
            };
            let browser = place(base.clone(), format!("20000000-0000-4000-8000-{:012x}", number * 100 + day as usize));
            let phone = place(
                format!("198.18.{}.{}", self.dice.below(4), self.dice.below(10)),
                format!("30000000-0000-4000-8000-{number:012x}"),
            );
            let phone = if self.dice.one_in(3) {
                place(format!("2001:db8:{number:x}:{day}::{:x}", self.dice.below(900)), phone.session)
            } else {
                phone
            };
            if self.dice.one_in(10) {
                self.records.sign_in(&clock(day, 470), &who, &base, "", "50126");
            }
            self.records.sign_in(&clock(day, 480), &who, &base, &browser.session, "0");
            for _ in 0..6 + self.dice.below(6) {
                let minute = 480 + self.dice.below(540);
                let at = match self.dice.below(3) {
                    0 => browser.clone(),
                    1 => phone.clone(),
                    _ => place(base.clone(), desk(number)),
                };
                self.act(day, minute, &who, &at);
            }
            self.service(day, &who);
        }
        if number.is_multiple_of(10) {
            for _ in 0..2 {
                let other = person(self.dice.below(PEOPLE as u64) as usize);
                let time = clock(FIRST_DAY + self.dice.below(u64::from(DAYS)) as u32, 490);
                self.records.directory(&time, &who, "Update user.", &other);
            }
        }
    }

    /// Mail that the owner forwards, by a rule from the ordinary place, before anything was ordinary or later.
    fn own_rule(&mut self, victim: &str) {
        let is_own = |record: &&Value| record["UserId"] == victim && record["Operation"] == "UserLoggedIn";
        let signed_in: Vec<Value> = self.records.all.iter().filter(is_own).cloned().collect();
        let days = |ip: &Value| signed_in.iter().filter(|other| other["ClientIP"] == *ip).count();
        let day = FIRST_DAY + self.dice.below(3) as u32;
        let begin = format!("2026-11-{day:02}");
        let of_day = signed_in.iter().find(|record| record["CreationTime"].as_str().unwrap().starts_with(&begin));
        if let Some(sign_in) = of_day.filter(|record| days(&record["ClientIP"]) > 2) {
            let session = sign_in["DeviceProperties"][1]["Value"].as_str().unwrap();
            self.records.rule(&clock(day, 485), victim, sign_in["ClientIP"].as_str().unwrap(), session);
        }
    }

    /// A wrong password that the attacker tried long before.
    fn refused_before(&mut self, victim: &str, ip: &str) {
        if self.dice.one_in(3) {
            let refused = self.records.sign_in(&clock(FIRST_DAY, 180), victim, ip, "", "50126");
            self.mark(&refused, Truth::Attacker);
        }
    }

    fn service(&mut self, day: u32, who: &str) {
        let minute = self.dice.below(1400);
        let mut record =
            self.records.bind(&clock(day, minute), who, who, "2603:10a6:10::1", "", &[&format!("{who}-{minute}")]);
        record["ClientInfoString"] = json!("Client=REST;Client=RESTSystem;;");
        *self.records.all.last_mut().unwrap() = record;
    }

    fn attackers_address(&mut self) -> String {
        if self.dice.one_in(4) {
            format!("2001:db8:bad{:x}:1::{:x}", self.dice.below(16), self.dice.below(900))
        } else {
            format!("203.0.113.{}", 1 + self.dice.below(250))
        }
    }

    /// The attacker's acts in the victim's account, hopping between addresses of one session.
    fn burglary(&mut self, day: u32, minute: u64, victim: &str, session: &str, addresses: &[String], acts: u64) {
        for _ in 0..acts {
            let ip = addresses[self.dice.below(addresses.len() as u64) as usize].clone();
            let after = self.dice.below(170);
            let record = self.act(day, minute + 2 + after, victim, &place(ip, session));
            self.mark(&record, Truth::Attacker);
        }
    }

    fn others(&mut self, day: u32, minute: u64, ip: &str, victim: usize) -> BTreeSet<String> {
        let mut seconds = BTreeSet::new();
        for at in 0..self.dice.below(6) {
            let number = (victim + 1 + self.dice.below(PEOPLE as u64 - 1) as usize) % PEOPLE;
            let (who, time) = (person(number), clock(day, minute + 10 + at));
            let session = format!("50000000-0000-4000-8000-{:012x}", number);
            if self.dice.one_in(3) {
                let record = self.records.sign_in(&time, &who, ip, &session, "0");
                self.mark(&record, Truth::Attacker);
                let later = self.attackers_address();
                for ip in [ip.to_owned(), later] {
                    let record = self.act(day, minute + 30 + at, &who, &place(ip, session.clone()));
                    self.mark(&record, Truth::Attacker);
                }
                seconds.insert(who);
            } else {
                let error = ["50126", "50074", "50053"][self.dice.below(3) as usize];
                let record = self.records.sign_in(&time, &who, ip, "", error);
                self.mark(&record, Truth::Attacker);
            }
        }
        seconds
    }
}

/// The incident of a seed.
pub fn incident(seed: u64) -> Incident {
    let mut maker = Maker { dice: Dice(seed), records: Records::default(), truth: BTreeMap::new() };
    for number in 0..PEOPLE {
        maker.week(number);
    }
    let number = maker.dice.below(PEOPLE as u64) as usize;
    let (day, minute) = (FIRST_DAY + 4 + maker.dice.below(3) as u32, 540 + maker.dice.below(420));
    if maker.dice.one_in(3) {
        maker.own_rule(&person(number));
    }
    let kind = [Kind::Relay, Kind::Password, Kind::DeviceCode, Kind::Consent][(seed % 4) as usize];
    let seconds = match kind {
        Kind::Relay => relay(&mut maker, number, day, minute),
        Kind::Password => password(&mut maker, number, day, minute),
        Kind::DeviceCode => device_code(&mut maker, number, day, minute),
        Kind::Consent => consent(&mut maker, number, day, minute),
    };
    Incident { kind, victim: person(number), seconds, records: maker.records.all, truth: maker.truth }
}

fn relay(maker: &mut Maker, number: usize, day: u32, minute: u64) -> BTreeSet<String> {
    let (victim, session) = (person(number), "40000000-0000-4000-8000-000000000001");
    let addresses: Vec<String> = (0..1 + maker.dice.below(4)).map(|_| maker.attackers_address()).collect();
    maker.refused_before(&victim, &addresses[0]);
    let sign_in = maker.records.sign_in_with(&clock(day, minute), &victim, &addresses[0], session, "0", "axios/1.7.9");
    maker.mark(&sign_in, Truth::Attacker);
    let acts = 5 + maker.dice.below(40);
    maker.burglary(day, minute, &victim, session, &addresses, acts);
    let rule_at = addresses.last().unwrap().clone();
    let rule = maker.records.rule(&clock(day, minute + 60), &victim, &rule_at, session);
    maker.mark(&rule, Truth::Attacker);
    maker.others(day, minute, &addresses[0], number)
}

fn password(maker: &mut Maker, number: usize, day: u32, minute: u64) -> BTreeSet<String> {
    let (victim, address) = (person(number), maker.attackers_address());
    for at in 0..maker.dice.below(5) {
        let wrong = maker.records.sign_in(&clock(day, minute + at), &victim, &address, "", "50126");
        maker.mark(&wrong, Truth::Attacker);
    }
    for at in 0..1 + maker.dice.below(3) {
        let session = format!("40000000-0000-4000-8000-0000000000{at:02}");
        let sign_in = maker.records.sign_in(&clock(day, minute + 6 + at), &victim, &address, &session, "0");
        maker.mark(&sign_in, Truth::Attacker);
        let addresses = [address.clone(), maker.attackers_address()];
        let acts = 3 + maker.dice.below(15);
        maker.burglary(day, minute + 10, &victim, &session, &addresses, acts);
    }
    let rule = maker.records.rule(&clock(day, minute + 100), &victim, &address, "");
    maker.mark(&rule, Truth::Attacker);
    maker.others(day, minute, &address, number)
}

/// The attacker's token is one of the owner's session of the week.
fn device_code(maker: &mut Maker, number: usize, day: u32, minute: u64) -> BTreeSet<String> {
    let (victim, session, address) = (person(number), desk(number), maker.attackers_address());
    maker.refused_before(&victim, &address);
    let sign_in = maker.records.sign_in_with(&clock(day, minute), &victim, &address, &session, "0", BROWSER);
    maker.mark(&sign_in, Truth::Attacker);
    let acts = 5 + maker.dice.below(20);
    maker.burglary(day, minute, &victim, &session, std::slice::from_ref(&address), acts);
    for at in 0..maker.dice.below(3) {
        let hidden =
            maker.records.bind(&clock(day, minute + 20 + at), &victim, &victim, "20.190.160.9", &session, &["hidden"]);
        maker.mark(&hidden, Truth::Hidden);
    }
    let of_rule = if maker.dice.one_in(3) { "" } else { &session };
    let rule = maker.records.rule(&clock(day, minute + 60), &victim, &address, of_rule);
    maker.mark(&rule, Truth::Attacker);
    maker.others(day, minute, &address, number)
}

/// The victim admits an application in his own browser; it reads through Graph.
fn consent(maker: &mut Maker, number: usize, day: u32, minute: u64) -> BTreeSet<String> {
    let (victim, time) = (person(number), clock(day, minute));
    let mut own = maker.records.sign_in(&time, &victim, &home(number), &desk(number), "0");
    own["ApplicationId"] = json!(APP);
    *maker.records.all.last_mut().unwrap() = own;
    let consent = maker.records.add(&time, &victim, "Consent to application.", 8, json!({"ObjectId": APP,
        "Target": [{"ID": format!("ServicePrincipal_{PRINCIPAL}"), "Type": 2}, {"ID": "Mail Backup Pro", "Type": 1}],
        "ModifiedProperties": [{"Name": "ConsentAction.Permissions", "OldValue": "",
            "NewValue": format!("[] => [[Id: x, ClientId: {PRINCIPAL}, Scope: Mail.ReadWrite Mail.Send offline_access]]")}]}));
    maker.mark(&consent, Truth::Attacker);
    for _ in 0..4 + maker.dice.below(40) {
        let after = 1 + maker.dice.below(300);
        let message = format!("{victim}-{}", maker.dice.below(400));
        let mut read =
            maker.records.bind(&clock(day, minute + after), &victim, &victim, "20.190.160.4", "", &[&message]);
        for (name, value) in [("ClientInfoString", "Client=REST;;"), ("AppId", GRAPH), ("ClientAppId", APP)] {
            read[name] = json!(value);
        }
        *maker.records.all.last_mut().unwrap() = read.clone();
        maker.mark(&read, Truth::Attacker);
    }
    BTreeSet::new()
}
