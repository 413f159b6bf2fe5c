#!/usr/bin/env python3
"""What sockaudit's memory grows with: logs of memlog.py, peak resident memory of each.

  memory.py [--quick] [--full] [--sockaudit FILE]

--full also reads 10 GB, plain and compressed (some minutes). Memory is judged here, other than in the rest
of the benchmark: 32 MiB, 64 where the input is compressed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
MIB = 1 << 20


class Run:
    """One log into one sockaudit: through a pipe, through a pipe and compressed, or as a rotated set."""

    def __init__(self, sockaudit, shape, size, way="pipe"):
        with tempfile.NamedTemporaryFile() as truth, tempfile.TemporaryFile() as out, \
                tempfile.TemporaryDirectory(prefix="sockaudit-memory-") as folder:
            begin = time.monotonic()
            writer = subprocess.Popen(
                [sys.executable, "-B", os.path.join(HERE, "memlog.py"), shape, str(size),
                 "--truth", truth.name],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
            source = writer
            if way == "set":
                # Even numbers of lines: an event has two.
                subprocess.run(["split", "-l", "200000", "-a", "3", "--additional-suffix=.log", "-",
                                os.path.join(folder, "audit.")], stdin=writer.stdout, check=True)
            elif way == "packed":
                source = subprocess.Popen(["gzip", "-1"], stdin=writer.stdout, stdout=subprocess.PIPE)
            reader = subprocess.Popen(
                [sockaudit, "all", "--input", folder if way == "set" else "-", "--quiet", "--format", "json"],
                stdin=source.stdout, stdout=out)
            writer.stdout.close()
            source.stdout.close()
            _, status, usage = os.wait4(reader.pid, 0)
            reader.returncode = os.waitstatus_to_exitcode(status)
            self.wall = time.monotonic() - begin
            self.cpu = usage.ru_utime + usage.ru_stime
            self.memory = usage.ru_maxrss
            for process in {writer, source}:
                process.wait()
            self.wrong = [] if reader.returncode in (0, 4) else [f"ended with {reader.returncode}"]
            self.events = 0
            if not self.wrong:
                # Its beginning: ru_maxrss of a child is never less than what this program has at the fork.
                out.seek(0)
                start = out.read(MIB >> 2).decode()
                table = json.loads(start[:start.index(',"rows":[')] + "}")
                self.events = table["events"]["seen"]
                self.check(table["totals"], json.load(truth))

    def check(self, totals, truth):
        for name, want in truth.items():
            if totals[name]["total"] != want:
                self.wrong.append(f"{name} {totals[name]['total']}, truth {want}")


def show(sockaudit, quick, full, judge):
    """Prints the section; judge(what, wrong) is told of every check."""
    scale = 10 if quick else 1
    print(f"\nMemory: logs of many kinds{', a tenth of the size' if quick else ''}")
    print(f"  {'':<46}{'CPU s':>9}{'events/s of CPU':>17}{'RSS MiB':>10}{'goal':>7}")
    million, hundred = 1_000_000 // scale, 100_000 // scale
    runs = [
        ("nothing: the program itself", "storm", 0, "pipe", 32),
        (f"{million:,} short processes", "storm", million, "pipe", 32),
        (f"{million:,} short processes, a name each", "names", million, "pipe", 32),
        ("the same, as a rotated set of files", "names", million, "set", 32),
        (f"{million:,} processes that were killed", "killed", million, "pipe", 32),
        (f"{hundred:,} open sockets of one process", "open", hundred, "pipe", 32),
        (f"{hundred:,} processes, an open socket each", "each", hundred, "pipe", None),
    ]
    size = 10_000 * MIB if full else 100 * MIB
    runs += [(f"{size // MIB:,} MiB of a host's log", "host", size, "pipe", 32),
             ("the same, compressed", "host", size, "packed", 64)]
    base = None
    for title, shape, count, way, goal in runs:
        found = Run(sockaudit, shape, count, way) if count else Run(sockaudit, shape, 1)
        base = base or found.memory
        rate = f"{found.events / max(found.cpu, 0.01):,.0f}" if count else ""
        print(f"  {title:<46}{found.cpu:9.2f}{rate:>17}{found.memory / 1024:10.1f}{goal or '':>7}")
        if shape in ("open", "each"):
            each = (found.memory - base) * 1024 / count
            print(f"  {'':<46}{each:,.0f} bytes for each")
        wrong = list(found.wrong)
        if goal and found.memory > goal * 1024:
            wrong.append(f"{found.memory / 1024:.1f} MiB are more than {goal}")
        judge(f"{title}: totals equal the truth{', memory within the goal' if goal else ''}", wrong)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--quick", action="store_true", help="a tenth of the size")
    p.add_argument("--full", action="store_true", help="10 GB instead of 100 MB of a host's log")
    p.add_argument("--sockaudit", default=os.path.join(os.path.dirname(HERE), ".build/release/sockaudit"))
    options = p.parse_args()
    failed = []

    def judge(what, wrong):
        if wrong:
            failed.append(what)
            print(f"  WRONG   {what}: {'; '.join(wrong)}")

    sys.stdout.reconfigure(line_buffering=True)
    show(options.sockaudit, options.quick, options.full, judge)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
