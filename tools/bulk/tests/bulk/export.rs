//! An export of the USA, from the first look at it to the failures that are handed on:
//! by the commands that reports print.
#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use paywithsoap::testing::Fault;
use serde_json::json;

use crate::bench::{Bench, PROGRAM, respond, stderr_text};

#[test]
fn an_export_of_the_usa_is_sent_sorted_and_handed_on() {
    let bench = Bench::csv("an_export_of_the_usa");
    let export = bench.folder.join("my export.csv");
    let mut rows = Vec::new();
    let mut customers = Vec::new();
    for number in 10..60 {
        bench
            .server
            .add_customer(&json!({ "id": id(number) }).to_string());
        let phone = ["(555) 123-45", "555.123.45", "+1 555 123 45"][number % 3];
        let day = number % 28 + 1;
        // Two are wrong: a day that no year has, and a year of two digits.
        let date = match number {
            20 => "2/30/1990".to_owned(),
            30 => "12/1/90".to_owned(),
            _ => format!("{}/{day:02}/1990", number % 12 + 1),
        };
        rows.push(format!(
            "{},Ann {number},a{number}@x.example,{phone}{number},{date}",
            id(number)
        ));
        let date = match number {
            20 => "1990-02-28".to_owned(),
            30 => "1990-12-01".to_owned(),
            _ => format!("1990-{:02}-{day:02}", number % 12 + 1),
        };
        customers.push(json!({
            "id": id(number),
            "first_name": format!("Ann {number}"),
            "email": format!("a{number}@x.example"),
            "phone_number": format!("55512345{number}"),
            "date_of_birth": date,
        }));
    }
    write(&export, &rows);

    // The header is not the API's: the report prints the command that reads it.
    let options = "--us-phone --date-format %m/%d/%Y --threads 1 --failures failed.csv";
    let first = format!("{PROGRAM} {options} --results results.jsonl 'my export.csv'");
    let read = printed(&bench, 2, &first);
    let columns = "--column id='Customer ID' --column email=E-mail \
        --column first_name='First Name' --column phone_number=Phone \
        --column date_of_birth=Birthday";
    assert_eq!(
        read,
        first.replacen(PROGRAM, &format!("{PROGRAM} {columns}"), 1)
    );
    assert_eq!(fs::read_dir(&bench.folder).unwrap().count(), 1);

    // Interrupted where the server wants a pause, on the eighth row.
    for _ in 0..7 {
        bench.server.fail_next(Fault::Delay(Duration::ZERO));
    }
    bench.server.fail_next(respond(429, Some("3000")));
    let child = shell(&bench, &read);
    bench.wait_for_requests(8);
    let kill = Command::new("kill")
        .args(["-s", "INT", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let resume = command_of(&stderr_text(&output));
    assert!(!resume.contains("--failures"), "{resume}");

    // Sorted, and resumed as the summary says; with failures of its own.
    rows.sort_by_key(|row| row.split('/').nth(1).map(str::to_owned));
    write(&export, &rows);
    let again = printed(&bench, 1, &format!("{resume} --failures rest.csv"));
    assert_eq!(again, resume);
    assert_eq!(bench.server.requests().len(), 8 + 50 - 7 - 2);
    // The header, the two wrong rows and the one that the interrupt cut off.
    let failed = fs::read_to_string(bench.folder.join("failed.csv")).unwrap();
    assert_eq!(failed.lines().count(), 4, "{failed}");

    // Corrected, reasons and all, and sent by the first command.
    let rest = bench.folder.join("rest.csv");
    let text = fs::read_to_string(&rest).unwrap();
    let wrong = "\"date_of_birth must be a date written %m/%d/%Y\"";
    let mut expected =
        vec!["\u{FEFF}Customer ID,First Name,E-mail,Phone,Birthday,reason".to_owned()];
    let is_wrong = |row: &&String| row.ends_with("2/30/1990") || row.ends_with("/90");
    expected.extend(
        rows.iter()
            .filter(is_wrong)
            .map(|row| format!("{row},{wrong}")),
    );
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    fs::write(
        &rest,
        text.replace("2/30/1990", "2/28/1990")
            .replace("/90,", "/1990,"),
    )
    .unwrap();
    let last = read
        .replace("results.jsonl", "rest.jsonl")
        .replace("failed.csv", "failed-again.csv")
        .replace("'my export.csv'", "rest.csv");
    let output = shell(&bench, &last).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(!bench.folder.join("failed-again.csv").exists());
    bench.assert_end_state(&customers);
}

fn id(number: usize) -> String {
    format!("cus_{number}")
}

fn write(export: &Path, rows: &[String]) {
    let header = "\u{FEFF}Customer ID,First Name,E-mail,Phone,Birthday";
    fs::write(export, format!("{header}\r\n{}\r\n", rows.join("\r\n"))).unwrap();
}

/// Types a command into a shell, in the folder of the files.
fn shell(bench: &Bench, command: &str) -> Child {
    let mut shell = bench.environment(Command::new("sh"));
    let shell = shell.current_dir(&bench.folder).stderr(Stdio::piped());
    shell
        .args(["-c", &format!("exec {command}")])
        .spawn()
        .unwrap()
}

/// Types a command into a shell, and returns the one that its messages end with.
#[track_caller]
fn printed(bench: &Bench, code: i32, command: &str) -> String {
    let output = shell(bench, command).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    command_of(&stderr_text(&output))
}

fn command_of(stderr: &str) -> String {
    stderr.trim_end().rsplit("\n  ").next().unwrap().to_owned()
}
