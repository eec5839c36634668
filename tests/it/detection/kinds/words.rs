use tenantwatch::detection::Severity::{High, Low, Medium};

use super::{check, has, offline, outlook_rule, reasons, rule};

#[test]
fn payroll_words_and_services_are_threats() {
    check(&[
        ("Pay", &[("SubjectOrBodyContainsWords", "Direct Deposit"), ("DeleteMessage", "True")], Medium),
        ("Pay", &[("SubjectContainsWords", "Payment Elections;W-2"), ("MoveToFolder", "Archive")], Medium),
        (
            "Pay",
            &[("SubjectContainsWords", "Lohnabrechnung"), ("MoveToFolder", "Ablage"), ("MarkAsRead", "True")],
            Medium,
        ),
        ("Pay", &[("SubjectContainsWords", "bulletin de paie"), ("MoveToFolder", "Courrier indésirable")], Medium),
        ("Pay", &[("FromAddressContainsWords", "myworkday"), ("DeleteMessage", "True")], Medium),
        ("Pay", &[("From", "noreply@info.paylocity.com"), ("DeleteMessage", "True")], Medium),
        ("Pay", &[("FromAddressContainsWords", "adp.com"), ("MoveToFolder", "X1"), ("MarkAsRead", "True")], Medium),
        ("..", &[("SubjectContainsWords", "UKG"), ("DeleteMessage", "True")], High),
        ("Pay", &[("SubjectContainsWords", "payslip"), ("MoveToFolder", "Pay")], Low),
        ("Pay", &[("From", "noreply@info.paylocity.com"), ("MoveToFolder", "Pay")], Low),
        ("Pay", &[("SubjectContainsWords", "Paylist for the party"), ("DeleteMessage", "True")], Low),
    ]);
}

#[test]
fn two_money_words_outweigh_one() {
    check(&[
        ("Filing", &[("SubjectOrBodyContainsWords", "invoice;wire"), ("MoveToFolder", "Archive")], Medium),
        ("Filing", &[("SubjectContainsWords", "Rechnung;Überweisung"), ("MoveToFolder", "Archiv")], Medium),
        (
            "Filing",
            &[("SubjectContainsWords", "faktura;przelew"), ("MoveToFolder", "Mine"), ("MarkAsRead", "True")],
            Medium,
        ),
        ("Filing", &[("SubjectContainsWords", "zelle;docusign"), ("DeleteMessage", "True")], Medium),
        ("Filing", &[("BodyContainsWords", "pagamento"), ("DeleteMessage", "True")], Medium),
        ("Filing", &[("SubjectContainsWords", "invoice"), ("MoveToFolder", "Archive")], Low),
        ("Filing", &[("SubjectContainsWords", "invoice;Invoices;INVOICE"), ("MoveToFolder", "Archive")], Low),
        ("Filing", &[("SubjectContainsWords", "betaling"), ("MoveToFolder", "Mine"), ("MarkAsRead", "True")], Low),
        ("Filing", &[("SubjectContainsWords", "invoice;wire"), ("MoveToFolder", "Invoices")], Low),
    ]);
}

#[test]
fn two_words_of_replies_are_needed() {
    check(&[
        ("Clean", &[("SubjectContainsWords", "Undeliverable;Automatic reply"), ("DeleteMessage", "True")], Medium),
        ("Clean", &[("SubjectContainsWords", "AW:;WG:"), ("DeleteMessage", "True")], Medium),
        ("Clean", &[("SubjectContainsWords", "RE:;SV:"), ("MoveToFolder", "Mine"), ("MarkAsRead", "True")], Medium),
        (
            "Clean",
            &[("SubjectContainsWords", "Réponse automatique;Absence du bureau"), ("DeleteMessage", "True")],
            Medium,
        ),
        ("Clean", &[("MessageTypeMatches", "NonDeliveryReport"), ("DeleteMessage", "True")], Medium),
        ("Clean", &[("MessageTypeMatches", "AutomaticReply"), ("DeleteMessage", "True")], Medium),
        ("Clean", &[("FromAddressContainsWords", "mailer-daemon;postmaster"), ("DeleteMessage", "True")], Medium),
        ("Clean", &[("SubjectContainsWords", "RE:"), ("MoveToFolder", "RSS Subscriptions")], Medium),
        ("Clean", &[("SubjectContainsWords", "RE:"), ("DeleteMessage", "True")], Low),
        ("Clean", &[("SubjectContainsWords", "Undeliverable"), ("DeleteMessage", "True")], Low),
        ("Clean", &[("MessageTypeMatches", "CalendaringResponse"), ("DeleteMessage", "True")], Low),
    ]);
}

