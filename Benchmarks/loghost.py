"""The invented host that mklog.py writes the log of: its processes, their descriptors, the truth.

Descriptors are the lowest free ones, as POSIX promises; calls of one process come in the order
in which they happened; exec drops close-on-exec descriptors; exit_group drops the rest.
"""

import heapq
import random

import records as r

AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET = 1, 2, 10, 16, 17
STREAM, DGRAM, RAW, SEQPACKET = 1, 2, 3, 5
CLOEXEC, NONBLOCK = 0x80000, 0x800
# (family, domain, type, protocol, weight): all the shapes whose class is easily got wrong.
SHAPES = [
    ("tcp", AF_INET, STREAM, 0, 28), ("tcp", AF_INET, STREAM, 6, 12), ("tcp", AF_INET6, STREAM, 0, 12),
    ("udp", AF_INET, DGRAM, 0, 16), ("udp", AF_INET, DGRAM, 17, 6), ("udp", AF_INET6, DGRAM, 0, 6),
    ("other", AF_UNIX, STREAM, 0, 9), ("other", AF_UNIX, DGRAM, 0, 4), ("other", AF_NETLINK, RAW, 0, 3),
    ("other", AF_INET, DGRAM, 1, 1), ("other", AF_INET, RAW, 1, 1), ("other", AF_INET, STREAM, 262, 1),
    ("other", AF_INET, SEQPACKET, 132, 1), ("other", AF_PACKET, RAW, 3, 1),
]
SHAPE_WEIGHTS = [s[4] for s in SHAPES]
FLAGS = (0, CLOEXEC, CLOEXEC | NONBLOCK, NONBLOCK)
# (comm, exe, words of the command line, uid): one with a space, which the kernel logs as hex.
PROGRAMS = [
    ("nginx", "/usr/sbin/nginx", ("nginx: worker process",), 33),
    ("curl", "/usr/bin/curl", ("curl", "-s", "http://10.0.0.1/health"), 1000),
    ("redis-server", "/usr/bin/redis-server", ("/usr/bin/redis-server", "127.0.0.1:6379"), 999),
    ("sshd", "/usr/sbin/sshd", ("sshd:", "[accepted]"), 0),
    ("python3", "/usr/bin/python3.11", ("python3", "/opt/app/worker.py"), 1000),
    ("Web Content", "/opt/browser/web content", ("/opt/browser/web content", "-tab"), 1000),
    ("java", "/usr/lib/jvm/bin/java", ("java", "-jar", "/srv/app.jar", "--port=8080"), 1000),
]
COMMANDS = [("ls", "-l", "/tmp"), ("cat", "/etc/hosts"), ("grep", "-r", "two words", "/var/log"),
            ("id",), ("sed", "-n", "1,5p", "/etc/fstab"), ("date", "+%s")]
FILES = ["/etc/passwd", "/etc/shadow", "/etc/sudoers", "/var/log/lastlog", "/etc/hosts", "/srv/a file"]
USER_KINDS = [("USER_AUTH", "PAM:authentication"), ("USER_ACCT", "PAM:accounting"),
              ("USER_START", "PAM:session_open"), ("USER_END", "PAM:session_close"),
              ("USER_LOGIN", "login"), ("CRED_ACQ", "PAM:setcred"), ("CRED_REFR", "PAM:setcred"),
              ("CRED_DISP", "PAM:setcred")]
HELD_AT_MOST = 48  # sockets a process keeps before it must close one: as servers do
LEAKS = 0.05


class Process:
    """One process of the invented host: its name, its descriptors, and the truth about it."""

    def __init__(self, identity, life):
        self.who = identity
        self.life = life  # socket and close calls until exit_group
        self.free = []  # heap of fds given back; below `next` everything else is in use
        self.next = 3
        self.sockets = {}  # fd -> (family, close-on-exec): all that are open
        self.closable = []  # fds of those that will be closed (a leak is not among them)
        self.files = []  # fds that are no sockets
        self.opened = {"tcp": 0, "udp": 0, "other": 0}
        self.closed = {"tcp": 0, "udp": 0, "other": 0}

    def take_fd(self):
        if self.free:
            return heapq.heappop(self.free)
        self.next += 1
        return self.next - 1

    def give_fd(self, fd):
        heapq.heappush(self.free, fd)

    def truth(self):
        still = {"tcp": 0, "udp": 0, "other": 0}
        for family, _ in self.sockets.values():
            still[family] += 1
        return {"socket": self.opened, "close": self.closed, "open": still}


