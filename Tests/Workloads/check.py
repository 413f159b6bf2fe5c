#!/usr/bin/env python3
"""check.py DIR...: do the truth files of chaos runs hold together in themselves? Exit 1 if not."""
import json
import pathlib
import sys

FAMILIES = ("tcp", "udp", "other")
WHATS = ("socket", "close", "released", "open")


def check_line(line, name):
    """Every complaint about one line, as text."""
    for what in WHATS:
        if sorted(line[what]) != sorted(FAMILIES):
            yield f"{what} has families {sorted(line[what])}"
            return
    for family in FAMILIES:
        socket, close, released, still = (line[what][family] for what in WHATS)
        if min(socket, close, released, still) < 0:
            yield f"{family}: negative figure"
        if socket != close + released + still:
            yield f"{family}: {socket} sockets != {close} closed + {released} released + {still} open"
    if len(set(line["open_fds"])) != len(line["open_fds"]):
        yield "an fd stands twice in open_fds"
    if len(line["open_fds"]) != sum(line["open"].values()):
        yield "open_fds and open differ in number"
    if line["phase"] == "end" and (line["open_fds"] or any(line["open"].values())):
        yield "something open at the end"
    if f"{line['pid']}-{line['start']}" != name:
        yield "pid or start is not that of the file name"


def check_file(path):
    lines = [json.loads(text) for text in path.read_text().splitlines()]
    for line in lines:
        for complaint in check_line(line, path.stem):
            yield f"{line['phase']}: {complaint}"
    if [line["phase"] for line in lines] not in (["hold", "end"], ["end"]):
        yield f"phases are {[line['phase'] for line in lines]}"
        return
    for what in ("socket", "close", "released"):  # these never go down
        for family in FAMILIES:
            if lines[0][what][family] > lines[-1][what][family]:
                yield f"{what}.{family} is less at the end than on hold"


def check_dir(directory):
    """Number of files, number of lines on hold, complaints."""
    files = sorted(pathlib.Path(directory).glob("*.jsonl"))
    complaints = [f"{path}: {text}" for path in files for text in check_file(path)]
    if not files:
        complaints.append(f"{directory}: no truth files")
    holds = sum('"phase":"hold"' in path.read_text() for path in files)
    return len(files), holds, complaints


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    bad = 0
    for directory in sys.argv[1:]:
        files, holds, complaints = check_dir(directory)
        print(f"{directory}: {files} processes, {holds} held, {len(complaints)} complaints")
        for text in complaints:
            print("  " + text)
        bad += len(complaints)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
