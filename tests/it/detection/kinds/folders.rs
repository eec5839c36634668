use std::collections::BTreeSet;

use tenantwatch::detection::Severity::{High, Low, Medium};

use super::{check, has, offline, reasons, rule};

#[test]
fn a_hijacked_thread_in_a_hidden_folder_is_a_threat() {
    let from = ("From", "ap@fabrikam.example");
    check(&[
        ("Fabrikam", &[from, ("MoveToFolder", "RSS Feeds")], Medium),
        ("Fabrikam", &[from, ("MoveToFolder", "grady@contoso.com:\\Conversation History")], Medium),
        ("Fabrikam", &[from, ("MoveToFolder", ":\\Notes")], Medium),
        ("Fabrikam", &[from, ("MoveToFolder", "Feeds of RSS")], Medium),
        ("Fabrikam", &[from, ("MoveToFolder", "RЅЅ Feeds")], Medium),
        ("Fabrikam", &[("MoveToFolder", "Calendar")], High),
        ("Fabrikam", &[from, ("CopyToFolder", "Journal"), ("DeleteMessage", "True")], Medium),
        ("Fabrikam", &[from, ("MoveToFolder", "RSS Feeds\\Fabrikam")], Low),
        ("Fabrikam", &[from, ("MoveToFolder", "Inbox\\Notes")], Low),
        ("Fabrikam", &[from, ("MoveToFolder", "Calendar 2026")], Low),
        ("Fabrikam", &[from, ("CopyToFolder", "RSS Feeds")], Low),
        ("Fabrikam", &[from, ("MoveToFolder", "Archive")], Low),
        ("Fabrikam", &[from, ("MoveToFolder", "Deleted Items")], Low),
    ]);
}

#[test]
fn hidden_folders_are_known_in_many_languages() {
    for folder in [
        "Verlauf der Unterhaltung",
        "Cronologia delle conversazioni",
        "Gesprekgeschiedenis",
        "RSS-подписки",
        "Historial de conversaciones",
        "Histórico de Conversas",
        "Historia konwersacji",
        "Konversationshistorik",
        "Samtalelogg",
        "Keskusteluhistoria",
        "Historie konverzací",
        "Beszélgetések előzményei",
        "Ιστορικό συνομιλιών",
        "Журнал бесед",
        "Konuşma Geçmişi",
        "会話の履歴",
        "대화 내용",
        "对话历史记录",
        "היסטוריית שיחות",
        "محفوظات المحادثات",
        "Synkroniseringsproblemer",
        "Notizen",
        "Tâches",
        "Kalendarz",
    ] {
        let found = offline(&rule("Post", &[("From", "ap@fabrikam.example"), ("MoveToFolder", folder)]));
        assert!(has(&found, "HidesInFolder"), "{folder}: {:?}", reasons(&found));
        let below = format!("{folder}\\Fabrikam");
        let found = offline(&rule("Post", &[("From", "ap@fabrikam.example"), ("MoveToFolder", &below)]));
        assert!(!found.threat, "{below}: {:?}", reasons(&found));
    }
}

#[test]
fn archive_and_junk_are_known_in_many_languages() {
    for folder in [
        "E-mail de Lixo",
        "Archiveren",
        "Archivieren",
        "Archiver",
        "Courrier indésirable",
        "Nevyžádaná pošta",
        "Archív",
        "迷惑メール",
        "Архив",
    ] {
        let words = ("SubjectContainsWords", "phishing");
        let found = offline(&rule("Post", &[words, ("MoveToFolder", folder)]));
        assert!(found.threat && has(&found, "MovesToArchiveOrJunk"), "{folder}: {:?}", reasons(&found));
        let found = offline(&rule("Post", &[("From", "list@club.example"), ("MoveToFolder", folder)]));
        assert!(!found.threat, "{folder}: {:?}", reasons(&found));
    }
}

#[test]
fn the_list_of_folders_has_at_least_thirty_languages() {
    let list = include_str!("../../../../src/detection/data/folders.txt");
    let rows = list.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect::<Vec<_>>());
    let of = |kind: &str| -> BTreeSet<&str> { rows.clone().filter(|row| row[0] == kind).map(|row| row[1]).collect() };
    for kind in ["hidden", "deleted", "junk", "archive"] {
        assert!(of(kind).len() >= 30, "{kind}: {}", of(kind).len());
    }
}

#[test]
fn all_mail_to_junk_is_a_threat_and_to_archive_is_not() {
    check(&[
        ("All", &[("MoveToFolder", "Junk Email")], Medium),
        ("All", &[("MoveToFolder", "Skräppost"), ("SubjectContainsWords", "e")], Medium),
        ("All", &[("MoveToFolder", "Archive"), ("MarkAsRead", "True")], Medium),
        ("All", &[("MoveToFolder", "Archive")], Low),
        ("All", &[("MoveToFolder", "Junk Email"), ("From", "lottery@spam.example")], Low),
    ]);
}
