#!/usr/bin/env python3
"""Records the logs of Tests/Fixtures/logs on this kernel; README.md there tells what each shows.

    sudo python3 Tests/Fixtures/record.py [NAME...]

Beside every NAME.log stands NAME.truth: one JSON object a process, written by the process itself
(recording/book.c), with what it did in the words of `--format json`. Rules, settings and programs are
the recorder's own, and gone when it ends. Needs auditd, a C compiler and a static libc.
"""
import contextlib
import glob
import json
import os
import shutil
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/recording")
import audit
import shape

# A fixed place, so that a new recording differs by its figures only; also in recording/stories.c.
PROGRAMS = b"/var/tmp/sockaudit-fixture"
WEB = PROGRAMS + b"/web"


@contextlib.contextmanager
def programs():
    """One static file under several names: a rule for one of them is a rule for all."""
    os.mkdir(PROGRAMS, 0o755)
    try:
        subprocess.run(
            ["cc", "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-static", "-pthread", "-o", WEB,
             *sorted(glob.glob(HERE + "/recording/*.c"))], check=True)
        for name in (b"server", b"cgi"):
            os.link(WEB, PROGRAMS + b"/" + name)
        yield
    finally:
        shutil.rmtree(PROGRAMS)


class Story:
    """The program at its story; it holds still after its last line of truth."""

    def __init__(self, *arguments, lines=1, program=WEB):
        if program != WEB:
            os.link(WEB, program)
        self.child = subprocess.Popen(
            [program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={}, cwd="/")
        self.truth = []
        for _ in range(lines):
            line = self.child.stdout.readline()
            if not line:
                raise Again("the program ended early (%d)" % self.child.wait())
            self.truth.append(json.loads(line))
        if all(row["state"] == "exited" for row in self.truth):
            self.child.wait()

    def end(self):
        self.child.stdin.close()
        self.child.wait()
        self.child.stdout.close()


class Again(Exception):
    """It did not come out this time (a pid was taken by somebody else)."""


def record(reader, *stories):
    """The lines and the truth of some runs, read to the end while the programs hold."""
    running = []
    try:
        for arguments in stories:
            arguments = dict(arguments)
            running.append(Story(*arguments.pop("run"), **arguments))
        lines = audit.events_only(reader.drained(), PROGRAMS)
    finally:
        for story in running:
            story.end()
    return lines, [row for story in running for row in story.truth]


def plain(source, *stories, full=False, until=None):
    def make():
        with source() as reader, audit.ruled(WEB.decode(), full):
            lines, truth = record(reader, *stories)
        if until and not until(lines):
            raise Again("not in the order that is wanted")
        return lines, truth
    return make


def lost():
    """A backlog of a few records and nobody who waits for it: the kernel drops single records."""
    with audit.Auditd() as reader, audit.ruled(WEB.decode()):
        before = 0
        for turn in range(500):
            with audit.restored("backlog_limit", "backlog_wait_time"):
                audit.auditctl("-b", str(2 + turn % 4), "--backlog_wait_time", "0")
                story = Story("lost")
                story.end()
            found = audit.events_only(reader.drained(), PROGRAMS)
            lines, before = found[before:], len(found)
            # Whole events gone (both kinds of call), and some without their last record.
            if shape.short_of(lines, story.truth[0]) and len(shape.untitled(lines)) >= 2:
                print("lost: after %d runs" % (turn + 1))
                return lines, story.truth
    raise RuntimeError("the kernel lost nothing")


def out_of_order():
    """Until a socket() is written before the close() that made its number free."""
    with audit.Multicast() as reader, audit.ruled(WEB.decode()):
        for turn in range(2000):
            del reader.lines[:]
            lines, truth = record(reader, {"run": ("out_of_order", str(turn * 7 % 600))})
            if shape.inverted(lines):
                print("out_of_order: after %d runs" % (turn + 1))
                return lines, truth
    raise RuntimeError("no record came out of order")


def node():
    """Two hosts in one file: the same pids, stamps and serials, only the names differ."""
    found = []
    for name, leaks in (("web1.example", "1"), ("web2.example", "3")):
        with audit.Auditd(node=name) as reader, audit.ruled(WEB.decode()):
            lines, truth = record(reader, {"run": ("serve", leaks)})
        found.append((lines, [dict(row, node=name) for row in truth]))
    return shape.merged(*found)


def hostile():
    lines, truth = plain(audit.Auditd, *(
        {"run": ("named", comm), "program": PROGRAMS + b"/" + name} for comm, name in (
            (b"\x1b]0;pwned\x07\n", b"\n\x1b[2J\x1b[H"),
            (b"\xc2\x9b2J\x9b\xe2\x80\xaetxt", "\u202egnp.\u2066exe".encode()),
            (b'x" pid=1 exe="/', b'" type=SYSCALL msg=audit(1.0:1): x="'),
            (b"TOTAL", b"UNVERIFIED  0 events"))))()
    return shape.with_junk(lines), truth


STORIES = {
    "lost": lost,
    "out_of_order": out_of_order,
    "late_close": plain(audit.Multicast, {"run": ("late_close",)}),
    "threads": plain(audit.Multicast, {"run": ("threads",)}, full=True),
    "pid_reuse": plain(audit.Multicast, {"run": ("pid_reuse", "20"), "lines": 4}, full=True),
    "pid_reuse_tick": plain(audit.Multicast, {"run": ("pid_reuse", "0"), "lines": 4}, full=True),
    "fork": plain(audit.Auditd, {"run": ("fork",), "lines": 5}, full=True, until=shape.spawned_early),
    "exec_cloexec": plain(audit.Auditd, {"run": ("exec_cloexec",)}),
    "dup_over": plain(audit.Auditd, {"run": ("dup_over",)}, full=True),
    "i386_socketcall": plain(audit.Auditd, {"run": ("i386_socketcall",)}),
    "enriched": plain(
        lambda: audit.Auditd("ENRICHED"), {"run": ("serve", "2")}, {"run": ("named", "worker")}),
    "hex_comm": plain(audit.Auditd, *(
        {"run": ("named", comm), "program": PROGRAMS + b"/" + comm}
        for comm in (b"two words", b'say "hi"', b"caf\xe9", "stra\u00dfe".encode()))),
    "node": node,
    "hostile": hostile,
}


def write(name, lines, truth):
    with open("%s/logs/%s.log" % (HERE, name), "wb") as file:
        file.writelines(line + b"\n" for line in lines)
    with open("%s/logs/%s.truth" % (HERE, name), "w", encoding="ascii") as file:
        file.writelines(json.dumps(row, separators=(",", ":")) + "\n" for row in truth)
    print("%s: %d lines, %d processes" % (name, len(lines), len(truth)))


def main(names):
    unknown = set(names) - set(STORIES)
    if unknown:
        sys.exit("record.py: there is no %s" % ", ".join(sorted(unknown)))
    if os.geteuid() != 0:
        sys.exit("record.py: rules and records are root's")
    # Ended by a signal it still puts everything back.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    for name in names or STORIES:
        for _ in range(50):
            try:
                with audit.lock(), audit.restored("enabled"), programs():
                    audit.auditctl("-e", "1")
                    found = STORIES[name]()
                break
            except Again as reason:
                print("%s: %s; once more" % (name, reason))
        else:
            sys.exit("record.py: %s did not come out" % name)
        write(name, *found)


if __name__ == "__main__":
    main(sys.argv[1:])
