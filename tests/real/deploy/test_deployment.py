"""What deploy/ ships, checked by the tools that will read it, as far as they run here."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from omero_ms_thumbnail.config import Settings, load_settings
from omero_ms_thumbnail.server import stop_time
from omero_ms_thumbnail.web import application
from tests.support.parts import ROOT, require

DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "systemd" / "omero-ms-thumbnail.service"
DOCKERFILE = DEPLOY / "docker" / "Dockerfile"
COMPOSE = DEPLOY / "docker" / "compose.yaml"
MANIFESTS = DEPLOY / "kubernetes" / "omero-ms-thumbnail.yaml"


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    analyze = require("systemd-analyze")
    # the command is where an administrator will install it, which is not here
    unit = tmp_path / UNIT.name
    unit.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text(), flags=re.MULTILINE))
    said = subprocess.run([analyze, "verify", unit], capture_output=True, text=True)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_the_unit_is_hardened() -> None:
    analyze = require("systemd-analyze")
    said = subprocess.run(
        [analyze, "security", "--offline=true", "--no-pager", UNIT], capture_output=True, text=True, check=True
    )
    level = re.search(r"exposure level for \S+: ([\d.]+)", said.stdout)
    assert level is not None
    assert float(level.group(1)) <= 3.0


def test_systemd_waits_until_the_service_has_stopped() -> None:
    timeout = re.search(r"^TimeoutStopSec=(\d+)$", UNIT.read_text(), re.MULTILINE)
    assert timeout is not None
    assert int(timeout[1]) > stop_time(Settings())


def _run(program: Path, *arguments: str | Path) -> None:
    said = subprocess.run([program, *arguments], capture_output=True, text=True, cwd=ROOT)
    assert said.returncode == 0, said.stdout + said.stderr


def test_promtool_accepts_the_rules() -> None:
    _run(require("promtool"), "check", "rules", DEPLOY / "prometheus" / "omero-ms-thumbnail.rules.yaml")


def test_hadolint_accepts_the_dockerfile() -> None:
    _run(require("hadolint"), DOCKERFILE)


def test_compose_keeps_to_its_schema() -> None:
    # which comes with the program
    _run(require("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", COMPOSE)


def test_kubernetes_keeps_to_its_schemas() -> None:
    # those of the newest version that the program brings along, unknown keys refused
    _run(require("kubernetes-validate"), "--strict", MANIFESTS)


def _with_files(path: Path) -> str:
    """With what is commented out for `omero.data_dir`."""
    return re.sub(r"^( *)#(?=[-\w])", r"\1", path.read_text(), flags=re.MULTILINE)


def test_compose_can_mount_omeros_thumbnails_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(_with_files(COMPOSE))
    _run(require("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", tmp_path / "compose.yaml")
    service = yaml.safe_load(_with_files(COMPOSE))["services"]["omero-ms-thumbnail"]
    data_dir = service["environment"]["OMERO_MS_THUMBNAIL_OMERO_DATA_DIR"]
    assert service["volumes"] == [f"/OMERO/Thumbnails:{data_dir}/Thumbnails:ro"]
    assert [str(int(group)) for group in service["group_add"]] == service["group_add"]


def test_kubernetes_can_mount_omeros_thumbnails_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "manifests.yaml").write_text(_with_files(MANIFESTS))
    _run(require("kubernetes-validate"), "--strict", tmp_path / "manifests.yaml")
    manifests = {one["kind"]: one for one in yaml.safe_load_all(_with_files(MANIFESTS))}
    pod = manifests["Deployment"]["spec"]["template"]["spec"]
    (mount,) = (one for one in pod["containers"][0]["volumeMounts"] if one["name"] == "omero")
    (text,) = manifests["ConfigMap"]["data"].values()
    data_dir = yaml.safe_load(text)["omero"]["data_dir"]
    assert mount == {
        "name": "omero",
        "mountPath": f"{data_dir}/Thumbnails",
        "subPath": "Thumbnails",
        "readOnly": True,
    }
    (volume,) = (one for one in pod["volumes"] if one["name"] == "omero")
    # or the kubelet would change whose the files are
    assert volume["persistentVolumeClaim"]["readOnly"]
    assert pod["securityContext"]["supplementalGroups"]


def _manifests() -> dict[str, Any]:
    return {manifest["kind"]: manifest for manifest in yaml.safe_load_all(MANIFESTS.read_text())}


def _pod() -> Any:
    return _manifests()["Deployment"]["spec"]["template"]["spec"]


def _service() -> Any:
    return yaml.safe_load(COMPOSE.read_text())["services"]["omero-ms-thumbnail"]


def test_kubernetes_selectors_reach_the_pods() -> None:
    manifests = _manifests()
    labels = manifests["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert manifests["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert manifests["Service"]["spec"]["selector"] == labels
    assert manifests["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels


def test_kubernetes_has_two_replicas_of_which_one_is_always_there() -> None:
    manifests = _manifests()
    deployment = manifests["Deployment"]["spec"]
    assert deployment["replicas"] >= 2
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert manifests["PodDisruptionBudget"]["spec"]["minAvailable"] == 1


def test_containers_are_not_killed_before_they_have_stopped() -> None:
    (container,) = _pod()["containers"]
    (_, seconds) = container["lifecycle"]["preStop"]["exec"]["command"]
    assert _pod()["terminationGracePeriodSeconds"] > int(seconds) + stop_time(Settings())
    assert int(_service()["stop_grace_period"].removesuffix("s")) > stop_time(Settings())


def test_containers_that_are_read_only_have_a_folder_for_temporary_files() -> None:
    (container,) = _pod()["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    assert next(volume for volume in _pod()["volumes"] if volume["name"] == mounts["/tmp"])["emptyDir"]
    assert _service()["read_only"]
    assert "/tmp" in _service()["tmpfs"]


def test_the_configuration_of_kubernetes_can_be_used(tmp_path: Path) -> None:
    (container,) = _pod()["containers"]
    (text,) = _manifests()["ConfigMap"]["data"].values()
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    secret = tmp_path / "session-store-uri"
    secret.write_text("redis://:password@redis:6379/1")
    secret.chmod(0o440)
    shown = f"{mounts['secrets']}/session-store-uri"
    assert shown in text
    (tmp_path / "config.yaml").write_text(text.replace(shown, str(secret)))
    settings = load_settings(tmp_path / "config.yaml", {})
    assert settings.omero.host == "omero-server"
    assert settings.session_stores[0].uri == "redis://:password@redis:6379/1"
    assert container["args"] == ["serve", "--config", f"{mounts['config']}/config.yaml"]


def test_compose_variables_are_keys(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text((ROOT / "conf" / "config.yaml").read_text())
    values = {name: re.sub(r"\$\{\w+:\?\}", "word", value) for name, value in _service()["environment"].items()}
    # a name that it does not have is an error
    settings = load_settings(tmp_path / "config.yaml", values)
    assert settings.session_stores[0].uri == "redis://:word@redis:6379/1"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_ask_for_paths_that_there_are(path: str) -> None:
    source = Path(application.__file__).read_text()
    (container,) = _pod()["containers"]
    probed = {container[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert path in probed
    assert f'case "{path}"' in source