class World:
    """Invents one event after the other; each is a list of record lines and their process."""

    def __init__(self, options):
        self.rng = random.Random(options.seed)
        self.enriched = options.enriched
        self.compliance = options.mix == "compliance"
        self.next_pid = 1000
        self.serial = 455
        self.micros = 0
        # A flood's events stand as close as auditd can write them (17,000/s); a quiet log's
        # wider. libauparse gives an event up 2 s of log time later: a torn one must be whole
        # by then, or it is two events.
        self.step = 110 if options.torn else 1000
        self.ready = [self.new_process() for _ in range(options.processes)]
        self.ending = []  # (serial it ends at, Identity) of short commands
        self.ended = {}
        self.sockets = self.closes = 0
        self.admin = self.identity("sshd", "/usr/sbin/sshd", ("sshd:", "ada", "[priv]"), 0)
        self.auditctl = self.identity("auditctl", "/usr/sbin/auditctl", ("auditctl", "-w", "/etc"), 0)

    def identity(self, comm, exe, words, uid, pid=0, ppid=1):
        if pid == 0:
            self.next_pid += self.rng.randrange(1, 4)
            pid = self.next_pid
        daemon = uid not in (0, 1000)
        auid, ses, tty = (r.UNSET, r.UNSET, "(none)") if daemon else (1000, 3, "pts0")
        return r.Identity(pid, ppid, uid, auid, ses, tty, comm, exe, r.proctitle(*words), self.enriched)

    def new_process(self):
        comm, exe, words, uid = self.rng.choice(PROGRAMS)
        life = max(20, int(self.rng.expovariate(1 / 600)))
        return Process(self.identity(comm, exe, words, uid), life)

    def stamp(self):
        self.serial += 1
        self.micros += int(self.rng.random() * self.step)
        millis = self.micros // 1000
        return f"audit({1700000000 + millis // 1000}.{millis % 1000:03d}:{self.serial})"

    def call(self, who, name, result, a0=0, a1=0, a2=0, key='"sockaudit"'):
        stamp = self.stamp()
        left_over = 0x7F0000000000 | self.rng.getrandbits(32)  # a register nobody set
        return [r.syscall(stamp, who, name, result, a0, a1, a2, left_over, key=key), r.title(stamp, who)]

    # -- sockets and closes ------------------------------------------------------------------

    def socket_or_close(self, p):
        p.life -= 1
        if p.life <= 0:
            return self.exit_group(p)
        dice = self.rng.random()
        if dice < 0.02 and self.compliance:
            return self.failing(p)
        if dice < 0.10:  # a plain file: its close is in the log, its open need not be
            if p.files:
                fd = p.files.pop()
                p.give_fd(fd)
                self.closes += 1
                return self.call(p.who, "close", 0, fd)
            p.files.append(p.take_fd())
        held = len(p.closable)
        if held == 0 or (held < HELD_AT_MOST and self.rng.random() < 0.5):
            return self.open_socket(p)
        return self.close_socket(p)

    def open_socket(self, p):
        family, domain, kind, protocol, _ = self.rng.choices(SHAPES, SHAPE_WEIGHTS)[0]
        flags = self.rng.choice(FLAGS)
        fd = p.take_fd()
        p.sockets[fd] = (family, bool(flags & CLOEXEC))
        p.opened[family] += 1
        if self.rng.random() >= LEAKS:
            p.closable.append(fd)
        self.sockets += 1
        return self.call(p.who, "socket", fd, domain, kind | flags, protocol)

    def close_socket(self, p):
        i = self.rng.randrange(len(p.closable))
        p.closable[i], p.closable[-1] = p.closable[-1], p.closable[i]
        fd = p.closable.pop()
        p.closed[p.sockets.pop(fd)[0]] += 1
        p.give_fd(fd)
        if self.rng.random() < 0.002:
            return self.call(p.who, "close", -4, fd)  # EINTR: the descriptor is gone all the same
        self.closes += 1
        return self.call(p.who, "close", 0, fd)

    def failing(self, p):
        """Calls that change nothing; our own rules keep them away, a host's other rules do not."""
        if self.rng.random() < 0.5:
            return self.call(p.who, "close", -9, self.rng.choice((p.next + 7, 0xFFFFFFFF)), key='"net"')
        return self.call(p.who, "socket", self.rng.choice((-97, -24)), AF_INET, STREAM, 0, key='"net"')

    def exit_group(self, p):
        self.ended[p.who.pid] = p
        p.sockets.clear()
        self.ready[self.ready.index(p)] = self.new_process()
        return self.call(p.who, "exit_group", None)

    # -- what else a compliance host writes --------------------------------------------------

    def execve(self, p):
        rng, pid = self.rng, 0
        words = rng.choice(COMMANDS)
        own = rng.random() < 0.02  # the process itself becomes the command; CLOEXEC fds go
        if own:
            pid = p.who.pid
            for fd in [fd for fd, (_, cloexec) in p.sockets.items() if cloexec]:
                del p.sockets[fd]
                p.give_fd(fd)
            p.closable = [fd for fd in p.closable if fd in p.sockets]
        exe = f"/usr/bin/{words[0]}"
        who = self.identity(words[0], exe, words, p.who.uid, pid, 1 if own else p.who.pid)
        if own:
            p.who = who
        else:
            heapq.heappush(self.ending, (self.serial + rng.randrange(20, 400), who.pid, who))
        s = self.stamp()
        inode = 1000 + rng.randrange(90000)
        return [
            r.syscall(s, who, "execve", 0, 0x55D0A1B2C3D0, 0x55D0A1B2C4E0, 0x55D0A1B2C5F0, 8, 3, '"exec"'),
            r.execve_args(s, words), r.cwd(s),
            r.path(s, 0, exe, inode, "0100755", "NORMAL", self.enriched),
            r.path(s, 1, exe, inode, "0100755", "NORMAL", self.enriched),
            r.path(s, 2, "/lib64/ld-linux-x86-64.so.2", 4711, "0100755", "NORMAL", self.enriched),
            r.title(s, who)]

    def openat(self, p):
        if self.rng.random() < 0.4:
            fd = -13
        elif len(p.files) < 16:
            fd = p.take_fd()
            p.files.append(fd)
        else:
            fd = -2
        return self.file_call(p, "openat", fd, [(self.rng.choice(FILES), "0100640", "NORMAL")], '"identity"')

    def file_call(self, p, name, result, paths, key):
        s = self.stamp()
        lines = [r.syscall(s, p.who, name, result, 0xFFFFFF9C, 0x7FFE12345678, 0x80000, 0, len(paths), key)]
        lines.append(r.cwd(s, "/srv/a folder" if self.rng.random() < 0.1 else "/var/www"))
        for i, (file, mode, nametype) in enumerate(paths):
            lines.append(r.path(s, i, file, 100 + self.rng.randrange(900), mode, nametype, self.enriched))
        lines.append(r.title(s, p.who))
        return lines

    def unlinkat(self, p):
        paths = [("/var/tmp/", "041777", "PARENT"), (f"/var/tmp/f{self.serial}", "0100644", "DELETE")]
        return self.file_call(p, "unlinkat", 0, paths, '"delete"')

    def chmod(self, p):
        return self.file_call(p, "chmod", 0, [("/srv/upload", "0100644", "NORMAL")], '"perm_mod"')

    def connect(self, p):
        s = self.stamp()
        fd = p.closable[-1] if p.closable else 3
        return [r.syscall(s, p.who, "connect", -115, fd, 0x7FFE12340000, 16, 0, key='"net"'),
                r.sockaddr(s, self.rng.randrange(256), self.rng.randrange(256), 443, self.enriched),
                r.title(s, p.who)]

    def message(self, _):
        kind, op = self.rng.choice(USER_KINDS)
        return [r.user(self.stamp(), kind, self.admin, op, "ada", "ssh", self.rng.random() < 0.9, self.enriched)]

    def login(self, _):
        lines = self.call(self.admin, "write", 4, 4, 0x7FFE00001000, 4, "(null)")
        stamp = lines[0].split("msg=", 1)[1].split(": ", 1)[0]
        return [r.login(stamp, self.admin, 4 + self.serial % 1000, self.enriched)] + lines

    def config_change(self, _):
        lines = self.call(self.auditctl, "sendto", 1084, 4, 0x7FFE00002000, 0x43C, "(null)")
        stamp = lines[0].split("msg=", 1)[1].split(": ", 1)[0]
        return [r.config_change(stamp, "identity", self.enriched)] + lines

    def event(self):
        """The next event: (its process, or None for one that nothing waits behind; its lines)."""
        if self.ending and self.ending[0][0] <= self.serial:
            who = heapq.heappop(self.ending)[2]
            return None, self.call(who, "exit_group", None)
        p = self.ready[int(self.rng.random() * len(self.ready))]
        if not self.compliance:
            return p, self.socket_or_close(p)
        dice = self.rng.random()
        for limit, make in self.MIX:
            if dice < limit:
                return p, make(self, p)
        return p, self.socket_or_close(p)

    # Cumulative; every execve but a few brings an exit_group with it, so socket and close calls
    # come to about 35 of 100 events.
    MIX = [(0.185, execve), (0.395, openat), (0.455, unlinkat), (0.475, chmod), (0.495, connect),
           (0.575, message), (0.580, login), (0.5815, config_change)]

    def truth(self):
        everyone = list(self.ended.values()) + self.ready
        return {str(p.who.pid): p.truth() for p in everyone if any(p.opened.values())}