#[test]
fn security_words_of_a_newsletter_weigh_nothing() {
    check(&[
        ("News", &[("SubjectContainsWords", "hacked"), ("DeleteMessage", "True")], Medium),
        ("News", &[("SubjectContainsWords", "segurança;senha"), ("MoveToFolder", "E-mail de Lixo")], Medium),
        (
            "News",
            &[("From", "anna@contoso.com"), ("SubjectContainsWords", "phishing"), ("DeleteMessage", "True")],
            Medium,
        ),
        (
            "News",
            &[("From", "security@contoso.com"), ("SubjectContainsWords", "MFA"), ("DeleteMessage", "True")],
            Medium,
        ),
        ("News", &[("From", "x@shop.example"), ("SubjectContainsWords", "payment"), ("DeleteMessage", "True")], Medium),
        ("News", &[("From", "x@vault.example"), ("SubjectContainsWords", "password"), ("DeleteMessage", "True")], Low),
        (
            "News",
            &[
                ("FromAddressContainsWords", "vendor.example"),
                ("SubjectContainsWords", "security"),
                ("MoveToFolder", "Archive"),
            ],
            Low,
        ),
        ("News", &[("SubjectContainsWords", "[SPAM]"), ("DeleteMessage", "True")], Low),
        // All mail of Microsoft contains that of account security; its newsletters have senders of their own.
        (
            "News",
            &[
                ("FromAddressContainsWords", "microsoft.com"),
                ("SubjectContainsWords", "sign-in"),
                ("DeleteMessage", "True"),
            ],
            Medium,
        ),
        (
            "News",
            &[
                ("FromAddressContainsWords", "e-mail.microsoft.com"),
                ("SubjectContainsWords", "security"),
                ("DeleteMessage", "True"),
            ],
            Low,
        ),
        ("News", &[("FromAddressContainsWords", "microsoft.com"), ("DeleteMessage", "True")], Low),
    ]);
}

#[test]
fn tickets_of_the_help_desk_are_filed_and_not_deleted() {
    check(&[
        ("Desk", &[("SubjectContainsWords", "helpdesk"), ("DeleteMessage", "True")], Medium),
        ("Desk", &[("SubjectContainsWords", "IT Support"), ("MoveToFolder", "Gelöschte Elemente")], Medium),
        ("Desk", &[("SubjectContainsWords", "Help desk"), ("MoveToFolder", "RSS Feeds")], Medium),
        (
            "Desk",
            &[("SubjectContainsWords", "helpdesk;hacked"), ("MoveToFolder", "Mine"), ("MarkAsRead", "True")],
            Medium,
        ),
        ("Desk", &[("SubjectContainsWords", "helpdesk;phishing"), ("MoveToFolder", "Archive")], Medium),
        ("Desk", &[("SubjectContainsWords", "Helpdesk ticket"), ("MoveToFolder", "T"), ("MarkAsRead", "True")], Low),
        ("Desk", &[("SubjectContainsWords", "[IT Support]"), ("MoveToFolder", "Archive")], Low),
    ]);
    let found = offline(&rule("Desk", &[("SubjectContainsWords", "helpdesk"), ("MoveToFolder", "Tickets")]));
    assert!(has(&found, "SensitiveWords"), "they are told: {:?}", reasons(&found));
}

#[test]
fn words_of_every_language_are_threats_when_deleted() {
    check(&[
        ("Post", &[("SubjectContainsWords", "bulletins de paye"), ("DeleteMessage", "True")], Medium),
        ("Post", &[("SubjectContainsWords", "relevé de compte"), ("DeleteMessage", "True")], Medium),
        ("Post", &[("SubjectContainsWords", "mail bizarre;escroquerie"), ("DeleteMessage", "True")], Medium),
        ("Post", &[("SubjectContainsWords", "número de cuenta"), ("DeleteMessage", "True")], Medium),
        ("Post", &[("SubjectContainsWords", "correo falso"), ("DeleteMessage", "True")], Medium),
        ("Post", &[("SubjectContainsWords", "insoluto"), ("DeleteMessage", "True")], Medium),
        ("Post", &[("SubjectContainsWords", "furto di identità"), ("DeleteMessage", "True")], Medium),
        ("Post", &[("SubjectContainsWords", "e-mail falso"), ("DeleteMessage", "True")], Medium),
        ("Post", &[("SubjectContainsWords", "recibo de ordenado"), ("DeleteMessage", "True")], Medium),
        ("Post", &[("SubjectContainsWords", "openstaande posten"), ("DeleteMessage", "True")], Medium),
        ("Post", &[("SubjectContainsWords", "nepmail"), ("DeleteMessage", "True")], Medium),
        ("Post", &[("SubjectContainsWords", "Automatisch antwoord;Afwezig"), ("DeleteMessage", "True")], Medium),
        ("Post", &[("SubjectContainsWords", "fałszywy e-mail"), ("DeleteMessage", "True")], Medium),
        ("Post", &[("SubjectContainsWords", "kapad"), ("DeleteMessage", "True")], Medium),
        ("Post", &[("SubjectContainsWords", "identitetstyveri"), ("DeleteMessage", "True")], Medium),
        ("Post", &[("SubjectContainsWords", "datainnbrudd"), ("DeleteMessage", "True")], Medium),
        ("Post", &[("SubjectContainsWords", "Frånvaro"), ("DeleteMessage", "True")], Low),
        ("Post", &[("SubjectContainsWords", "tilbud;offert;devis;presupuesto"), ("DeleteMessage", "True")], Low),
        ("Post", &[("SubjectContainsWords", "compromiso con el cliente"), ("DeleteMessage", "True")], Low),
    ]);
}

