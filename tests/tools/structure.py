#!/usr/bin/env python3
"""Prints figures on the structure of the Rust source in src: sizes, cycles, parameters and type names.

    tests/tools/structure.py           # the tables
    tests/tools/structure.py --line    # the main figures in one line

A file imports the file that defines the module of a `crate::` or `super::` path in its code: the path
`crate::ledger::views::Tally` imports `src/ledger/views.rs`, a type re-exported by `src/ledger/mod.rs` that file.
A cycle is a strongly connected component with more than one member. Test code counts in sizes only.
"""

import re
import statistics
import sys
from collections import Counter, defaultdict
from pathlib import Path

SRC = Path(__file__).resolve().parents[2] / "src"
LONG_FILE = 300
MANY_PARAMETERS = 5

NOT_CODE = re.compile(
    r"""//[^\n]*|/\*.*?\*/|\bb?r(\#*)".*?"\1|"(?:\\.|[^"\\])*"|'(?:\\[^\n]+?|[^\\'\n])'""", re.DOTALL
)
TEST_ITEM = re.compile(r"#\[cfg\((?:all\()?test\b[^\]]*\]")
TEST_FILE = re.compile(r'#\[cfg\(test\)\]\s*(?:#\[path = "(.+?)"\]\s*)?(?:pub(?:\(.+?\))? )?mod (\w+);')
TYPE = re.compile(r"^(?:pub(?:\(.+?\))? )?(?:struct|enum|trait|union|type) (\w+)", re.MULTILINE)
STRING_ENUM = re.compile(r"^string_enum! \{\s*(?:#\[.*\]\s*)*(\w+) \{", re.MULTILINE)
PATH = re.compile(r"(?<!in )\b(crate::|(?:super::)+)([\w:]*)(\{)?")
FUNCTION = re.compile(r"\bfn (\w+)")


def blank(found):
    """What replaces a comment, a string or a character."""
    return " " if found[0].startswith("/") else '""'


def closing(text, start):
    """The index of the bracket that closes the one at `start`; `->` and `=>` close none."""
    depth = 0
    for at in range(start, len(text)):
        if text[at] in "([{<":
            depth += 1
        elif text[at] in ")]}" or (text[at] == ">" and text[at - 1] not in "-="):
            depth -= 1
            if depth == 0:
                return at
    raise ValueError(f"no closing bracket: {text[start:start + 80]}")


def block_end(text, start):
    """The index after the braces that open at `start`. Unlike brackets, `<` may be an operator in there."""
    depth = 0
    for at in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return at + 1
    raise ValueError(f"no closing brace: {text[start:start + 80]}")


def split(text):
    """Splits at the commas outside of brackets."""
    parts, start, at = [], 0, 0
    while at < len(text):
        if text[at] in "([{<":
            at = closing(text, at)
        elif text[at] == ",":
            parts.append(text[start:at])
            start = at + 1
        at += 1
    return [part.strip() for part in [*parts, text[start:]] if part.strip()]


def without_tests(code):
    """Removes items under `#[cfg(test)]` from code without comments and strings."""
    while found := TEST_ITEM.search(code):
        end = re.compile(r"[;{]").search(code, found.end()).start()
        end = block_end(code, end) if code[end] == "{" else end + 1
        code = code[: found.start()] + code[end:]
    return code


def test_files(path, text):
    """Files and folders of test modules that a file declares."""
    folder = path.parent if path.name in ("mod.rs", "lib.rs") else path.with_suffix("")
    for other, name in TEST_FILE.findall(text):
        yield from [path.parent / other] if other else [folder / f"{name}.rs", folder / name]


def expanded(prefix, group):
    """The paths of `prefix{group}`."""
    for part in split(group):
        head, brace, rest = part.partition("{")
        if brace:
            yield from expanded(prefix + head, rest[: rest.rindex("}")])
        else:
            yield prefix + head.split(" as ")[0]


def crate_paths(file, code):
    """Every path in the code of a file that begins with `crate::` or `super::`, as segments from the crate."""
    here = file.relative_to(SRC).with_suffix("").parts
    here = here[:-1] if here[-1] == "mod" else here
    for found in PATH.finditer(code):
        root, prefix, group = found.groups()
        base = [] if root == "crate::" else [*here[: len(here) - root.count("super")]]
        paths = [prefix]
        if group:
            paths = expanded(prefix, code[found.end() : closing(code, found.end() - 1)])
        for path in paths:
            yield base + [segment for segment in path.split("::") if segment]


