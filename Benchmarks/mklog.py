#!/usr/bin/env python3
"""Writes a synthetic audit log together with the truth about it.

The log is what a kernel and auditd could have written: descriptors are the lowest free ones,
the calls of one process stand in the order in which they happened, a process that ends lets
go of what it held. So any difference between a reader's figures and --truth is the reader's.

  mklog.py --events 400000 --mix compliance --out audit.log --truth truth.json

Standard output gets one line: events, lines, bytes, and the successful socket and close calls
in the log (what a counter without state must find).
"""

import argparse
import heapq
import json
import math
import random
import sys

from loghost import World


class Writer:
    """The log file. Tears events apart the way a flood does, if asked to.

    What a flood does: the kernel makes a writer wait between two records of one event
    (audit_log_start, backlog full) while the other CPU's processes write on. So the process of a
    torn event writes nothing until the rest of it is out, and its own order stays as it was.
    """

    TEAR = 0.02
    FARTHEST = 6000  # lines

    def __init__(self, world, out, torn):
        self.world, self.out = world, out
        self.rng = random.Random(0x7EA2) if torn else None
        self.waiting = []  # heap of (line it is due at, order, process or None, lines)
        self.lines = self.bytes = self.order = 0
        self.block = []

    def put(self, lines):
        self.block += lines
        self.lines += len(lines)
        if len(self.block) > 20000:
            self.flush()

    def flush(self):
        if self.block:
            data = ("\n".join(self.block) + "\n").encode()
            self.bytes += len(data)
            self.out.write(data)
            self.block = []

    def add(self, process, lines):
        ready = self.world.ready
        if self.rng is None or len(lines) < 2 or self.rng.random() >= self.TEAR or len(ready) < 2:
            self.put(lines)
            return
        cut = len(lines) - 1 if self.rng.random() < 0.7 else self.rng.randrange(1, len(lines))
        self.put(lines[:cut])
        # Near tears are common, far ones rare: every order of magnitude equally often.
        distance = int(math.exp(self.rng.random() * math.log(self.FARTHEST))) + 1
        if process in ready:  # else it was its exit_group: nothing comes after it anyway
            ready.remove(process)
        else:
            process = None
        self.order += 1
        heapq.heappush(self.waiting, (self.lines + distance, self.order, process, lines[cut:]))

    def release(self):
        """Puts out the rests that are due."""
        while self.waiting and self.waiting[0][0] <= self.lines:
            _, _, process, rest = heapq.heappop(self.waiting)
            if process is not None:
                self.world.ready.append(process)
            self.put(rest)

    def finish(self):
        while self.waiting:
            _, _, process, rest = heapq.heappop(self.waiting)
            if process is not None:
                self.world.ready.append(process)
            self.put(rest)
        self.flush()


def parse(arguments):
    p = argparse.ArgumentParser(description="synthetic audit log with the truth about it")
    p.add_argument("--events", type=int, default=10000, metavar="N")
    p.add_argument("--processes", type=int, default=24, metavar="P", help="alive at one time (24)")
    p.add_argument("--mix", choices=("plain", "compliance"), default="plain",
                   help="plain: socket, close and exit_group only; compliance: a third of that")
    p.add_argument("--torn", action="store_true", help="records of one event far apart")
    p.add_argument("--enriched", action="store_true", help="as auditd's ENRICHED format")
    p.add_argument("--seed", type=int, default=1, metavar="S")
    p.add_argument("--out", default="-", metavar="FILE", help="the log; - is standard output (then no summary)")
    p.add_argument("--truth", metavar="FILE", help="JSON: pid -> socket, close, open by family")
    options = p.parse_args(arguments)
    if options.events < 1 or options.processes < 1:
        p.error("--events and --processes must be at least 1")
    return options


def main(arguments):
    options = parse(arguments)
    world = World(options)
    out = sys.stdout.buffer if options.out == "-" else open(options.out, "wb")
    writer = Writer(world, out, options.torn)
    for _ in range(options.events):
        writer.add(*world.event())
        writer.release()
    writer.finish()
    truth = world.truth()
    if options.truth:
        with open(options.truth, "w", encoding="ascii") as f:
            json.dump(truth, f)
            f.write("\n")
    if out is not sys.stdout.buffer:
        out.close()
        print(f"events {options.events} lines {writer.lines} bytes {writer.bytes} "
              f"sockets {world.sockets} closes {world.closes} processes {len(truth)}")


if __name__ == "__main__":
    main(sys.argv[1:])
