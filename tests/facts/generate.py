#!/usr/bin/env python3
"""Writes down what CPython's `str` does to each character, for tests/casing_facts.rs:

    python3.11 tests/facts/generate.py > tests/facts/casing.txt

One fact a line: a name, then in hexadecimal `FIRST..LAST` or `FIRST..LAST/STEP`, then what it becomes: `+N` or `-N` for
each, or, for a single character, the characters. Nothing here knows Unicode's rules; it all is asked of `str`.
"""

import sys
import unicodedata

SCALARS = [chr(code) for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF]


def cased(c):
    """Whether the letter after it goes on a word."""
    return (c + "A").title()[-1] == "a"


def ignorable(c):
    """Whether a sigma looks through it: what is before it is cased exactly if it is not itself."""
    return ((("1" if cased(c) else "A") + c + "Σ").lower()[-1] == "ς") != cased(c)


def runs(items, stride):
    """Groups ascending (code, value) into (first, last, step, value) of equal values and steps."""
    run = None
    for code, value in items:
        if run and value == run[3] and value is not None:
            step = code - run[1]
            if step in stride and (run[0] == run[1] or step == run[2]):
                run = (run[0], code, step, value)
                continue
        if run:
            yield run
        run = (code, code, 1, value)
    if run:
        yield run


def properties(name, holds):
    for first, last, _, _ in runs(((ord(c), True) for c in SCALARS if holds(c)), (1,)):
        print(f"{name} {first:x}..{last:x}")


def mappings(name, mapped):
    single = [(ord(c), ord(mapped(c)) - ord(c)) for c in SCALARS if mapped(c) != c and len(mapped(c)) == 1]
    for first, last, step, delta in runs(single, (1, 2)):
        print(f"{name} {first:x}..{last:x}" + (f"/{step}" if step > 1 else "") + f" {delta:+}")
    for c in SCALARS:
        if len(mapped(c)) > 1:
            print(f"{name} {ord(c):x}..{ord(c):x} " + " ".join(f"{ord(m):x}" for m in mapped(c)))


print(f"unicode {unicodedata.unidata_version}")
print(f"# CPython {sys.version.split()[0]}")
properties("assigned", lambda c: unicodedata.category(c) != "Cn")
properties("space", lambda c: not c.rstrip())
properties("cased", cased)
properties("ignorable", ignorable)
mappings("upper", str.upper)
mappings("lower", str.lower)
mappings("title", str.title)
