"""The shape of the code: short files, short functions, and nothing that happens at import."""

import ast
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parent.parent
OURS = ("app", "workers", "simulator", "benchmarks", "chaos")
MOST_LINES_OF_FILE = 320
MOST_LINES_OF_FUNCTION = 45

Function = ast.FunctionDef | ast.AsyncFunctionDef

# Says what our own modules do while they are imported; what libraries do is their affair.
WATCH = """
import importlib, sys, threading

root, names = sys.argv[1], sys.argv[2:]
happened = []
watched = ("open", "socket.connect", "socket.bind", "socket.__new__", "subprocess.Popen",
           "os.mkdir", "os.fork", "_thread.start_new_thread", "sqlite3.connect")


def ours(frame):
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(root) and "site-packages" not in name:
            return True
        if "site-packages" in name:
            return False
        frame = frame.f_back
    return False


def hook(event, arguments):
    writes = event != "open" or (isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"))
    if event in watched and writes and ours(sys._getframe(1)):
        happened.append(f"{event} {arguments[:1]}")


sys.addaudithook(hook)
for name in names:
    importlib.import_module(name)
threads = [thread.name for thread in threading.enumerate() if thread.name != "MainThread"]
print(happened + threads)
"""


def python_files(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def modules() -> list[str]:
    """Every module of ours but the ones that are programs."""
    found = [
        module.name
        for name in OURS
        for module in pkgutil.walk_packages([str(ROOT / name)], f"{name}.")
    ]
    programs = {"app.migrations.env"}
    return [each for each in found if not each.endswith("__main__") and each not in programs]


def length(function: Function) -> int:
    """Its own lines: functions inside are measured by themselves."""
    inner = [
        node for node in ast.walk(function) if isinstance(node, Function) and node is not function
    ]
    outermost = [each for each in inner if not any(inside(each, other) for other in inner)]
    return lines_of(function) - sum(map(lines_of, outermost))


def inside(one: Function, other: Function) -> bool:
    return one is not other and one in ast.walk(other)


def lines_of(function: Function) -> int:
    assert function.end_lineno is not None
    return function.end_lineno - function.lineno + 1


def test_no_file_is_long() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in python_files(*OURS)
    }

    assert {path: lines for path, lines in lengths.items() if lines > MOST_LINES_OF_FILE} == {}


def test_no_function_is_long() -> None:
    functions = [
        (f"{path.relative_to(ROOT)}:{node.name}", length(node))
        for path in python_files(*OURS)
        for node in ast.walk(ast.parse(path.read_text()))
        # A migration lists its columns, however many there are.
        if isinstance(node, Function) and "migrations/versions" not in str(path)
    ]
    middle = median(lines for _, lines in functions)

    long = {name: lines for name, lines in functions if lines > MOST_LINES_OF_FUNCTION}
    assert long == {}, f"the median function has {middle:g} lines"
    assert middle <= 12, f"the median function has {middle:g} lines"


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in python_files(*OURS, "tests")
        if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
    ]

    assert silent == []


def test_nothing_is_mocked_and_no_test_sleeps() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in python_files("tests")
        for node in ast.walk(ast.parse(path.read_text()))
        if (word := forbidden_word(node))
    ]

    assert found == []


def forbidden_word(node: ast.AST) -> str | None:
    match node:
        case ast.ImportFrom(module=str(name)) if name.split(".")[:2] == ["unittest", "mock"]:
            return name
        case ast.Import(names=names) if any(each.name == "unittest.mock" for each in names):
            return "unittest.mock"
        case ast.ImportFrom(module="time", names=names) if any(
            each.name == "sleep" for each in names
        ):
            return "time.sleep"
        case ast.Attribute(value=ast.Name(id="time"), attr="sleep"):
            return "time.sleep"
        case ast.Attribute(value=ast.Call(func=func), attr="wait") if (
            # An event that nobody else knows of is never set: a sleep by another name.
            ast.unparse(func).split(".")[-1] == "Event"
        ):
            return "Event().wait"
        case ast.arg(arg="mocker"):
            return "mocker"
    return None


@pytest.mark.parametrize("part", OURS)
def test_importing_opens_nothing(part: str, tmp_path: Path) -> None:
    names = [each for each in modules() if each.split(".")[0] == part]
    argv = [sys.executable, "-c", WATCH, str(ROOT), *names]

    done = subprocess.run(
        argv,
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []
