#!/usr/bin/env python3
"""Runs chaos under strace and derives its truth a second time, from the calls strace saw.

The derivation shares nothing with chaos: it knows fds and calls only. Where a process opens its truth
file it has to come to the same figures and fds as the line that is written then.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from strace_log import CALLS, Unclear, read_log  # noqa: E402
from strace_replay import FAMILIES, Replay  # noqa: E402


def compare(directory, replay, main_pid):
    """Number of processes and complaints."""
    complaints, seen = [], {main_pid}
    for path in sorted(pathlib.Path(directory).glob("*.jsonl")):
        truth = [json.loads(text) for text in path.read_text().splitlines()]
        pid = truth[0]["pid"]
        seen.add(pid)
        strace = replay.told[pid]
        if len(truth) != len(strace):
            complaints.append(f"{path.name}: {len(truth)} lines, strace saw {len(strace)}")
        for line, mine in zip(truth, strace):
            if line["phase"] == "end":  # books as released what its end will release
                for fam in FAMILIES:
                    mine["released"][fam] += mine["open"][fam]
                    mine["open"][fam] = 0
                mine["open_fds"] = []
            for what in mine:
                if line[what] != mine[what]:
                    complaints.append(f"{path.name} {line['phase']} {what}: truth {line[what]} strace {mine[what]}")
        # Nothing may come after the last line but the end.
        if strace and {fam: replay.count[pid]["socket"][fam] for fam in FAMILIES} != truth[-1]["socket"]:
            complaints.append(f"{path.name}: sockets after the last line")
    for pid in set(replay.group.values()) - seen:
        complaints.append(f"strace saw process {pid}, the truth has none of it")
    return len(seen) - 1, complaints


def one(chaos, seed, args, extra, tries=5):
    with tempfile.TemporaryDirectory(prefix="verify-strace-") as work:
        log, truth = pathlib.Path(work, "log"), pathlib.Path(work, "truth")
        command = ["strace", "-f", "-qq", "-s", "0", "-o", str(log), "-e", f"trace={CALLS}", chaos]
        command += ["--seed", str(seed), "--dir", str(truth), "--procs", str(args.procs)]
        command += ["--steps", str(args.steps), "--set", args.set, "--hold", "0", *extra]
        run = subprocess.run(command, capture_output=True, text=True, timeout=900)
        complaints = [] if run.returncode == 0 else [f"chaos: exit {run.returncode} {run.stderr[:500]}"]
        lines, replay = read_log(log), Replay()
        try:
            replay.run(lines)
        except Unclear as why:
            if tries > 1 and not complaints:
                return one(chaos, seed, args, extra, tries - 1)
            complaints.append(str(why))
        n, more = compare(truth, replay, lines[0][0])
        sockets = sum(sum(c["socket"].values()) for c in replay.count.values())
        closes = sum(sum(c["close"].values()) for c in replay.count.values())
        complaints += more
        print(f"seed {seed} set {args.set}: {n} processes, {sockets} sockets, {closes} closes, "
              f"{len(complaints)} differences", flush=True)
        for text in complaints[:20]:
            print("  " + text)
        if complaints and args.keep:
            pathlib.Path(f"{args.keep}-{seed}").write_text(log.read_text(errors="replace"))
        return not complaints


def main():
    p = argparse.ArgumentParser(description=__doc__, epilog="Unknown options go to chaos as they are.")
    p.add_argument("chaos", help="the chaos binary")
    p.add_argument("--seeds", default="1-5", help="FROM-TO (default 1-5)")
    p.add_argument("--set", default="basic", choices=("basic", "all"))
    p.add_argument("--procs", type=int, default=4)
    p.add_argument("--steps", type=int, default=60)
    p.add_argument("--keep", help="KEEP-SEED receives the strace log of a seed that differs")
    args, extra = p.parse_known_args()
    first, _, last = args.seeds.partition("-")
    good = [one(args.chaos, seed, args, extra) for seed in range(int(first), int(last or first) + 1)]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
