//! What real programs wrote for the same six customers, in `tests/data/writers`.
//!
//! Record 6 has a line break in its last name. Record 5 has no first name, record 4
//! no e-mail address, record 3 no date.

use std::path::Path;

use serde_json::{Value, json};

use crate::bench::{Bench, records, stderr_text};

#[test]
// A table, a row a file.
#[allow(clippy::too_many_lines, clippy::type_complexity)]
fn files_of_real_programs_are_read_as_they_meant_them() {
    let bench = Bench::new("writers");
    let line_break = "last_name must not contain a control character or line break";
    let nine_digits = "phone_number must be exactly 10 digits";
    let no_value = "is a program's mark for no value";
    let number = "phone_number must be a string";
    let all: &[usize] = &[1, 2, 3, 4, 5];
    let others = &["--ignore-other-columns"][..];
    let us_dates = &["--date-format", "%m/%d/%Y"][..];
    let slashes = &["--date-format", "%Y/%m/%d"][..];
    let tabs = &["--format", "csv", "--delimiter", "\t"][..];
    let bars = &["--delimiter", "|"][..];
    let table: &[(&str, &[&str], &[usize], &[(u64, &str)])] = &[
        // Python 3.11.7, pandas 3.1.1, csvkit.
        ("python_csv.csv", &[], all, &[(7, line_break)]),
        ("pandas_noindex.csv", &[], all, &[(7, line_break)]),
        ("pandas_default.csv", others, all, &[(7, line_break)]),
        (
            "pandas_roundtrip.csv",
            &[],
            &[2, 3, 4, 5],
            &[(2, nine_digits), (7, line_break)],
        ),
        // The surname Null is lost.
        (
            "csvkit_in2csv.csv",
            &[],
            &[2, 3, 4, 5],
            &[(2, nine_digits), (7, line_break)],
        ),
        // R 4.2.2.
        (
            "R_char.csv",
            &[],
            &[1, 2, 5],
            &[(4, no_value), (5, no_value), (7, line_break)],
        ),
        (
            "R_default.csv",
            others,
            &[2, 3, 4, 5],
            &[(2, nine_digits), (7, line_break)],
        ),
        // DuckDB 2.0.1, sqlite3 3.40.1, psql 15, MariaDB 10.11.
        ("duckdb.csv", &[], all, &[(7, line_break)]),
        ("sqlite.csv", &[], all, &[(7, line_break)]),
        (
            "sqlite_list.csv",
            bars,
            all,
            &[
                (7, "the line has 4 cells, and the header has 6"),
                (8, "the line has 3 cells, and the header has 6"),
            ],
        ),
        (
            "psql_text.tsv",
            tabs,
            &[1, 2],
            &[
                (4, no_value),
                (5, no_value),
                (6, no_value),
                (7, "last_name has an escape"),
            ],
        ),
        (
            "mariadb_outfile_withheader.csv",
            &[],
            &[1, 2, 5],
            &[
                (4, "without a backslash before it"),
                (5, no_value),
                (7, line_break),
            ],
        ),
        // Gnumeric 1.12.55, LibreOffice 7.4.7.
        ("gnumeric_typed.csv", slashes, all, &[(7, line_break)]),
        (
            "gnumeric_typed.csv",
            &[],
            &[3],
            &[
                (2, "date_of_birth must be written YYYY-MM-DD"),
                (3, "date_of_birth"),
                (5, "date_of_birth"),
                (6, "date_of_birth"),
                (7, "date_of_birth"),
            ],
        ),
        (
            "libreoffice_headless.csv",
            us_dates,
            &[2, 5],
            &[
                (2, nine_digits),
                (4, "not UTF-8"),
                (5, "not UTF-8"),
                (7, line_break),
            ],
        ),
        // ExcelJS 4.4.0. What is absent at the end of a row may be lost, so that it is not empty.
        (
            "exceljs.csv",
            &[],
            &[1, 2, 4, 5],
            &[
                (4, "the line has 5 cells, and the header has 6"),
                (7, line_break),
            ],
        ),
        // Miller 6.6, jq 1.6, polars 2.1.0, psql 15, mongoexport, csvkit.
        (
            "mlr.jsonl",
            &[],
            &[1],
            &[
                (2, number),
                (3, number),
                (4, number),
                (5, number),
                (6, number),
            ],
        ),
        (
            "jq_c.jsonl",
            &[],
            &[1, 2],
            &[
                (3, "date_of_birth is null: leave the field out"),
                (4, "email is null: leave the field out"),
                (5, "first_name must not be empty: leave the field out"),
                (6, line_break),
            ],
        ),
        (
            "polars.ndjson",
            &["--format", "jsonl"],
            &[1, 2],
            &[
                (3, "is null"),
                (4, "is null"),
                (5, "first_name"),
                (6, line_break),
            ],
        ),
        (
            "psql_copy_json.jsonl",
            &[],
            &[1, 2],
            &[
                (3, "the line is not JSON"),
                (4, "is null"),
                (5, "is null"),
                (6, "last_name has an escape"),
            ],
        ),
        (
            "mongoexport.jsonl",
            &[],
            &[],
            &[
                (1, "and not _id; date_of_birth must be a string"),
                (2, "and not _id"),
                (3, "and not _id; date_of_birth is null"),
                (
                    4,
                    "and not _id; email is null: leave the field out; date_of_birth",
                ),
                (5, "and not _id"),
                (
                    6,
                    "and not _id; last_name must not contain a control character",
                ),
            ],
        ),
        (
            "csvkit_csvjson.jsonl",
            &[],
            &[],
            &[
                (1, "a leading zero may be lost"),
                (2, number),
                (3, "date_of_birth is null: leave the field out"),
                (
                    4,
                    "email is null: leave the field out; phone_number must be a string",
                ),
                (
                    5,
                    "first_name is null: leave the field out; last_name is null",
                ),
                (6, line_break),
            ],
        ),
    ];
    for (file, options, sent, bad) in table {
        let results = dry_run(&bench, file, options);
        let (found_sent, found_bad): (Vec<_>, Vec<_>) = results
            .iter()
            .partition(|record| record["outcome"] == "would_send");
        let expected: Vec<_> = sent.iter().map(|number| customer(file, *number)).collect();
        let bodies: Vec<_> = found_sent
            .iter()
            .map(|r| (r["id"].clone(), r["body"].clone()))
            .collect();
        assert_eq!(bodies, expected, "{file}");
        assert_eq!(found_bad.len(), bad.len(), "{file}: {found_bad:?}");
        for (record, (line, message)) in found_bad.iter().zip(*bad) {
            assert_eq!(record["line"], *line, "{file}");
            let found = record["message"].as_str().unwrap();
            assert!(found.contains(message), "{file}, line {line}: {found}");
        }
    }
}

