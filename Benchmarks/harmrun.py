"""One run of `make bench-harm`: two generators, a witness and a toucher beside a fresh auditd."""

import json
import os
import re
import signal
import subprocess
import threading
import time

import live
from harmhost import Daemon, Problem, Signals, grown, status
from harmlog import evidence, first_stamp
from measure import FAMILIES, FIGURES, GOOD_ENDS, expected, tree
from reconcile import TICK, Tail

TOUCHES = 50
# Sockets a second that the witness opens.
WITNESS_RATE = 20
# What is judged begins here: a guard may take that long.
GRACE = 2.0
WINDOW = 0.1  # of flood.c
NAIVE = "-a always,exit -F arch=b64 -S socket,close -F key=harm-naive"
EXEC = "-a always,exit -F arch=b64 -S execve -k harm-exec"


def busy():
    """CPU seconds that were not idle, of the whole host, stolen ones included."""
    with open("/proc/stat", encoding="ascii") as f:
        user, nice, system, _, _, irq, soft, steal = map(int, f.readline().split()[1:9])
    return (user + nice + system + irq + soft + steal) / TICK


class Child:
    """A workload that begins with a byte on its standard input and writes one line at the end."""

    def __init__(self, program, *words):
        self.name = os.path.basename(program)
        self.process = subprocess.Popen([program, *map(str, words), "--wait"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, start_new_session=True)
        self.pid, self.lines = self.process.pid, live.Lines(self.process.stdout)

    def go(self):
        os.write(self.process.stdin.fileno(), b"\n")

    def report(self, seconds):
        line = self.lines.wait_for(lambda text: text.startswith("{"), seconds, self.process)
        if line is None:
            raise Problem(f"{self.name} ({self.pid}) did not finish its work")
        return json.loads(line)

    def end(self, patience=5):
        """Its input ends, and so should it."""
        if not self.process.stdin.closed:
            self.process.stdin.close()
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.lines.join(5)


class CPUTime(threading.Thread):
    """CPU seconds of a process and its descendants, also of those that nobody waits for."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.each, self.ended = pid, {}, threading.Event()
        self.start()

    def run(self):
        while not self.ended.wait(0.1):
            for pid in tree(self.pid):
                try:
                    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
                        fields = f.read().rpartition(")")[2].split()
                    self.each[pid] = (int(fields[11]) + int(fields[12])) / TICK
                except (OSError, IndexError):
                    pass

    def finish(self, waited_for):
        self.ended.set()
        self.join()
        # What was waited for is exact, and lacks orphans; the samples lack the last tenth of a second.
        return max(waited_for, sum(self.each.values()))


def clear(program):
    subprocess.run([program, "rules", "--clear"], stdin=subprocess.DEVNULL, capture_output=True)


class Watcher:
    """sockaudit, beside the daemon."""

    def __init__(self, program, folder):
        self.report = os.path.join(folder, "report.jsonl")
        self.process = subprocess.Popen(
            [program, "all", "--interval", "2", "--format", "json", "--report", self.report],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            start_new_session=True)
        self.program, self.tail, self.finished = program, Tail(self.report), False
        self.said, self.time = live.Lines(self.process.stderr), CPUTime(self.process.pid)

    def wait_ready(self):
        if self.said.wait_for(lambda line: line.startswith(live.READY), 30, self.process) is None:
            raise Problem("sockaudit did not get ready: " + " / ".join(self.said.lines[-3:]))

    def finish(self):
        """The tables, and what it cost. The next table may be under way: the one after it has seen all."""
        try:
            self.tail.wait(self.tail.count() + 2, 60, self.process)
            self.process.send_signal(signal.SIGINT)
            code, cpu = live.reap(self.process, 60)
        except (RuntimeError, TimeoutError) as problem:
            raise Problem(f"{problem}: " + " / ".join(self.said.lines[-3:])) from problem
        self.tail.count()
        self.finished = True
        tables = [self.tail.table(i) for i in range(len(self.tail.lines))]
        self.said.join(5)
        return {"code": code, "sockaudit_cpu": self.time.finish(cpu), "tables": tables,
                "said": self.said.lines}

    def end(self):
        self.time.ended.set()
        if self.finished:
            return
        if self.process.returncode is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        # It did not end as it should, and may have left rules. Under the lock they can be nobody else's.
        clear(self.program)


def throughput(floods, seconds):
    """Calls a second and the worst call (ms), of the whole run and of what came back after the grace."""
    skip = round(GRACE / WINDOW)
    late = [window for flood in floods for window in flood["windows"][skip:]]
    longest = max(flood["seconds"] for flood in floods)
    return {"rate": sum(2 * f["pairs"] for f in floods) / longest,
            "worst": max(f["worst_ms"] for f in floods),
            "late_rate": sum(calls for calls, _ in late) / (max(longest, seconds) - GRACE),
            "late_worst": max(worst for _, worst in late), "cpu": sum(f["cpu"] for f in floods)}


def difference(table, truth):
    """What a row has that differs from its process's truth, as sentences; nothing when it is exact."""
    rows = [row for row in table["rows"] if row["pid"] == truth["pid"]]
    if len(rows) != 1:
        return [f"{len(rows)} rows"]
    want = expected(truth)
    return [f"{name} {have}, truth {want[name]}" for name in FIGURES
            if (have := {f: rows[0][name][f] for f in FAMILIES}) != want[name]]


def exempted(tables):
    """The (pid, name) of rows that some table calls exempt, or names in its reason."""
    found = set()
    for table in tables:
        text = " ".join(r.get("text", "") for r in table["reasons"] if r["code"] == "exempted")
        words = set(re.findall(r"\d+", text))
        found |= {(row["pid"], row["name"]) for row in table["rows"]
                  if row["state"] == "exempt" or str(row["pid"]) in words}
    return found


def flood_truth(report):
    def tcp(count):
        return {"tcp": count, "udp": 0, "other": 0}
    made = tcp(report["pairs"])
    return {"pid": report["pid"], "socket": made, "close": made, "open": tcp(0)}


def judge_tables(result, witness, floods):
    last, named = result["tables"][-1], exempted(result["tables"])
    pids = {pid for pid, _ in named}
    modes = [table["mode"] for table in result["tables"]]
    result.update(
        verdict=last["verdict"], mode=last["mode"], reasons=[r["code"] for r in last["reasons"]],
        texts=[f"{r['code']}: {r.get('text', '')}" for r in last["reasons"]],
        modes=[mode for i, mode in enumerate(modes) if i == 0 or mode != modes[i - 1]],
        exempt=sorted(named), witness_wrong=difference(last, witness),
        others_wrong=[f"generator {f['pid']}: {sentence}" for f in floods if f["pid"] not in pids
                      for sentence in difference(last, flood_truth(f))],
        ended_well=result["code"] in GOOD_ENDS)
    del result["tables"]


def limit_rules(sockaudit, pids):
    """sockaudit's own rules with both generators out of them: the best that exempting can reach."""
    said = subprocess.run([sockaudit, "rules", "--mode", "standard", "all"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True)
    rules = [line for line in said.stdout.splitlines() if line.startswith("-a")]
    if not rules:
        raise Problem("`sockaudit rules --mode standard all` printed no rules: " + said.stderr.strip())
    out = "".join(f"-F pid!={pid} " for pid in pids)
    return [rule.replace("-F key=sockaudit", out + "-F key=harm-limit") for rule in rules]


def clean_up(host, daemon, watcher, children):
    # sockaudit first: its rules must be out of the kernel whatever else goes wrong here.
    try:
        if watcher:
            watcher.end()
    finally:
        try:
            for child in children:
                child.end(patience=1)
        finally:
            host.drop_rules()
            if daemon:
                daemon.end()


def one(host, kind, options, folder):
    """`kind`: bare, naive, sockaudit or limit. Returns figures; leaves nothing in the kernel."""
    os.mkdir(folder)
    watched = os.path.join(folder, "watched")
    with open(watched, "w", encoding="ascii"):
        pass
    daemon = watcher = None
    children = []
    try:
        with Signals.held():
            daemon = Daemon(os.path.join(folder, "auditd"))
        daemon.wait_registered()
        host.add(f"-w {watched} -p wa -k harm-watch")
        host.add(EXEC)
        if kind == "sockaudit":
            with Signals.held():
                watcher = Watcher(options.sockaudit, folder)
            watcher.wait_ready()

        def start(name, *words):
            with Signals.held():
                children.append(Child(os.path.join(options.tools, name), *words))
            return children[-1]
        floods = [start("flood", "--seconds", options.seconds) for _ in range(2)]
        witness = start("witness", "--sockets", round(options.seconds * WITNESS_RATE),
                        "--pace", 1000 // WITNESS_RATE)
        toucher = start("toucher", "--file", watched, "--times", TOUCHES, "--seconds", options.seconds)
        if kind == "naive":
            host.add(NAIVE)
        if kind == "limit":
            for rule in limit_rules(options.sockaudit, [flood.pid for flood in floods]):
                host.add(rule)
        before, size = status(), daemon.log.size()
        used = -busy()
        for child in children:
            child.go()
        patience = options.seconds + 60
        reports = [flood.report(patience) for flood in floods]
        used += busy()
        truth, touches = witness.report(patience), toucher.report(patience)
        result = watcher.finish() if watcher else {}
        for child in children:
            child.end()
        host.drop_rules(keep=2)
        daemon.drain()
        after, ended = status(), time.time()
        result.update(throughput(reports, options.seconds), kind=kind, lost=grown(before, after, "lost"),
                      waited=grown(before, after, "backlog_wait_time_actual"), bytes=daemon.log.size() - size,
                      others=used - sum(report["cpu"] for report in reports),
                      bystander=max(truth["worst_ms"], touches["worst_ms"]))
        gone, kept = daemon.log.finish()
        inode = os.stat(watched).st_ino
        whole = evidence(gone + kept, touches["pid"], inode)
        still = evidence(kept, touches["pid"], inode)
        result.update(written=len(whole), kept=len(still), missing=sorted(set(range(1, TOUCHES + 1)) - still),
                      reaches=None if not gone else ended - (first_stamp(kept) or ended))
        if "tables" in result:
            judge_tables(result, truth, reports)
        return result
    finally:
        with Signals.held():
            clean_up(host, daemon, watcher, children)
