//! The columns of other programs' files.

use std::fs;

use serde_json::json;

use crate::bench::{Bench, PROGRAM, records, stderr_text};

#[test]
fn columns_are_read_by_their_headings() {
    let bench = Bench::csv("columns_by_headings");
    fs::write(
        &bench.input,
        "Note,Customer ID,\" E-mail \",Name\nx,cus_a,a@x.example,Ann Roe\n,cus_b,b@x.example,\n",
    )
    .unwrap();
    let columns = ["--column", "id=Customer ID", "--column", "email=E-mail"];
    bench.expect(2, &columns);
    assert_eq!(bench.server.requests().len(), 0);
    let stderr =
        stderr_text(&bench.expect(0, &[&columns[..], &["--ignore-other-columns"]].concat()));
    assert!(
        stderr.contains("\ncolumns that were ignored: 1, 4\n"),
        "{stderr}"
    );
    assert_eq!(bench.sent("cus_a"), [r#"{"email":"a@x.example"}"#]);
    assert_eq!(bench.sent("cus_b"), [r#"{"email":"b@x.example"}"#]);
}

#[test]
fn keys_are_read_by_their_names_too() {
    let bench = Bench::new("keys_by_names");
    fs::write(
        &bench.input,
        "{\"_id\": {\"x\": 1}, \"key\": \"cus_a\", \"E-mail\": \"a@x.example\"}\n\
         {\"key\": \"cus_b\", \"E-mail\": \"b@x.example\", \"livemode\": true}\n\
         {\"key\": \"cus_b\", \"E-mail\": \"b@x.example\", \"email\": \"c@x.example\"}\n",
    )
    .unwrap();
    let columns = ["--column", "email=E-mail", "--ignore-other-columns"];
    bench.expect(0, &[&columns[..], &["--column", "id=key"]].concat());
    assert_eq!(bench.sent("cus_a"), [r#"{"email":"a@x.example"}"#]);
    assert_eq!(bench.sent("cus_b"), [r#"{"email":"b@x.example"}"#; 2]);

    // Ids of Stripe's API have the same form.
    fs::write(
        &bench.input,
        "{\"id\": \"cus_a\", \"E-mail\": \"x@x.example\", \"livemode\": true}\n",
    )
    .unwrap();
    let results = records(&bench.expect(1, &columns).stdout);
    let message = results[0]["message"].as_str().unwrap();
    assert!(message.starts_with("a key is of Stripe, "), "{message}");
    bench.expect(0, &[&columns[..], &["--column", "id=id"]].concat());
}

/// The command line that a header's report prints.
fn command(stderr: &str) -> &str {
    stderr.trim_end().rsplit("\n  ").next().unwrap()
}

#[test]
#[cfg(unix)]
fn the_command_of_a_report_works_in_a_shell() {
    use std::path::Path;
    use std::process::Command;

    let bench = Bench::new("my 'exports'");
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/export-headings.tsv");
    let table = fs::read_to_string(table).unwrap();
    let mut with_ids = 0;
    for line in table.lines().filter(|line| !line.starts_with('#')).skip(1) {
        let mut cells = line.split('\t');
        let (source, headings) = (cells.next().unwrap(), cells.next().unwrap());
        for delimiter in [",", ";"] {
            let input = bench.folder.join("my $HOME `x`.csv");
            let row = headings.split(',').map(|heading| match heading {
                "id" | "Id" | "Customer ID" | "Record ID" => "cus_a",
                "email" | "Email" | "Email Address" => "a@x.example",
                "First Name" | "FirstName" => "Ann",
                _ => "",
            });
            let row = row.collect::<Vec<_>>().join(delimiter);
            fs::write(
                &input,
                format!("{}\n{row}\n", headings.replace(',', delimiter)),
            )
            .unwrap();
            let results = bench.folder.join("results 1.jsonl");
            let _ = fs::remove_file(&results);
            let mut command = bench.command();
            command
                .args(["--column=email=Nothing", "--threads", "2", "--results"])
                .arg(&results);
            // A pasted command stands in the place of one that had no mistake in it.
            if delimiter == "," {
                command = bench.command();
                command.args(["--threads", "2", "--results"]).arg(&results);
            }
            let output = command.arg(&input).output().unwrap();
            assert_eq!(output.status.code(), Some(2), "{source}");
            let stderr = stderr_text(&output);
            let pasted = self::command(&stderr);
            let output = bench
                .environment(Command::new("sh"))
                .arg("-c")
                .arg(pasted)
                .output();
            let output = output.unwrap();
            let needs_id = pasted.contains("--column id=HEADING");
            let code = if needs_id { 2 } else { 0 };
            assert_eq!(
                output.status.code(),
                Some(code),
                "{source}: {stderr}{output:?}"
            );
            if needs_id {
                let stderr = stderr_text(&output);
                assert!(
                    stderr.contains("no heading is \"HEADING\", to be id\n"),
                    "{stderr}"
                );
                continue;
            }
            with_ids += 1;
            let body = bench.sent("cus_a").pop().unwrap();
            assert_eq!(
                body, r#"{"email":"a@x.example","first_name":"Ann"}"#,
                "{source}"
            );
        }
    }
    // Stripe's ids are not ours, and Mailchimp and QuickBooks have none.
    assert_eq!(with_ids, 2 * 3);
}

#[test]
fn a_report_names_all_that_is_wrong_with_a_header() {
    let bench = Bench::csv("all_that_is_wrong");
    fs::write(&bench.input, "Kunde;E-mail;Birthday;email\ncus_a;x;y;z\n").unwrap();
    let output = bench.expect(2, &["--column", "id=Nr."]);
    let input = bench.input.display();
    let expected = format!(
        "paywithsoap-bulk: {input}: line 1: the header needs other options:\n  \
           the cells are separated by semicolons\n  \
           no heading is \"Nr.\", to be id\n  \
           there is no column id\n  \
           column 3, Birthday, may be date_of_birth\n  \
           columns that are none of id, email, first_name, last_name, phone_number, \
           date_of_birth: 1, 2\n\
         This command reads it, with the heading of the ids in the place of HEADING:\n  \
           {PROGRAM} --delimiter ';' --column id=HEADING --column date_of_birth=Birthday \
           --ignore-other-columns {input}\n"
    );
    assert_eq!(stderr_text(&output), expected);
    assert_eq!(bench.server.requests().len(), 0);
}

#[test]
fn ids_of_stripe_are_sent_only_where_they_are_asked_for() {
    let bench = Bench::csv("stripe");
    fs::write(
        &bench.input,
        "id,email,Created (UTC)\ncus_a,a@x.example,2020\n",
    )
    .unwrap();
    let others = ["--ignore-other-columns"];
    let stderr = stderr_text(&bench.expect(2, &others));
    assert!(stderr.contains("\n  a heading is of Stripe, "), "{stderr}");
    assert_eq!(bench.server.requests().len(), 0);
    bench.expect(0, &[&others[..], &["--column", "id=id"]].concat());
    assert_eq!(bench.sent("cus_a"), [r#"{"email":"a@x.example"}"#]);
}

#[test]
fn spreadsheets_add_lines_and_columns() {
    let bench = Bench::csv("spreadsheets_add");
    let expected = [r#"{"first_name":"Ann; A."}"#];
    for text in [
        "sep=;\r\nid;first_name;;\r\ncus_a;\"Ann; A.\";;\r\n",
        "\u{FEFF}sep=;\r\nid;first_name;\r\ncus_a;\"Ann; A.\"\r\n",
        "\"sep=;\"\nid;first_name;\ncus_a;\"Ann; A.\";\n",
        "SEP=\t\nid\tfirst_name\ncus_a\tAnn; A.\n",
    ] {
        fs::write(&bench.input, text).unwrap();
        bench.server.clear_requests();
        bench.expect(0, &[]);
        assert_eq!(bench.sent("cus_a"), expected, "{text}");
    }
    fs::write(
        &bench.input,
        "id,first_name,\ncus_a,Ann,x\ncus_a,Ann,,\ncus_a\n",
    )
    .unwrap();
    let results = records(&bench.expect(1, &[]).stdout);
    let messages: Vec<_> = results.iter().map(|record| &record["message"]).collect();
    let expected = [
        json!("a cell has no heading"),
        json!("the line has 4 cells, and the header has 3"),
        json!("the line has 1 cell, and the header has 3"),
    ];
    assert_eq!(messages, expected.iter().collect::<Vec<_>>());
}

#[test]
fn wrong_options_of_columns_start_nothing() {
    let bench = Bench::csv("wrong_columns");
    fs::write(&bench.input, "id,email\ncus_a,a@x.example\n").unwrap();
    for (args, message) in [
        (&["--column", "email"][..], "must be FIELD=HEADING"),
        (
            &["--column", "name=Name"],
            "with a field of id, email, first_name",
        ),
        (&["--column", "email= "], "must be FIELD=HEADING"),
        (
            &["--column", "email=a", "--column", "email=b"],
            "have the same field or heading",
        ),
        (
            &["--column", "email=a", "--column", "id=a"],
            "have the same field or heading",
        ),
        (&["--delimiter", "ab"], "must be one ASCII character"),
        (&["--delimiter", "\""], "must be one ASCII character"),
        (&["--delimiter", "ä"], "must be one ASCII character"),
        (
            &["--delimiter", ";", "--format", "jsonl"],
            "--delimiter is for CSV",
        ),
        (&["--date-format", "%m/%d/%y"], "a year of four digits"),
        (&["--date-format", "MM/DD/YYYY"], "must have %Y"),
    ] {
        let stderr = stderr_text(&bench.expect(2, args));
        assert!(stderr.contains(message), "{args:?}: {stderr}");
    }
    assert_eq!(bench.server.requests().len(), 0);
}
