//! The command line.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use crate::columns::{ColumnOption, Mapping};
use crate::convert::{Conversions, DateFormat};
use crate::input::Format;

/// Updates many customers of the Soap payments API, one for each line of a file.
// Each flag is one of the command line.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Parser)]
#[command(name = NAME, version, about, after_help = AFTER_HELP, max_term_width = 80)]
pub(crate) struct Options {
    /// CSV with a header row, or JSON Lines; standard input if absent or `-`
    pub(crate) input: Option<PathBuf>,

    /// Format of the input: csv or jsonl; if absent, csv where the file's name
    /// ends in .csv, else jsonl
    #[arg(long, value_enum, value_name = "FORMAT", hide_possible_values = true)]
    pub(crate) format: Option<Format>,

    /// Character between the cells of CSV, such as ';', '|' or tab; a comma if absent
    #[arg(long, value_name = "CHAR", value_parser = delimiter)]
    pub(crate) delimiter: Option<u8>,

    /// Reads a field, or id, from the column, or key, of this name; may be repeated
    #[arg(long = "column", value_name = "FIELD=HEADING", value_parser = ColumnOption::parse)]
    columns: Vec<ColumnOption>,

    /// Ignores all columns and keys that are no field
    #[arg(long)]
    ignore_other_columns: bool,

    /// How dates of birth are written, such as %m/%d/%Y; if absent, YYYY-MM-DD
    #[arg(long, value_name = "FORMAT", value_parser = DateFormat::parse)]
    date_format: Option<DateFormat>,

    /// Drops spaces and ()-. between the digits of phone numbers, and a leading +1 or 1
    #[arg(long)]
    us_phone: bool,

    /// Where to write a line of JSON for each line of input, in input order;
    /// standard output if absent or `-`
    #[arg(long, value_name = "FILE")]
    pub(crate) results: Option<PathBuf>,

    /// Continues with these results of an earlier run of the same input: skips
    /// the lines that were applied, and sends all others
    #[arg(long, value_name = "FILE", conflicts_with = "results")]
    pub(crate) resume: Option<PathBuf>,

    /// With --resume, sends the lines again that may have been applied, too
    #[arg(long, requires = "resume")]
    pub(crate) retry_unknown: bool,

    /// Where to write the lines that are not applied, as they are in the input, with
    /// a last column or key `reason`: to be corrected and used as an input
    #[arg(long, value_name = "FILE")]
    pub(crate) failures: Option<PathBuf>,

    /// Sends nothing; shows what would be sent, and every mistake
    #[arg(long, conflicts_with = "test_server")]
    pub(crate) dry_run: bool,

    /// Rehearses: sends everything to a test server inside this program, which
    /// knows every customer, and needs no API key
    #[arg(long)]
    pub(crate) test_server: bool,

    /// Adds the customer, as the API returns it, to each applied line of the
    /// results: more personal data to protect
    #[arg(long)]
    pub(crate) with_customer: bool,

    /// How many calls run at a time, 1 to 64
    #[arg(long, value_name = "N", default_value = "4", value_parser = threads)]
    pub(crate) threads: usize,

    /// The most requests that start in a second, 1 to 10000; no limit if absent
    #[arg(long, value_name = "N", value_parser = rate)]
    pub(crate) rate: Option<u32>,

    /// The longest that one call takes, in seconds, 1 to 3600
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) timeout: Duration,

    /// PEM file of the certificates to trust instead of the built-in ones
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,

    /// Trusts the certificates of the system instead of the built-in ones
    #[arg(long, conflicts_with = "ca")]
    pub(crate) system_roots: bool,

    /// File with the API key, instead of the environment's
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,

    /// Goes on where the first 25 responses are all 402, 403, 404 or 405
    #[arg(long)]
    pub(crate) keep_going: bool,

    /// The first pause after a failure, in milliseconds; tests make it short
    #[arg(long, hide = true, default_value = "500", value_parser = millis)]
    pub(crate) first_pause: Duration,

    /// Changes customers in production without asking at a terminal
    #[arg(long)]
    pub(crate) yes: bool,
}

impl Options {
    /// Reads the command line. Ends the process where it asks for help, and,
    /// with exit code 2, where it is wrong.
    pub(crate) fn parse_args() -> Self {
        let mut options = Self::parse();
        if let Err(message) = options.check() {
            Self::command()
                .error(ErrorKind::ArgumentConflict, message)
                .exit();
        }
        options.input = options.input.filter(is_named);
        options.results = options.results.filter(is_named);
        options
    }

    /// The format of the input, by its option or its name.
    pub(crate) fn format(&self) -> Format {
        let of_delimiter = self.delimiter.map(|_| Format::Csv);
        let format = self.format.or(of_delimiter);
        format.unwrap_or_else(|| Format::of(self.input.as_deref()))
    }

    pub(crate) fn mapping(&self) -> Mapping {
        Mapping {
            options: self.columns.clone(),
            ignores_others: self.ignore_other_columns,
        }
    }

