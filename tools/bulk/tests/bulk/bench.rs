//! A server, the files of a run, and what is expected of both.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use paywithsoap::testing::{Fault, TestServer};
use serde_json::{Map, Value, json};

/// A server, and a folder for the files of a run.
pub struct Bench {
    pub server: TestServer,
    pub folder: PathBuf,
    pub input: PathBuf,
    pub results: PathBuf,
}

/// How an input is written.
#[derive(Clone, Copy)]
pub enum Format {
    Csv,
    Jsonl,
}

impl Bench {
    pub fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        // Absent the first time.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let server = TestServer::start().unwrap();
        for id in ["cus_a", "cus_b"] {
            server.add_customer(&json!({ "id": id }).to_string());
        }
        Self {
            server,
            input: folder.join("input.jsonl"),
            results: folder.join("results.jsonl"),
            folder,
        }
    }

    pub fn csv(name: &str) -> Self {
        let bench = Self::new(name);
        Self {
            input: bench.folder.join("input.csv"),
            ..bench
        }
    }

    /// Writes the input, and makes its customers new ones.
    pub fn write_input(&self, input: &[Value]) {
        for id in ids(input) {
            self.server.add_customer(&json!({ "id": id }).to_string());
        }
        self.write_lines(input);
    }

    /// Writes JSON Lines, or CSV with all columns where the input has its name.
    pub fn write_lines(&self, input: &[Value]) {
        let text: Vec<_> = match self.input.extension().unwrap().to_str() {
            Some("csv") => [COLUMNS.join(",")]
                .into_iter()
                .chain(input.iter().map(row))
                .collect(),
            _ => input.iter().map(Value::to_string).collect(),
        };
        fs::write(&self.input, text.join("\n")).unwrap();
    }

    pub fn command(&self) -> Command {
        self.environment(Command::new(PROGRAM))
    }

    pub fn environment(&self, mut command: Command) -> Command {
        for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
            command.env_remove(name).env_remove(name.to_uppercase());
        }
        command
            .env("SOAP_API_KEY", self.server.api_key())
            .env("SOAP_API_URL", self.server.base_url())
            .env_remove("SOAP_API_CA")
            .stdin(Stdio::null());
        command
    }

    pub fn results_args(&self) -> Vec<&str> {
        vec!["--results", self.results.to_str().unwrap()]
    }

    pub fn resume_args(&self) -> Vec<&str> {
        vec!["--resume", self.results.to_str().unwrap()]
    }

    /// Those that send unknown lines again, too.
    pub fn retry_args(&self) -> Vec<&str> {
        vec![
            "--retry-unknown",
            "--resume",
            self.results.to_str().unwrap(),
        ]
    }

    /// The command that the summary shows, with more options.
    pub fn hint(&self, more: &str) -> String {
        let [results, input] = [&self.results, &self.input].map(|path| path.display());
        format!("\n  {PROGRAM} --resume {results}{more} {input}\n")
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.command().args(args).arg(&self.input).output().unwrap()
    }

    /// Runs it, and expects this exit code.
    #[track_caller]
    pub fn expect(&self, code: i32, args: &[&str]) -> Output {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        output
    }

    /// Runs it with files limited to so many blocks of 512 bytes, or of 1024
    /// where the shell counts so.
    #[cfg(target_os = "linux")]
    pub fn run_limited(&self, blocks: u32, args: &[&str]) -> Output {
        self.environment(Command::new("sh"))
            .arg("-c")
            // Ignored, the signal leaves the write to fail.
            .arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\""))
            .arg("sh")
            .arg(PROGRAM)
            .args(args)
            .arg(&self.input)
            .output()
            .unwrap()
    }

    /// Waits until what a killed run has sent is through: a request that is
    /// left in a socket may be applied after its sender is gone.
    pub fn settle(&self) {
        let mut before = usize::MAX;
        loop {
            let now = self.server.requests().len();
            if now == before {
                return;
            }
            before = now;
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until so many requests have arrived.
    #[track_caller]
    pub fn wait_for_requests(&self, count: usize) {
        for _ in 0..10_000 {
            if self.server.requests().len() >= count {
                return;
            }
            thread::sleep(Duration::from_millis(2));
        }
        panic!("{} requests in 20 s", self.server.requests().len());
    }

    /// The bodies that were sent for a customer, in order.
    pub fn sent(&self, id: &str) -> Vec<String> {
        let path = format!("/api/v1/customers/{id}");
        let requests = self.server.requests().into_iter();
        requests
            .filter(|request| request.path == path)
            .map(|request| String::from_utf8(request.body).unwrap())
            .collect()
    }

    pub fn records(&self) -> Vec<Value> {
        records(&fs::read(&self.results).unwrap())
    }

    pub fn outcomes(&self) -> Vec<String> {
        let results = self.records();
        let outcomes = results
            .iter()
            .map(|record| record["outcome"].as_str().unwrap());
        outcomes.map(str::to_owned).collect()
    }

    /// The results are one part, and each line of the input is applied.
    #[track_caller]
    pub fn assert_all_applied(&self, input: &[Value]) {
        assert_eq!(self.assert_all_applied_but_gone(input), HashSet::new());
    }

    /// The same, with the records of other lines at the end. Returns their ids.
    #[track_caller]
    pub fn assert_all_applied_but_gone(&self, input: &[Value]) -> HashSet<String> {
        let mut results = self.records();
        let gone = results.split_off(input.len());
        assert!(gone.iter().all(|record| record["gone"] == true), "{gone:?}");
        assert!(results.iter().all(|record| record["gone"].is_null()));
        let found: Vec<_> = results
            .iter()
            .map(|record| (&record["line"], &record["id"], &record["outcome"]))
            .collect();
        // The header of a CSV is its first line.
        let first = match self.input.extension().unwrap().to_str() {
            Some("csv") => 2,
            _ => 1,
        };
        let numbers: Vec<_> = (first..).take(input.len()).map(Value::from).collect();
        let applied = json!("applied");
        let expected: Vec<_> = numbers
            .iter()
            .zip(input)
            .map(|(number, line)| (number, &line["id"], &applied))
            .collect();
        assert_eq!(found, expected);
        ids(&gone)
    }

    /// Each customer is as all lines one after the other leave it.
    #[track_caller]
    pub fn assert_end_state(&self, input: &[Value]) {
        let mut expected: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
        for line in input {
            let customer = expected.entry(line["id"].as_str().unwrap()).or_default();
            customer.extend(line.as_object().unwrap().clone());
        }
        for (id, expected) in expected {
            let customer = self.server.customer(id).unwrap();
            let mut found: Map<String, Value> = serde_json::from_str(&customer).unwrap();
            found.remove("updated_at");
            assert_eq!(found, expected);
        }
    }
}

/// Lines for so many customers, each with values that no other line has.
pub fn lines(count: u64, customers: u64, seed: u64) -> Vec<Value> {
    let mut random = Random(seed);
    let line = |number: u64| {
        let customer = if count == customers {
            number
        } else {
            random.below(customers)
        };
        let mut line = json!({ "id": format!("cus_{customer}") });
        let fields = random.below(15) + 1;
        let values = [
            ("email", format!("jane{number}@example.com")),
            ("first_name", format!("Jane \"{number}\"")),
            ("last_name", format!("Doe, {number}")),
            ("phone_number", format!("{number:010}")),
        ];
        for (bit, (name, value)) in values.into_iter().enumerate() {
            if fields >> bit & 1 == 1 {
                line[name] = value.into();
            }
        }
        line
    };
    (1..=count).map(line).collect()
}

/// A line as CSV, each cell in quotes.
fn row(line: &Value) -> String {
    let cells = COLUMNS.map(|column| match line[column].as_str() {
        Some(value) => format!("\"{}\"", value.replace('"', "\"\"")),
        None => String::new(),
    });
    cells.join(",")
}

pub fn ids(input: &[Value]) -> HashSet<String> {
    let ids = input.iter().map(|line| line["id"].as_str().unwrap());
    ids.map(str::to_owned).collect()
}

/// The bodies that the lines of an id come to.
pub fn bodies(input: &[Value], id: &str) -> Vec<String> {
    input
        .iter()
        .filter(|line| line["id"] == id)
        .map(body)
        .collect()
}

/// The body that a line comes to. The fields have the order of the alphabet in
/// it, which for those of [`lines`] is the API's.
pub fn body(line: &Value) -> String {
    let mut fields = line.as_object().unwrap().clone();
    fields.remove("id");
    Value::from(fields).to_string()
}

/// The results below their header.
#[track_caller]
pub fn records(bytes: &[u8]) -> Vec<Value> {
    let text = str::from_utf8(bytes).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    let mut lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let header = lines.next().unwrap();
    assert!(header["base_url"].is_string(), "{header}");
    lines.collect()
}

/// What was written to standard error, below the line that says what is sent where.
#[track_caller]
pub fn stderr_text(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    let rest = text.split_once('\n').filter(|(first, _)| {
        let starts = ["checks ", "rehearses ", "sends "];
        starts.iter().any(|start| first.starts_with(start))
    });
    rest.map_or(text.clone(), |(_, rest)| rest.to_owned())
}

pub fn respond(status: u16, retry_after: Option<&str>) -> Fault {
    let fault = Fault::respond(status, "");
    match retry_after {
        Some(value) => fault.header("retry-after", value),
        None => fault,
    }
}

/// The URL of a proxy that opens no connection, but responds with this status.
pub fn refusing_proxy(status: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // Closed with something unread, it would be reset.
            let head = stream.read(&mut [0; 4096]);
            let response = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
            let _ = head.and_then(|_| stream.write_all(response.as_bytes()));
            let _ = io::copy(&mut stream, &mut io::sink());
        }
    });
    url
}

/// xorshift64*: the same numbers for the same seed.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % end
    }
}

/// For servers that fail so often that the pauses would take long.
pub const SHORT_PAUSES: [&str; 2] = ["--first-pause", "1"];

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_paywithsoap-bulk");

const COLUMNS: [&str; 5] = ["id", "email", "first_name", "last_name", "phone_number"];
