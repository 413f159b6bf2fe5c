#!/usr/bin/env python3
"""strace_figures.py LOG: what every process of a log of `strace -f -o LOG` did with its sockets.

One line a process, in the order in which they appeared, in the form of the workloads' truth (README.md)
and with `others`: what accept and socketpair gave. `phase` is `end` for a process that has ended, `hold`
for one that had not when the log was read. With --calls: the calls that strace has to trace.
"""
import json
import pathlib
import re
import sys

sys.dont_write_bytecode = True
from strace_log import CALLS, Unclear, read_log  # noqa: E402
from strace_replay import FAMILIES, Own, Replay, number  # noqa: E402

OTHERS = ("accept", "socketpair")
ALL_CALLS = CALLS + ",accept,accept4,socketpair"


class Figures(Replay):
    """Sockets that come another way are held in the same table, each way as a family of its own."""

    calls = frozenset(ALL_CALLS.split(","))

    def __init__(self):
        super().__init__()
        self.ended = set()

    def exit(self, tid, name, args, result, taken):
        super().exit(tid, name, args, result, taken)
        if result < 0:
            return
        if name in ("accept", "accept4"):
            # The last argument is the flags; the address before it may hold anything.
            self.came(tid, "accept", result, "SOCK_CLOEXEC" in args.rsplit(")", 1)[0].rsplit(",", 1)[-1])
        elif name == "socketpair":
            for fd in re.search(r"\[(\d+), (\d+)\]", args).groups():
                self.came(tid, "socketpair", number(fd), "SOCK_CLOEXEC" in args.split(",")[1])

    def came(self, tid, origin, fd, cloexec):
        fds, me = self.fds(tid), self.tgid(tid)
        if fd in fds:
            raise ValueError(f"{tid}: {origin} gave {fd}, which is open")
        fds[fd] = Own(me, origin, cloexec)
        self.count[me]["socket"][origin] += 1

    def cut(self, tid, taken):
        if taken:
            raise Unclear(f"{tid} went while it closed {sorted(taken)}: whether it did, the log does not tell")

    def end(self, tgid):
        self.ended.add(tgid)
        fds = self.table.get(tgid, {})
        for fd in [fd for fd, own in fds.items() if own.owner == tgid]:
            self.gone(fds.pop(fd), "released", tgid)

    def figures(self, tgid):
        self.told[tgid].clear()
        self.snapshot(tgid)
        mine = self.told[tgid].pop()
        count = self.count[tgid]
        held = [own.fam for own in self.table.get(tgid, {}).values() if own.owner == tgid]
        others = {}
        for origin in OTHERS:
            gone = count["close"][origin] + count["released"][origin]
            others[origin] = {"opened": count["socket"][origin], "closed": gone, "open": held.count(origin)}
        phase = "end" if tgid in self.ended else "hold"
        return {"phase": phase, "pid": tgid, **mine, "others": others}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if sys.argv[1] == "--calls":
        print(ALL_CALLS)
        return
    replay = Figures()
    replay.run(read_log(pathlib.Path(sys.argv[1])))
    for tgid in dict.fromkeys(replay.group.values()):
        print(json.dumps(replay.figures(tgid)))


if __name__ == "__main__":
    main()
