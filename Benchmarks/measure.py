"""Runs a program and says what it cost; checks a sockaudit table against the truth."""

import json
import os
import subprocess
import tempfile
import threading
import time
from statistics import median

FAMILIES = ("tcp", "udp", "other")
FIGURES = ("socket_tot", "close_tot", "released", "still_open")
# 4: done, but a table was PARTIAL or LOSSY. Right for a table that says so; the figures are judged.
GOOD_ENDS = (0, 4)


def tree(pid):
    """A process and its descendants, as far as they are still there."""
    found, todo = [], [pid]
    while todo:
        p = todo.pop()
        found.append(p)
        try:
            # A child is listed with the thread that made it, and that need not be the first one.
            for thread in os.listdir(f"/proc/{p}/task"):
                with open(f"/proc/{p}/task/{thread}/children", encoding="ascii") as f:
                    todo += [int(child) for child in f.read().split()]
        except (OSError, ValueError):
            pass
    return found


class PeakMemory(threading.Thread):
    """Samples VmHWM of a process and its children.

    Not ru_maxrss: that one remembers what the forking Python had before the exec.
    """

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.peaks, self.ended = pid, {}, threading.Event()
        self.start()

    def run(self):
        while True:
            for pid in tree(self.pid):
                try:
                    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
                        for line in f:
                            if line.startswith("VmHWM:"):
                                self.peaks[pid] = max(self.peaks.get(pid, 0), int(line.split()[1]))
                except (OSError, ValueError):
                    pass
            if self.ended.wait(0.01):
                return

    def finish(self):
        """All processes added up, in KiB: an upper bound, as they need not peak together."""
        self.ended.set()
        self.join()
        return sum(self.peaks.values())


class Cost:
    """What one run cost: wall and CPU seconds (children it waited for included), memory in KiB."""

    def __init__(self, code, wall, cpu, memory, out="", err=""):
        self.code, self.wall, self.cpu, self.memory = code, wall, cpu, memory
        self.out, self.err = out, err


def reap(process, seconds=None):
    """Waits for a Popen child; returns its exit code and CPU seconds."""
    pid, status, usage = os.wait4(process.pid, 0 if seconds is None else os.WNOHANG)
    until = time.monotonic() + (seconds or 0)
    while pid == 0:
        if time.monotonic() > until:
            raise TimeoutError(f"{process.args[0]} does not end")
        time.sleep(0.02)
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_utime + usage.ru_stime


def run(command):
    # Files, not pipes: a reader on the other end would share the clock and the CPU.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begin = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        memory = PeakMemory(process.pid)
        code, cpu = reap(process)
        wall = time.monotonic() - begin
        peak = memory.finish()
        out.seek(0)
        err.seek(0)
        return Cost(code, wall, cpu, peak, out.read().decode("utf-8", "replace"),
                    err.read().decode("utf-8", "replace"))


def medians(costs):
    """One Cost of many runs: the median of each figure, the largest memory."""
    return Cost(0, median(c.wall for c in costs), median(c.cpu for c in costs),
                max(c.memory for c in costs))


def last_table(text):
    lines = [line for line in text.splitlines() if line.startswith("{")]
    if not lines:
        raise ValueError("no table was printed")
    return json.loads(lines[-1])


def expected(truth):
    """The figures a row must show, from one process's truth."""
    want = {"socket_tot": truth["socket"], "close_tot": truth["close"], "still_open": truth["open"]}
    want["released"] = {f: truth["socket"][f] - truth["close"][f] - truth["open"][f] for f in FAMILIES}
    return want


def add(total, figures):
    for name in FIGURES:
        for family in FAMILIES:
            total[name][family] += figures[name][family]


def zero():
    return {name: dict.fromkeys(FAMILIES, 0) for name in FIGURES}


def compare(table, truth):
    """What is wrong with a table, as sentences; nothing if every figure is the true one.

    Old quiet processes may be folded into one row per name. Then their pid is gone, and what
    the fold rows hold together must be what the missing processes held together.
    """
    wrong, seen = [], set()
    folded, missing, everything = zero(), zero(), zero()
    for row in table["rows"]:
        for name in FIGURES:
            if row[name]["total"] != sum(row[name][f] for f in FAMILIES):
                wrong.append(f"pid {row['pid']}: {name} total is not the sum of its families")
        truth_of_row = truth.get(str(row["pid"]))
        if truth_of_row is None:
            add(folded, row)
            continue
        if row["pid"] in seen:
            wrong.append(f"pid {row['pid']}: more than one row")
        seen.add(row["pid"])
        want = expected(truth_of_row)
        for name in FIGURES:
            have = {f: row[name][f] for f in FAMILIES}
            if have != want[name]:
                wrong.append(f"pid {row['pid']} {row.get('name', '')}: {name} {have}, truth {want[name]}")
    for pid, one in truth.items():
        add(everything, expected(one))
        if int(pid) not in seen:
            add(missing, expected(one))
    if folded != missing:
        gone = len(truth) - len(seen)
        wrong.append(f"{gone} processes without a row had {missing}, rows of no known process {folded}")
    for name in FIGURES:
        have = {f: table["totals"][name][f] for f in FAMILIES}
        if have != everything[name]:
            wrong.append(f"totals: {name} {have}, truth {everything[name]}")
    return wrong
