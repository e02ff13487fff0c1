//! Conversions that are asked for, and values that look like no value.

use std::fmt::Write;
use std::fs;

use crate::bench::{Bench, records, stderr_text};

#[test]
fn a_dry_run_shows_what_cells_become() {
    let bench = Bench::csv("what_cells_become");
    let mut text = "id,phone_number,date_of_birth\n".to_owned();
    for number in 10..25 {
        writeln!(text, "cus_{number},(555) 123-45{number},1/{number}/1990").unwrap();
    }
    text += "cus_a,5551234567,\ncus_a,551234567.0,1990-01-02\n";
    fs::write(&bench.input, text).unwrap();
    let options = ["--us-phone", "--date-format", "%m/%d/%Y"];
    let output = bench.expect(1, &[&options[..], &["--dry-run"]].concat());
    let stderr = stderr_text(&output);
    let (_, notes) = stderr
        .split_once(" would be sent, 1 not applied\n")
        .unwrap();
    let mut expected = String::new();
    for number in 10..20 {
        let line = number - 8;
        let lines = format!(
            "line {line}: phone_number \"(555) 123-45{number}\" becomes \"55512345{number}\"\n\
             line {line}: date_of_birth \"1/{number}/1990\" becomes \"1990-01-{number}\"\n"
        );
        expected.push_str(&lines);
    }
    expected += "converted values of phone_number: 15\nconverted values of date_of_birth: 15\n";
    assert_eq!(notes, expected);
    let results = records(&output.stdout);
    let message = results.last().unwrap()["message"].as_str().unwrap();
    assert!(
        message.starts_with("not applied: phone_number must be exactly 10 digits"),
        "{message}"
    );
    assert!(
        message.ends_with("; date_of_birth must be a date written %m/%d/%Y"),
        "{message}"
    );

    let stderr = stderr_text(&bench.expect(1, &options));
    assert!(!stderr.contains("1990"), "{stderr}");
    assert!(
        stderr.contains("\nconverted values of phone_number: 15\n"),
        "{stderr}"
    );
    let sent = r#"{"phone_number":"5551234567"}"#;
    assert_eq!(bench.sent("cus_a"), [sent]);
}

#[test]
fn json_is_converted_too() {
    let bench = Bench::new("json_is_converted");
    let text = r#"{"id":"cus_a","phone_number":"+1 555 123 4599","date_of_birth":"2.1.1990"}"#;
    fs::write(&bench.input, text).unwrap();
    bench.expect(1, &[]);
    assert_eq!(bench.server.requests().len(), 0);
    bench.expect(0, &["--us-phone", "--date-format", "%d.%m.%Y"]);
    let sent = r#"{"phone_number":"5551234599","date_of_birth":"1990-01-02"}"#;
    assert_eq!(bench.sent("cus_a"), [sent]);
}

#[test]
fn placeholders_are_bad_and_odd_names_are_counted() {
    let bench = Bench::csv("placeholders");
    fs::write(
        &bench.input,
        "id,email,first_name,last_name\n\
         cus_a,\\N,#N/A,Zo\\u00eb\n\
         cus_a,,NULL,Doe\n\
         cus_a,,Ann,na\n\
         cus_a,,???,=?utf-8?q?x?=\n\
         cus_a,, Ann,Doe\u{A0}\n\
         cus_a,NA,Ann,\n",
    )
    .unwrap();
    for args in [&["--dry-run"][..], &[]] {
        let output = bench.expect(1, args);
        let results = records(&output.stdout);
        let bad: Vec<_> = results
            .iter()
            .filter(|record| !record["violations"].is_null())
            .collect();
        let found: Vec<_> = bad
            .iter()
            .map(|record| {
                let violations = record["violations"].as_array().unwrap().iter();
                let fields = violations.map(|violation| violation["field"].as_str().unwrap());
                (record["line"].as_u64().unwrap(), fields.collect::<Vec<_>>())
            })
            .collect();
        let names = vec!["first_name", "last_name"];
        assert_eq!(
            found,
            [
                (2, vec!["email", "first_name", "last_name"]),
                (5, names),
                (7, vec!["email"]),
            ]
        );
        let stderr = stderr_text(&output);
        let notes = "names that are NULL, NA, None, nan or the like, sent as they are: 2, \
                the first on line 3\n\
             names with white space around them, sent as they are: 2, the first on line 6\n";
        // The command to go on with is last.
        let (before, _) = stderr
            .split_once("to send what is left, ")
            .unwrap_or((&stderr, ""));
        assert!(before.ends_with(notes), "{stderr}");
    }
    let sent = bench.sent("cus_a");
    assert_eq!(sent[0], r#"{"first_name":"NULL","last_name":"Doe"}"#);
    assert_eq!(
        sent[2],
        "{\"first_name\":\" Ann\",\"last_name\":\"Doe\u{A0}\"}"
    );
}

#[test]
fn values_of_programs_have_hints() {
    let bench = Bench::csv("values_have_hints");
    let mut text = "id,phone_number,date_of_birth\n".to_owned();
    let day = "drop the time that follows the day";
    let look_up = "look up the day, since a time zone may have moved it";
    let hints = [
        ("5551234567.0", "", "drop the `.0`"),
        (
            "551234567.0",
            "",
            "drop the `.0`, and see whether a zero at the front is lost",
        ),
        ("", "1990-01-02T00:00:00.000Z", day),
        ("", "1990-01-01T23:00:00.000Z", look_up),
    ];
    for (phone, date, _) in hints {
        writeln!(text, "cus_a,{phone},{date}").unwrap();
    }
    fs::write(&bench.input, text).unwrap();
    let results = records(&bench.expect(1, &["--us-phone"]).stdout);
    assert_eq!(results.len(), hints.len());
    for (result, (phone, date, hint)) in results.iter().zip(hints) {
        let message = result["message"].as_str().unwrap();
        assert!(message.contains(hint), "{phone}{date}: {message}");
    }
}