#[test]
fn files_that_need_options_are_not_read_without() {
    let bench = Bench::new("writers_without");
    for (file, message) in [
        ("pandas_default.csv", "  columns that are none of id, "),
        ("R_default.csv", "  columns that are none of id, "),
        (
            "sqlite_list.csv",
            "  the cells are separated by vertical bars\n",
        ),
        (
            "jq_pretty.jsonl",
            "write each object on one line, as jq -c . does\n",
        ),
    ] {
        let output = bench
            .command()
            .args(["--dry-run"])
            .arg(path(file))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{file}");
        let stderr = stderr_text(&output);
        assert!(stderr.contains(message), "{file}: {stderr}");
    }
}

#[test]
fn a_row_within_a_cell_changes_nobody() {
    let bench = Bench::new("injection");
    let results = dry_run(&bench, "line_break_injection.csv", &[]);
    let found: Vec<_> = results.iter().map(|r| (&r["id"], &r["outcome"])).collect();
    let [first, second] = [customer("", 1).0, customer("", 2).0];
    let [bad, sent] = [json!("not_applied"), json!("would_send")];
    assert_eq!(found, [(&first, &bad), (&second, &sent)]);
}

#[test]
fn a_phone_that_lost_digits_is_never_sent() {
    let bench = Bench::new("phones");
    for options in [&[][..], &["--us-phone"]] {
        let results = dry_run(&bench, "phones.csv", options);
        let sent = results
            .iter()
            .filter(|record| record["outcome"] == "would_send");
        let sent: Vec<_> = sent
            .map(|r| (&r["id"], &r["body"]["phone_number"]))
            .collect();
        let expected = [(&json!("cus_6"), &json!("5551234567"))];
        assert_eq!(sent, expected[..usize::from(!options.is_empty())]);
        assert_eq!(results.len(), 8);
    }
}

/// The results of a file of `tests/data/writers`.
fn dry_run(bench: &Bench, file: &str, options: &[&str]) -> Vec<Value> {
    let mut command = bench.command();
    let output = command
        .arg("--dry-run")
        .args(options)
        .arg(path(file))
        .output()
        .unwrap();
    assert!(
        matches!(output.status.code(), Some(0 | 1)),
        "{file}: {output:?}"
    );
    records(&output.stdout)
}

fn path(file: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/writers")
        .join(file)
}

/// The id and the body of a record, in the order of the API.
fn customer(file: &str, number: usize) -> (Value, Value) {
    let id = format!("cus_A3GuXEbThpqk2t6UTxEuoceVJyUE000{number}");
    let fields = match number {
        1 => json!({
            "email": "JANE@Example.COM", "first_name": "Jane", "last_name": "O'Neil",
            "phone_number": "0551234567", "date_of_birth": "1990-01-02",
        }),
        2 => json!({
            "email": "joe@example.com", "first_name": "Joe", "last_name": "Doe, Jr.",
            "phone_number": "5551234568", "date_of_birth": "1985-12-31",
        }),
        3 => json!({
            "email": "max@example.com", "first_name": "Max \"Mo\"", "last_name": "Müller",
            "phone_number": "5551234569",
        }),
        4 => json!({
            "first_name": "José", "last_name": "王小明", "phone_number": "8008001234",
            "date_of_birth": "1900-01-01",
        }),
        _ => match file {
            "csvkit_in2csv.csv" => json!({
                "email": "li@example.com", "phone_number": "5550000005",
                "date_of_birth": "2000-02-29",
            }),
            "R_char.csv" => json!({
                "email": "li@example.com", "first_name": "NA", "last_name": "Null",
                "phone_number": "5550000005", "date_of_birth": "2000-02-29",
            }),
            _ => json!({
                "email": "li@example.com", "last_name": "Null", "phone_number": "5550000005",
                "date_of_birth": "2000-02-29",
            }),
        },
    };
    (id.into(), fields)
}
