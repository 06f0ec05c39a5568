"""The files to run dueclock elsewhere: valid by the schemas of their makers, and in agreement with each other.

No container runs here: that the images start is not proved. `compose-spec.json` is the schema of the Compose
Specification (github.com/compose-spec/compose-spec, Apache-2.0), as it stood on 2026-06-23.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it has no annotations
import msgspec
import pytest
import yaml
from jsonschema import Draft7Validator

from agents.board.readers import Readers
from agents.cli.board import board
from agents.settings import Settings, load_settings
from agents.source_tables import SOURCE_TABLES, GatewayTable
from agents.sources.clients import Clients
from schemas.policies import load_policies
from tests.observe.programs import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
MANIFESTS: list[dict[str, Any]] = list(yaml.safe_load_all((DEPLOY / "kubernetes" / "dueclock.yaml").read_text()))
DELIVER: list[dict[str, Any]] = list(yaml.safe_load_all((DEPLOY / "kubernetes" / "deliver.yaml").read_text()))
SOURCES: list[dict[str, Any]] = list(yaml.safe_load_all((DEPLOY / "kubernetes" / "sources.yaml").read_text()))
BOARD: list[dict[str, Any]] = list(yaml.safe_load_all((DEPLOY / "kubernetes" / "board.yaml").read_text()))
WAYS_IN = ("mailbox", "sp-api", "sqs", "gateway")
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
        "board",
        *WAYS_IN,
        "deliver",
        "prometheus",
        "alertmanager",
        "grafana",
    }
    asked_for = {name: one["profiles"] for name, one in SERVICES.items() if "profiles" in one}
    assert asked_for == {name: [name] for name in (*WAYS_IN, "deliver")}, "each is asked for by name"


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


@pytest.mark.parametrize("name", ["topics", "worker", "canary", "board", *WAYS_IN, "deliver"])
def test_the_worker_understands_its_environment(name: str) -> None:
    settings = settings_of({**image_environment(), **SERVICES[name]["environment"]})
    assert settings.bootstrap_servers == ["kafka:9092"]
    assert settings.metrics_host == "0.0.0.0"


def test_prometheus_scrapes_the_workers_port_and_tells_alertmanager() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    job, sources, deliveries = config["scrape_configs"]
    port = settings_of(image_environment()).metrics_port
    assert job["job_name"] == "dueclock"
    assert job["static_configs"] == [{"targets": [f"worker:{port}"]}]
    assert sources["job_name"] == "dueclock-source"
    (found,) = sources["dns_sd_configs"]
    assert (found["names"], found["port"]) == (list(WAYS_IN), port)
    assert (deliveries["job_name"], deliveries["static_configs"]) == ("dueclock-deliver", [{"targets": []}])
    assert sources["authorization"] == deliveries["authorization"] == job["authorization"]
    (told,) = config["alerting"]["alertmanagers"]
    assert told["static_configs"] == [{"targets": ["alertmanager:9093"]}]


def test_prometheus_has_the_token_that_the_workers_ask_for() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    job, *_ = config["scrape_configs"]
    file = settings_of({**image_environment(), **SERVICES["worker"]["environment"]}).http_token_file
    assert job["authorization"] == {"credentials_file": file}
    assert file == "/run/secrets/http-token"
    for name in ("worker", "prometheus", "board"):
        assert SERVICES[name]["secrets"] == ["http-token"]


def test_no_secret_is_copied_into_the_image_and_none_is_there_for_nobody() -> None:
    for secret in COMPOSE["secrets"].values():
        assert not (DEPLOY / secret["file"]).resolve().is_relative_to(DEPLOY), "it would be copied into the image"
    assert {name for one in SERVICES.values() for name in one.get("secrets", ())} == set(COMPOSE["secrets"])


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
    names = {name.partition("/")[0] for line in copied for name in line.split()}
    let_in = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().split() if line.startswith("!")}
    assert names == let_in
    assert all((ROOT / name).exists() for name in names)


# --- kubernetes -------------------------------------------------------------------------------------------------------


def manifest(kind: str) -> dict[str, Any]:
    (found,) = [one for one in MANIFESTS if one["kind"] == kind]
    return found


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize(
    "one", [*MANIFESTS, *SOURCES, *BOARD, *DELIVER], ids=lambda one: f"{one['kind']}-{one['metadata']['name']}"
)
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


# --- the ways in ------------------------------------------------------------------------------------------------------


def of_sources(kind: str, name: str = "dueclock-sources") -> dict[str, Any]:
    (found,) = [one for one in SOURCES if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return found


def containers_of_sources() -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in of_sources("StatefulSet")["spec"]["template"]["spec"]["containers"]}


@pytest.fixture(scope="module")
def told_in_kubernetes(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    file = tmp_path_factory.mktemp("sources") / "dueclock.toml"
    file.write_text(of_sources("ConfigMap")["data"]["dueclock.toml"])
    return load_settings(path=str(file), environ={})


@pytest.fixture(scope="module")
def told_in_compose() -> Settings:
    return load_settings(path=str(DEPLOY / "sources.toml"), environ={})


def test_every_source_of_the_tables_is_started_by_its_name_and_is_a_process_of_its_own(
    told_in_kubernetes: Settings, told_in_compose: Settings
) -> None:
    for told in (told_in_kubernetes, told_in_compose):
        assert [one.name for one in told.sources] == list(WAYS_IN)
        assert {type(one) for one in told.sources} == set(SOURCE_TABLES)
    containers = containers_of_sources()
    assert list(containers) == list(WAYS_IN)
    assert of_sources("StatefulSet")["spec"]["replicas"] == 1
    for name in WAYS_IN:
        assert containers[name]["args"] == ["--settings", "/etc/dueclock/dueclock.toml", "source", "run", name]
        assert SERVICES[name]["command"] == ["--settings", "/etc/dueclock/sources.toml", "source", "run", name]


def test_their_clients_file_is_one_that_a_gateway_takes() -> None:
    for text in (
        of_sources("ConfigMap")["data"]["gateway-clients.toml"],
        (DEPLOY / "gateway-clients.toml").read_text(),
    ):
        told = msgspec.convert(tomllib.loads(text), Clients)
        assert [one.accounts for one in told.clients] == [["A1SELLEREXAMPLE/ATVPDKIKX0DER"]]


def files_of(told: Settings) -> set[Path]:
    """The files of secrets that tables and clients name."""
    named = {getattr(one, member, "") for one in told.sources for member in ("password_file", "keys_file")}
    return {Path(one) for one in named if one}


def test_every_secret_that_a_table_names_is_mounted(told_in_kubernetes: Settings, told_in_compose: Settings) -> None:
    told = files_of(told_in_compose) | {Path("/run/secrets/helpdesk-token"), Path("/run/secrets/aws-credentials")}
    given = {f"/run/secrets/{name}" for one in WAYS_IN for name in SERVICES[one]["secrets"]}
    assert {str(file) for file in told} == given - {"/run/secrets/http-token"}
    text = (DEPLOY / "kubernetes" / "sources.yaml").read_text()
    (made,) = re.findall(r"kubectl create secret generic dueclock-sources(.*?)`", text, re.DOTALL)
    names = set(re.findall(r"--from-file=(\S+)", made))
    where = Path("/run/secrets/sources")
    wanted = {*files_of(told_in_kubernetes), where / "helpdesk-token", where / "aws-credentials"}
    assert {where / name for name in names} == wanted
    for container in containers_of_sources().values():
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        assert {str(where), told_in_kubernetes.state_dir, "/etc/dueclock"} <= set(mounts)


def test_each_sources_port_is_probed_named_by_its_service_and_open_to_prometheus_alone(
    told_in_kubernetes: Settings,
) -> None:
    containers, policy = containers_of_sources(), of_sources("NetworkPolicy")["spec"]
    ports = {one.name: one.metrics_port for one in told_in_kubernetes.sources}
    assert len(set(ports.values())) == len(ports), "one pod has one network"
    to_metrics, to_gateway = policy["ingress"]
    assert policy["policyTypes"] == ["Ingress"]
    shown = {one["targetPort"]: one["port"] for one in of_sources("Service")["spec"]["ports"]}
    for name, container in containers.items():
        probe = container["livenessProbe"]["httpGet"]
        named = {one["name"]: one["containerPort"] for one in container["ports"]}
        assert (probe["path"], named[probe["port"]]) == ("/healthz", ports[name])
        assert shown[probe["port"]] == ports[name]
        assert {"port": probe["port"], "protocol": "TCP"} in to_metrics["ports"]
    assert [one["podSelector"]["matchLabels"] for one in to_metrics["from"]] == [
        {"app.kubernetes.io/name": "prometheus"}
    ]
    assert [one["port"] for one in to_gateway["ports"]] == ["gateway"]
    (http,) = of_sources("Service", "dueclock-gateway")["spec"]["ports"]
    (listens,) = [one for one in containers["gateway"]["ports"] if one["name"] == http["targetPort"]]
    (gateway,) = [one for one in told_in_kubernetes.sources if isinstance(one, GatewayTable)]
    assert gateway.listen == f"0.0.0.0:{listens['containerPort']}"


def test_the_pods_of_sources_are_no_workers() -> None:
    labels = of_sources("StatefulSet")["spec"]["template"]["metadata"]["labels"]
    assert labels != manifest("StatefulSet")["spec"]["template"]["metadata"]["labels"]
    for kind, name in (("Service", "dueclock-sources"), ("Service", "dueclock-gateway")):
        assert of_sources(kind, name)["spec"]["selector"] == labels
    assert of_sources("NetworkPolicy")["spec"]["podSelector"]["matchLabels"] == labels
    pod = of_sources("StatefulSet")["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_what_is_delivered_finds_its_settings_its_secrets_and_its_port(tmp_path: Path) -> None:
    config, deployment = DELIVER
    (tmp_path / "dueclock.toml").write_text(config["data"]["dueclock.toml"])
    settings = load_settings(path=str(tmp_path / "dueclock.toml"), environ={})
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["ports"] == [{"name": "metrics", "containerPort": settings.metrics_port}]
    mounts = {one["mountPath"] for one in container["volumeMounts"]}
    files = [getattr(one, name, "") for one in settings.deliveries for name in ("url_file", "routing_key_file")]
    assert {str(Path(file).parent) for file in (*files, settings.http_token_file) if file} <= mounts
    (volume,) = [one for one in deployment["spec"]["template"]["spec"]["volumes"] if one["name"] == "settings"]
    assert volume["configMap"]["name"] == config["metadata"]["name"]
    assert load_settings(path=str(DEPLOY / "deliver.toml"), environ={}).deliveries[0].kind == "webhook"


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


def test_the_boards_that_are_deployed_have_their_readers_and_their_flags(tmp_path: Path) -> None:
    config, deployment, service, policy = BOARD
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    known = {flag for option in board.params for flag in option.opts}
    for words in (SERVICES["board"]["command"], container["args"][2:]):
        assert words[0] == "board"
        assert {word.partition("=")[0] for word in words[1:] if word.startswith("--")} <= known
    (tmp_path / "token").write_text("0123456789abcdef")
    for number, text in enumerate([(DEPLOY / "readers.toml").read_text(), config["data"]["readers.toml"]]):
        file = tmp_path / f"{number}.toml"
        file.write_text(re.sub(r'token_file = ".*"', f'token_file = "{tmp_path / "token"}"', text))
        reader = Readers(str(file)).reader_with("0123456789abcdef")
        assert reader is not None
        assert reader.sees("A1SELLEREXAMPLE/ATVPDKIKX0DER")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"] == policy["spec"]["podSelector"]["matchLabels"] == labels
    assert labels != manifest("StatefulSet")["spec"]["template"]["metadata"]["labels"]
