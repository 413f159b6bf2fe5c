"""What a table costs when nothing happens: many processes hold sockets, and /proc is read for all of them.

Used by bench.py; alone: reconcile.py SOCKAUDIT CROWD [PROCESSES]
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from statistics import median

import live
from measure import FAMILIES, FIGURES, GOOD_ENDS, reap, tree

SOCKETS = 10
# Microseconds from process to process: what a burst costs is the live part's matter.
PACE = 500
# Quiet intervals that are measured.
TABLES = 4
TICK = os.sysconf("SC_CLK_TCK")


def why_not(processes):
    """Why this host cannot hold such a crowd, or None."""
    reason = live.why_not()
    if reason:
        return reason
    with open("/proc/sys/kernel/pid_max", encoding="ascii") as f:
        room = int(f.read())
    if room < processes * 2:
        return f"kernel.pid_max is {room}, which is too near to {processes:,} processes"
    with open("/proc/meminfo", encoding="ascii") as f:
        available = {line.split(":")[0]: int(line.split()[1]) for line in f}.get("MemAvailable", 0)
    # A small process with ten sockets takes about 150 KiB; sockaudit and its report some more.
    wanted = processes * 200 + (512 << 10)
    if available < wanted:
        return f"{wanted >> 10} MiB of memory are wanted, {available >> 10} are there"
    return None


class Tail:
    """Follows a report without reading anything twice: a table of such a host has megabytes."""

    def __init__(self, path):
        self.path, self.file, self.rest, self.lines = path, None, b"", []

    def count(self):
        if self.file is None:
            try:
                self.file = open(self.path, "rb")
            except FileNotFoundError:
                return 0
        *whole, self.rest = (self.rest + self.file.read()).split(b"\n")
        # Lines of other schemas say what the report is of, and where it ends.
        self.lines += [line for line in whole if line.startswith(b'{"schema":"sockaudit.table/')]
        return len(self.lines)

    def wait(self, number, seconds, process):
        until = time.monotonic() + seconds
        while self.count() < number:
            if process.poll() is not None:
                raise RuntimeError(f"sockaudit ended in the middle, with {process.returncode}")
            if time.monotonic() > until:
                raise RuntimeError(f"table {number} has not come within {seconds} s")
            time.sleep(0.02)

    def table(self, index):
        return json.loads(self.lines[index])


def cpu(pid):
    """User and system seconds of a process and its descendants."""
    user = system = 0
    for one in tree(pid):
        try:
            with open(f"/proc/{one}/stat", encoding="ascii", errors="replace") as f:
                fields = f.read().rpartition(")")[2].split()
        except OSError:
            continue
        user += int(fields[11])
        system += int(fields[12])
    return user / TICK, system / TICK


def memory(pid):
    """Resident KiB of a process and its descendants: now and at most."""
    sums = {"VmRSS": 0, "VmHWM": 0}
    for one in tree(pid):
        try:
            with open(f"/proc/{one}/status", encoding="ascii", errors="replace") as f:
                for line in f:
                    name = line.split(":")[0]
                    if name in sums:
                        sums[name] += int(line.split()[1])
        except OSError:
            continue
    return sums["VmRSS"], sums["VmHWM"]


def held(sockets):
    """What crowd.c opens: tcp, udp, unix in turn."""
    return {family: len(range(i, sockets, 3)) for i, family in enumerate(FAMILIES)}


def check(table, processes, top):
    """What is wrong with one table, as sentences."""
    wrong = []
    if table["verdict"] == "lossy":
        wrong.append("LOSSY: " + ", ".join(f"{r['code']} {r['count']}" for r in table["reasons"]))
    if top:
        # The rows are not there; the totals are those of all rows, and the host has others.
        have = table["totals"]["still_open"]["total"]
        if have < processes * SOCKETS:
            wrong.append(f"StillOPEN of all is {have:,}, held are {processes * SOCKETS:,}")
        return wrong
    rows = [row for row in table["rows"] if row["name"] == "crowd"]
    if len(rows) != processes or len({row["pid"] for row in rows}) != processes:
        wrong.append(f"{len(rows):,} rows, {processes:,} processes")
    zero = dict.fromkeys(FAMILIES, 0)
    want = {"socket_tot": held(SOCKETS), "close_tot": zero, "released": zero, "still_open": held(SOCKETS)}
    for row in rows:
        for name in FIGURES:
            have = {family: row[name][family] for family in FAMILIES}
            if have != want[name]:
                wrong.append(f"pid {row['pid']}: {name} {have}, truth {want[name]}")
        if row["drift"] != 0:
            wrong.append(f"pid {row['pid']}: not from records alone, drift {row['drift']}")
    return wrong


def run(sockaudit, crowd, processes, interval, folder, top=None):
    """One run; returns (figures to print, what is wrong). Leaves the host as it was."""
    report = os.path.join(folder, f"reconcile{top or ''}.jsonl")
    command = [sockaudit, "all", "--mode", "standard", "--format", "json", "--interval", str(interval), "--report", report,
               "--duration", "600"] + (["--top", str(top)] if top else [])
    before = live.audit_status()
    watcher = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)
    said, tail, holders = live.Lines(watcher.stderr), Tail(report), None
    try:
        if said.wait_for(lambda line: line.startswith(live.READY), 30, watcher) is None:
            return None, ["sockaudit did not get ready: " + " / ".join(said.lines[-3:])]
        begin = time.monotonic()
        # Only now: every socket of the crowd must come from a record.
        holders = subprocess.Popen([crowd, "--processes", str(processes), "--sockets", str(SOCKETS),
                                    "--pace", str(PACE)],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True)
        out, err = live.Lines(holders.stdout), live.Lines(holders.stderr)
        if out.wait_for(lambda line: line.startswith("holding "), 300, holders) is None:
            return None, ["the crowd does not hold: " + " / ".join(err.lines[-3:])]
        seconds = time.monotonic() - begin
        # The next table may be under way, and the one after it still has the first look at each.
        first = tail.count() + 3
        tail.wait(first, 60 + 4 * interval, watcher)
        points = [cpu(watcher.pid)]
        for number in range(first + 1, first + 1 + TABLES):
            tail.wait(number, 60 + 2 * interval, watcher)
            points.append(cpu(watcher.pid))
        resident, peak = memory(watcher.pid)
        watcher.send_signal(signal.SIGINT)
        code, _ = reap(watcher, 60)
    except (RuntimeError, TimeoutError, OSError) as problem:
        return None, [str(problem)]
    finally:
        # sockaudit first: its rules must be out of the kernel whatever else goes wrong here.
        if watcher.returncode is None:
            watcher.terminate()
            try:
                watcher.wait(30)
            except subprocess.TimeoutExpired:
                watcher.kill()
                watcher.wait()
        if holders is not None:
            holders.stdin.close()
            holders.wait()
    wrong = [] if code in GOOD_ENDS else [f"sockaudit ended with {code}: " + " / ".join(said.lines[-3:])]
    after = live.audit_status()
    if after.get("enabled") != before.get("enabled"):
        wrong.append(f"enabled was {before.get('enabled')} before, {after.get('enabled')} after")
    measured = [tail.table(i) for i in range(first - 1, first + TABLES)]
    for table in measured:
        wrong += check(table, processes, top)
    last = measured[-1]
    user = [b[0] - a[0] for a, b in zip(points, points[1:])]
    system = [b[1] - a[1] for a, b in zip(points, points[1:])]
    return {
        "seconds": seconds, "cpu": median(u + s for u, s in zip(user, system)), "user": median(user),
        "system": median(system), "worst": max(u + s for u, s in zip(user, system)),
        "resident": resident, "peak": peak, "rows": len(last["rows"]),
        "bytes": len(tail.lines[first + TABLES - 1]), "open": last["totals"]["still_open"]["total"],
        "events": (last["events"]["seen"] - measured[0]["events"]["seen"]) / TABLES,
        "verdict": last["verdict"], "reasons": ", ".join(r["code"] for r in last["reasons"]) or "none",
    }, wrong


def show(sockaudit, crowd, processes, interval, folder, judge):
    """Both runs, printed; `judge` takes what was checked and what is wrong."""
    whole, wrong = run(sockaudit, crowd, processes, interval, folder)
    if whole:
        for name, text in (
                ("crowd", f"{processes:,} processes, {processes * SOCKETS:,} sockets, made in "
                          f"{whole['seconds']:.1f} s"),
                ("CPU per table", f"{whole['cpu']:.2f} s (user {whole['user']:.2f}, system "
                                  f"{whole['system']:.2f}; worst {whole['worst']:.2f})    goal: under 1 s"),
                ("memory", f"{whole['resident'] / 1024:.1f} MiB resident, {whole['peak'] / 1024:.1f} at most"),
                ("rows", f"{whole['rows']:,}, {whole['bytes'] / 1e6:.1f} MB of JSON a table"),
                ("StillOPEN", f"{whole['open']:,} in all rows"),
                ("other events", f"{whole['events']:,.0f} an interval, from the rest of the host"),
                ("verdict", f"{whole['verdict']}, reasons: {whole['reasons']}")):
            print(f"  {name:<16}{text}")
    judge(f"{processes:,} rows, {processes * SOCKETS:,} StillOPEN, all from records, in each of "
          f"{TABLES + 1} tables", wrong)
    if not whole:
        return
    bare, wrong = run(sockaudit, crowd, processes, interval, folder, top=1)
    if bare:
        share = max(0.0, whole["cpu"] - bare["cpu"])
        print(f"  {'with --top 1':<16}{bare['cpu']:.2f} s (user {bare['user']:.2f}, system "
              f"{bare['system']:.2f}): so writing the rows is {share:.2f} s of the {whole['cpu']:.2f}")
    judge("the same totals with --top 1", wrong)


def main(arguments):
    sockaudit, crowd = arguments[:2]
    processes = int(arguments[2]) if len(arguments) > 2 else 10_000
    reason = why_not(processes)
    if reason:
        print(f"  skipped: {reason}")
        return 0
    failed = []

    def judge(what, wrong):
        failed.extend(wrong)
        print(f"  {'WRONG' if wrong else 'right'}   {what}")
        for sentence in wrong[:8]:
            print(f"            {sentence}")

    with tempfile.TemporaryDirectory(prefix="sockaudit-reconcile-") as folder:
        show(sockaudit, crowd, processes, 5, folder, judge)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
