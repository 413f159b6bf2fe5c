"""Other readers of audit logs, where they are installed: for comparison, never judged."""

import os
import shutil
import subprocess
import time

from measure import run

LAUREL = """directory = "{folder}"
input = "stdin"
[auditlog]
file = "audit.log"
size = 1000000000
generations = 1
"""


def pipe(command, events):
    """CPU and wall seconds of a shell pipeline, all its programs added up."""
    begin, before = time.monotonic(), os.times()
    ended = subprocess.run(["sh", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, check=False)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return ended.returncode, cpu, time.monotonic() - begin, events


def laurel(log, folder):
    target = os.path.join(folder, "laurel")
    os.makedirs(target, exist_ok=True)
    config = os.path.join(folder, "laurel.toml")
    with open(config, "w", encoding="ascii") as f:
        f.write(LAUREL.format(folder=target))
    return pipe(f"laurel --config '{config}' < '{log.path}'", log.events)


def report(small, large, folder, processor, sockaudit):
    """One line for each; `small` for those whose cost grows faster than the log."""
    print("\nOthers, where installed: no figures of ours, and none of them finds open sockets")
    print(f"  {'':<34}{'events':>9}{'CPU s':>9}{'wall s':>9}{'events/s':>12}")

    def show(name, result):
        code, cpu, wall, events = result
        end = "" if code == 0 else f"   ended with {code}"
        print(f"  {name:<34}{events:>9,}{cpu:9.3f}{wall:9.3f}{events / wall:12,.0f}{end}")

    for program, name, make in (
            ("ausearch", "ausearch --raw | wc",
             lambda: pipe(f"ausearch --raw -if '{large.path}' | wc", large.events)),
            ("aureport", "aureport --syscall --summary",
             lambda: pipe(f"aureport --syscall --summary -if '{small.path}'", small.events)),
            ("laurel", "laurel", lambda: laurel(small, folder))):
        if shutil.which(program):
            show(name, make())
        else:
            print(f"  {name:<34}not installed")
    if processor:
        cost = run(["taskset", "-c", processor, sockaudit, "all", "--input", large.path, "--format", "json"])
        show("sockaudit, held to one processor", (0 if cost.code == 4 else cost.code, cost.cpu, cost.wall,
                                                  large.events))
