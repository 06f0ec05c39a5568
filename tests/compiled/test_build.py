"""The compiled build is the pure one made quicker, and nothing else: `make test-compiled` runs all of it.

Without a compiler what is left out says so; the traps are looked for in the sources, wherever the tests run.
"""

import ast
import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from schemas.decoded import Decoded
from schemas.decoding import decode_notification, journal_value
from tests.broker.conftest import MakeLive, make_live
from tests.broker.harness import BUILD, require_build
from tests.repository.tree import ROOT

__all__ = ["make_live"]

IS_COMPILED = BUILD == "compiled"
only_compiled = pytest.mark.skipif(not IS_COMPILED, reason="make test-compiled runs this on the compiled build")
needs_compiler = pytest.mark.skipif(
    shutil.which("cc") is None or not Path(sysconfig.get_path("include"), "Python.h").exists(),
    reason="no C compiler or no headers of Python here",
)


def _loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


compiling = _loaded("compiling")
MODULES: list[str] = compiling.modules_of(ROOT)


def _dotted(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".")


def test_what_is_hot_is_compiled_and_what_a_compiler_would_spoil_is_not() -> None:
    assert {"streams/engine.py", "streams/applying.py", "streams/clock.py", "streams/state.py"} <= set(MODULES)
    assert {"schemas/codec.py", "schemas/forms.py", "streams/events.py", "streams/row_codec.py"} <= set(MODULES)
    assert {"streams/duties.py", "streams/telling.py", "streams/line.py"} <= set(MODULES)
    assert not {"streams/rows.py", "streams/facts.py"} & set(MODULES)


@pytest.mark.parametrize(
    "source",
    [
        "class Row(msgspec.Struct, array_like=True):\n    lines: int",
        "class Taken(NamedTuple):\n    how: str",
        "class RowError(ValueError):\n    pass",
        "class Key(str):\n    pass",
        "class One(metaclass=Made):\n    pass",
    ],
)
def test_a_class_whose_keywords_or_identity_would_be_lost_keeps_its_module_from_being_compiled(
    tmp_path: Path, source: str
) -> None:
    path = tmp_path / "one.py"
    path.write_text(source)
    assert not compiling.is_kept(path)
    path.write_text("class Plain:\n    pass\n\n\nclass Say(Enum):\n    A = 'a'\n")
    assert compiling.is_kept(path)


def _tuples_compared_by_identity(source: str) -> Iterator[str]:
    """Names that hold a tuple somewhere in a module and are compared by `is`: unboxed, they are never the same."""
    tree = ast.parse(source)
    held = {
        name.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Tuple)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        for name in ([target] if isinstance(target, ast.Name) else [])
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and any(isinstance(one, ast.Is | ast.IsNot) for one in node.ops):
            sides = [node.left, *node.comparators]
            is_of_none = any(isinstance(side, ast.Constant) for side in sides)
            is_of_tuple = any(
                isinstance(side, ast.Tuple) or (isinstance(side, ast.Name) and side.id in held) for side in sides
            )
            if is_of_tuple and not is_of_none:
                yield f"line {node.lineno}: {ast.unparse(node)}"


@pytest.mark.parametrize("module", MODULES)
def test_no_tuple_is_compared_by_identity_where_it_is_compiled(module: str) -> None:
    assert list(_tuples_compared_by_identity((ROOT / module).read_text())) == []


def test_a_tuple_compared_by_identity_is_found() -> None:
    assert list(_tuples_compared_by_identity("NONE: Final = (0, 0)\nbest = NONE\nif best is NONE:\n    pass"))
    assert list(_tuples_compared_by_identity("timer = (1, 2)\nif timer is not other:\n    pass"))


@only_compiled
@pytest.mark.parametrize("module", MODULES)
def test_what_is_imported_is_what_was_compiled(module: str) -> None:
    assert str(import_module(_dotted(module)).__file__).endswith(tuple(EXTENSION_SUFFIXES))


@only_compiled
def test_children_run_compiled_too_wherever_they_are_started(tmp_path: Path) -> None:
    for folder in (ROOT, tmp_path):
        ran = subprocess.run(
            [sys.executable, "-m", "agents", "--version"], cwd=folder, capture_output=True, text=True, check=True
        )
        assert ran.stdout.rstrip().endswith("(compiled)")


@pytest.mark.broker
def test_a_worker_says_which_build_it_is_and_would_fail_its_test_if_it_were_the_other(make_live: MakeLive) -> None:
    said = make_live().worker().log()
    require_build(said)
    with pytest.raises(AssertionError):
        require_build(said, "pure Python" if IS_COMPILED else "compiled")
    with pytest.raises(AssertionError):
        require_build(said.replace(" starts on ", " is somewhere at "))


@only_compiled
def test_structs_have_kept_their_keywords() -> None:
    config = {
        name: kind.__struct_config__
        for path in sorted((ROOT / "streams").glob("*.py"))
        for name, kind in vars(import_module(f"streams.{path.stem}")).items()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__module__ == f"streams.{path.stem}"
    }
    assert config["Timer"].order
    assert config["SlaEvent"].frozen
    assert config["OrderRow"].array_like
    assert not config["Clock"].frozen


@only_compiled
@needs_compiler
@pytest.mark.timeout(300)
def test_the_same_sources_give_the_same_bytes_wherever_they_are_compiled(tmp_path: Path) -> None:
    digests = []
    for folder in (tmp_path / "here", tmp_path / "over" / "there"):
        (folder / "schemas").mkdir(parents=True)
        for name in ("pyproject.toml", "schemas/__init__.py", "schemas/codec.py"):
            shutil.copy(ROOT / name, folder / name)
        made = compiling.compiled(folder, ["schemas/codec.py"], folder / "build")
        digests.append({path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in made})
    assert digests[0] == digests[1]
    assert len(digests[0]) == 2


@only_compiled
def test_the_wheel_holds_every_source_of_the_pure_one_beside_what_was_compiled() -> None:
    clone = ROOT.parents[1]
    (made,) = (clone / "build" / "wheel").glob("*.whl")
    with zipfile.ZipFile(made) as archive:
        names = set(archive.namelist())
    assert set(MODULES) <= names
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    assert {module.removesuffix(".py") + suffix for module in MODULES} <= names


@pytest.mark.parametrize("name", ["message.received", "message.sent", "return.received", "claim.opened", "case.opened"])
def test_what_is_plain_takes_the_quick_way_to_its_journal_value_in_either_build(name: str) -> None:
    """An annotation that a compiler enforces can make a quick way refuse every line, and nothing but time tells."""
    example = json.loads((ROOT / "schemas" / "examples" / "notifications" / f"{name}.json").read_text())
    first = example[0] if isinstance(example, list) else example
    decoded = decode_notification(json.dumps(first).encode(), from_file=False)
    assert isinstance(decoded, Decoded)
    assert decoded.value == journal_value(decoded.body)
