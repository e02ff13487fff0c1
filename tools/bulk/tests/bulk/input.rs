//! Both formats: what is read, and what is reported.

use std::fs;

use paywithsoap::testing::Fault;
use serde_json::{Value, json};

use crate::bench::{Bench, bodies, ids, lines, records, stderr_text};

#[test]
fn every_line_has_a_result_in_input_order() {
    let bench = Bench::new("every_line_has_a_result");
    let input = b"\xEF\xBB\xBF{\"id\":\"cus_a\",\"email\":\"a@x.example\"}\r\n\
        \r\n\
        {\"id\":\"cus_a\",\"email\":\"b@x.example\",\"email\":\"c@x.example\"}\n\
        {\"phone_number\":\"12\",\"id\":\"cus a\"}\n\
        nope\n\
        {\"id\":1}\n\
        {\"email\":\"a@x.example\"}\n\
        {\"id\":\"cus_a\",\"x\":1}\n\
        {\"id\":\"cus_a\",\"email\":null}\n\
        \"\xFF\"\n\
        {\"id\":\"cus_a\",\"id\":\"cus_a\"}\n\
        {\"id\":\"cus_a\"}\n\
        {\"id\":\"cus_none\",\"last_name\":\"Doe\"}\n";
    let mut input = input.to_vec();
    input.extend(" ".repeat(70_000).into_bytes());
    input.extend(b"\n{\"id\":\"cus_a\",\"first_name\":\"Zo\xC3\xAB\"}\n[\"cus_a\"]");
    fs::write(&bench.input, input).unwrap();

    let output = bench.expect(1, &["--with-customer"]);
    let results = records(&output.stdout);
    let found: Vec<_> = results.iter().map(brief).collect();
    let rule = "besides id, a field must be one of email, first_name, last_name, \
        phone_number, date_of_birth";
    let bad = |line: u64, message| (line, json!(null), "bad_line", message);
    assert_eq!(
        found,
        [
            (1, json!("cus_a"), "applied", ""),
            bad(3, "email is set twice"),
            (
                4,
                json!("cus a"),
                "not_applied",
                results[2]["message"].as_str().unwrap()
            ),
            bad(5, "the line is not JSON from column 2 on"),
            bad(6, "id must be a string"),
            bad(7, "id is missing"),
            bad(8, &format!("{rule}, and not x")),
            bad(9, "email is null: leave the field out"),
            bad(10, NOT_UTF8),
            bad(11, "id is set twice"),
            (
                12,
                json!("cus_a"),
                "not_applied",
                "not applied: patch must set at least one field"
            ),
            (
                13,
                json!("cus_none"),
                "not_applied",
                "not applied: the API responded with 404: Customer not found"
            ),
            bad(14, "the line is longer than 65536 bytes"),
            (15, json!("cus_a"), "applied", ""),
            bad(
                16,
                "the line must be an object with id and the fields to change"
            ),
        ]
    );
    assert_eq!(fields(&results[2]), ["id", "phone_number"]);
    assert_eq!(results[11]["status"], 404);
    let request_id = results[11]["request_id"].as_str().unwrap();
    assert!(request_id.starts_with("req_"), "{request_id}");
    assert_eq!(results[13]["customer"]["first_name"], "Zoë");
    assert_eq!(results[13]["customer"]["email"], "a@x.example");
    assert_eq!(bench.server.requests().len(), 3);
    let stderr = stderr_text(&output);
    assert!(
        stderr.starts_with("line 3: bad line: email is set twice\n"),
        "{stderr}"
    );
    assert!(
        stderr.contains("\n2 applied, 3 not applied, 10 bad\n"),
        "{stderr}"
    );
}

#[test]
fn csv_rows_are_updates() {
    let bench = Bench::csv("csv_rows_are_updates");
    fs::write(
        &bench.input,
        "\u{FEFF}\"id\", email ,first_name\r\n\
         cus_a,a@x.example,\"Ann, \"\"A.\"\"\"\r\n\
         \r\n\
         ,,\r\n\
         \"cus_b\",,Zoë\r\n\
         cus_a,jane,\u{7}\r\n\
         cus_a,a@x.example\r\n\
         cus_a,a@x.example,Ann,\r\n\
         ,a@x.example,Ann\r\n\
         cus_a,,\r\n\
         cus_b,b@x.example,\r\n\
         cus_a,,\"Ann\r\n\
         cus_b,c@x.example,",
    )
    .unwrap();
    let output = bench.expect(1, &[]);
    let results = records(&output.stdout);
    let found: Vec<_> = results
        .iter()
        .map(|record| {
            let message = record["message"].as_str().unwrap_or_default();
            (
                record["line"].as_u64().unwrap(),
                record["outcome"].as_str().unwrap(),
                message,
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            (2, "applied", ""),
            (5, "applied", ""),
            (6, "not_applied", results[2]["message"].as_str().unwrap()),
            (7, "bad_line", "the line has 2 cells, and the header has 3"),
            (8, "bad_line", "the line has 4 cells, and the header has 3"),
            (9, "bad_line", "id is missing"),
            (
                10,
                "not_applied",
                "not applied: patch must set at least one field"
            ),
            (11, "applied", ""),
            (
                12,
                "bad_line",
                "a quote is never closed: all that follows it is skipped (lines 12 to 13)"
            ),
        ]
    );
    assert_eq!(fields(&results[2]), ["email", "first_name"]);
    let ann = r#"{"email":"a@x.example","first_name":"Ann, \"A.\""}"#;
    assert_eq!(bench.sent("cus_a"), [ann]);
    let zoe = [r#"{"first_name":"Zoë"}"#, r#"{"email":"b@x.example"}"#];
    assert_eq!(bench.sent("cus_b"), zoe);
}

#[test]
fn an_unclosed_quote_costs_the_rows_up_to_the_next() {
    let bench = Bench::csv("an_unclosed_quote");
    let input = lines(500, 500, 1);
    bench.write_input(&input);
    let text = fs::read_to_string(&bench.input).unwrap();
    let mut rows: Vec<_> = text.lines().collect();
    rows[2] = "cus_a,\"jane@example.com,,,";
    fs::write(&bench.input, rows.join("\n")).unwrap();
    let output = bench.expect(1, &[]);
    let results = records(&output.stdout);
    let bad: Vec<_> = results
        .iter()
        .filter(|record| record["outcome"] == "bad_line")
        .map(brief)
        .collect();
    let message = "a quote is not closed: what follows it is skipped, up to the line with the \
        next quote (lines 3 to 4)";
    assert_eq!(bad, [(3, json!(null), "bad_line", message)]);
    assert_eq!(results.len(), 499);
    let stderr = stderr_text(&output);
    assert!(stderr.contains("lines 3 to 4"), "{stderr}");

    // Nothing is quoted behind it.
    rows.truncate(3);
    let plain: Vec<_> = (0..500).map(|n| format!("cus_{n},,Jane,,")).collect();
    rows.extend(plain.iter().map(String::as_str));
    fs::write(&bench.input, rows.join("\n")).unwrap();
    let results = records(&bench.expect(1, &[]).stdout);
    let message = "a quote is never closed: all that follows it is skipped (lines 3 to 503)";
    assert_eq!(results.len(), 2);
    assert_eq!(brief(&results[1]), (3, json!(null), "bad_line", message));
}

#[test]
fn a_line_break_is_part_of_its_cell() {
    let bench = Bench::csv("a_line_break");
    let text = "id,email,Note,last_name\n\
        cus_a,a@x.example,\"x\ncus_b,evil@x.example,y,Roe\n\",Doe\n\
        cus_a,b@x.example,,\"Doe\ncus_b,evil@x.example,y,Roe\nx\"\n\
        cus_a,\"c@x.example\n\",,\n\
        cus_b,b@x.example,,Roe\n";
    fs::write(&bench.input, text).unwrap();
    let output = bench.expect(1, &["--ignore-other-columns"]);
    let results = records(&output.stdout);
    let found: Vec<_> = results
        .iter()
        .map(|record| {
            (
                record["line"].as_u64().unwrap(),
                record["outcome"].as_str().unwrap(),
            )
        })
        .collect();
    let expected = [
        (2, "applied"),
        (5, "not_applied"),
        (8, "not_applied"),
        (10, "applied"),
    ];
    assert_eq!(found, expected);
    assert_eq!(fields(&results[1]), ["last_name"]);
    assert_eq!(fields(&results[2]), ["email"]);
    assert_eq!(
        bench.sent("cus_a"),
        [r#"{"email":"a@x.example","last_name":"Doe"}"#]
    );
    assert_eq!(
        bench.sent("cus_b"),
        [r#"{"email":"b@x.example","last_name":"Roe"}"#]
    );
}

#[test]
fn a_json_string_ends_where_it_is_closed() {
    let bench = Bench::new("a_json_string");
    let text = r#"{"id":"cus_a","last_name":"x
{"id":"cus_b","email":"evil@x.example"}
y"}
{"id":"cus_a","first_name":"x
{\"id\":\"cus_b\",\"email\":\"evil@x.example\"}
y","last_name":"z
{}"}
{"id":"cus_b","email":"b@x.example"}
{"id":"cus_a","email":"a@x.example
{}
"#;
    fs::write(&bench.input, text).unwrap();
    let results = records(&bench.expect(1, &[]).stdout);
    let found: Vec<_> = results.iter().map(brief).collect();
    let bad = |line: u64, message| (line, json!(null), "bad_line", message);
    let unclosed = "a string is not closed on its line: write a line break as \\n";
    let [first, second] = ["1 to 2", "4 to 7"].map(|lines| format!("{unclosed} (lines {lines})"));
    assert_eq!(
        found,
        [
            bad(1, &*first),
            bad(3, "the line is not JSON from column 1 on"),
            bad(4, &*second),
            (8, json!("cus_b"), "applied", ""),
            bad(
                9,
                "a string is never closed: all that follows it is skipped (lines 9 to 10)"
            ),
        ]
    );
    assert_eq!(bench.server.requests().len(), 1);
}

#[test]
fn malformed_quotes_make_bad_lines() {
    let bench = Bench::csv("malformed_quotes");
    fs::write(
        &bench.input,
        "id, \"first_name\" ,last_name\n\
         cus_a,Jane,\"O\"Brien\"\n\
         cus_a,\"Ja\"ne,Doe\n\
         cus_a,\"Ann\" ,Doe\n\
         cus_a,\"Jane, \"Doe,\n\
         cus_a,Jane,\"Doe\" \n\
         cus_a, \"Ann\",Doe\n \
         \"cus_a\",Ann,Doe\n\
         cus_a,\"Ann \"\"A.\"\"\",A\"n\"n\r\n\
         cus_a, Jane ,5' 10\"\n",
    )
    .unwrap();
    let output = bench.expect(1, &["--threads", "1"]);
    let results = records(&output.stdout);
    let found: Vec<_> = results.iter().map(brief).collect();
    let bad = |line: u64, message| (line, json!(null), "bad_line", message);
    assert_eq!(
        found,
        [
            bad(2, TEXT_AFTER_QUOTE),
            bad(3, TEXT_AFTER_QUOTE),
            bad(4, TEXT_AFTER_QUOTE),
            bad(5, TEXT_AFTER_QUOTE),
            bad(6, TEXT_AFTER_QUOTE),
            bad(7, SPACE_BEFORE_QUOTE),
            bad(8, SPACE_BEFORE_QUOTE),
            (9, json!("cus_a"), "applied", ""),
            (10, json!("cus_a"), "applied", ""),
        ]
    );
    let sent = [
        r#"{"first_name":"Ann \"A.\"","last_name":"A\"n\"n"}"#,
        r#"{"first_name":" Jane ","last_name":"5' 10\""}"#,
    ];
    assert_eq!(bench.sent("cus_a"), sent);
    assert_eq!(bench.server.requests().len(), sent.len());
}

#[test]
fn a_long_row_costs_one_row() {
    let bench = Bench::csv("a_long_row");
    let long = "x".repeat(70_000);
    let text = format!("id,last_name\ncus_a,{long}\ncus_a,Doe");
    fs::write(&bench.input, text).unwrap();
    let results = records(&bench.expect(1, &[]).stdout);
    assert_eq!(results[0]["message"], "the line is longer than 65536 bytes");
    assert_eq!(results[1]["outcome"], "applied");
}

#[test]
fn a_wrong_start_is_an_error_with_a_hint() {
    let bench = Bench::new("a_wrong_start");
    let utf16 = |text: &str| -> Vec<u8> {
        let units = "\u{FEFF}".encode_utf16().chain(text.encode_utf16());
        units.flat_map(u16::to_le_bytes).collect()
    };
    let names = "id, email, first_name, last_name, phone_number, date_of_birth";
    for (format, input, message) in [
        (
            "csv",
            b"\n\nid,id,email\ncus_a,cus_a,\n".to_vec(),
            "line 3: the header needs other options:\n  there are two columns of id",
        ),
        (
            "csv",
            b"id\ncus_a\n".to_vec(),
            "line 1: the header needs other options:\n  there is no field to change",
        ),
        (
            "csv",
            b"cus_a,jane@x.example\n".to_vec(),
            &format!(
                "line 1: column 1 of the header is none of {names}: is the header row missing?"
            ),
        ),
        // As json2csv writes it for Excel.
        (
            "csv",
            b"\"=\"\"id\"\"\",\"=\"\"email\"\"\"\n".to_vec(),
            r#"line 1: the headings are formulas of a spreadsheet, such as ="id": write the file with values"#,
        ),
        // As Windows PowerShell writes it, and reports.
        (
            "csv",
            b"#TYPE System.Object\r\n\"id\",\"email\"\r\n\"cus_a\",\"a@x.example\"\r\n".to_vec(),
            "line 1: the header seems to be line 2: remove what stands above it",
        ),
        (
            "csv",
            b"Customers,,\n\n,,\nCustomer ID,E-mail,\ncus_a,a@x.example,\n".to_vec(),
            "line 1: the header seems to be line 4: remove what stands above it",
        ),
        (
            "csv",
            b"id,email\rcus_a,a@x.example\r".to_vec(),
            "line 1: the lines end in a bare carriage return: save the file with LF or CRLF",
        ),
        ("csv", utf16("id,email\ncus_a,a"), UTF16),
        ("csv", utf16("id,email\ncus_a,a")[2..].to_vec(), UTF16),
        ("jsonl", utf16("{\"id\":\"cus_a\"}\n"), UTF16),
        (
            "csv",
            b"id,email\0\n".to_vec(),
            "it is no text file: it has zero bytes",
        ),
        (
            "csv",
            b"{\"id\":\"cus_a\",\"email\":\"a@x.example\"}\n".to_vec(),
            "it looks like JSON Lines: try --format jsonl",
        ),
        (
            "jsonl",
            b"\"id\",email\ncus_a,a@x.example\n".to_vec(),
            "it looks like CSV: try --format csv",
        ),
        (
            "jsonl",
            b"id;email\ncus_a;a\n".to_vec(),
            "it looks like CSV: try --format csv",
        ),
        (
            "csv",
            b"id,\"em\"ail\ncus_a,a@x.example\n".to_vec(),
            &format!("line 1: {TEXT_AFTER_QUOTE}"),
        ),
        ("csv", Vec::new(), "it is empty, and has no header"),
        ("csv", b"sep=;\n".to_vec(), "it has no header"),
        ("csv", b"PK\x03\x04\x14\0\x06\0\x08\0".to_vec(), SPREADSHEET),
        ("jsonl", b"PK\x03\x04\n".to_vec(), SPREADSHEET),
        (
            "csv",
            b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".to_vec(),
            "it is a spreadsheet of an old Excel: save it as CSV",
        ),
        (
            "jsonl",
            b"\x1F\x8B\x08\0".to_vec(),
            "it is compressed by gzip: unpack it",
        ),
        (
            "csv",
            b"<?xml version=\"1.0\"?>\n<Workbook>".to_vec(),
            "it is XML or HTML: open it in a spreadsheet, and save it as CSV",
        ),
        (
            "jsonl",
            b"{\n  \"id\": \"cus_a\",\n  \"email\": \"a@x.example\"\n}\n".to_vec(),
            "its objects have several lines: write each object on one line, as jq -c . does",
        ),
    ] {
        expect_wrong_start(&bench, format, &input, message);
    }
}

#[test]
fn a_json_array_is_an_error() {
    let bench = Bench::new("a_json_array");
    let objects = "it looks like a JSON array: write each object on a line of its own, \
        as jq -c '.[]' does";
    let others = "it looks like a JSON array: write an object with id and the fields on each line";
    // Programs write all of an array on one line, longer than a line may be.
    let long = ["\u{FEFF}[", &"{\"id\":\"cus_a\"},".repeat(5_000), "]"].concat();
    for (format, input, message) in [
        (
            "jsonl",
            "\u{FEFF}\n [\n{\"id\":\"cus_a\",\"email\":\"a@x.example\"}\n]\n",
            objects,
        ),
        (
            "jsonl",
            "[{\"id\":\"cus_a\",\"email\":\"a@x.example\"}]",
            objects,
        ),
        ("jsonl", &long, objects),
        (
            "csv",
            "[{\"id\":\"cus_a\",\"email\":\"a@x.example\"}]",
            objects,
        ),
        (
            "jsonl",
            "[[\"id\",\"email\"],[\"cus_a\",\"a@x.example\"]]",
            others,
        ),
        ("jsonl", "[\n[\"id\",\"email\"]\n]", others),
        ("jsonl", "[]", others),
    ] {
        expect_wrong_start(&bench, format, input.as_bytes(), message);
    }
}

#[test]
fn an_empty_file_of_json_lines_has_no_lines() {
    let bench = Bench::new("an_empty_file");
    fs::write(&bench.input, "\n").unwrap();
    let stderr = stderr_text(&bench.expect(0, &[]));
    assert!(
        stderr.starts_with("0 lines for http://127.0.0.1:"),
        "{stderr}"
    );
}

#[test]
fn the_format_option_goes_before_the_name() {
    let bench = Bench::new("the_format_option");
    fs::write(&bench.input, "id,last_name\ncus_a,Doe\n").unwrap();
    bench.expect(0, &["--format", "csv"]);
    assert_eq!(bench.sent("cus_a"), [r#"{"last_name":"Doe"}"#]);
}

#[test]
fn ten_kinds_of_problems_are_shown_and_all_are_counted() {
    let bench = Bench::new("kinds_of_problems");
    // Kind 1 is on one line, kind 2 on two lines, and so on.
    let names = ["email", "first_name", "last_name", "phone_number"];
    let fields = |kind: usize| (0..4).filter(move |bit| kind >> bit & 1 == 1);
    let mut input = Vec::new();
    let mut first_lines = Vec::new();
    let mut problems = Vec::new();
    for kind in 1..=12 {
        let mut line = json!({"id": "cus_a"});
        fields(kind).for_each(|bit| line[names[bit]] = json!(true));
        let rules: Vec<_> = fields(kind)
            .map(|bit| format!("{} must be a string", names[bit]))
            .collect();
        let problem = format!("bad line: {}", rules.join("; "));
        first_lines.push(format!("line {}: {problem}", input.len() + 1));
        problems.push(format!("{kind} lines: {problem}"));
        input.extend(vec![line; kind]);
    }
    bench.write_lines(&input);
    let stderr = stderr_text(&bench.expect(1, &[]));
    let mut expected = first_lines[..10].to_vec();
    // The commonest first.
    expected.extend(problems[2..].iter().rev().cloned());
    expected.push("3 lines with other problems: see the results".to_owned());
    let found: Vec<_> = stderr
        .lines()
        .filter(|line| line.contains("bad line") || line.contains("other"))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn lines_of_one_id_are_sent_in_input_order() {
    for bench in [Bench::new("order_jsonl"), Bench::csv("order_csv")] {
        let input = lines(300, 3, 7);
        bench.write_input(&input);
        bench.expect(0, &["--threads", "8"]);
        for id in ids(&input) {
            assert_eq!(bench.sent(&id), bodies(&input, &id), "{id}");
        }
    }
}

#[test]
fn standard_error_holds_no_personal_data() {
    let bench = Bench::csv("no_personal_data");
    let secret = ["Ann", "Zebra", "zebra", "5550001111", "1990-03-30"];
    fs::write(
        &bench.input,
        "id,email,last_name,phone_number,date_of_birth\n\
         cus_a,ann@zebra.example,Zebra,5550001111,1990-03-30\n\
         cus_a,ann@zebra.example,Zebra,5550001111,1990-03-30\n\
         cus_a,ann zebra,Ann Zebra,+5550001111,1990-03-30x\n\
         cus_a,ann@zebra.example\n\
         cus_a,\"Ann\n",
    )
    .unwrap();
    bench.server.fail_next(Fault::respond(
        422,
        r#"{"error": "Ann Zebra has ann@zebra.example, 5550001111 and 1990-03-30 already"}"#,
    ));
    bench.server.fail_next(Fault::respond(
        500,
        r#"{"error": "duplicate key: Miss Zebra, 555-000-1111"}"#,
    ));
    let stderr = stderr_text(&bench.expect(1, &["--threads", "1"]));
    for secret in secret {
        assert!(!stderr.contains(secret), "{stderr}");
    }
    assert!(
        stderr.starts_with(
            "line 2: not applied: the API responded with 422: [..] has [..] and [..] already\n\
             line 3: unknown whether applied: the API responded with 500: duplicate key: [..]\n"
        ),
        "{stderr}"
    );
    let json = bench.folder.join("input.jsonl");
    fs::write(
        &json,
        "{\"id\":\"cus_a\",\"Zebra\":1}\n\"Zebra\"\n{\"id\":\"cus_a\",\"email\":[\"Zebra\"]}\n\
         {\"id\":{\"Zebra\":1}}\n{\"id\":\"cus_a\",\"last_name\":\"Zebra}\n[\"Zebra\"]",
    )
    .unwrap();
    let output = bench.command().arg(&json).output().unwrap();
    let stderr = stderr_text(&output);
    for secret in secret {
        assert!(!stderr.contains(secret), "{stderr}");
    }
    // A header that is missing makes the first row a header.
    fs::write(&bench.input, "cus_a,Zebra,5550001111\n").unwrap();
    let stderr = stderr_text(&bench.expect(2, &[]));
    for secret in secret {
        assert!(!stderr.contains(secret), "{stderr}");
    }
}

#[track_caller]
fn expect_wrong_start(bench: &Bench, format: &str, input: &[u8], message: &str) {
    fs::write(&bench.input, input).unwrap();
    let mut args = bench.results_args();
    args.extend(["--format", format]);
    let output = bench.expect(2, &args);
    let input = bench.input.display();
    assert_eq!(
        stderr_text(&output),
        format!("paywithsoap-bulk: {input}: {message}\n")
    );
    assert!(!bench.results.exists());
    assert_eq!(bench.server.requests().len(), 0);
}

const SPREADSHEET: &str = "it is a spreadsheet or a ZIP archive: save it as CSV, or unpack it";
const UTF16: &str = "the input is UTF-16: save it as UTF-8, which Excel calls CSV UTF-8";
const NOT_UTF8: &str = "the line is not UTF-8: in Excel, save the file as CSV UTF-8; in \
    LibreOffice, with the character set Unicode (UTF-8)";
const TEXT_AFTER_QUOTE: &str =
    "a closing quote must end its cell: write a quote within a quoted cell twice";
const SPACE_BEFORE_QUOTE: &str =
    "an opening quote must start its cell: remove the white space before it";

fn fields(record: &Value) -> Vec<&str> {
    let violations = record["violations"].as_array().unwrap().iter();
    violations
        .map(|violation| violation["field"].as_str().unwrap())
        .collect()
}

fn brief(record: &Value) -> (u64, Value, &str, &str) {
    (
        record["line"].as_u64().unwrap(),
        record["id"].clone(),
        record["outcome"].as_str().unwrap(),
        record["message"].as_str().unwrap_or_default(),
    )
}
