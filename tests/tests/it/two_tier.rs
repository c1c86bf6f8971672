//! `examples/two-tier`, as a user runs it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tailrace_tests::host::binary;
use tailrace_tests::{eventually, workspace};
use tempfile::TempDir;

struct Run {
    child: Child,
    state: TempDir,
}

fn example(script: &str, state: &TempDir) -> Command {
    let mut command = Command::new(workspace().join("examples/two-tier").join(script));
    command.env("TWO_TIER_STATE", state.path()).env("TAILRACE_BIN", binary()).stdin(Stdio::null());
    command
}

impl Run {
    fn start(arguments: &[&str]) -> Self {
        let state = tempfile::tempdir().expect("a folder");
        let output = std::fs::File::create(Self::output_file(&state)).expect("a file");
        let mut command = example("run", &state);
        command.args(arguments).stderr(output.try_clone().expect("a second handle")).stdout(output);
        Self { child: command.spawn().expect("the script runs"), state }
    }

    fn output_file(state: &TempDir) -> PathBuf {
        state.path().join("output")
    }

    fn output(&self) -> String {
        std::fs::read_to_string(Self::output_file(&self.state)).unwrap_or_default()
    }

    fn ctl(&self, arguments: &[&str]) -> String {
        let output = example("ctl", &self.state).args(arguments).output().expect("the script runs");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "ctl {arguments:?}: {said}\n{}", self.output());
        said
    }

    /// Spans taken in, by `ctl status`.
    fn accepted(&self, name: &str) -> u64 {
        let status = self.ctl(&["status"]);
        let line = status.lines().find(|line| line.starts_with(name)).expect("a line");
        let number = line.split("), ").nth(1).and_then(|rest| rest.split(' ').next());
        number.and_then(|number| number.parse().ok()).unwrap_or(0)
    }

    /// Ctrl-C's way out, from elsewhere.
    fn terminate(&self) {
        let killed = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().expect("kill runs");
        assert!(killed.success());
    }

    /// All that it wrote, once it has ended well and nothing of it runs any more.
    async fn ended(mut self) -> String {
        let child = &mut self.child;
        let status = eventually("the end", async || child.try_wait().expect("a child of ours")).await;
        let output = self.output();
        assert!(status.success(), "{output}");
        let left: Vec<_> = std::fs::read_dir(self.state.path())
            .expect("a folder")
            .map(|entry| entry.expect("a file").file_name().into_string().expect("UTF-8"))
            .filter(|name| Path::new(name).extension().is_some_and(|end| end == "pid"))
            .collect();
        assert!(left.is_empty(), "{left:?} still run\n{output}");
        for agent in ["agent-1.log", "agent-2.log"] {
            let log = std::fs::read_to_string(self.state.path().join(agent)).expect("a log");
            assert!(!log.contains("Rejecting data"), "a reload refuses nothing\n{log}");
        }
        output
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.terminate();
            let _ = self.child.wait();
        }
    }
}

/// `agents took in 10 spans, gateways 10` and the lines of the gateways.
fn numbers(output: &str) -> (u64, u64, Vec<u64>) {
    let line = output.lines().find(|line| line.starts_with("agents took in")).unwrap_or_else(|| panic!("{output}"));
    let words: Vec<_> = line.split(' ').collect();
    let number = |text: &str| text.parse::<u64>().unwrap_or_else(|_| panic!("{text} in {output}"));
    let gateways = output.lines().filter_map(|line| line.strip_prefix("  gateway-"));
    let each = gateways.map(|rest| number(rest.split(' ').nth(1).expect("a number"))).collect();
    (number(words[3]), number(words[6]), each)
}

/// One test, as the ports are fixed.
#[tokio::test(flavor = "multi_thread")]
async fn gateways_leave_and_come_back_and_nothing_is_lost() {
    let mut run = Run::start(&["--rate", "100"]);
    eventually("all gateways take spans in", async || {
        let lines = run.output();
        assert!(matches!(run.child.try_wait(), Ok(None)), "it ended: {lines}");
        let line = lines.lines().rev().find(|line| line.contains("| gateway-1"))?;
        (!line.contains(" 0  ")).then_some(())
    })
    .await;

    // The spans of one trace through both agents.
    let followed = run.ctl(&["trace"]);
    let decided: Vec<_> = followed.lines().filter(|line| line.contains("decided about it")).collect();
    assert!(decided.len() == 1 && decided[0].ends_with("on 4 spans"), "{followed}");

    run.ctl(&["stop", "gateway-2"]);
    let at_stop = std::fs::read_to_string(run.state.path().join("gateway-2.before")).expect("kept");
    let (first, third) = (run.accepted("gateway-1"), run.accepted("gateway-3"));
    eventually("the others go on", async || {
        (run.accepted("gateway-1") > first && run.accepted("gateway-3") > third).then_some(())
    })
    .await;
    assert!(run.ctl(&["status"]).contains("send to: gateway-1 gateway-3"), "{}", run.ctl(&["status"]));
    assert_eq!(run.accepted("gateway-2"), 0, "it is down");

    run.ctl(&["start", "gateway-2"]);
    let before: u64 = at_stop.trim().parse().expect("a number");
    eventually("it takes its keys again", async || (run.accepted("gateway-2") > before).then_some(())).await;

    run.terminate();
    let output = run.ended().await;
    let (into, out, gateways) = numbers(&output);
    assert!(into > 0 && into == out && gateways.iter().sum::<u64>() == out, "{output}");
    let shares: Vec<_> = gateways.iter().map(|spans| spans * 100 / out).collect();
    assert!(shares.iter().all(|share| (10..60).contains(share)), "about a third each: {shares:?}\n{output}");

    let output = Run::start(&["--for", "2s", "--rate", "20"]).ended().await;
    let (into, out, _) = numbers(&output);
    assert!(into > 0 && into == out, "{output}");
}
