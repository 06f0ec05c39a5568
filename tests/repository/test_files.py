"""What holds for every file: where it may stand, what it may not name, and that no rule is waived without a reason."""

import ast
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.topic_roles import LOGICAL_TOPICS
from tests.repository.tree import PACKAGES, PURE, ROOMS, ROOT, files_in_git, project, python_files, text_of

TOP_LEVEL = {
    *PACKAGES,
    "docs",
    "tests",
    ".ci",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
} | {
    "README.md",
    "SECURITY.md",
    "mkdocs.yml",
    "pyproject.toml",
    "requirements.lock",
}
# In parts, so that this file does not name them either.
REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("pypi", "io"),
        ("anaconda", "org"),
        ("maven", "org"),
        ("maven", "apache", "org"),
        ("sonatype", "org"),
        ("maven-central", "storage"),
        ("npmjs", "org"),
        ("crates", "io"),
        ("rubygems", "org"),
        ("golang", "org"),
        ("docker", "io"),
        ("docker", "com"),
        ("ghcr", "io"),
        ("quay", "io"),
    )
]
MACHINE_PATH = re.compile(
    r"(?<![\w.~*$}>)-])/(?:" + "|".join(("wo" + "rk", "ro" + "ot", "ho" + "me", "Us" + "ers")) + r")/"
)
OUTSIDE = ".." + "/shared"
WAIVER = re.compile(
    r"#\s*(?P<what>type:\s*ignore|(?:ruff:\s*|flake8:\s*)?noqa|pragma:\s*no\s*(?:cover|branch)|mypy:|pylint:)(?P<rest>[^\n]*)"
)
CODES = {
    "type": r"\[[a-z][a-z0-9-]*(?:,\s*[a-z][a-z0-9-]*)*\]",
    "noqa": r":\s*[A-Z]+[0-9]+(?:,\s*[A-Z]+[0-9]+)*",
    "pragma": "",
}


def named(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in paths
        for number, line in enumerate(text_of(path).splitlines(), start=1)
        if pattern.search(line)
    ]


def waivers_without_code_or_reason(source: str) -> Iterator[str]:
    lines = iter(source.splitlines(keepends=True))
    for token in tokenize.generate_tokens(lambda: next(lines, "")):
        found = WAIVER.search(token.string) if token.type == tokenize.COMMENT else None
        if found is None:
            continue
        kind = next((kind for kind in CODES if kind in found["what"]), None)
        is_reasoned = kind and re.fullmatch(CODES[kind] + r"[\s#:;,–—-]+\w+\S*(?:\s+\S+)+", found["rest"])
        if not is_reasoned:
            yield f"{token.start[0]}: {found[0]}"


def test_the_top_level_holds_what_it_should_and_nothing_else() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in files_in_git()} <= TOP_LEVEL


@pytest.mark.parametrize("folder", [*PACKAGES, *ROOMS, "tests"])
def test_every_folder_says_what_lives_there_and_what_may_not(folder: str) -> None:
    said = text_of(ROOT / folder / "README.md")
    assert said.startswith(f"# {folder}\n")
    assert "lives" in said
    assert "May not live here" in said


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_tells_its_users_that_it_is_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()


@pytest.mark.parametrize("host", REGISTRIES)
def test_no_file_names_a_package_registry(host: str) -> None:
    assert named(re.compile(rf"(?<![\w-]){re.escape(host)}(?![\w-])", re.IGNORECASE), list(files_in_git())) == []


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    assert named(MACHINE_PATH, list(files_in_git())) == []


def test_nothing_outside_the_clone_is_looked_at_but_by_the_golden_cases_own_test() -> None:
    elsewhere = [path for path in files_in_git() if path.parent != ROOT / "tests" / "golden"]
    assert named(re.compile(re.escape(OUTSIDE)), elsewhere) == []


def test_every_waiver_of_a_rule_names_the_rule_and_a_reason() -> None:
    unreasoned = [
        f"{path.relative_to(ROOT)}:{waiver}"
        for path in python_files()
        for waiver in waivers_without_code_or_reason(text_of(path))
    ]
    assert unreasoned == []


@pytest.mark.parametrize(
    "comment",
    [
        "type: ignore",
        "type: ignore[arg-type]",
        "noqa",
        "noqa: S310",
        "noqa - it is fine so",
        "ruff: noqa",
        "ruff: noqa: SLF001",
        "pragma: no cover",
        "mypy: ignore-errors",
        "type: ignore  # the stubs are wrong",
    ],
)
def test_a_waiver_without_code_or_reason_is_found(comment: str) -> None:
    assert list(waivers_without_code_or_reason(f"x = 1  # {comment}\n"))


@pytest.mark.parametrize(
    "comment",
    [
        "type: ignore[arg-type, misc]  # the stubs are wrong",
        "noqa: S310 - the address is ours",
        "pragma: no cover - only on macOS",
        "ruff: noqa: SLF001 - this module is where private parts are used",
    ],
)
def test_a_waiver_with_code_and_reason_passes(comment: str) -> None:
    assert list(waivers_without_code_or_reason(f"x = 1  # {comment}\n")) == []


def test_a_module_of_the_pure_packages_states_its_law() -> None:
    silent = [
        path for path in python_files() if path.relative_to(ROOT).parts[0] in PURE and '"""' not in text_of(path)[:200]
    ]
    assert silent == []


def test_make_test_demands_every_branch_of_the_pure_packages() -> None:
    said = project()["tool"]["coverage"]
    assert said["run"] == {"branch": True, "source": list(PURE)}
    assert said["report"]["fail_under"] == 100


def constants_below_their_use(source: str) -> list[str]:
    """The constants of a module that stand below a function or class that uses them: who reads has to go back."""
    used: set[str] = set()
    below: list[str] = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            used |= {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            below += [target.id for target in targets if isinstance(target, ast.Name) and target.id in used]
    return below


def test_a_constant_of_the_shell_stands_above_what_uses_it() -> None:
    below = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in python_files()
        if path.relative_to(ROOT).parts[0] == "agents"
        for name in constants_below_their_use(text_of(path))
    ]
    assert below == []
    assert constants_below_their_use("def half():\n    return WHOLE / 2\n\n\nWHOLE = 2\n") == ["WHOLE"]


def test_the_engine_and_the_embedded_kafka_alone_hand_on_what_others_define() -> None:
    """mypy lets nobody import what a module only imported, unless its `__all__` hands it on."""
    handing_on = [
        str(path.relative_to(ROOT))
        for path in python_files()
        if path.relative_to(ROOT).parts[0] in ("agents", "deploy", "schemas", "streams")
        and re.search(r"^__all__\b", text_of(path), re.MULTILINE)
    ]
    assert handing_on == ["deploy/embedded.py", "streams/engine.py"]


def test_no_room_spells_the_name_of_a_topic_by_itself() -> None:
    spelled = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.value}"
        for path in python_files()
        if path.relative_to(ROOT).parts[0] == "agents"
        for node in ast.walk(ast.parse(text_of(path)))
        if isinstance(node, ast.Constant) and node.value in LOGICAL_TOPICS
    ]
    assert spelled == []