#[test]
fn only_senders_that_warn_weigh() {
    const ACCOUNT: &str = "account-security-noreply@accountprotection.microsoft.com";
    check(&[
        ("Desk", &[("From", ACCOUNT), ("DeleteMessage", "True")], Medium),
        ("Desk", &[("From", ACCOUNT), ("MoveToFolder", "Mine"), ("MarkAsRead", "True")], Medium),
        ("Desk", &[("FromAddressContainsWords", "accountprotection.microsoft.com"), ("DeleteMessage", "True")], Medium),
        ("Desk", &[("From", "helpdesk@contoso.com"), ("DeleteMessage", "True")], Medium),
        ("Desk", &[("From", "\"IT\" [SMTP:it@fabrikam.com]"), ("DeleteMessage", "True")], Medium),
        ("Desk", &[("From", "helpdesk@contoso.com"), ("MoveToFolder", "Mine"), ("MarkAsRead", "True")], Low),
        ("Desk", &[("From", "noreply@email.teams.microsoft.com"), ("DeleteMessage", "True")], Low),
        (
            "Desk",
            &[("From", "quarantine@messaging.microsoft.com"), ("DeleteMessage", "True"), ("MarkAsRead", "True")],
            Low,
        ),
        ("Desk", &[("From", "o365mc@microsoft.com"), ("MoveToFolder", "Mine"), ("MarkAsRead", "True")], Low),
        ("Desk", &[("From", "helpdesk@elsewhere.example"), ("DeleteMessage", "True")], Low),
    ]);
    let teams = offline(&rule("Teams", &[("From", "noreply@email.teams.microsoft.com"), ("DeleteMessage", "True")]));
    assert!(has(&teams, "TargetsSenders"), "routine senders are told: {:?}", reasons(&teams));
}

#[test]
fn disguised_words_are_seen_through() {
    check(&[
        ("Post", &[("SubjectContainsWords", "раssword"), ("DeleteMessage", "True")], Medium),
        ("Post", &[("SubjectContainsWords", "in\u{200B}voice;wi\u{200D}re"), ("MoveToFolder", "Archive")], Medium),
        ("Post", &[("BodyContainsWords", "𝗽𝗮𝘀𝘀𝘄𝗼𝗿𝗱"), ("DeleteMessage", "True")], Medium),
        ("Post", &[("SubjectContainsWords", "ｐａｙｒｏｌｌ"), ("DeleteMessage", "True")], Medium),
        ("Post", &[("SubjectContainsWords", "Οutlook"), ("DeleteMessage", "True")], Medium),
        ("Post", &[("SubjectContainsWords", "ɪɴᴠᴏɪᴄᴇ"), ("DeleteMessage", "True")], Medium),
        ("Post", &[("SubjectContainsWords", "🅿🅰🆈🆁🅾🅻🅻"), ("DeleteMessage", "True")], Medium),
        ("Post", &[("SubjectContainsWords", "Новости"), ("DeleteMessage", "True")], Low),
        ("Post", &[("SubjectContainsWords", "Ενημέρωση"), ("DeleteMessage", "True")], Low),
        ("Post", &[("SubjectContainsWords", "請求書;10kΩ"), ("DeleteMessage", "True")], Low),
    ]);
    for word in ["раssword", "pass\u{AD}word", "ｐａｙｍｅｎｔ", "𝐰𝐢𝐫𝐞 transfer"] {
        let found = offline(&rule("Post", &[("SubjectContainsWords", word), ("DeleteMessage", "True")]));
        assert!(has(&found, "LookalikeText") && has(&found, "SensitiveWords"), "{word}: {:?}", reasons(&found));
    }
}

#[test]
fn words_of_a_restriction_are_found() {
    let condition =
        "{(Or((SubString IgnoreCase(SubjectProperty)=hacked),(SubString IgnoreCase(SubjectProperty)=W-2)))}";
    let found = offline(&outlook_rule("Post", condition, r#"[{"ActionType":"Delete"}]"#));
    assert_eq!(found.severity, Medium);
    let sentence = &found.reasons.iter().find(|reason| reason.name.as_str() == "SensitiveWords").unwrap().sentence;
    assert_eq!(sentence, "The rule matches words about security (1) and payroll (1): W-2, hacked.");
}
