#!/usr/bin/env python3
"""Runs chaos under strace and derives its truth a second time, from the calls strace saw.

The derivation shares nothing with chaos: it knows fds and calls only. Where a process opens its truth
file it has to come to the same figures and fds as the line that is written then.
"""
import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from strace_log import CALL, CALLS, RESULT, RESUMED, Unclear, births_of, execs_of, read_log  # noqa: E402

FAMILIES = ("tcp", "udp", "other")


def family(domain, kind, protocol):
    if re.fullmatch(r"\d+", protocol):
        # strace shows all 64 bits of a register of which the kernel takes the lower half.
        low = int(protocol) & 0xFFFFFFFF
        protocol = {0: "IPPROTO_IP", 6: "IPPROTO_TCP", 17: "IPPROTO_UDP"}.get(low, protocol)
    inet = domain in ("AF_INET", "AF_INET6")
    kind = kind.split("|")[0]
    if inet and kind == "SOCK_STREAM" and protocol in ("IPPROTO_IP", "IPPROTO_TCP"):
        return "tcp"
    if inet and kind == "SOCK_DGRAM" and protocol in ("IPPROTO_IP", "IPPROTO_UDP"):
        return "udp"
    return "other"


def number(text):
    return int(text, 0) & 0xFFFFFFFF


class Own:
    """One fd that socket() gave to process `owner`."""

    def __init__(self, owner, fam, cloexec):
        self.owner, self.fam, self.cloexec = owner, fam, cloexec


class Replay:
    def __init__(self):
        self.group = {}  # tid -> tgid
        self.table = {}  # tgid -> {fd: Own}; one dict for several tgids after CLONE_FILES
        self.count = collections.defaultdict(
            lambda: {what: collections.Counter() for what in ("socket", "close", "released")}
        )
        self.told = collections.defaultdict(list)  # tgid -> snapshots
        self.pending = {}  # tid -> (name, args as far as seen, undo)

    def tgid(self, tid):
        return self.group.setdefault(tid, tid)

    def fds(self, tid):
        return self.table.setdefault(self.tgid(tid), {})

    def leave(self, tgid):
        """The process gets a copy of its table; what it owns goes with it."""
        old = self.table.get(tgid, {})
        self.table[tgid] = {fd: own for fd, own in old.items() if own.owner == tgid}
        for fd in self.table[tgid]:
            if any(t is old for t in self.table.values()):
                old.pop(fd, None)

    def gone(self, own, what, by):
        # A close by anybody but the owner is no close of the owner's.
        if what == "close" and own.owner != by:
            what = "released"
        self.count[own.owner][what][own.fam] += 1

    def entry(self, tid, name, args):
        """What a call that takes fds away does is done when it begins: by the time strace sees its end
        another thread may have been given the number. Returns what has to come back if it fails."""
        fds, me = self.fds(tid), self.tgid(tid)
        parts = [part.strip() for part in args.split(",")]
        taken = {}
        if name == "close":
            fd = number(re.split(r"[ )]", parts[0])[0])
            if fd in fds:
                taken[fd] = (fds.pop(fd), "close")
        elif name in ("dup2", "dup3"):
            src, dst = number(parts[0]), number(re.split(r"[ )]", parts[1])[0])
            if src != dst and dst in fds:
                taken[dst] = (fds.pop(dst), "released")
        elif name == "close_range":
            flags = re.split(r"[ )]", parts[2])[0]
            first, last = number(parts[0]), number(parts[1])
            if "UNSHARE" in flags:
                self.leave(me)
                fds = self.fds(tid)
            for fd in [fd for fd in fds if first <= fd <= last]:
                if "CLOEXEC" in flags:
                    fds[fd].cloexec = True
                else:
                    taken[fd] = (fds.pop(fd), "close")
        elif name == "openat" and ".jsonl" in args:
            self.snapshot(me)
        elif name == "unshare" and "CLONE_FILES" in args:
            self.leave(me)
        return taken

    def exit(self, tid, name, args, result, taken):
        me = self.tgid(tid)
        if name in ("clone", "clone3", "fork", "vfork"):
            return  # read beforehand, in births_of()
        fds = self.fds(tid)
        for fd, (own, what) in taken.items():
            if result < 0:
                fds[fd] = own
            else:
                self.gone(own, what, me)
        if result < 0:
            return
        parts = [part.strip() for part in args.split(",")]
        if name == "socket":
            fam = family(parts[0], parts[1], parts[2].split(")")[0])
            self.count[me]["socket"][fam] += 1
            if result in fds:
                raise ValueError(f"{tid}: socket() gave {result}, which is open")
            fds[result] = Own(me, fam, "SOCK_CLOEXEC" in parts[1])
        elif name.startswith("fcntl") and parts[1] == "F_SETFD":
            if number(parts[0]) in fds:
                fds[number(parts[0])].cloexec = "FD_CLOEXEC" in parts[2]
        elif name == "ioctl" and ("FIOCLEX" in args or "FIONCLEX" in args):
            if number(parts[0]) in fds:
                fds[number(parts[0])].cloexec = "FIOCLEX" in args
        elif name in ("execve", "execveat"):
            self.leave(me)
            fds = self.fds(tid)
            for fd in [fd for fd, own in fds.items() if own.cloexec]:
                self.gone(fds.pop(fd), "released", me)

    def birth(self, child, parent, flags):
        if "CLONE_THREAD" in flags:
            self.group[child] = self.tgid(parent)
            return
        self.group[child] = child
        self.table[child] = self.fds(parent) if "CLONE_FILES" in flags else {}

    def run(self, lines):
        births, execs = births_of(lines), execs_of(lines)
        for at, (tid, text) in enumerate(lines):
            if tid in births:
                self.birth(tid, *births.pop(tid))
            if text.startswith(("+++", "---")):
                if text.startswith("+++"):
                    self.pending.pop(tid, None)
                continue
            resumed = RESUMED.match(text)
            if resumed:
                # After an exec by a thread the leader resumes what it never began.
                name, args, taken = self.pending.pop(tid, (resumed[1], "", {}))
                args += resumed[2]
            else:
                call = CALL.match(text)
                if not call or not call[1] in CALLS.split(","):
                    continue
                name, args = call[1], call[2]
                taken = self.entry(tid, name, args)
                if at in execs:
                    self.leave(self.tgid(tid))
            if args.endswith("<unfinished ...>"):
                self.pending[tid] = (name, args[: -len("<unfinished ...>")].rstrip(), taken)
                continue
            result = RESULT.search(args)
            if not result or result[1] == "?":
                continue  # the process went in the midst of it
            self.exit(tid, name, args, int(result[1]), taken)

    def snapshot(self, tgid):
        """What a line of the truth says, as the replay has it at this moment."""
        mine = {fd: own for fd, own in self.table.get(tgid, {}).items() if own.owner == tgid}
        still = collections.Counter(own.fam for own in mine.values())
        counts = {**self.count[tgid], "open": still}
        out = {what: {fam: counts[what][fam] for fam in FAMILIES} for what in counts}
        self.told[tgid].append({**out, "open_fds": sorted(mine)})


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
