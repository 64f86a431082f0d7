#!/usr/bin/env python3
"""Writes docs/RELIABILITY.md from tests/catalogue.toml and the doc comments of the tests; --check only compares."""

import re
import sys
import tomllib
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
TARGET = REPO / "docs/RELIABILITY.md"
SAID = re.compile(r"^\s*///? Fault ([A-Z]\d?(?:, [A-Z]\d?)*) \((P\d(?:, P\d)*)\)")
TEST = re.compile(r"^\s*(?:pub(?:\([a-z]+\))? )?(?:async )?fn (\w+)")
# Where else a test may stand: stories of the dashboard.
STORY = re.compile(r"^\s*(?:test|it)\((['\"`])(.+?)\1")

HEAD = """\
# What is survived, and which tests say so

Made by `scripts/reliability.py` from `tests/catalogue.toml` and the tests themselves; `./test.sh` fails where it is stale, where a
fault has no test, and where a test names a fault that is not listed. The promises P1 to P6 stand in the [README](../README.md).

`./test.sh --soak 600` lives a random life for ten minutes: it prints its seed, and `GPUYARD_TEST_SEED` repeats it.
`gpuyard --list-fault-points`, in a build with `--features fault-points`, lists the places where C6 breaks something.

"""


def tests():
    """(fault, promises, test, file) of every test that names a fault."""
    files = [f for root in ("src", "tests", "dashboard/stories") for f in sorted((REPO / root).rglob("*")) if f.suffix in (".rs", ".ts")]
    for file in files:
        if "node_modules" in file.parts:
            continue
        said = None
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if found := SAID.match(line):
                said = (found[1].split(", "), found[2], number)
            elif said and (found := TEST.match(line) or STORY.match(line)):
                for fault in said[0]:
                    yield fault, said[1], found[found.re.groups], f"{file.relative_to(REPO)}:{number}"
                said = None
        if said:
            raise SystemExit(f"{file.relative_to(REPO)}:{said[2]}: no test comes after this")


def main():
    catalogue = tomllib.loads((REPO / "tests/catalogue.toml").read_text())
    faults, found = catalogue["faults"], {}
    for fault, promises, test, where in tests():
        if fault not in faults:
            raise SystemExit(f"{where}: there is no fault {fault} in tests/catalogue.toml")
        found.setdefault(fault, []).append((promises, test, where.rsplit(":", 1)[0]))
    missing = [fault for fault in faults if fault not in found]
    if missing:
        raise SystemExit(f"faults without a test: {', '.join(missing)} (tests/catalogue.toml)")
    text = HEAD + "| | fault | expected | promises | tests | since |\n|---|---|---|---|---|---|\n"
    for fault, (what, expected) in faults.items():
        promises = sorted({p for each, _, _ in found[fault] for p in each.split(", ")})
        names = "<br>".join(f"`{test}` ({file})" for _, test, file in found[fault])
        text += f"| {fault} | {what} | {expected} | {', '.join(promises)} | {names} | {catalogue['since']} |\n"
    text += "\n| promise | tests |\n|---|---|\n"
    for number in range(1, 7):
        names = sorted({f"`{test}`" for each in found.values() for promises, test, _ in each if f"P{number}" in promises.split(", ")})
        if not names:
            raise SystemExit(f"no test holds the promise P{number}")
        text += f"| <a id=\"p{number}\"></a>P{number} | {', '.join(names)} |\n"
    if sys.argv[1:] == ["--check"]:
        if not TARGET.exists() or TARGET.read_text() != text:
            raise SystemExit("docs/RELIABILITY.md is stale: run scripts/reliability.py")
    else:
        TARGET.write_text(text)


if __name__ == "__main__":
    main()
