//! The files of a run: who can read them, and who writes them.

use std::fs;
use std::process::Stdio;

use paywithsoap::testing::Fault;

use crate::bench::{Bench, lines, records, respond, stderr_text};

#[test]
#[cfg(unix)]
fn new_files_are_private() {
    use std::os::unix::fs::PermissionsExt;

    let bench = Bench::new("new_files_are_private");
    bench.write_input(&lines(3, 3, 1));
    // A test server that fails once, so that there is something to resume.
    bench.server.fail_next(respond(500, None));
    let stderr = stderr_text(&bench.expect(1, &bench.results_args()));
    assert!(!stderr.contains("warning"), "{stderr}");
    bench.expect(0, &bench.retry_args());
    let mut names = Vec::new();
    for file in fs::read_dir(&bench.folder).unwrap().map(Result::unwrap) {
        if file.path() == bench.input {
            continue;
        }
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file:?}");
        names.push(file.file_name());
    }
    names.sort();
    assert_eq!(names, ["results.jsonl", "results.jsonl.lock"]);
}

#[test]
#[cfg(unix)]
fn an_existing_file_that_others_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;

    let bench = Bench::new("that_others_can_read");
    bench.write_input(&lines(3, 3, 1));
    let mode = |mode| fs::set_permissions(&bench.results, fs::Permissions::from_mode(mode));
    let warning = format!(
        "warning: group or others can read {}\n",
        bench.results.display()
    );
    fs::write(&bench.results, "").unwrap();
    mode(0o640).unwrap();
    let stderr = stderr_text(&bench.expect(0, &bench.results_args()));
    assert!(stderr.starts_with(&warning), "{stderr}");
    mode(0o604).unwrap();
    let stderr = stderr_text(&bench.expect(0, &bench.resume_args()));
    assert!(stderr.starts_with(&warning), "{stderr}");
    mode(0o600).unwrap();
    let stderr = stderr_text(&bench.expect(0, &bench.resume_args()));
    assert!(!stderr.contains("warning"), "{stderr}");
}

#[test]
#[cfg(unix)]
fn a_planted_link_is_not_followed() {
    use std::os::unix::fs::symlink;

    let bench = Bench::new("a_planted_link");
    bench.write_input(&lines(3, 3, 1));
    let victim = bench.folder.join("victim");
    // To a file that is not there: it must not be made.
    symlink(&victim, &bench.results).unwrap();
    bench.expect(2, &bench.results_args());
    assert!(!victim.exists());
    fs::remove_file(&bench.results).unwrap();

    // In the place of the temporary file: what it leads to must stay as it is.
    fs::write(&victim, "precious").unwrap();
    bench.server.fail_next(respond(500, None));
    bench.expect(1, &bench.results_args());
    symlink(&victim, bench.folder.join("results.jsonl.tmp")).unwrap();
    bench.expect(0, &bench.retry_args());
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert!(!bench.folder.join("results.jsonl.tmp").exists());
    assert!(bench.results.symlink_metadata().unwrap().is_file());
}

#[test]
#[cfg(unix)]
fn a_link_to_results_stays_a_link() {
    use std::os::unix::fs::symlink;

    let bench = Bench::new("a_link_to_results");
    let input = lines(3, 3, 1);
    bench.write_input(&input);
    let elsewhere = bench.folder.join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let target = elsewhere.join("target.jsonl");
    fs::write(&target, "").unwrap();
    symlink(&target, &bench.results).unwrap();
    bench.server.fail_next(respond(500, None));
    bench.expect(1, &bench.results_args());
    bench.expect(0, &bench.retry_args());
    assert!(bench.results.symlink_metadata().unwrap().is_symlink());
    assert!(target.symlink_metadata().unwrap().is_file());
    assert!(elsewhere.join("target.jsonl.lock").exists());
    bench.assert_all_applied(&input);
}

