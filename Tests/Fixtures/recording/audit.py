"""The kernel's audit subsystem for the recorder: rules of its own, two ways to read, all put back."""
import contextlib
import fcntl
import os
import re
import select
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time

LOCK = "/run/lock/sockaudit-live-tests"
KEY = "fixture"
# What Python's socket module does not name.
NETLINK_AUDIT, READLOG, SO_RCVBUFFORCE = 9, 1, 33

# linux/audit.h; what is not here is not written to a fixture.
TYPES = {
    1005: b"USER", 1300: b"SYSCALL", 1302: b"PATH", 1304: b"SOCKETCALL", 1305: b"CONFIG_CHANGE",
    1306: b"SOCKADDR", 1307: b"CWD", 1309: b"EXECVE", 1317: b"FD_PAIR", 1320: b"EOE",
    1321: b"BPRM_FCAPS", 1327: b"PROCTITLE", 1335: b"EVENT_LISTENER",
}


def auditctl(*words):
    done = subprocess.run(["auditctl", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError("auditctl %s: %s" % (" ".join(words), done.stderr.strip()))
    return done.stdout


def settings():
    words = (line.split(None, 1) for line in auditctl("-s").splitlines())
    return {word[0]: word[1] for word in words if len(word) == 2}


def eventually(what, condition, seconds=30):
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise RuntimeError("waited in vain for " + what)
        time.sleep(0.005)


@contextlib.contextmanager
def lock():
    """The lock of the live tests: the subsystem is one for the whole host."""
    with open(LOCK, "a", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def restored(*names):
    """Puts these settings back as they were, whatever becomes of the body."""
    options = {"enabled": "-e", "backlog_limit": "-b", "backlog_wait_time": "--backlog_wait_time"}
    before = settings()
    if before["enabled"] == "2" or before["failure"] == "2":
        raise RuntimeError("the rules are locked, or a lost record would panic the kernel")
    try:
        yield
    finally:
        for name in names:
            if settings()[name] != before[name]:
                auditctl(options[name], before[name])


def rules(full):
    """Those of sockaudit's modes, and the failing calls of socket and close beside them."""
    for arch in ("b64", "b32"):
        creators = "socketpair,accept4,dup2,dup3,close_range,execve,execveat"
        creators += ",accept" if arch == "b64" else ""
        creators += ",dup,fork,vfork,clone,clone3" if full else ""
        yield [arch, creators, "success=1"]
        yield [arch, "socket,close"]
        yield [arch, "exit_group"]
        yield [arch, "ioctl", "a1>=0x5450", "a1<=0x5451"]
        for command in ("0", "2", "0x406") if full else ("2",):
            yield [arch, "fcntl", "a1=" + command]
    for call in ("1", "5", "8"):
        yield ["b32", "socketcall", "a0=" + call]


@contextlib.contextmanager
def ruled(program, full=False):
    """For this program alone, and hard links to it."""
    added = []
    try:
        for arch, calls, *fields in rules(full):
            words = ["always,exit", "-F", "arch=" + arch, "-S", calls, "-F", "exe=" + program]
            for field in fields:
                words += ["-F", field]
            words += ["-k", KEY]
            auditctl("-a", *words)
            added.append(words)
        yield
    finally:
        for words in reversed(added):
            auditctl("-d", *words)


class Multicast:
    """The records as every reader beside auditd gets them, each with its EOE."""

    def __enter__(self):
        self.lines, self.stopping = [], False
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_AUDIT)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
        self.socket.bind((0, READLOG))
        self.thread = threading.Thread(target=self.read)
        self.thread.start()
        return self

    def read(self):
        while not self.stopping:
            if not select.select([self.socket], [], [], 0.1)[0]:
                continue
            data = self.socket.recv(65536)
            kind = struct.unpack_from("=IH", data)[1]
            if kind in TYPES:
                # The header's length leaves itself out here, so the datagram decides.
                text = data[16:].rstrip(b"\0")
                self.lines.append(b"type=" + TYPES[kind] + b" msg=" + text)

    def drained(self):
        """All lines so far: a message sent now comes after them."""
        mark = "fixture-mark-%d" % time.monotonic_ns()
        auditctl("-m", mark)
        eventually("the mark", lambda: any(mark.encode() in line for line in list(self.lines)))
        return list(self.lines)

    def __exit__(self, *_):
        self.stopping = True
        self.thread.join()
        self.socket.close()


class Auditd:
    """A real auditd with a log of its own, which carries no EOE."""

    def __init__(self, form="RAW", node=None):
        self.form, self.node = form, node

    def __enter__(self):
        if settings()["pid"] != "0":
            raise RuntimeError("an audit daemon is registered; this needs a host without one")
        self.folder = tempfile.mkdtemp(prefix="sockaudit-fixture-auditd-")
        self.log = self.folder + "/log/audit.log"
        for name in ("log", "plugins.d"):
            os.mkdir(self.folder + "/" + name, 0o700)
        name = "user\nname = " + self.node if self.node else "none"
        with open(self.folder + "/auditd.conf", "w", encoding="ascii") as file:
            os.fchmod(file.fileno(), 0o640)
            file.write(CONFIGURATION.format(folder=self.folder, form=self.form, name=name))
        self.child = subprocess.Popen(["auditd", "-n", "-c", self.folder])
        eventually("auditd to register", lambda: settings()["pid"] == str(self.child.pid))
        return self

    def drained(self):
        mark = "fixture-mark-%d" % time.monotonic_ns()
        auditctl("-m", mark)

        def lines():
            with open(self.log, "rb") as file:
                found = file.read()
            # The mark's whole line: what stands before it is whole too.
            return mark.encode() in found and found.endswith(b"\n") and found.split(b"\n")[:-1]

        return eventually("the mark", lines)

    def __exit__(self, *_):
        self.child.terminate()
        self.child.wait()
        eventually("auditd to go", lambda: settings()["pid"] == "0")
        shutil.rmtree(self.folder)


CONFIGURATION = """\
local_events = yes
write_logs = yes
log_file = {folder}/log/audit.log
log_group = root
log_format = {form}
flush = INCREMENTAL_ASYNC
freq = 50
max_log_file = 500
num_logs = 5
max_log_file_action = IGNORE
priority_boost = 0
name_format = {name}
space_left = 3
space_left_action = IGNORE
admin_space_left = 2
admin_space_left_action = IGNORE
disk_full_action = IGNORE
disk_error_action = IGNORE
verify_email = no
use_libwrap = no
distribute_network = no
q_depth = 20000
overflow_action = IGNORE
plugin_dir = {folder}/plugins.d
"""

RECORD = re.compile(rb"(?:node=\S+ )?type=(\S+) msg=audit\((\d+)\.(\d+):(\d+)\): ?(.*)", re.DOTALL)
def serial(line):
    return int(RECORD.match(line).group(4))


def events_only(lines, program):
    """The story's events: those of its rules, and what is left of them without a SYSCALL record."""
    records = [(line, RECORD.match(line)) for line in lines]
    records = [(line, found) for line, found in records if found]
    mark, name = b'key="%s"' % KEY.encode(), program.hex().upper().encode()
    calls = {found.group(4): mark in line for line, found in records if found.group(1) == b"SYSCALL"}
    titles = {found.group(4) for line, found in records if found.group(1) == b"PROCTITLE" and name in line}
    return [line for line, found in records if calls.get(found.group(4), found.group(4) in titles)]