def defining_file(segments, files):
    """The file of the innermost module of a path; None for a macro."""
    found = None
    for count in range(1, len(segments) + 1):
        base = SRC.joinpath(*segments[:count])
        inner = next((f for f in (base.with_suffix(".rs"), base / "mod.rs") if f in files), None)
        if not inner:
            break
        found = inner
    return found


def components(edges):
    """The strongly connected components with more than one member (Tarjan), largest first."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(edges[node]):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for node in sorted(edges):
        if node not in index:
            visit(node)
    return sorted(found, key=len, reverse=True)


def grouped(imports, name):
    """Imports between groups of files; `name` gives a file's group."""
    edges = {name(file): set() for file in imports}
    for file, others in imports.items():
        edges[name(file)] |= {name(other) for other in others} - {name(file)}
    return edges


def parameters(code):
    """(name, number of parameters without `self`) of every function."""
    for found in FUNCTION.finditer(code):
        at = found.end()
        if code[at] == "<":
            at = closing(code, at) + 1
        if code[at] == "(":  # Not in the definition of a macro, where the name may be a variable.
            listed = split(code[at + 1 : closing(code, at)])
            yield found[1], sum(not re.match(r"(&\s*('\w+ )?)?(mut )?self\b", one) for one in listed)


def short(path):
    return str(path.relative_to(SRC))


def module(path):
    return path.relative_to(SRC).parts[0].removesuffix(".rs")


def main():
    texts = {path: path.read_text() for path in sorted(SRC.rglob("*.rs"))}
    tests = {file for path, text in texts.items() for file in test_files(path, text)}
    code = {
        path: without_tests(NOT_CODE.sub(blank, text))
        for path, text in texts.items()
        if tests.isdisjoint([path, *path.parents])
    }
    imports = {
        path: {defining_file(segments, code) for segments in crate_paths(path, text)} - {None, path}
        for path, text in code.items()
    }
    if sys.argv[1:] not in ([], ["--line"]):
        print(__doc__, file=sys.stderr)
        return 2

    sizes = {path: len(text.splitlines()) for path, text in texts.items()}
    folders = grouped(imports, lambda path: short(path.parent))
    cycles = {
        "top-level modules": components(grouped(imports, module)),
        "folders": components(folders),
        "files": components(grouped(imports, short)),
    }
    wide = sorted(
        (-count, f"{name} in {short(path)}")
        for path, text in code.items()
        for name, count in parameters(text)
        if count > MANY_PARAMETERS
    )
    defined = defaultdict(list)
    for path, text in code.items():
        for name in TYPE.findall(text) + STRING_ENUM.findall(text):
            defined[name].append(short(path))
    repeated = {name: files for name, files in sorted(defined.items()) if len(files) > 1}
    long = sorted(((size, short(path)) for path, size in sizes.items() if size > LONG_FILE), reverse=True)

    if sys.argv[1:]:
        median, maximum = round(statistics.median(sizes.values())), max(sizes.values())
        found = ", ".join(f"{len(found)} between {name}" for name, found in cycles.items())
        print(f"{sum(sizes.values())} lines in {len(sizes)} files (median {median}, maximum {maximum}); cycles: {found}")
        return 0

    def row(name, value):
        print(f"{name:<54} {value:>8}")

    row("files", len(sizes))
    row("lines", sum(sizes.values()))
    row("lines of a file, median", round(statistics.median(sizes.values())))
    row("lines of a file, maximum", max(sizes.values()))
    row(f"files over {LONG_FILE} lines", len(long))
    for name, found in cycles.items():
        row(f"cycles between {name}", len(found))
        row(f"{name} in a cycle", sum(map(len, found)))
    row(f"functions with more than {MANY_PARAMETERS} parameters, without self", len(wide))
    row("type names defined more than once", len(repeated))

    print("\nLines by folder")
    lines, files = Counter(), Counter(module(path) for path in sizes)
    for path, size in sizes.items():
        lines[module(path)] += size
    for name, count in lines.most_common():
        print(f"  {name:<20} {count:>7} lines {files[name]:>5} files")
    print(f"\nFiles over {LONG_FILE} lines")
    for size, path in long:
        print(f"  {size:>5} {path}")
    for name, found in cycles.items():
        for cycle in found:
            print(f"\nCycle between {len(cycle)} {name}", *cycle, sep="\n  ")
    print(f"\nFunctions with more than {MANY_PARAMETERS} parameters")
    for count, name in wide:
        print(f"  {-count:>3} {name}")
    print("\nType names defined more than once")
    for name, places in repeated.items():
        print(f"  {name:<24} {', '.join(places)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
