//! `--output`: the evidence is never overwritten by the report about it.

use std::path::Path;
use std::process::{Command, Stdio};

use super::lines;
use super::records::{Records, V};

/// Runs a command, and expects that it ends with one line and 2.
fn refused(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len(), told.lines().count()), (Some(2), 0, 1), "{told}");
    told
}

fn command(subcommand: &str, folder: &Path, input: &str, output: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenantwatch"));
    command.arg(subcommand).args([input, "--output", output]).current_dir(folder).env_clear();
    if subcommand == "investigate" {
        command.args(["--account", V]);
    }
    command
}

#[test]
fn input_is_refused_as_output_under_every_name() {
    let (records, ..) = Records::incident();
    let (folder, evidence) = (tempfile::tempdir().unwrap(), lines(&records));
    let file = folder.path().join("log.jsonl");
    std::fs::write(&file, &evidence).unwrap();
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    let mut names = vec!["log.jsonl", "./log.jsonl", "sub/../log.jsonl", file.to_str().unwrap()];
    std::fs::hard_link(&file, folder.path().join("hard.jsonl")).unwrap();
    names.push("hard.jsonl");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&file, folder.path().join("soft.jsonl")).unwrap();
        names.push("soft.jsonl");
    }
    for subcommand in ["scan", "investigate"] {
        for output in &names {
            let told = refused(&mut command(subcommand, folder.path(), "log.jsonl", output));
            assert!(told.contains("is also an input") && told.contains(output), "{told}");
            assert_eq!(std::fs::read(&file).unwrap(), evidence, "{subcommand} {output}");
        }
        let told = refused(&mut command(subcommand, folder.path(), "absent.jsonl", "absent.jsonl"));
        assert!(told.contains("is also an input"), "{told}");
        assert!(!folder.path().join("absent.jsonl").exists(), "{subcommand}");
        let other = command(subcommand, folder.path(), "log.jsonl", "report").output().unwrap();
        assert!(!std::fs::read(folder.path().join("report")).unwrap().is_empty(), "{other:?}");
    }
}

#[test]
#[cfg(unix)]
fn standard_input_is_refused_as_output() {
    let (records, ..) = Records::incident();
    let (folder, evidence) = (tempfile::tempdir().unwrap(), lines(&records));
    let file = folder.path().join("log.jsonl");
    std::fs::write(&file, &evidence).unwrap();
    for subcommand in ["scan", "investigate"] {
        let mut command = command(subcommand, folder.path(), "-", "log.jsonl");
        let told = refused(command.stdin(Stdio::from(std::fs::File::open(&file).unwrap())));
        assert!(told.contains("is also an input"), "{told}");
        assert_eq!(std::fs::read(&file).unwrap(), evidence, "{subcommand}");
    }
}
