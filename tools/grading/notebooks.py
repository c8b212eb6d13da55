"""What is in a notebook: which of the project's it is, and the lines that an exercise needs."""

import ast
import builtins
import re
import symtable
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import nbformat

ROOT = Path(__file__).parents[2]
HANDED_IN = "handed_in_under_another_name"


class Damaged(ValueError):
    """A file that is no notebook."""


class Exercise(NamedTuple):
    """The function that a notebook asks for, and the check that it is put through."""

    check: str
    function: str


class Missing(NamedTuple):
    """Nothing to judge, and why; the state is one of those in the report."""

    state: str
    text: str


class Found(NamedTuple):
    """Lines to run, after which `name` is the function to judge, and a remark."""

    source: str
    name: str
    remark: str = ""


@dataclass
class Statement:
    """One statement at the top of a cell, and the names that it binds, uses and changes."""

    cell: int
    text: str
    node: ast.stmt
    binds: set[str] = field(default_factory=set)
    needs_now: set[str] = field(default_factory=set)
    needs_later: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        table = symtable.symtable(self.text, "cell", "exec")
        symbols = table.get_symbols()
        self.binds = {s.get_name() for s in symbols if s.is_assigned() or s.is_imported()}
        self.needs_now = {s.get_name() for s in symbols if s.is_referenced()}
        if isinstance(self.node, ast.AugAssign) and isinstance(self.node.target, ast.Name):
            self.needs_now.add(self.node.target.id)
        for inner in inner_tables(table):
            self.needs_later |= {s.get_name() for s in inner.get_symbols() if s.is_global()}

    @property
    def is_definition(self) -> bool:
        """Not a value: what is done to it later is done to a module, or to the package."""
        kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        return isinstance(self.node, kinds)

    @cached_property
    def changes(self) -> set[str]:
        """Names of values that it changes: x[0] = 1, x.y = 1, x.append(1)."""
        found, todo = set(), [self.node]
        for node in todo:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                continue
            todo += ast.iter_child_nodes(node)
            stored = isinstance(node, ast.Attribute | ast.Subscript)
            if stored and isinstance(node.ctx, ast.Store | ast.Del):
                found.add(root(node))
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                found.add(root(node.value.func))
        return found - {""}


def inner_tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in table.get_children():
        yield child
        yield from inner_tables(child)


def root(node: ast.expr) -> str:
    """The name that x.y[0].z begins with; a bare name is not changed by being called."""
    inside = node
    while isinstance(inside, ast.Attribute | ast.Subscript | ast.Call):
        inside = inside.func if isinstance(inside, ast.Call) else inside.value
    return inside.id if isinstance(inside, ast.Name) and inside is not node else ""


def check_called(node: ast.stmt) -> tuple[str, ast.expr] | None:
    """NAME and argument, if the statement is `checks.NAME(argument)`."""
    match node:
        case ast.Expr(ast.Call(ast.Attribute(ast.Name("checks"), name), [argument], [])):
            return name, argument
    return None


def plain_python(source: str) -> str:
    """A cell without IPython's own lines (%time, !ls); the others keep their numbers."""
    lines = ["" if re.match(r"\s*(%|!|\?)", line) else line for line in source.splitlines()]
    return "\n".join(lines)


