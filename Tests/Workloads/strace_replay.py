"""Derives from the calls that strace saw what every process did with the sockets it had from socket().

It knows fds and calls only: the order of lines is the order in which strace saw them, a process is a tid
whose clone had no CLONE_THREAD, and an fd belongs to the process whose socket() gave it.
"""
import collections
import re

from strace_log import CALL, CALLS, RESULT, RESUMED, births_of, execs_of

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
    calls = frozenset(CALLS.split(","))

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
                    self.cut(tid, self.pending.pop(tid, ("", "", {}))[2])
                if text.startswith(("+++ exited", "+++ killed")) and tid == self.tgid(tid):
                    self.end(tid)
                continue
            resumed = RESUMED.match(text)
            if resumed:
                # After an exec by a thread the leader resumes what it never began.
                name, args, taken = self.pending.pop(tid, (resumed[1], "", {}))
                args += resumed[2]
            else:
                call = CALL.match(text)
                if not call or call[1] not in self.calls:
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

    def cut(self, tid, taken):
        """The thread went in the midst of a call that was taking these away."""

    def end(self, tgid):
        """The last thread of the process has gone."""

    def snapshot(self, tgid):
        """What a line of the truth says, as the replay has it at this moment."""
        mine = {fd: own for fd, own in self.table.get(tgid, {}).items() if own.owner == tgid}
        still = collections.Counter(own.fam for own in mine.values())
        counts = {**self.count[tgid], "open": still}
        out = {what: {fam: counts[what][fam] for fam in FAMILIES} for what in counts}
        self.told[tgid].append({**out, "open_fds": sorted(mine)})
