"""The deployed configuration with short windows and local addresses: what takes minutes there takes seconds here.

Nothing else is changed: expressions, labels, annotations, routes and inhibitions are those of deploy/.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.observe.programs import ALERTMANAGER, PROMETHEUS

# A range, an offset and a limit of the rules, each with its short form. What is not named here stays as it is.
WINDOWS = {
    "[5m]": "[10s]",
    "[10m]": "[10s]",
    "[1h]": "[20s]",
    "[6h]": "[60s]",
    "[1d]": "[60s]",
    "offset 1h": "offset 20s",
    "offset 5m": "offset 10s",
}
FOR = {"1m": "5s", "2m": "6s", "5m": "7s", "15m": "8s", "1h": "12s"}


def write_prometheus(
    folder: Path,
    targets: Sequence[str],
    *,
    alertmanager: str = "",
    limits: Mapping[str, str] | None = None,
    scrape_every: str = "2s",
    token_file: Path | None = None,
) -> Path:
    """Write the configuration into the folder, with these workers to scrape; `limits` replaces words of expressions.

    Workers of tests listen on this machine alone and ask for no token, unless `token_file` says so.
    """
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": scrape_every, "scrape_timeout": scrape_every, "evaluation_interval": "500ms"}
    config["scrape_configs"][0]["static_configs"] = [{"targets": list(targets)}]
    if token_file is None:
        del config["scrape_configs"][0]["authorization"]
    else:
        config["scrape_configs"][0]["authorization"]["credentials_file"] = str(token_file)
    config["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [alertmanager]}]}] if alertmanager else []
    for name in config["rule_files"]:
        rules = yaml.safe_load((PROMETHEUS / name).read_text())
        for group in rules["groups"]:
            for rule in group["rules"]:
                rule["expr"] = _replaced(str(rule["expr"]), {**WINDOWS, **(limits or {})})
                if "for" in rule:
                    rule["for"] = FOR[rule["for"]]
        (folder / name).write_text(yaml.safe_dump(rules))
    return _written(folder / "prometheus.yml", config)


def write_alertmanager(folder: Path, webhook_port: int) -> Path:
    """Write the configuration into the folder; its receivers are the local webhook."""
    config = yaml.safe_load((ALERTMANAGER / "alertmanager.yml").read_text())
    for route in (config["route"], *config["route"]["routes"]):
        route.update(group_wait="1s", group_interval="1s")
    for receiver in config["receivers"]:
        for hook in receiver["webhook_configs"]:
            hook["url"] = f"http://127.0.0.1:{webhook_port}/{receiver['name']}"
    return _written(folder / "alertmanager.yml", config)


def _replaced(text: str, words: Mapping[str, str]) -> str:
    return re.sub("|".join(map(re.escape, words)), lambda found: words[found[0]], text)


def _written(path: Path, config: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(config))
    return path
