"""What the recorder looks for in records, and what it makes of them afterwards."""
import re

from audit import RECORD, serial

FIELD = re.compile(rb" (\w+)=(\S+)")


def fields(line):
    return dict(FIELD.findall(line.split(b"\x1d")[0]))


def syscalls(lines):
    return [line for line in lines if RECORD.match(line).group(1) == b"SYSCALL"]


def short_of(lines, truth):
    """Both sockets and closes are missing, and about half of the calls is there."""
    numbers = [fields(line)[b"syscall"] for line in syscalls(lines)]
    opened, closed = truth["socket_tot"]["total"], truth["close_tot"]["total"]
    sockets, closes = numbers.count(b"41"), numbers.count(b"3")
    return opened / 2 <= sockets < opened and closed / 2 <= closes < closed


def untitled(lines):
    """Serials of events without a PROCTITLE record."""
    titled = {serial(line) for line in lines if RECORD.match(line).group(1) == b"PROCTITLE"}
    return {serial(line) for line in lines} - titled


def inverted(lines):
    """By serial: a socket() returns a number that is still held. One process, x86_64."""
    held = set()
    for line in sorted(syscalls(lines), key=serial):
        found = fields(line)
        if found[b"syscall"] == b"41":
            number = int(found[b"exit"])
            if number in held:
                return True
            held.add(number)
        elif found[b"syscall"] == b"3":
            held.discard(int(found[b"a0"], 16))
    return False


def spawned_early(lines):
    """The child of a vfork is through with everything before the record of the vfork is written."""
    calls = [fields(line) for line in sorted(syscalls(lines), key=serial)]
    born = next((i for i, call in enumerate(calls) if call[b"syscall"] == b"58"), len(calls))
    return any(
        call[b"syscall"] == b"231" and call[b"pid"] == calls[born][b"exit"] for call in calls[:born])


def merged(one, two):
    """Line by line in turn, the second with the pids, stamps and serials of the first."""
    (first, first_truth), (second, second_truth) = one, two
    heads = [RECORD.match(lines[0]) for lines in (first, second)]
    shift = int(heads[0].group(4)) - int(heads[1].group(4))
    at = [int(head.group(2)) * 1000 + int(head.group(3)) for head in heads]
    old, new = second_truth[0]["pid"], first_truth[0]["pid"]

    def moved(line):
        found = RECORD.match(line)
        stamp = int(found.group(2)) * 1000 + int(found.group(3)) + at[0] - at[1]
        text = b"audit(%d.%03d:%d)" % (stamp // 1000, stamp % 1000, int(found.group(4)) + shift)
        line = re.sub(rb"audit\([\d.:]+\)", text, line, count=1)
        return line.replace(b" pid=%d " % old, b" pid=%d " % new)

    second = [moved(line) for line in second]
    lines = []
    for index in range(max(len(first), len(second))):
        lines += first[index:index + 1] + second[index:index + 1]
    return lines, first_truth + [dict(second_truth[0], pid=new)]


def with_junk(lines):
    """By hand: what a log may hold between records. Cut and impossible ones are damaged, the rest is
    foreign."""
    good = syscalls(lines)[-1]
    stamp = RECORD.match(good)
    later = b"type=SYSCALL msg=audit(%s.%s:%%d): " % (stamp.group(2), stamp.group(3))
    top = max(map(serial, lines))
    body = good.split(b"): ", 1)[1]
    junk = [
        b"\x1b[2J\x1b]0;pwned\x07not a record",
        b"Nov 24 01:00:00 web1 audispd: queue is full - dropping event",
        b"\x00\x00\x00\x00",
        b"type=SYSCALL msg=audit(%s.%s:9" % (stamp.group(2), stamp.group(3)),
        later % (top + 1) + body[: body.index(b" exit=") + 4],
        later % (top + 2) + re.sub(rb" pid=\d+ ", b" pid=99999999999 ", body),
    ]
    mixed = list(lines)
    for index, line in enumerate(junk):
        mixed.insert((index + 1) * len(lines) // (len(junk) + 1), line)
    return mixed
