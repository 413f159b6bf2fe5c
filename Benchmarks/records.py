"""The text of audit records, as auditd writes them, raw or enriched. Used by mklog.py.

Field order and spelling follow kernel 6.x with auditd 3.0.9: a reader that takes a short cut
through "where the kernel puts its fields" must meet them exactly there.
"""

# What auditd's ENRICHED format puts between the kernel's record and its own interpretation.
GROUP_SEPARATOR = "\x1d"
UNSET = 4294967295

SYSCALLS = {
    "write": 1, "close": 3, "socket": 41, "connect": 42, "sendto": 44, "execve": 59,
    "chmod": 90, "exit_group": 231, "openat": 257, "unlinkat": 263,
}
USER_NAMES = {0: "root", 33: "www-data", 105: "sshd", 999: "redis", 1000: "ada", UNSET: "unset"}


def untrusted(text):
    """A string as the kernel logs it: quoted, or bare hex if a byte needs it (a space does)."""
    if all(0x21 <= ord(c) <= 0x7E and c != '"' for c in text):
        return f'"{text}"'
    return text.encode().hex().upper()


def proctitle(*words):
    """A command line: words are joined by NUL, so only a single plain word stays readable."""
    return untrusted("\0".join(words))


class Identity:
    """Who makes a call: the part of a SYSCALL record that stays the same from call to call."""

    __slots__ = ("pid", "uid", "auid", "ses", "comm", "exe", "tail", "suffix", "title")

    def __init__(self, pid, ppid, uid, auid, ses, tty, comm, exe, title, enriched):
        self.pid, self.uid, self.auid, self.ses, self.comm, self.exe = pid, uid, auid, ses, comm, exe
        u = uid
        self.tail = (
            f"ppid={ppid} pid={pid} auid={auid} uid={u} gid={u} euid={u} suid={u} fsuid={u} "
            f"egid={u} sgid={u} fsgid={u} tty={tty} ses={ses} comm={untrusted(comm)} "
            f"exe={untrusted(exe)} subj=unconfined key="
        )
        name, login = USER_NAMES.get(u, "unknown"), USER_NAMES.get(auid, "unknown")
        ids = " ".join(f'{k}="{name}"' for k in ("UID GID EUID SUID FSUID EGID SGID FSGID").split())
        self.suffix = f'AUID="{login}" {ids}' if enriched else None
        self.title = title

    def login_suffix(self):
        names = USER_NAMES
        return f'UID="{names.get(self.uid, "unknown")}" AUID="{names.get(self.auid, "unknown")}"'


def syscall(stamp, who, name, result, a0, a1, a2, a3, items=0, key='"sockaudit"'):
    """A SYSCALL record. result: exit value; None for calls that never return (exit_group)."""
    if result is None:
        outcome = ""
    elif result >= 0:
        outcome = f"success=yes exit={result} "
    else:
        outcome = f"success=no exit={result} "
    line = (
        f"type=SYSCALL msg={stamp}: arch=c000003e syscall={SYSCALLS[name]} {outcome}"
        f"a0={a0:x} a1={a1:x} a2={a2:x} a3={a3:x} items={items} {who.tail}{key}"
    )
    if who.suffix is not None:
        line += f"{GROUP_SEPARATOR}ARCH=x86_64 SYSCALL={name} {who.suffix}"
    return line


def title(stamp, who):
    return f"type=PROCTITLE msg={stamp}: proctitle={who.title}"


def cwd(stamp, path="/root"):
    return f"type=CWD msg={stamp}: cwd={untrusted(path)}"


def path(stamp, item, name, inode, mode, nametype, enriched):
    line = (
        f"type=PATH msg={stamp}: item={item} name={untrusted(name)} inode={inode} dev=fe:00 "
        f"mode={mode} ouid=0 ogid=0 rdev=00:00 nametype={nametype} cap_fp=0 cap_fi=0 cap_fe=0 "
        f"cap_fver=0 cap_frootid=0"
    )
    return line + GROUP_SEPARATOR + 'OUID="root" OGID="root"' if enriched else line


def execve_args(stamp, words):
    args = " ".join(f"a{i}={untrusted(w)}" for i, w in enumerate(words))
    return f"type=EXECVE msg={stamp}: argc={len(words)} {args}"


def sockaddr(stamp, a, b, port, enriched):
    line = f"type=SOCKADDR msg={stamp}: saddr=0200{port:04X}0A00{a:02X}{b:02X}0000000000000000"
    if not enriched:
        return line
    return f"{line}{GROUP_SEPARATOR}SADDR={{ saddr_fam=inet laddr=10.0.{a}.{b} lport={port} }}"


def user(stamp, kind, who, op, acct, terminal, ok, enriched):
    """What PAM and sshd send: USER_*, CRED_*."""
    line = (
        f"type={kind} msg={stamp}: pid={who.pid} uid={who.uid} auid={who.auid} ses={who.ses} "
        f"subj=unconfined msg='op={op} acct=\"{acct}\" exe=\"{who.exe}\" hostname=10.0.0.7 "
        f"addr=10.0.0.7 terminal={terminal} res={'success' if ok else 'failed'}'"
    )
    return line + GROUP_SEPARATOR + who.login_suffix() if enriched else line


def login(stamp, who, session, enriched):
    line = (
        f"type=LOGIN msg={stamp}: pid={who.pid} uid=0 subj=unconfined old-auid={UNSET} auid=1000 "
        f"tty=(none) old-ses={UNSET} ses={session} res=1"
    )
    return line + GROUP_SEPARATOR + 'UID="root" OLD-AUID="unset" AUID="ada"' if enriched else line


def config_change(stamp, key, enriched):
    line = (
        f"type=CONFIG_CHANGE msg={stamp}: auid=1000 ses=3 subj=unconfined op=add_rule "
        f'key="{key}" list=4 res=1'
    )
    return line + GROUP_SEPARATOR + 'AUID="ada"' if enriched else line
