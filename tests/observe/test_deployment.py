"""The files to run dueclock elsewhere: valid by the schemas of their makers, and in agreement with each other.

No container runs here: that the images start is not proved. `compose-spec.json` is the schema of the Compose
Specification (github.com/compose-spec/compose-spec, Apache-2.0), as it stood on 2026-06-23.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it has no annotations
import pytest
import yaml
from jsonschema import Draft7Validator

from agents.cli.source import mailbox
from agents.settings import Settings, load_settings
from schemas.policies import load_policies
from tests.observe.programs import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
MANIFESTS: list[dict[str, Any]] = list(yaml.safe_load_all((DEPLOY / "kubernetes" / "dueclock.yaml").read_text()))
SOURCE: dict[str, Any] = yaml.safe_load((DEPLOY / "kubernetes" / "source-mailbox.yaml").read_text())
KUBERNETES = ("1.29", "1.33", kubernetes_validate.latest_version())


def settings_of(environment: dict[str, str]) -> Settings:
    return load_settings(environ={name: value for name, value in environment.items() if name.startswith("DUECLOCK_")})


def image_environment() -> dict[str, str]:
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    (said,) = re.findall(r"^ENV (.*)$", text, re.MULTILINE)
    return dict(pair.split("=", 1) for pair in shlex.split(said))


# --- compose ----------------------------------------------------------------------------------------------------------


def test_the_compose_file_is_valid_by_the_compose_specification() -> None:
    schema = json.loads(Path(__file__).with_name("compose-spec.json").read_text())
    assert [error.message for error in Draft7Validator(schema).iter_errors(COMPOSE)] == []


def test_docker_reads_the_compose_file_where_there_is_docker_compose() -> None:
    try:
        found = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        found = False
    if not found:
        pytest.skip("docker with its compose plugin is not installed")
    command = ["docker", "compose", "-f", "compose.yaml", "config", "--quiet"]
    ran = subprocess.run(command, cwd=DEPLOY, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_compose_brings_up_all_of_it() -> None:
    assert SERVICES.keys() == {
        "kafka",
        "topics",
        "worker",
        "canary",
        "mailbox",
        "prometheus",
        "alertmanager",
        "grafana",
    }
    assert [name for name, one in SERVICES.items() if "profiles" in one] == ["mailbox"], "a source is asked for by name"


@pytest.mark.parametrize("name", SERVICES)
def test_each_image_is_one_version(name: str) -> None:
    image = SERVICES[name]["image"]
    assert image == "dueclock" or re.fullmatch(r"[a-z]+/[a-z-]+:v?\d+\.\d+\.\d+", image)


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_is_open_to_other_machines(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_is_there(name: str) -> None:
    for mount in SERVICES[name].get("volumes", ()):
        source = mount.split(":")[0]
        assert (DEPLOY / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]


@pytest.mark.parametrize("name", ["topics", "worker", "canary", "mailbox"])
def test_the_worker_understands_its_environment(name: str) -> None:
    settings = settings_of({**image_environment(), **SERVICES[name]["environment"]})
    assert settings.bootstrap_servers == ["kafka:9092"]
    assert settings.metrics_host == "0.0.0.0"


def test_prometheus_scrapes_the_workers_port_and_tells_alertmanager() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    job, sources = config["scrape_configs"]
    port = settings_of(image_environment()).metrics_port
    assert job["job_name"] == "dueclock"
    assert job["static_configs"] == [{"targets": [f"worker:{port}"]}]
    assert (sources["job_name"], sources["static_configs"]) == ("dueclock-source", [{"targets": []}])  # none is up here
    assert sources["authorization"] == job["authorization"]
    (told,) = config["alerting"]["alertmanagers"]
    assert told["static_configs"] == [{"targets": ["alertmanager:9093"]}]


def test_prometheus_has_the_token_that_the_workers_ask_for() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    job, _ = config["scrape_configs"]
    file = settings_of({**image_environment(), **SERVICES["worker"]["environment"]}).http_token_file
    assert job["authorization"] == {"credentials_file": file}
    assert file == "/run/secrets/http-token"
    assert SERVICES["worker"]["secrets"] == SERVICES["prometheus"]["secrets"] == list(COMPOSE["secrets"])
    (secret,) = COMPOSE["secrets"].values()
    assert not (DEPLOY / secret["file"]).resolve().is_relative_to(DEPLOY), "it would be copied into the image"


def test_grafana_is_provisioned_with_the_source_and_the_dashboards() -> None:
    mounts = dict(mount.split(":")[:2] for mount in SERVICES["grafana"]["volumes"])
    assert mounts == {
        "./grafana/provisioning": "/etc/grafana/provisioning",
        "./grafana/dashboards": "/var/lib/grafana/dashboards",
    }
    source = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text())
    assert [one["url"] for one in source["datasources"]] == ["http://prometheus:9090"]
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (DEPLOY / "grafana" / "dashboards" / Path(home).name).exists()


def test_what_the_image_copies_is_there_and_is_not_ignored() -> None:
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    names = {name for line in copied for name in line.split()}
    let_in = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().split() if line.startswith("!")}
    assert names == let_in
    assert all((ROOT / name).exists() for name in names)


# --- kubernetes -------------------------------------------------------------------------------------------------------


def manifest(kind: str) -> dict[str, Any]:
    (found,) = [one for one in MANIFESTS if one["kind"] == kind]
    return found


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("one", [*MANIFESTS, SOURCE], ids=[*(one["kind"] for one in MANIFESTS), "source"])
def test_each_manifest_is_valid_by_the_schema_of_kubernetes(one: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(one, version, strict=True)


def test_each_pod_has_a_place_of_its_own_in_the_group() -> None:
    (container,) = manifest("StatefulSet")["spec"]["template"]["spec"]["containers"]
    named = {one["name"]: one["valueFrom"]["fieldRef"]["fieldPath"] for one in container["env"]}
    assert named["DUECLOCK_GROUP_INSTANCE_ID"] == "metadata.name"
    settings_of(dict.fromkeys(named, "dueclock-0"))


def test_probes_ask_the_port_that_the_settings_name(tmp_path: Path) -> None:
    (tmp_path / "dueclock.toml").write_text(manifest("ConfigMap")["data"]["dueclock.toml"])
    settings = load_settings(path=str(tmp_path / "dueclock.toml"), environ={})
    (container,) = manifest("StatefulSet")["spec"]["template"]["spec"]["containers"]
    assert container["ports"] == [{"name": "metrics", "containerPort": settings.metrics_port}]
    assert settings.metrics_host == "0.0.0.0"
    asked = {probe: container[probe]["httpGet"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert {one["port"] for one in asked.values()} == {"metrics"}
    assert [one["path"] for one in asked.values()] == ["/healthz", "/healthz", "/readyz"]


def test_the_workers_token_is_mounted_where_their_settings_look_for_it(tmp_path: Path) -> None:
    (tmp_path / "dueclock.toml").write_text(manifest("ConfigMap")["data"]["dueclock.toml"])
    file = Path(load_settings(path=str(tmp_path / "dueclock.toml"), environ={}).http_token_file)
    pod = manifest("StatefulSet")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (mount,) = [one["name"] for one in container["volumeMounts"] if Path(one["mountPath"]) == file.parent]
    (volume,) = [one for one in pod["volumes"] if one["name"] == mount]
    text = (DEPLOY / "kubernetes" / "dueclock.yaml").read_text()
    assert f"kubectl create secret generic {volume['secret']['secretName']} --from-literal={file.name}=" in text


def test_only_prometheus_comes_to_the_pods_and_only_to_the_metrics_port() -> None:
    policy = manifest("NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress"]
    for kind in ("StatefulSet", "Deployment", "Job"):
        labels = manifest(kind)["spec"]["template"]["metadata"]["labels"]
        assert policy["podSelector"]["matchLabels"].items() <= labels.items()
    (rule,) = policy["ingress"]
    (container,) = manifest("StatefulSet")["spec"]["template"]["spec"]["containers"]
    assert [one["port"] for one in rule["ports"]] == [one["name"] for one in container["ports"]]
    assert [one["podSelector"]["matchLabels"] for one in rule["from"]] == [{"app.kubernetes.io/name": "prometheus"}]


def test_the_flags_of_a_source_that_is_deployed_are_those_of_the_command() -> None:
    (container,) = SOURCE["spec"]["template"]["spec"]["containers"]
    for words in (SERVICES["mailbox"]["command"], container["args"][2:]):
        assert words[:2] == ["source", "mailbox"]
        known = {flag for option in mailbox.params for flag in option.opts}
        assert {word.partition("=")[0] for word in words[2:]} <= known
    assert SOURCE["spec"]["replicas"] == 1
    assert (
        SOURCE["spec"]["template"]["metadata"]["labels"]
        != manifest("StatefulSet")["spec"]["template"]["metadata"]["labels"]
    )


def test_service_and_disruption_budget_mean_the_workers_and_no_other_pods() -> None:
    workers = manifest("StatefulSet")["spec"]["template"]["metadata"]["labels"]
    assert manifest("StatefulSet")["spec"]["selector"]["matchLabels"] == workers
    assert manifest("PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == workers
    assert manifest("Service")["spec"]["selector"] == workers
    assert manifest("Job")["spec"]["template"]["metadata"]["labels"] != workers
    assert manifest("Deployment")["spec"]["template"]["metadata"]["labels"] != workers


def test_where_a_canary_is_sent_the_workers_have_its_policies(tmp_path: Path) -> None:
    (tmp_path / "dueclock.toml").write_text(manifest("ConfigMap")["data"]["dueclock.toml"])
    in_kubernetes = load_settings(path=str(tmp_path / "dueclock.toml"), environ={})
    in_compose = settings_of({**image_environment(), **SERVICES["worker"]["environment"]})
    for settings in (in_kubernetes, in_compose):
        assert "CANARY" in load_policies(settings.read_policies()).marketplaces