class Notebook:
    """A notebook as a list of statements.

    Args:
        text: what is in the file.

    Raises:
        Damaged: if that is no notebook.
    """

    def __init__(self, text: str) -> None:
        try:
            cells = nbformat.reads(text, as_version=4).cells
            self.cells = [(str(c.cell_type), str(c.source)) for c in cells]
        except Exception as error:  # nbformat lets all kinds of errors through
            reason = " ".join(str(error).split())[:80]
            raise Damaged(f"damaged, no notebook ({type(error).__name__}: {reason})") from None
        self.statements: list[Statement] = []
        self.broken: dict[int, str] = {}
        for number, (kind, source) in enumerate(self.cells):
            if kind == "code":
                self._read(number, plain_python(source))

    def _read(self, number: int, source: str) -> None:
        try:
            nodes = ast.parse(source).body
            self.statements += [
                Statement(number, t, n) for t, n in zip(texts(source, nodes), nodes)
            ]
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            message = getattr(error, "msg", None) or str(error) or type(error).__name__
            line = getattr(error, "text", None) or ""
            self.broken[number] = f"{message}: {line.strip()}" if line.strip() else message

    @property
    def title(self) -> str:
        for kind, source in self.cells:
            if kind == "markdown" and (found := re.match(r"\s*#\s+(.+)", source)):
                return found[1].strip()
        return ""

    def checks(self) -> list[Exercise]:
        """Checks that are called with a name, each once, in order."""
        called = [found for s in self.statements if (found := check_called(s.node))]
        pairs = [Exercise(name, a.id) for name, a in called if isinstance(a, ast.Name)]
        return list(dict.fromkeys(pairs))

    def find(self, exercise: Exercise) -> Found | Missing:
        """The last definition of an exercise's function, and the lines that it needs."""
        name = exercise.function
        defined = [i for i, s in enumerate(self.statements) if name in s.binds]
        calls = [
            (i, found[1])
            for i, s in enumerate(self.statements)
            if (found := check_called(s.node)) and found[0] == exercise.check
        ]
        last_cell = self.statements[defined[-1]].cell if defined else -1
        for number, message in self.broken.items():
            if number > last_cell and re.search(rf"\b{name}\b", self.cells[number][1]):
                return Missing("wrong", f"its cell is no Python: {message}")
        tried = bool(defined) and not is_stub(self.statements[defined[-1]].node)
        others = [
            (i, argument)
            for i, argument in calls
            if not (isinstance(argument, ast.Name) and argument.id == name)
            and all(self._last(n, i) is not None for n in names_in(argument))
        ]
        if not tried and others:
            i, argument = others[-1]
            text = f"{HANDED_IN} = {ast.unparse(argument)}"
            lines = self._needed(names_in(argument), i)
            return Found("\n".join([*lines, text]), HANDED_IN, f"renamed: {ast.unparse(argument)}")
        if not defined:
            return Missing("missing", f"no function {name}: deleted, or renamed and not checked")
        if not tried:
            return Missing("not tried", "")
        after = [i for i, _ in calls if i > defined[-1]]
        return Found("\n".join(self._needed({name}, (after or defined)[-1])), name)

    def _last(self, name: str, position: int) -> int | None:
        """Where a name gets the value that it has at a position; else where it gets one later."""
        at = [i for i, s in enumerate(self.statements) if name in s.binds]
        before = [i for i in at if i <= position]
        return before[-1] if before else (at[0] if at else None)

    def _needed(self, names: set[str], position: int) -> list[str]:
        """The lines that give these names their values at a position, in order."""
        chosen, todo, seen = set(), [(name, position) for name in sorted(names)], set()
        while todo:
            name, at = todo.pop()
            if (name, at) in seen:
                continue
            seen.add((name, at))
            first = self._last(name, at)
            if first is None:  # Python's own, or hidden in a star
                if name not in dir(builtins):
                    chosen |= {i for i, s in enumerate(self.statements) if is_star(s.node)}
                continue
            fresh = {first}
            if not self.statements[first].is_definition:
                between = range(first + 1, min(at + 1, len(self.statements)))
                fresh |= {i for i in between if name in self.statements[i].changes}
            for i in fresh:
                statement, chosen = self.statements[i], chosen | {i}
                later = at if statement.is_definition else i - 1
                todo += [(n, i - 1) for n in sorted(statement.needs_now)]
                todo += [(n, later) for n in sorted(statement.needs_later)]
        return [self.statements[i].text for i in sorted(chosen)]


def texts(source: str, nodes: list[ast.stmt]) -> list[str]:
    """The lines of each statement, as they stand; written anew if two share a line."""
    lines = source.split("\n")
    found, end = [], 0
    for i, node in enumerate(nodes):
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        shared = first <= end or (i + 1 < len(nodes) and nodes[i + 1].lineno <= node.end_lineno)
        found.append(ast.unparse(node) if shared else "\n".join(lines[first - 1 : node.end_lineno]))
        end = node.end_lineno
    return found


def names_in(node: ast.expr) -> set[str]:
    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return names - {a.arg for a in ast.walk(node) if isinstance(a, ast.arg)} - set(dir(builtins))


def is_star(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.names[0].name == "*"


def is_stub(node: ast.stmt) -> bool:
    """A function that does nothing but `raise NotImplementedError`, as it was handed out."""
    if not isinstance(node, ast.FunctionDef):
        return False
    body = node.body[1:] if ast.get_docstring(node) else node.body
    texts = [ast.unparse(statement) for statement in body]
    return texts in (["raise NotImplementedError"], ["raise NotImplementedError()"])


@dataclass(frozen=True)
class Project:
    """One of the project's own notebooks, and its exercises."""

    stem: str
    title: str
    exercises: tuple[Exercise, ...]


def project_notebooks(folder: Path = ROOT / "notebooks") -> list[Project]:
    """The project's notebooks with the exercises that they have today."""
    found = []
    for path in sorted(folder.glob("*.ipynb")):
        notebook = Notebook(path.read_text(encoding="utf-8"))
        found.append(Project(path.stem, notebook.title, tuple(notebook.checks())))
    return found


def recognise(notebook: Notebook, projects: list[Project]) -> Project | None:
    """Which of the project's notebooks it is, by the checks it calls, its functions, its title."""
    broken = "\n".join(notebook.cells[number][1] for number in notebook.broken)
    called = {found[0] for s in notebook.statements if (found := check_called(s.node))}
    called |= set(re.findall(r"\bchecks\.(\w+)", broken))
    defined = {name for s in notebook.statements for name in s.binds}
    defined |= set(re.findall(r"\bdef (\w+)", broken))
    points: Counter[Project] = Counter()
    for project in projects:
        points[project] = sum(e.check in called for e in project.exercises)
        points[project] += sum(e.function in defined for e in project.exercises)
        points[project] += 2 * (bool(project.title) and notebook.title == project.title)
    ((best, most),) = points.most_common(1) or [(None, 0)]
    return best if most else None
