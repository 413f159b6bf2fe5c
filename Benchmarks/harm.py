#!/usr/bin/env python3
"""make bench-harm: what sockaudit does to a host that floods, beside a real auditd with its own evidence.

The same load three times: unaudited, with naive socket+close rules, with sockaudit. Two processes call
socket and close as fast as they can; a quiet third (the witness) must stay exact in sockaudit's table;
a fourth touches a watched file 50 times, which must all be found in auditd's log (5 files of 8 MiB).
What is judged of the generators is what came back from 2 s after their start.

Ends with 0 when every goal is met, with 1 when one is missed, with 2 when it could not be shown.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time

import harmhost
import harmrun
import live
from harmrun import GRACE, TOUCHES

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TITLES = {"bare": "unaudited", "naive": "socket+close", "sockaudit": "sockaudit", "limit": "exempted"}
SHARE, WORST = 0.5, 100.0


def line(name, results, text):
    print(f"  {name:<34}" + "".join(f"{text(r):>16}" for r in results))


def reach(result):
    return "the whole run" if result["reaches"] is None else f"last {result['reaches']:.1f} s"


def show(results):
    base = results[0]
    line("", results, lambda r: TITLES[r["kind"]])
    line("calls/s", results, lambda r: f"{r['rate']:,.0f}")
    line(f"calls/s from {GRACE:g} s on", results, lambda r: f"{r['late_rate']:,.0f}")
    line("  of unaudited", results, lambda r: f"{r['late_rate'] / base['late_rate']:.1%}")
    line("worst call", results, lambda r: f"{r['worst']:.1f} ms")
    line(f"worst call from {GRACE:g} s on", results, lambda r: f"{r['late_worst']:.1f} ms")
    line("worst call of the two quiet ones", results, lambda r: f"{r['bystander']:.1f} ms")
    line("CPU s of the generators", results, lambda r: f"{r['cpu']:.1f}")
    line("  of all else on the host", results, lambda r: f"{r['others']:.1f}")
    line("lost", results, lambda r: f"{r['lost']:,}")
    line("backlog_wait_time_actual, ticks", results, lambda r: f"{r['waited']:,}")
    line("  all waiting tasks together", results, lambda r: f"{r['waited'] * harmhost.TICK:.2f} s")
    line("bytes into auditd's log", results, lambda r: f"{r['bytes']:,}")
    line("  at the end it holds", results, reach)
    line(f"watched events written, of {TOUCHES}", results, lambda r: f"{r['written']}")
    line("  in the log at the end", results, lambda r: f"{r['kept']}")


def show_sockaudit(result):
    print("\n  sockaudit's last table")
    for name, text in (
            ("verdict", result["verdict"]),
            ("mode", f"{result['mode']}, in all tables: {' -> '.join(result['modes'])}"),
            ("reasons", ", ".join(result["reasons"]) or "none"),
            ("exempt", ", ".join(f"{name} ({pid})" for pid, name in result["exempt"]) or "nobody"),
            ("witness", "; ".join(result["witness_wrong"]) or "exact"),
            ("CPU", f"{result['sockaudit_cpu']:.2f} s, all its processes, start to end"),
            ("exit code", str(result["code"]))):
        print(f"    {name:<12}{text}")
    for text in result["texts"]:
        print(f"    {text[:200]}")
    for text in result["said"]:
        print(f"    on standard error: {text[:200]}")


class Goals:
    def __init__(self):
        self.missed = []

    def judge(self, met, what, seen):
        print(f"  {'PASS' if met else 'MISS'}  {what}: {seen}")
        if not met:
            self.missed.append(what)

    def all(self, results, changes):
        by = {r["kind"]: r for r in results}
        base, ours = by["bare"], by["sockaudit"]
        print("\nGoals")
        # Where this fails, the others say nothing.
        self.judge(base["kept"] == TOUCHES and base["lost"] == 0,
                   "the bench itself: unaudited, nothing is missing or lost",
                   f"{base['kept']}, lost {base['lost']}")
        self.judge(ours["kept"] == TOUCHES, f"{TOUCHES} of {TOUCHES} watched events are in auditd's log",
                   f"{ours['kept']}" + (f", missing {ranges(ours['missing'])}" if ours["missing"] else ""))
        self.judge(ours["lost"] == 0, "lost 0", f"{ours['lost']:,}")
        share = ours["late_rate"] / base["late_rate"]
        self.judge(share >= SHARE, f"from {GRACE:g} s on {SHARE:.0%} or more of unaudited", f"{share:.1%}")
        self.judge(ours["late_worst"] <= WORST, f"from {GRACE:g} s on no call above {WORST:g} ms",
                   f"{ours['late_worst']:.1f} ms (unaudited {base['late_worst']:.1f} ms)")
        self.judge(not ours["witness_wrong"], "the witness is exact",
                   "; ".join(ours["witness_wrong"]) or "yes")
        self.judge(not ours["others_wrong"], "generators that are not named exempt are exact",
                   "; ".join(ours["others_wrong"]) or "yes")
        self.judge(ours["ended_well"], "sockaudit ends with 0 or 4", ours["code"])
        self.judge(not changes, "the audit subsystem is as it was", "; ".join(changes) or "yes")


def ranges(numbers):
    """[1, 2, 3, 7] as 1-3, 7."""
    groups = []
    for number in numbers:
        if groups and number == groups[-1][1] + 1:
            groups[-1][1] = number
        else:
            groups.append([number, number])
    return ", ".join(f"{a}-{b}" if b > a else f"{a}" for a, b in groups)


def run(options):
    began = time.monotonic()
    folder = tempfile.mkdtemp(prefix="sockaudit-harm-")
    try:
        with harmhost.Host() as host:
            began = time.monotonic()
            print(f"sockaudit harm bench, {options.seconds:g} s a run, {os.cpu_count()} CPUs, "
                  f"{os.uname().sysname} {os.uname().release}")
            now = harmhost.status()
            print(f"  backlog {now['backlog_limit']}, backlog_wait_time {now['backlog_wait_time']} ticks of "
                  f"{harmhost.TICK * 1e3:g} ms; auditd ENRICHED, 5 files of 8 MiB; "
                  f"{len(host.before_rules)} rules of the host; load {os.getloadavg()[0]:.1f}\n")
            kinds = ["bare", "naive", "sockaudit"] + (["limit"] if options.limit else [])
            results = [harmrun.one(host, kind, options, os.path.join(folder, kind)) for kind in kinds]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    show(results)
    show_sockaudit(next(r for r in results if r["kind"] == "sockaudit"))
    goals = Goals()
    goals.all(results, host.left)
    print(f"\n{'every goal is met' if not goals.missed else f'{len(goals.missed)} goals MISSED'}, "
          f"in {time.monotonic() - began:.0f} s")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as f:
            json.dump({"seconds": options.seconds, "results": results, "missed": goals.missed}, f, indent=1)
    return 1 if goals.missed else 0


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--quick", action="store_true", help="4 s a run instead of 8")
    p.add_argument("--seconds", type=float, default=None, help="length of a run, more than 2 (8)")
    p.add_argument("--limit", action="store_true",
                   help="a fourth run: the rules with both generators exempted, the best that can be reached")
    p.add_argument("--json", metavar="FILE", help="all figures")
    p.add_argument("--sockaudit", metavar="FILE",
                   default=os.environ.get("SOCKAUDIT_BIN") or os.path.join(ROOT, ".build/release/sockaudit"))
    p.add_argument("--tools", default=os.path.join(ROOT, ".build/bench"), metavar="DIR",
                   help="where flood, witness and toucher are")
    options = p.parse_args()
    options.seconds = options.seconds or (4.0 if options.quick else 8.0)
    if not GRACE < options.seconds <= 600:
        p.error("--seconds must be more than 2, and 600 at most")
    reason = live.why_not()
    tools = [os.path.join(options.tools, name) for name in ("flood", "witness", "toucher")]
    for program in [options.sockaudit] + tools:
        if not os.access(program, os.X_OK):
            reason = f"{program} is missing; `make bench-harm` builds it"
    if reason:
        print(f"bench-harm: {reason}", file=sys.stderr)
        return 2
    sys.stdout.reconfigure(line_buffering=True)
    harmhost.Signals.catch()
    try:
        return run(options)
    except (harmhost.Problem, OSError) as problem:
        print(f"bench-harm: {problem}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
