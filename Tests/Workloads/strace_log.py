"""What can be read out of a log of `strace -f -o` before it is replayed."""
import re

CALLS = (
    "socket,socketcall,close,close_range,dup2,dup3,fcntl,fcntl64,ioctl,execve,execveat,"
    "clone,clone3,fork,vfork,unshare,openat"
)
LINE = re.compile(r"^(\d+) +(.*)$")
RESUMED = re.compile(r"^<\.\.\. (\w+) resumed>(.*)$", re.S)
CALL = re.compile(r"^(\w+)\((.*)$", re.S)
RESULT = re.compile(r"\)\s+= (-?\d+|\?)(?: (?:[A-Z]+ )?.*)?$")


class Unclear(Exception):
    """The log does not tell enough; another run of the same seed will."""


def execs_of(lines):
    """Where the calls of execve begin that will succeed. A parent that waits in clone (CLONE_VFORK) goes
    on before strace sees its child's execve end, and from then on their tables are two."""
    begun, good = {}, set()
    for at, (tid, text) in enumerate(lines):
        if text.startswith("execve("):
            begun[tid] = at
        if tid in begun and text.startswith(("execve(", "<... execve resumed>")):
            result = RESULT.search(text)
            if result and result[1] == "0":
                good.add(begun.pop(tid))
    return good


def births_of(lines):
    """child tid -> (parent tid, call with its flags), found beforehand: a child's first line can come
    before its parent's call ends. Where the parent is ended in the midst of its clone, the log never
    tells the child's tid; then it is the tid of unknown origin that first shows up during that clone."""
    births, begun, lost, first = {}, {}, [], {}
    for at, (tid, text) in enumerate(lines):
        first.setdefault(tid, at)
        if text.startswith("+++") and tid in begun:
            lost.append((begun[tid][0], at, tid, begun.pop(tid)[1]))
        resumed = RESUMED.match(text)
        start, whole = begun.pop(tid, (at, "")) if resumed else (at, "")
        whole += resumed[2] if resumed else text
        name = CALL.match(whole)
        if not name or name[1] not in ("clone", "clone3", "fork", "vfork"):
            continue
        if whole.endswith("<unfinished ...>"):
            begun[tid] = (start, whole[: -len("<unfinished ...>")])
            continue
        result = RESULT.search(whole)
        if not result or result[1] == "?":
            lost.append((start, at, tid, whole))
        elif int(result[1]) > 0:
            if int(result[1]) in births:
                raise Unclear(f"pid {result[1]} came twice")
            births[int(result[1])] = (tid, whole)
    for tid, at in first.items():
        if tid in births or at == 0:
            continue
        parents = [clone for clone in lost if clone[0] < at < clone[1]]
        if len(parents) != 1:
            raise Unclear(f"tid {tid}: {len(parents)} possible origins")
        lost.remove(parents[0])
        births[tid] = parents[0][2:]
    return births


def read_log(path):
    out = []
    for text in path.read_text(errors="replace").splitlines():
        match = LINE.match(text)
        if match and not match[2].startswith(("[ Process", "strace:")):
            out.append((int(match[1]), match[2]))
    return out
