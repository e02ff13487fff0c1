//! What the tool costs: its calls a second beside those of bare threads, and
//! its memory for few lines and for many. Linux only.
//!
//! ```text
//! cargo bench
//! ```

use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use paywithsoap::testing::TestServer;
use paywithsoap::{Config, CustomerPatch, update_customer};

fn main() -> Result<(), Box<dyn Error>> {
    match env::var(ROLE).as_deref() {
        Ok("bare") => return bare(),
        Ok("server") => return serve(),
        _ => {}
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("speed");
    fs::create_dir_all(&folder)?;
    speed(&folder)?;
    memory(&folder)
}

/// Calls a second, taken in turns, so that what else the machine does hits both.
fn speed(folder: &Path) -> Result<(), Box<dyn Error>> {
    let input = write_input(folder, SPEED_LINES.into())?;
    let mut ratios = Vec::new();
    println!("calls a second, {SPEED_LINES} calls on {THREADS} threads:");
    for _ in 0..ROUNDS {
        let server = Server::start()?;
        let bare = rate(|| server.bare())?;
        let tool = rate(|| succeeded(server.tool(folder, &input)?.wait()?))?;
        let ratio = tool / bare;
        println!("  bare {bare:.0}, tool {tool:.0}, ratio {ratio:.3}");
        ratios.push(ratio);
    }
    ratios.sort_by(f64::total_cmp);
    println!("  median ratio {:.3}", ratios[ROUNDS / 2]);
    Ok(())
}

fn memory(folder: &Path) -> Result<(), Box<dyn Error>> {
    println!("peak memory of the tool:");
    for count in [10_000, 1_000_000] {
        let input = write_input(folder, count)?;
        let server = Server::start()?;
        let peak = peak_memory(&mut server.tool(folder, &input)?)?;
        println!("  {count} lines: {peak} kB");
    }
    Ok(())
}

fn rate(run: impl FnOnce() -> Result<(), Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let started = Instant::now();
    run()?;
    Ok(f64::from(SPEED_LINES) / started.elapsed().as_secs_f64())
}

/// The same calls as the tool's, with nothing around them.
fn bare() -> Result<(), Box<dyn Error>> {
    let cfg = Config::from_env()?;
    let next = AtomicU64::new(0);
    let work = || -> Result<(), paywithsoap::Error> {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= u64::from(SPEED_LINES) {
                return Ok(());
            }
            let patch = CustomerPatch::new().first_name(format!("Jane {number}"));
            update_customer(&cfg, &format!("cus_{}", number % CUSTOMERS), &patch)?;
        }
    };
    thread::scope(|scope| {
        let threads = [(); THREADS].map(|()| scope.spawn(work));
        for thread in threads {
            thread.join().expect("no thread panics")?;
        }
        Ok(())
    })
}

/// A test server in a process of its own.
struct Server {
    child: Child,
    base_url: String,
    api_key: String,
}

impl Server {
    fn start() -> io::Result<Self> {
        let mut child = Command::new(env::current_exe()?)
            .env(ROLE, "server")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(stdout).lines();
        let mut line = || {
            lines
                .next()
                .unwrap_or(Err(io::ErrorKind::UnexpectedEof.into()))
        };
        let (base_url, api_key) = (line()?, line()?);
        Ok(Self {
            child,
            base_url,
            api_key,
        })
    }

    /// Runs bare threads in a process of their own, as the tool is one.
    fn bare(&self) -> Result<(), Box<dyn Error>> {
        let status = self
            .command(&env::current_exe()?)
            .env(ROLE, "bare")
            .status()?;
        succeeded(status)
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env("SOAP_API_KEY", &self.api_key)
            .env("SOAP_API_URL", &self.base_url);
        command
    }

    /// Starts the tool.
    fn tool(&self, folder: &Path, input: &Path) -> io::Result<Child> {
        let results = folder.join("results.jsonl");
        // Absent the first time.
        let _ = fs::remove_file(&results);
        self.command(env!("CARGO_BIN_EXE_paywithsoap-bulk").as_ref())
            .arg("--threads")
            .arg(THREADS.to_string())
            .arg("--results")
            .arg(&results)
            .arg(input)
            .stderr(Stdio::null())
            .spawn()
    }
}

/// Waits for the end of a process, and returns its peak memory in kB.
fn peak_memory(child: &mut Child) -> Result<u64, Box<dyn Error>> {
    let mut peak = 0;
    loop {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id()))?;
        let found = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        if let Some(found) = found {
            peak = found.trim().trim_end_matches(" kB").parse()?;
        }
        match child.try_wait()? {
            Some(status) => return succeeded(status).map(|()| peak),
            None => thread::sleep(Duration::from_millis(2)),
        }
    }
}

fn succeeded(status: ExitStatus) -> Result<(), Box<dyn Error>> {
    if status.success() {
        Ok(())
    } else {
        Err(format!("a process ended with {status}").into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends by itself at the end of its input, where this fails.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve() -> Result<(), Box<dyn Error>> {
    let server = TestServer::start()?;
    for number in 0..CUSTOMERS {
        server.add_customer(&format!("{{\"id\":\"cus_{number}\"}}"));
    }
    println!("{}\n{}", server.base_url(), server.api_key());
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

fn write_input(folder: &Path, count: u64) -> io::Result<PathBuf> {
    let path = folder.join(format!("{count}.jsonl"));
    let mut out = io::BufWriter::new(fs::File::create(&path)?);
    let mut line = String::new();
    for number in 0..count {
        line.clear();
        let id = number % CUSTOMERS;
        let _ = writeln!(
            line,
            "{{\"id\":\"cus_{id}\",\"first_name\":\"Jane {number}\"}}"
        );
        out.write_all(line.as_bytes())?;
    }
    out.flush()?;
    Ok(path)
}

/// Which of the processes this is.
const ROLE: &str = "PAYWITHSOAP_BULK_ROLE";
const THREADS: usize = 4;
const CUSTOMERS: u64 = 1000;
const SPEED_LINES: u32 = 20_000;
const ROUNDS: usize = 15;
