"""Each use of what the compiler cannot see to be memory safe has its reason beside it.

usage: unsafe.py FOLDER...    lists the uses without one, and then fails

A reason is a comment on the line or at most three lines above it, or the word "Unsafe:" with it in the comment
above the enclosing declaration. Uses that follow each other with no more than a line between them share one.
"""
import pathlib
import re
import sys

MARK = re.compile(r"\bunsafe\b|@unsafe\b|@safe\b|@unchecked\b|@preconcurrency\b")
DECLARATION = re.compile(r"^\s*(@\w+(\(.*?\))?\s+)*((public|private|fileprivate|internal|static|final|mutating"
                         r"|override|convenience|required)(\(set\))?\s+)*"
                         r"(func|init|deinit|subscript|var|let|struct|class|enum|extension)\b")
ABOVE = 3
STRING = re.compile(r'"(\\.|[^"\\])*"')


def code(line):
    """The line without its strings and comment."""
    return STRING.sub('""', line).split("//")[0]


def comment(line):
    return line.lstrip().startswith("//")


def indent(line):
    return len(line) - len(line.lstrip())


def declared(lines, at):
    """Whether the comment above a declaration around this line has the word."""
    depth = indent(lines[at]) + 1
    for place in range(at, -1, -1):
        line = lines[place]
        if not line.strip() or comment(line) or indent(line) >= depth:
            continue
        depth = indent(line)
        if DECLARATION.match(line) and not re.match(r"^\s*(extension|struct|class|enum)\b", line):
            above = place - 1
            while above >= 0 and (comment(lines[above]) or lines[above].lstrip().startswith("@")):
                if "Unsafe:" in lines[above]:
                    return True
                above -= 1
    return False


def bare(lines):
    """The numbers of the lines that lack a reason."""
    found = []
    explained = None
    for at, line in enumerate(lines):
        if comment(line) or not MARK.search(code(line)):
            continue
        near = "//" in STRING.sub('""', line) or any(comment(above) for above in lines[max(0, at - ABOVE):at])
        follows = explained is not None and at - explained <= 2 and all(each.strip() for each in lines[explained:at])
        if near or follows or declared(lines, at):
            explained = at
        else:
            found.append(at + 1)
    return found


def main():
    count = 0
    for folder in sys.argv[1:]:
        for path in sorted(pathlib.Path(folder).rglob("*.swift")):
            for number in bare(path.read_text(encoding="utf-8").split("\n")):
                print(f"{path}:{number}: unsafe without a reason", file=sys.stderr)
                count += 1
    return 1 if count else 0


sys.exit(main())
