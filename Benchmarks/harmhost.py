"""The host's audit subsystem for `make bench-harm`: settings, rules and a daemon; all is put back."""

import contextlib
import fcntl
import os
import re
import signal
import subprocess
import sys
import time

import live
from harmlog import LogFiles

LOCK = "/run/lock/sockaudit-live-tests"
BACKLOG = 8192
# linux/time.h has no name for it in Python; its resolution is the kernel's tick.
CLOCK_MONOTONIC_COARSE = 6
TICK = time.clock_getres(CLOCK_MONOTONIC_COARSE)
# The kernel's own default, a minute: the unit is ticks.
WAIT = round(60 / TICK)
CONFIG = """\
local_events = yes
write_logs = yes
log_file = {folder}/log/audit.log
log_group = root
log_format = ENRICHED
flush = INCREMENTAL_ASYNC
freq = 50
max_log_file = 8
num_logs = 5
max_log_file_action = ROTATE
priority_boost = 4
name_format = NONE
space_left = 3
space_left_action = IGNORE
admin_space_left = 2
admin_space_left_action = IGNORE
disk_full_action = IGNORE
disk_error_action = IGNORE
verify_email = no
use_libwrap = no
distribute_network = no
q_depth = 2000
overflow_action = IGNORE
plugin_dir = {folder}/plugins.d
"""


class Problem(Exception):
    """The bench cannot go on; the text says why."""


class Signals:
    """INT, TERM and HUP end the bench by SystemExit, but not between a step and the note of its undoing."""

    depth, pending = 0, None

    @classmethod
    def catch(cls):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, cls.came)

    @classmethod
    def came(cls, number, _):
        if cls.depth:
            cls.pending = number
        else:
            sys.exit(128 + number)

    @classmethod
    @contextlib.contextmanager
    def held(cls):
        cls.depth += 1
        try:
            yield
        finally:
            cls.depth -= 1
        if cls.depth == 0 and cls.pending is not None:
            number, cls.pending = cls.pending, None
            sys.exit(128 + number)


def auditctl(*words, check=True):
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    done = subprocess.run(["auditctl", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env=dict(os.environ, PATH=path))
    if check and done.returncode != 0:
        raise Problem(f"auditctl {' '.join(words)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def status():
    found = live.audit_status()
    if found is None:
        raise Problem("`auditctl -s` gives no answer")
    return {name: int(value.split()[0]) for name, value in found.items() if value.split()[0].isdigit()}


def rules():
    return [line for line in auditctl("-l").splitlines() if line.startswith("-")]


def grown(before, after, name):
    """How much a 32-bit counter of the kernel grew."""
    return (after[name] - before[name]) % (1 << 32)


def eventually(what, condition, seconds):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise Problem(f"not within {seconds} s: {what}")
        time.sleep(0.02)


class Host:
    """Holds the lock of the live tests and the settings that a run needs; `with` puts all back."""

    def __init__(self):
        self.added, self.before_rules, self.left = [], None, []

    def __enter__(self):
        # Inherited by nobody: Python's descriptors are close-on-exec, so the lock goes with us.
        self.lock = os.open(LOCK, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for other live work on this host to end", file=sys.stderr)
            fcntl.flock(self.lock, fcntl.LOCK_EX)
        try:
            self.before, self.before_rules = status(), rules()
            self.refuse()
            self.set()
        except BaseException:
            self.__exit__()
            raise
        return self

    def refuse(self):
        if self.before["pid"] != 0:
            raise Problem(f"an audit daemon of the host is registered (pid {self.before['pid']})")
        if self.before["failure"] == 2:
            raise Problem("this kernel panics when an audit record is lost, and here records will be lost")
        if any(re.search(r"(key=|-k )(harm-|sockaudit)", rule) for rule in self.before_rules):
            raise Problem("rules of sockaudit or of this bench are in the kernel; `auditctl -l` shows them")

    def set(self):
        auditctl("-b", str(BACKLOG))
        auditctl("--backlog_wait_time", str(WAIT))
        auditctl("-e", "1")

    def add(self, rule):
        words = rule.split()
        with Signals.held():
            auditctl(*words)
            self.added.append(words)

    def drop_rules(self, keep=0):
        """Exactly those that were added, the last one first, down to the first `keep`."""
        opposite = {"-a": "-d", "-w": "-W"}
        while len(self.added) > keep:
            words = self.added.pop()
            auditctl(opposite[words[0]], *words[1:], check=False)  # what is left behind is told at the end

    def __exit__(self, *_):
        with Signals.held():
            if self.before_rules is not None:
                self.drop_rules()
                now = status()
                for name, option in (("backlog_limit", "-b"), ("backlog_wait_time", "--backlog_wait_time"),
                                     ("enabled", "-e")):
                    if now[name] != self.before[name]:
                        auditctl(option, str(self.before[name]), check=False)
                self.left = self.changes()  # while the lock is ours: the next one changes things at once
            os.close(self.lock)

    def changes(self):
        """What is not as it was, as sentences."""
        now, now_rules, found = status(), rules(), []
        for name in ("enabled", "failure", "rate_limit", "backlog_limit", "backlog_wait_time", "pid"):
            if now[name] != self.before[name]:
                found.append(f"{name} was {self.before[name]}, is {now[name]}")
        found += [f"rule left: {rule}" for rule in now_rules if rule not in self.before_rules]
        return found + [f"rule gone: {rule}" for rule in self.before_rules if rule not in now_rules]


class Daemon:
    """An auditd of our own, with nothing of the host's configuration."""

    def __init__(self, folder):
        self.folder, self.cpu = folder, 0.0
        for name in ("log", "plugins.d"):
            os.makedirs(os.path.join(folder, name), mode=0o700)
        with open(os.path.join(folder, "auditd.conf"), "w", encoding="ascii") as f:
            os.fchmod(f.fileno(), 0o640)
            f.write(CONFIG.format(folder=folder))
        path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
        # Of a session of its own: a Ctrl-C is for the bench, which then ends it.
        self.process = subprocess.Popen(["auditd", "-n", "-c", folder], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                        start_new_session=True, env=dict(os.environ, PATH=path))
        self.said, self.log = live.Lines(self.process.stderr), None

    def wait_registered(self):
        eventually("auditd registers", self.is_registered, 20)
        self.log = LogFiles(os.path.join(self.folder, "log"))

    def is_registered(self):
        if self.process.poll() is not None:
            raise Problem("auditd ended: " + " / ".join(self.said.lines[-3:]))
        return status()["pid"] == self.process.pid

    def drain(self, seconds=60):
        """Until all that was written before is in the log: a message goes after it through the same queue."""
        eventually("the kernel's backlog is empty", lambda: status()["backlog"] == 0, seconds)
        words = f"harm-drained-{os.urandom(8).hex()}"
        auditctl("-m", words)
        eventually("auditd has written all", lambda: self.has_written(words.encode()), seconds)

    def has_written(self, words):
        for key in self.log.look()[:2]:  # it may have been rotated away from the newest meanwhile
            handle = self.log.files[key]
            size = os.fstat(handle).st_size
            if words in os.pread(handle, 1 << 16, max(0, size - (1 << 16))):
                return True
        return False

    def end(self):
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                _, self.cpu = live.reap(self.process, 20)
            except TimeoutError:
                self.process.kill()
                self.process.wait()
        self.said.join(5)
        if self.log:
            self.log.close()
        if status()["pid"] == self.process.pid:
            # Killed, it has not said good-bye: the kernel notices when it has something to say.
            auditctl("-m", "harm-end", check=False)
