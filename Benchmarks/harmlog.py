"""auditd's log for `make bench-harm`: how much was written to it, and what of it is still there."""

import os
import re
import threading


class LogFiles(threading.Thread):
    """Keeps every file of a rotated log open, so that also what rotation threw away can be counted."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.folder, self.files = folder, {}
        self.lock, self.ended = threading.Lock(), threading.Event()
        self.look()
        self.start()

    def look(self):
        """The files that are there now, newest first. An inode that we hold is not used again."""
        with self.lock:
            return [key for key in map(self.hold, self.names()) if key is not None]

    def names(self):
        def age(name):
            return int("0" + name.rpartition("log")[2].lstrip("."))
        return sorted(os.listdir(self.folder), key=age)

    def hold(self, name):
        path = os.path.join(self.folder, name)
        try:
            key = os.stat(path).st_ino
            if key in self.files:  # no open and close for nothing: they may be audited
                return key
            handle = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return None  # renamed under us: found next time
        key = os.fstat(handle).st_ino
        if key in self.files:
            os.close(handle)
        else:
            self.files[key] = handle
        return key

    def run(self):
        # A file of 8 MiB stays for seconds at the very least.
        while not self.ended.wait(0.05):
            self.look()

    def size(self):
        return sum(os.fstat(handle).st_size for handle in list(self.files.values()))

    def finish(self):
        """(bytes of what was thrown away, bytes of what is still there oldest first)."""
        self.ended.set()
        self.join()
        kept = self.look()
        contents = {key: os.pread(h, os.fstat(h).st_size, 0) for key, h in self.files.items()}
        gone = [content for key, content in contents.items() if key not in kept]
        return gone, [contents[key] for key in reversed(kept)]

    def close(self):
        self.ended.set()
        self.join()
        for handle in self.files.values():
            os.close(handle)
        self.files = {}


def evidence(contents, toucher, inode):
    """The numbers of the touches that are whole (SYSCALL and PATH) in these pieces of a log."""
    calls, paths = {}, set()
    path = re.compile(rb"\ntype=PATH msg=audit\([\d.]+:(\d+)\):[^\n]* inode=%d " % inode)
    call = re.compile(rb"\ntype=SYSCALL msg=audit\([\d.]+:(\d+)\):[^\n]*? success=yes [^\n]*? a3=([0-9a-f]+) "
                      rb"[^\n]*? pid=%d [^\n]*key=\"harm-watch\"" % toucher)
    for content in contents:
        content = b"\n" + content
        for key, pattern in ((b'key="harm-watch"', call), (b" inode=%d " % inode, path)):
            at = content.find(key)
            while at >= 0:  # a search for the rare word first: the pattern alone is slow on 100 MB
                begin, end = content.rfind(b"\n", 0, at), content.find(b"\n", at)
                found = pattern.match(content[begin:end if end >= 0 else None])
                if found and pattern is call:
                    calls[int(found[1])] = int(found[2], 16)
                elif found:
                    paths.add(int(found[1]))
                at = content.find(key, at + 1)
    return {number for serial, number in calls.items() if serial in paths}


def first_stamp(contents):
    for content in contents:
        found = re.search(rb"msg=audit\((\d+\.\d+):", content[:4096])
        if found:
            return float(found[1])
    return None
