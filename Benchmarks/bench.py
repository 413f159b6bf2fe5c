#!/usr/bin/env python3
"""make bench: what sockaudit costs, next to a plain C libauparse loop, and whether it is right.

Timings are printed and never judged. Figures are judged: a lost event, a figure that is not
exact, a table that differs from the truth end this program with 1. No sockaudit: 2.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

import live
import others
import reconcile
from measure import GOOD_ENDS, compare, last_table, medians, run

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)


class Gate:
    """Collects what is wrong; the program's exit code is its last word."""

    def __init__(self):
        self.failed = 0

    def judge(self, what, wrong):
        if not wrong:
            print(f"  right   {what}")
            return
        self.failed += 1
        print(f"  WRONG   {what}")
        for sentence in wrong[:8]:
            print(f"            {sentence}")
        if len(wrong) > 8:
            print(f"            and {len(wrong) - 8} more")


class Log:
    """A synthetic log with its truth."""

    def __init__(self, folder, name, events, *more):
        self.path = os.path.join(folder, name + ".log")
        self.events = events
        truth = os.path.join(folder, name + ".json")
        said = subprocess.run(
            [sys.executable, "-B", os.path.join(HERE, "mklog.py"), "--events", str(events),
             "--out", self.path, "--truth", truth, *more],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
        self.counts = dict(zip(said[::2], map(int, said[1::2])))
        with open(truth, encoding="ascii") as f:
            self.truth = json.load(f)

    def remove(self):
        os.unlink(self.path)


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder, self.gate = options, folder, Gate()

    # -- one run each --------------------------------------------------------------------------

    def sockaudit(self, log):
        """One replay; its cost, and what is wrong with its table."""
        cost = run([self.options.sockaudit, "all", "--input", log.path, "--format", "json"])
        if cost.code not in GOOD_ENDS:
            return cost, [f"ended with {cost.code}: {cost.err.strip()[-300:]}"]
        try:
            table = last_table(cost.out)
            wrong = compare(table, log.truth)
            if table["verdict"] == "lossy":
                wrong.append("LOSSY, though nothing is missing: "
                             + ", ".join(r["code"] for r in table["reasons"]))
            return cost, wrong
        except (ValueError, KeyError, TypeError) as problem:
            return cost, [f"its output cannot be read: {problem!r}"]

    def yardstick(self, log):
        """One run of the C loop. It must count what is in the log, or it measures nothing."""
        cost = run([os.path.join(self.options.tools, "auparse_loop"), log.path])
        words = cost.out.split()
        said = dict(zip(words[::2], words[1::2]))
        wrong = [f"the C loop counted {said.get(k)} {k}, the log has {log.counts[k]}"
                 for k in ("sockets", "closes") if said.get(k) != str(log.counts[k])]
        return cost, wrong

    # -- sections ------------------------------------------------------------------------------

    def show(self, name, log, cost):
        rate, each = log.events / cost.wall, cost.cpu / log.events * 1e6
        print(f"  {name:<22}{cost.cpu:9.3f}{cost.wall:9.3f}{rate:12,.0f}{each:10.2f}{cost.memory / 1024:10.1f}")

    @staticmethod
    def heading():
        print(f"  {'':<22}{'CPU s':>9}{'wall s':>9}{'events/s':>12}{'us/event':>10}{'RSS MiB':>10}")

    def replay(self, title, log, runs):
        print(f"\nReplay: {title}: {log.events:,} events, {log.counts['lines']:,} lines, "
              f"{log.counts['bytes'] / 1e6:.0f} MB; median of {runs} alternating runs")
        ours, theirs, wrong, yard_wrong = [], [], [], []
        for _ in range(runs):
            cost, problems = self.sockaudit(log)
            ours.append(cost)
            wrong = wrong or problems
            cost, problems = self.yardstick(log)
            theirs.append(cost)
            yard_wrong = yard_wrong or problems
        a, b = medians(ours), medians(theirs)
        self.heading()
        self.show("sockaudit", log, a)
        self.show("C libauparse loop", log, b)
        print(f"  {'ratio (>1: we win)':<22}{b.cpu / max(a.cpu, 1e-9):8.2f}x{b.wall / a.wall:8.2f}x"
              "    goal 8 in CPU, aim 14; 32 MiB or less")
        self.gate.judge(f"figures of {len(log.truth)} processes equal the truth in every run", wrong)
        self.gate.judge("the C loop finds the same calls", yard_wrong)
        return a

    def linearity(self, logs, runs):
        print(f"\nLinearity: sockaudit on compliance logs, median of {runs}; us/event must stay level")
        self.heading()
        base = None
        for log in logs:
            results = [self.sockaudit(log) for _ in range(runs)]
            cost = medians([r[0] for r in results])
            self.show(f"{log.events:,} events", log, cost)
            each = cost.cpu / log.events
            base = base or each
            wrong = next((r[1] for r in results if r[1]), [])
            self.gate.judge(f"figures equal the truth; {each / base:.2f} times the first one's CPU per event",
                            wrong)

    def live(self, pairs):
        print(f"\nLive: the kernel's top rate, two generators, {pairs:,} socket+close pairs each")
        reason = "--skip-live" if self.options.skip_live else live.why_not()
        if reason is None and not os.access(os.path.join(self.options.tools, "flood"), os.X_OK):
            reason = "the generator `flood` is not built (make bench builds it)"
        if reason:
            print(f"  skipped: {reason}")
            return
        f, wrong = live.run(self.options.sockaudit, os.path.join(self.options.tools, "flood"), pairs, self.folder)
        if f:
            for name, text in (
                    ("kernel backlog", f["backlog"]),
                    ("workload", f"{f['seconds']:.2f} s, worst call {f['worst_ms']:.2f} ms"),
                    ("kernel", f"{f['rate']:,.0f} events/s"),
                    ("sockaudit", f"{f['seen']:,} events seen, mode {f['mode']}"),
                    ("CPU per event", f"{f['cpu_us']:.2f} us, all its processes    goal 2"),
                    ("memory", f"{f['memory'] / 1024:.1f} MiB"),
                    ("verdict", f"{f['verdict']}, reasons: {f['reasons']}")):
                print(f"  {name:<16}{text}")
        self.gate.judge("nothing lost, both generators' figures exact, audit as before", wrong)

    def reconcile(self, processes, interval):
        print(f"\nReconciliation: {processes:,} processes hold {processes * reconcile.SOCKETS:,} sockets and do "
              f"nothing; median of {reconcile.TABLES} intervals of {interval} s")
        crowd = os.path.join(self.options.tools, "crowd")
        reason = "--skip-live" if self.options.skip_live else reconcile.why_not(processes)
        if reason is None and not os.access(crowd, os.X_OK):
            reason = "the workload `crowd` is not built (make bench builds it)"
        if reason:
            print(f"  skipped: {reason}")
            return
        reconcile.show(self.options.sockaudit, crowd, processes, interval, self.folder, self.gate.judge)

    def memory(self):
        # A program of its own: what wait4 says of a child's memory begins with what its parent had.
        more = [flag for flag, wanted in (("--quick", self.options.quick), ("--full", self.options.full)) if wanted]
        code = subprocess.run([sys.executable, "-B", os.path.join(HERE, "memory.py"), "--sockaudit",
                               self.options.sockaudit, *more], stdin=subprocess.DEVNULL).returncode
        self.gate.judge("memory is within its goals, totals equal the truth", ["see above"] if code else [])

    def all(self):
        quick = self.options.quick
        scale = 10 if quick else 1
        print(f"sockaudit benchmark{' (quick: small sizes, rough timings)' if quick else ''}, "
              f"{os.cpu_count()} CPUs, {os.uname().sysname} {os.uname().release}")
        self.live(100_000 // scale)
        self.reconcile(10_000 // scale, 2 if quick else 5)

        logs = [Log(self.folder, f"c{n}", n // scale, "--mix", "compliance") for n in (100_000, 200_000, 400_000)]
        whole = self.replay("compliance host", logs[-1], 2 if quick else 5)
        self.linearity(logs, 1 if quick else 3)
        processor = str(min(os.sched_getaffinity(0))) if shutil.which("taskset") else None
        others.report(logs[0], logs[-1], self.folder, processor, self.options.sockaudit)
        for log in logs:
            log.remove()

        torn = Log(self.folder, "torn", 400_000 // scale, "--mix", "compliance", "--torn")
        cost = self.replay("the same host, torn by a flood", torn, 1 if quick else 3)
        print(f"  {'torn against whole':<22}{cost.cpu / max(whole.cpu, 1e-9):8.2f}x{cost.wall / whole.wall:8.2f}x"
              "    goal: 2 or less")
        torn.remove()

        self.memory()

        print("\n" + ("every figure was right" if self.gate.failed == 0 else f"{self.gate.failed} checks FAILED"))
        return 0 if self.gate.failed == 0 else 1


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--quick", action="store_true", help="a tenth of the size: for a look, not for figures")
    p.add_argument("--full", action="store_true", help="memory: also 10 GB of a log, some ten minutes")
    p.add_argument("--skip-live", action="store_true", help="replay only; leaves the kernel's audit alone")
    p.add_argument("--sockaudit", default=os.path.join(ROOT, ".build/release/sockaudit"), metavar="FILE")
    p.add_argument("--tools", default=os.path.join(ROOT, ".build/bench"), metavar="DIR",
                   help="where auparse_loop, flood and crowd are")
    p.add_argument("--keep", action="store_true", help="leave the folder with logs and reports")
    options = p.parse_args()
    for program in (options.sockaudit, os.path.join(options.tools, "auparse_loop")):
        if not os.access(program, os.X_OK):
            print(f"bench: {program} is missing; `make bench` builds it", file=sys.stderr)
            return 2
    sys.stdout.reconfigure(line_buffering=True)
    # TERM must pass the cleaning up below too: it takes sockaudit's rules out of the kernel.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = tempfile.mkdtemp(prefix="sockaudit-bench-")
    try:
        return Bench(options, folder).all()
    finally:
        if options.keep:
            print(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
