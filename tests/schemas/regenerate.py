"""Writes the generated documents beside the types: `python -m tests.schemas.regenerate`.

With `--baseline` it also takes today's schemas as what subscribers rely on from here on: do that at a release, not to
silence the test that compares against it.
"""

import sys
from pathlib import Path

import orjson

import schemas
from schemas.json_schemas import all_schemas
from tests.schemas.compatibility import without_notes
from tests.schemas.documents import documents

SCHEMAS = Path(schemas.__file__).parent
BASELINE = Path(__file__).with_name("baseline.json")


def main(arguments: list[str]) -> None:
    texts = documents()
    for stale in sorted(SCHEMAS.joinpath("json").rglob("*.json")):
        if str(stale.relative_to(SCHEMAS)) not in texts:
            stale.unlink()
            print(f"removed {stale}")
    for path, text in sorted(texts.items()):
        target = SCHEMAS / path
        if not target.exists() or target.read_bytes() != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text)
            print(f"wrote {target}")
    if "--baseline" in arguments:
        bare = {path: without_notes(schema) for path, schema in all_schemas().items()}
        BASELINE.write_bytes(orjson.dumps(bare, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")
        print(f"wrote {BASELINE}")


if __name__ == "__main__":
    main(sys.argv[1:])
