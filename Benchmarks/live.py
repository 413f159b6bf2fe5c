"""The live part of the benchmark: two generators against the real kernel, as fast as it goes."""

import json
import os
import shutil
import signal
import subprocess
import threading
import time

from measure import GOOD_ENDS, PeakMemory, reap

READY = "sockaudit: watching"
# Reasons that mean: something that happened is not in the table.
LOSSES = ("stream_overrun", "kernel_lost")


def audit_status():
    """`auditctl -s` as a dict, or None where the kernel does not answer (a container, no root)."""
    tool = shutil.which("auditctl", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if tool is None:
        return None
    answer = subprocess.run([tool, "-s"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if answer.returncode != 0:
        return None
    pairs = (line.split(None, 1) for line in answer.stdout.splitlines())
    return {p[0]: p[1] for p in pairs if len(p) == 2}


def why_not():
    """Why the live part cannot run here, or None."""
    if os.geteuid() != 0:
        return "not root"
    status = audit_status()
    if status is None or "lost" not in status:
        return "`auditctl -s` (of the package auditd) gives no answer here"
    if status.get("enabled", "").startswith("2"):
        return "the audit rules are locked until the next boot (enabled 2)"
    return None


class Lines(threading.Thread):
    """Reads a pipe, so that its writer never waits for us."""

    def __init__(self, pipe):
        super().__init__(daemon=True)
        self.pipe, self.lines = pipe, []
        self.start()

    def run(self):
        for line in self.pipe:
            self.lines.append(line.rstrip("\n"))

    def wait_for(self, wanted, seconds, process):
        """The first line that `wanted` accepts, or None when time or the process is over."""
        until = time.monotonic() + seconds
        while True:
            over = process.poll() is not None  # asked first: its last lines are still read
            for line in list(self.lines):
                if wanted(line):
                    return line
            if over and not self.is_alive() or time.monotonic() > until:
                return None
            time.sleep(0.02)


def tables(path):
    try:
        with open(path, encoding="utf-8") as f:
            # The last line may be half written: it counts when its newline is there. Those of other
            # schemas are the report's own head and end.
            return [json.loads(line) for line in f
                    if line.endswith("\n") and line.startswith('{"schema":"sockaudit.table/')]
    except FileNotFoundError:
        return []


def wait_for_tables(path, count, seconds, process):
    until = time.monotonic() + seconds
    while len(tables(path)) < count and time.monotonic() < until and process.poll() is None:
        time.sleep(0.05)


class Generator:
    """One flood process. With --wait it holds until a byte comes, works, reports and ends."""

    def __init__(self, program, pairs):
        self.process = subprocess.Popen(
            [program, "--pairs", str(pairs), "--wait"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        self.lines = Lines(self.process.stdout)

    def go(self):
        # Past Python's buffer: a byte kept there would raise once more when the pipe is closed.
        os.write(self.process.stdin.fileno(), b"\n")

    def report(self, seconds):
        line = self.lines.wait_for(lambda text: text.startswith("{"), seconds, self.process)
        if line is None:
            raise RuntimeError("a generator did not finish its work")
        return json.loads(line)

    def end(self):
        """It has ended by itself, unless something went wrong."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()
        self.process.stdin.close()


def rows_of(table, pid):
    return [row for row in table["rows"] if row["pid"] == pid]


def check(final, all_tables, work, lost, pairs):
    """What is wrong, as sentences."""
    wrong = []
    if lost != 0:
        wrong.append(f"the kernel lost {lost} records")
    if final["events"]["lost"] != 0:
        wrong.append(f"the final table counts {final['events']['lost']} lost events")
    for table in all_tables:
        for reason in table["reasons"]:
            if reason["code"] in LOSSES:
                wrong.append(f"table {table['sequence']}: {reason['code']} {reason.get('count', '')}")
    if final["verdict"] == "lossy":
        wrong.append("the final table is LOSSY: " + ", ".join(r["code"] for r in final["reasons"]))
    if not final["final"]:
        wrong.append("the last table does not call itself final")
    for one in work:
        rows = rows_of(final, one["pid"])
        if len(rows) != 1:
            wrong.append(f"generator {one['pid']} has {len(rows)} rows")
            continue
        have = {n: rows[0][n]["total"] for n in ("socket_tot", "close_tot", "released", "still_open")}
        want = {"socket_tot": pairs, "close_tot": pairs, "released": 0, "still_open": 0}
        if have != want:
            wrong.append(f"generator {one['pid']}: {have}, made {want}")
    return wrong


def run(sockaudit, flood, pairs, folder):
    """Returns (figures to print, what is wrong). Leaves the host as it was, whatever happens."""
    report = os.path.join(folder, "live.jsonl")
    before = audit_status()
    watcher = subprocess.Popen(
        [sockaudit, "all", "--mode", "standard", "--format", "json", "--interval", "2", "--report", report],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    said = Lines(watcher.stderr)
    memory = PeakMemory(watcher.pid)
    generators = []
    code = None
    try:
        if said.wait_for(lambda line: line.startswith(READY), 30, watcher) is None:
            return None, ["sockaudit did not get ready: " + " / ".join(said.lines[-3:])]
        lost = int(audit_status()["lost"])
        generators = [Generator(flood, pairs) for _ in range(2)]
        for generator in generators:  # both exist by now: they run at the same time
            generator.go()
        work = [g.report(300) for g in generators]
        # The next table may already be under way: the one after it has seen everything.
        wait_for_tables(report, len(tables(report)) + 2, 20, watcher)
        if watcher.returncode is not None:
            raise RuntimeError(f"sockaudit ended in the middle, with {watcher.returncode}: "
                               + " / ".join(said.lines[-3:]))
        watcher.send_signal(signal.SIGINT)
        code, cpu = reap(watcher, 60)
        lost = int(audit_status()["lost"]) - lost
    except (RuntimeError, TimeoutError, OSError) as problem:
        return None, [str(problem)]
    finally:
        # sockaudit first: its rules must be out of the kernel whatever else goes wrong here.
        if watcher.returncode is None:  # only after an error; TERM takes them out too
            watcher.terminate()
            try:
                watcher.wait(15)
            except subprocess.TimeoutExpired:
                watcher.kill()
                watcher.wait()
        for generator in generators:
            generator.end()
        peak = memory.finish()

    wrong = [] if code in GOOD_ENDS else [f"sockaudit ended with {code}: " + " / ".join(said.lines[-3:])]
    after = audit_status()
    if after.get("enabled") != before.get("enabled"):
        wrong.append(f"enabled was {before.get('enabled')} before, {after.get('enabled')} after")
    written = tables(report)
    if not written:
        return None, wrong + ["no table was written"]
    final = written[-1]
    wrong += check(final, written, work, lost, pairs)
    seconds = max(one["seconds"] for one in work)
    seen = max(final["events"]["seen"], 1)
    figures = {
        "backlog": f"{before.get('backlog_limit')}, wait {before.get('backlog_wait_time')}, "
                   f"daemon {before.get('pid')}",
        "seconds": seconds, "rate": 4 * pairs / seconds, "worst_ms": max(w["worst_ms"] for w in work),
        "seen": final["events"]["seen"], "cpu_us": cpu / seen * 1e6, "memory": peak, "lost": lost,
        "verdict": final["verdict"], "mode": final["mode"],
        "reasons": ", ".join(r["code"] for r in final["reasons"]) or "none",
    }
    return figures, wrong
