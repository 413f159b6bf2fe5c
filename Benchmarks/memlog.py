#!/usr/bin/env python3
"""Writes logs that are long, or hold much: what sockaudit's memory is measured with.

  memlog.py storm N          N short processes, each of which opens a socket, closes it and ends
  memlog.py names N          the same, each under a name of its own
  memlog.py killed N         N processes that open and close a socket and leave no record of their end
  memlog.py open N           one process that opens N sockets
  memlog.py each N           N processes that open one socket each
  memlog.py host BYTES       mklog.py's compliance host over and over, with new serials, times and pids

The log goes to standard output. The truth of it: --truth FILE, JSON with socket_tot, close_tot, still_open.
"""

import argparse
import io
import json
import re
import sys

from loghost import World
from mklog import Writer, parse as mklog_options

START = 1_795_600_000_000  # milliseconds since the epoch
PIDS = 4_000_000
SOCKET, CLOSE, EXIT = 41, 3, 231


class Log:
    def __init__(self, out):
        self.out, self.block, self.serial, self.time = out, [], 1000, START

    def call(self, number, result, arguments, pid, comm, exe):
        self.serial += 1
        stamp = f"audit({self.time // 1000}.{self.time % 1000:03d}:{self.serial})"
        self.block.append(
            f"type=SYSCALL msg={stamp}: arch=c000003e syscall={number} {result}{arguments} items=0 ppid=1 "
            f"pid={pid} auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3 "
            f'comm="{comm}" exe="{exe}" subj=unconfined key="sockaudit"\n'
            f'type=PROCTITLE msg={stamp}: proctitle="{comm}"\n')
        if len(self.block) > 2000:
            self.flush()

    def flush(self):
        self.out.write("".join(self.block).encode())
        self.block = []

    def socket(self, fd, *who):
        self.call(SOCKET, f"success=yes exit={fd} ", "a0=2 a1=1 a2=0 a3=0", *who)

    def close(self, fd, *who):
        self.call(CLOSE, "success=yes exit=0 ", f"a0={fd:x} a1=0 a2=0 a3=0", *who)

    def end(self, *who):
        self.call(EXIT, "", "a0=0 a1=0 a2=0 a3=0", *who)


def short(log, count, named, killed):
    for number in range(count):
        log.time += 1
        who = (2000 + number % PIDS, f"worker{number if named else number % 5}", "/usr/bin/worker")
        log.socket(3, *who)
        log.close(3, *who)
        if not killed:
            log.end(*who)
    return count, count, 0


def held(log, count, each):
    for number in range(count):
        log.time += number % 10 == 0
        log.socket(3 if each else 3 + number, 5000 + number if each else 5000, "server", "/usr/bin/server")
    return count, 0, count


def host(log, size):
    """One stretch of a host's log, repeated: at its end all its processes end."""
    world = World(mklog_options(["--events", "100000", "--mix", "compliance"]))
    text = io.BytesIO()
    writer = Writer(world, text, torn=False)
    for _ in range(100_000):
        writer.add(*world.event())
    writer.finish()
    tail = Log(text)
    tail.serial, tail.time = world.serial, 1_700_000_000_000 + world.micros // 1000
    for process in world.ready:
        tail.end(process.who.pid, "x", "/usr/bin/x")
    tail.flush()

    pieces = re.split(rb"audit\((\d+)\.(\d+):(\d+)\)| pid=(\d+)", text.getvalue())
    plain, stamps, pids = pieces[::5], [], []
    for index in range(1, len(pieces), 5):
        seconds, millis, serial, pid = pieces[index:index + 4]
        stamps.append((int(seconds) * 1000 + int(millis), int(serial)) if pid is None else None)
        pids.append(int(pid or 0))
    times = [stamp[0] for stamp in stamps if stamp]
    span, serials, most = max(times) - min(times) + 1000, tail.serial + 1000, max(pids) + 1
    written = rounds = 0
    while written < size:
        later, above, moved = rounds * span, rounds * serials, rounds * most
        out = [plain[0]]
        for index, stamp in enumerate(stamps):
            if stamp is None:
                out.append(b" pid=%d" % (1000 + (pids[index] + moved) % PIDS))
            else:
                at = stamp[0] + later
                # Serials have 32 bits.
                out.append(b"audit(%d.%03d:%d)" % (at // 1000, at % 1000, (stamp[1] + above) % (1 << 32)))
            out.append(plain[index + 1])
        data = b"".join(out)
        log.out.write(data)
        written += len(data)
        rounds += 1
    closed = sum(sum(one["close"].values()) for one in world.truth().values())
    return rounds * world.sockets, rounds * closed, 0


def write(shape, size, out):
    """Returns the truth."""
    log = Log(out)
    if shape == "host":
        sums = host(log, size)
    elif shape in ("open", "each"):
        sums = held(log, size, shape == "each")
    else:
        sums = short(log, size, shape == "names", shape == "killed")
    log.flush()
    return dict(zip(("socket_tot", "close_tot", "still_open"), sums))


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("shape", choices=("storm", "names", "killed", "open", "each", "host"))
    p.add_argument("size", type=int)
    p.add_argument("--truth", metavar="FILE")
    options = p.parse_args()
    truth = write(options.shape, options.size, sys.stdout.buffer)
    if options.truth:
        with open(options.truth, "w", encoding="ascii") as f:
            json.dump(truth, f)


if __name__ == "__main__":
    main()