    pub(crate) fn conversions(&self) -> Conversions {
        Conversions {
            date_format: self.date_format.clone(),
            us_phone: self.us_phone,
        }
    }

    /// Checks what clap cannot.
    fn check(&self) -> Result<(), String> {
        if self.delimiter.is_some() && self.format == Some(Format::Jsonl) {
            return Err("--delimiter is for CSV, and --format is jsonl".to_owned());
        }
        for (index, option) in self.columns.iter().enumerate() {
            let mut others = self.columns[..index].iter();
            if others.any(|other| other.name == option.name || other.heading == option.heading) {
                return Err("two of --column have the same field or heading".to_owned());
            }
        }
        Ok(())
    }

    /// Where the results are written to, but to standard output.
    pub(crate) fn results_path(&self) -> Option<&Path> {
        self.resume.as_deref().or(self.results.as_deref())
    }

    /// The same, where it is a file that --resume can continue.
    pub(crate) fn results_file(&self) -> Option<&Path> {
        self.results_path().filter(|path| path.is_file())
    }

    /// What the input is called.
    pub(crate) fn input_name(&self) -> String {
        match &self.input {
            Some(path) => path.display().to_string(),
            None => "standard input".to_owned(),
        }
    }
}

/// Whether a path is that of a file, and not a standard stream.
// A filter hands it over by reference.
#[allow(clippy::ptr_arg)]
pub(crate) fn is_named(path: &PathBuf) -> bool {
    path.as_os_str() != "-"
}

fn threads(text: &str) -> Result<usize, String> {
    number(text, "", 64)
}

fn rate(text: &str) -> Result<u32, String> {
    number(text, "", 10_000)
}

fn seconds(text: &str) -> Result<Duration, String> {
    number(text, " of seconds", 3600).map(Duration::from_secs)
}

fn millis(text: &str) -> Result<Duration, String> {
    number(text, " of milliseconds", 500).map(Duration::from_millis)
}

fn delimiter(text: &str) -> Result<u8, String> {
    match (text, text.as_bytes()) {
        ("tab" | "\\t", _) => Ok(b'\t'),
        (_, [byte]) if !byte.is_ascii_alphanumeric() && !b"\"\r\n".contains(byte) => Ok(*byte),
        _ => Err("must be one ASCII character, such as ';' or '|', or tab".to_owned()),
    }
}

/// A number from 1 on, of something.
fn number<T>(text: &str, of: &str, max: T) -> Result<T, String>
where
    T: Copy + Display + From<u8> + FromStr + PartialOrd,
{
    let number = text.parse().ok();
    let number = number.filter(|number| (T::from(1)..=max).contains(number));
    number.ok_or_else(|| format!("must be a whole number{of} from 1 to {max}"))
}

/// The name of the program, which is that of the package.
pub(crate) const NAME: &str = env!("CARGO_PKG_NAME");

const AFTER_HELP: &str = "\
Input:
  Beside id, any of email, first_name, last_name, phone_number, date_of_birth.
  What is absent, or an empty cell, keeps its value. At most 64 KiB a line.

  customers.csv
    id,email,first_name
    cus_A3GuXEbThpqk2t6UTxEuoceVJyUEAX7V,jane@example.com,Jane
    cus_B9kLmNoPqRsTuVwXyZ0123456789abcd,,\"Joe, Jr.\"

  customers.jsonl
    {\"id\": \"cus_A3GuXEbThpqk2t6UTxEuoceVJyUEAX7V\", \"email\": \"jane@example.com\"}

Environment:
  SOAP_API_KEY  the API key; not needed for --dry-run and --test-server
  SOAP_API_URL  the API's URL; the sandbox if unset
                sandbox     https://api-sandbox.paywithsoap.com
                production  https://api.paywithsoap.com
  SOAP_API_CA   as --ca, an absolute path

Outcomes in the results, and what to do:
  applied      nothing; but look at the customer where `mismatches` names
               fields: the API accepted them, and returned other values
  not_applied  fix what `message` and `violations` say, then --resume
  unknown      the change may have been applied: look at the customer;
               --resume with --retry-unknown sends it again
  bad_line     fix the line, then --resume
  superseded   nothing: another line of its customer was sent after it
  rehearsed    --resume without --test-server sends it
  would_send   run again without --dry-run to send it

Order:
  Lines of one id are sent one after the other, in input order; others may
  overtake each other. --resume sends an applied line again where it has
  changed since, or comes after a line of its id that is sent again.

Stopping:
  Ctrl-C finishes the lines under way; one more, a second later, ends at once.
  After both, and after a kill or a full disk, --resume sends what is left.

Exit codes:
  0  every line is applied; in a rehearsal or dry run, none has a mistake
  1  some lines are not: see the results
  2  nothing was sent: options, settings, header or files are wrong
  3  stopped in the middle
";
