"""The build hook that compiles the hot path into the wheel, from the same sources (mypyc); only where it is asked for.

`HATCH_BUILD_HOOKS_ENABLE=1 pip wheel .` asks. What is compiled: `streams`, the codec, the decoder with its forms and
the keeper's loop, each module that mypyc keeps as it is written. Left to the interpreter is each that defines a class
upon something other than an Enum: of msgspec's structs mypyc drops the keywords (frozen, order, array_like), a named
tuple is taken apart and loses its identity, and a kind of a built-in is refused. For that reason such classes stand in
modules of their own.

Nothing is written beside the sources, where it would outlive a change of them and still be imported: hatch-mypyc builds
there, and takes the project file away meanwhile. The same sources give the same bytes: no paths, no debugging symbols.
"""

import ast
import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HOT = (
    "streams/*.py",
    "schemas/codec.py",
    "schemas/decoding.py",
    "schemas/forms.py",
    "agents/worker/kept_slice.py",
)
# How strict the types are is `make check`'s to say; here what is not installed beside us is no reason to fail.
OPT_LEVEL = "2"
"""Level 3 and native instructions were not faster, and a wheel has to run on the next machine too."""


class CompilingHook(BuildHookInterface[Any]):
    """Adds an extension module beside each module that is compiled: the interpreter prefers it to the source."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and put what came of it into the wheel. An editable installation stays as it is."""
        if version == "editable":
            return
        root = Path(self.root)
        made = compiled(root, modules_of(root), root / "build" / "mypyc")
        build_data["force_include"].update(
            {str(path): str(path.relative_to(root / "build/mypyc/lib")) for path in made}
        )
        build_data["pure_python"] = False
        build_data["infer_tag"] = True


def modules_of(root: Path) -> list[str]:
    """The modules that are compiled, as paths from the root, sorted."""
    found = sorted(path for pattern in HOT for path in root.glob(pattern))
    return [path.relative_to(root).as_posix() for path in found if path.stem != "__init__" and is_kept(path)]


def is_kept(path: Path) -> bool:
    """Whether mypyc keeps this module as it is written."""
    classes = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.ClassDef)]
    return not any(
        node.keywords or [base for base in map(ast.unparse, node.bases) if base != "Enum"] for node in classes
    )


def compiled(root: Path, modules: list[str], folder: Path) -> list[Path]:
    """The extension modules of these, made in `folder`."""
    from mypyc.build import mypycify
    from setuptools import Distribution
    from setuptools.command.build_ext import build_ext

    folder.mkdir(parents=True, exist_ok=True)
    os.environ["SOURCE_DATE_EPOCH"] = "0"
    before = Path.cwd()
    os.chdir(root)
    try:
        arguments = ["--config-file=", "--ignore-missing-imports", "--cache-dir", str(folder / "cache"), *modules]
        extensions = mypycify(arguments, opt_level=OPT_LEVEL, debug_level="0", target_dir=str(folder / "c"))
        command = build_ext(Distribution({"name": "dueclock", "ext_modules": extensions}))
        command.build_lib, command.build_temp = str(folder / "lib"), str(folder / "objects")
        command.ensure_finalized()
        command.run()
        return sorted(Path(path).resolve() for path in command.get_outputs())
    finally:
        os.chdir(before)


if __name__ == "__main__":
    print("\n".join(modules_of(Path(sys.argv[1]))))
