"""`build/compiled`: the compiled build in an environment and a tree of its own, made again when a source has changed.

`.venv/bin/python .ci/compiled.py` makes it, or says in one sentence why it cannot (status 1). With `--or-pure` it
prints the folder of the `dueclock` to use: the compiled one's, or that of .venv after one line that says why. What
failed is not tried again until a source changes: the next start waits for nothing. With `--wheels` both wheels go to
dist/, or the pure one alone, after the same line.

The environment looks into .venv for everything but dueclock itself. The tree is a copy of this one with the extension
modules beside their sources, so that the tests run there as they run here (`make test-compiled`).
"""

import filecmp
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TREE = ROOT / "build" / "compiled"
MARK = ROOT / "build" / "compiled.mark"
LOG = ROOT / "build" / "compiled.log"
WHEEL = ROOT / "build" / "wheel"
BIN = TREE / ".venv" / "bin"
SOURCES = ("schemas", "streams", "agents", "deploy", ".ci", "pyproject.toml", "requirements.lock")
"""What the compiled build is made of."""
OTHERS = (
    "tests",
    "docs",
    "Makefile",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "mkdocs.yml",
    "LICENSE",
)
"""What only its tests look at: brought up to date each time, and never a reason to compile."""


class NotCompiledError(Exception):
    """Why, and what to do, in one sentence."""


def main() -> int:
    """Make what is missing."""
    asked = sys.argv[1:]
    if asked == ["--wheels"]:
        pure(ROOT / "dist")
    try:
        make()
    except NotCompiledError as error:
        print(f"make: {error}{' Going on in pure Python.' if asked else ''}", file=sys.stderr)
        if asked == ["--or-pure"]:
            print(ROOT / ".venv" / "bin")
        return 0 if asked else 1
    if asked == ["--or-pure"]:
        print(BIN)
    elif asked == ["--wheels"]:
        shutil.copy(made_wheel(), ROOT / "dist")
        print(f"Built: {made_wheel().name}, compiled")
    else:
        copy(OTHERS)
    return 0


def make() -> None:
    """Compile, unless what stands is of these sources. NotCompiledError where that cannot be done."""
    require_compiler()
    now = fingerprint()
    before = MARK.read_text("utf-8") if MARK.exists() else ""
    if before == f"failed {now}":
        raise NotCompiledError(f"the hot path could not be compiled; the compiler's words are in {LOG}.")
    if before == now and BIN.exists():
        return
    print("Compiling the hot path (a minute or two, once)", file=sys.stderr)
    MARK.parent.mkdir(exist_ok=True)
    MARK.unlink(missing_ok=True)
    try:
        put_together(wheel())
    except subprocess.CalledProcessError as error:
        LOG.write_bytes((error.stdout or b"") + (error.stderr or b""))
        MARK.write_text(f"failed {now}", "utf-8")
        raise NotCompiledError(f"the hot path could not be compiled; the compiler's words are in {LOG}.") from None
    MARK.write_text(now, "utf-8")


def require_compiler() -> None:
    """NotCompiledError where there is no C compiler, or none of Python's headers."""
    if shutil.which((sysconfig.get_config_var("CC") or "cc").split()[0]) is None and shutil.which("cc") is None:
        raise NotCompiledError(
            "there is no C compiler for the compiled build: install one (on Debian: apt install gcc)."
        )
    if not (Path(sysconfig.get_path("include")) / "Python.h").exists():
        raise NotCompiledError("Python's C headers are missing: install them (on Debian: apt install python3-dev).")


def fingerprint() -> str:
    """Of all that goes in, and of who compiles it."""
    digest = hashlib.sha256(f"{sys.version} {ROOT}".encode())
    for path in sorted(path for name in SOURCES for path in files_of(ROOT / name)):
        digest.update(str(path).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def files_of(path: Path) -> list[Path]:
    """The file, or all in the folder that somebody wrote."""
    found = [path] if path.is_file() else path.rglob("*")
    return [one for one in found if one.is_file() and "__pycache__" not in one.parts]


def pure(folder: Path) -> None:
    """Build the wheel as it is installed anywhere."""
    shutil.rmtree(folder, ignore_errors=True)
    arguments = ["wheel", "--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", str(folder), str(ROOT)]
    pip(arguments, {name: value for name, value in os.environ.items() if name != "HATCH_BUILD_HOOKS_ENABLE"})
    print(f"Built: {', '.join(path.name for path in folder.glob('*.whl'))}")


def wheel() -> Path:
    """Build the wheel, compiled."""
    shutil.rmtree(WHEEL, ignore_errors=True)
    arguments = ["wheel", "--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", str(WHEEL), str(ROOT)]
    pip(arguments, {**os.environ, "HATCH_BUILD_HOOKS_ENABLE": "1"})
    return made_wheel()


def made_wheel() -> Path:
    """The compiled wheel that was built last."""
    (made,) = WHEEL.glob("*.whl")
    return made


def put_together(made: Path) -> None:
    """The environment with the wheel, and the tree with what it holds beyond the sources."""
    shutil.rmtree(TREE, ignore_errors=True)
    TREE.mkdir()
    python = sys.executable
    subprocess.run([python, "-m", "venv", "--without-pip", str(TREE / ".venv")], capture_output=True, check=True)
    inside = Path("lib") / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    (TREE / ".venv" / inside / "others.pth").write_text(f"{ROOT / '.venv' / inside}\n", "utf-8")
    pip(["--python", str(BIN / "python"), "install", "--no-deps", "--no-index", str(made)], dict(os.environ))
    copy(SOURCES)
    with zipfile.ZipFile(made) as archive:
        for name in archive.namelist():
            if name.endswith(".so"):
                archive.extract(name, TREE)


def copy(names: tuple[str, ...]) -> None:
    """Bring these files and folders of the tree up to date; what is the same is not touched: tests may be running."""
    for name in names:
        wanted = {path.relative_to(ROOT) for path in files_of(ROOT / name)}
        for path in files_of(TREE / name):
            if path.relative_to(TREE) not in wanted:
                path.unlink()
        for inside in wanted:
            there = TREE / inside
            if not there.exists() or not filecmp.cmp(ROOT / inside, there, shallow=False):
                there.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / inside, there)


def pip(arguments: list[str], environment: dict[str, str]) -> None:
    """Run pip of .venv. CalledProcessError with its words where it fails."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    subprocess.run(command, env=environment, capture_output=True, check=True)


if __name__ == "__main__":
    sys.exit(main())