#[test]
fn a_second_run_is_refused_and_changes_nothing() {
    let bench = Bench::new("a_second_run");
    bench.write_input(&lines(3, 3, 1));
    bench.server.fail_next(Fault::Stall);
    let child = bench
        .command()
        .args(bench.results_args())
        .args(["--threads", "1"])
        .arg(&bench.input)
        .stderr(Stdio::null())
        .spawn();
    let mut child = child.unwrap();
    bench.wait_for_requests(1);
    let before = fs::read(&bench.results).unwrap();
    for args in [bench.resume_args(), bench.results_args()] {
        let stderr = stderr_text(&bench.expect(2, &args));
        let results = bench.results.display();
        let message = format!("paywithsoap-bulk: {results}: another run is writing to it\n");
        assert_eq!(stderr, message);
    }
    assert_eq!(fs::read(&bench.results).unwrap(), before);
    assert_eq!(bench.server.requests().len(), 1);
    // By another name of the same file, too.
    #[cfg(unix)]
    {
        let link = bench.folder.join("link.jsonl");
        fs::hard_link(&bench.results, &link).unwrap();
        let stderr = stderr_text(&bench.expect(2, &["--resume", link.to_str().unwrap()]));
        let message = "link.jsonl: another run is writing to it\n";
        assert!(stderr.ends_with(message), "{stderr}");
    }
    // A crash gives the lock back.
    child.kill().unwrap();
    child.wait().unwrap();
    bench.expect(0, &bench.resume_args());
}

#[test]
#[cfg(target_os = "linux")]
fn the_device_of_standard_output_works() {
    let bench = Bench::new("the_device");
    bench.write_input(&lines(3, 3, 1));
    let output = bench.expect(0, &["--results", "/dev/stdout"]);
    assert_eq!(records(&output.stdout).len(), 3);

    // Where it is a file, it is that file.
    let path = bench.folder.join("out.jsonl");
    let output = bench
        .command()
        .args(["--results", "/dev/stdout"])
        .arg(&bench.input)
        .stdout(fs::File::create(&path).unwrap())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(records(&fs::read(&path).unwrap()).len(), 3);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_starts_nothing() {
    let bench = Bench::new("a_full_disk");
    bench.write_input(&lines(100, 10, 5));
    let output = bench.expect(2, &["--results", "/dev/full"]);
    assert_eq!(
        stderr_text(&output),
        "paywithsoap-bulk: /dev/full: No space left on device (os error 28)\n"
    );
    assert_eq!(bench.server.requests().len(), 0);
}

#[test]
fn a_reader_that_goes_away_stops_the_run() {
    let bench = Bench::new("a_reader_that_goes_away");
    bench.write_input(&lines(1000, 100, 5));
    bench.server.fail_next(Fault::Stall);
    let child = bench
        .command()
        .args(["--timeout", "1", "--threads", "1"])
        .arg(&bench.input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.unwrap();
    bench.wait_for_requests(1);
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let stderr = stderr_text(&output);
    assert!(
        stderr.contains("stopped: the results cannot be written: "),
        "{stderr}"
    );
    assert!(bench.server.requests().len() < 10);
}

/// A limit on the size of files ends a write in the middle, as a full disk
/// does, and can be lifted.
#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_fills_up_loses_nothing() {
    let bench = Bench::new("a_disk_that_fills_up");
    let input = lines(600, 60, 6);
    bench.write_input(&input);
    for blocks in [40, 80] {
        let started = fs::metadata(&bench.results).is_ok();
        let args = if started {
            bench.resume_args()
        } else {
            bench.results_args()
        };
        let output = bench.run_limited(blocks, &args);
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        let torn = fs::read(&bench.results).unwrap();
        assert_eq!(torn.len() % 512, 0);
        assert_ne!(torn.last(), Some(&b'\n'));
    }
    bench.expect(0, &bench.resume_args());
    bench.assert_all_applied(&input);
    bench.assert_end_state(&input);
}

#[test]
#[cfg(target_os = "linux")]
fn results_that_cannot_be_merged_are_left_alone() {
    let bench = Bench::new("cannot_be_merged");
    let input = lines(200, 10, 4);
    bench.write_input(&input);
    bench.expect(0, &bench.results_args());
    let before = fs::read(&bench.results).unwrap();
    let sent = bench.server.requests().len();

    let output = bench.run_limited(4, &bench.resume_args());
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let stderr = stderr_text(&output);
    let reason = "\nstopped: the results cannot be written: File too large ";
    assert!(stderr.contains(reason), "{stderr}");
    assert_eq!(fs::read(&bench.results).unwrap(), before);
    assert!(!bench.folder.join("results.jsonl.tmp").exists());

    bench.expect(0, &bench.resume_args());
    assert_eq!(bench.server.requests().len(), sent);
    bench.assert_all_applied(&input);
    bench.assert_end_state(&input);
}
