"""What deploy/ ships, checked by the tools that will read it, as far as they run here."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from omero_ms_thumbnail.config import load_settings
from tests.parts import ROOT, require

DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "systemd" / "omero-ms-thumbnail.service"


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


def _manifests() -> dict[str, Any]:
    text = (DEPLOY / "kubernetes" / "omero-ms-thumbnail.yaml").read_text()
    return {manifest["kind"]: manifest for manifest in yaml.safe_load_all(text)}


def test_kubernetes_selectors_reach_the_pods() -> None:
    manifests = _manifests()
    labels = manifests["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert manifests["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert manifests["Service"]["spec"]["selector"] == labels
    assert manifests["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels


def _variables(environment: dict[str, str], tmp_path: Path) -> None:
    """The configuration takes the variables: a name that it does not have is an error."""
    (tmp_path / "config.yaml").write_text((ROOT / "conf" / "config.yaml").read_text())
    load_settings(tmp_path / "config.yaml", environment)


def test_kubernetes_variables_are_keys(tmp_path: Path) -> None:
    secret = tmp_path / "uri"
    secret.write_text("redis://:password@redis:6379/1")
    secret.chmod(0o600)
    (container,) = _manifests()["Deployment"]["spec"]["template"]["spec"]["containers"]
    values = {one["name"]: one["value"] for one in container["env"]}
    _variables({name: str(secret) if name.endswith("_FILE") else value for name, value in values.items()}, tmp_path)


def test_compose_variables_are_keys(tmp_path: Path) -> None:
    compose = yaml.safe_load((DEPLOY / "docker" / "compose.yaml").read_text())
    values = compose["services"]["omero-ms-thumbnail"]["environment"]
    _variables({name: re.sub(r"\$\{\w+:\?\}", "word", value) for name, value in values.items()}, tmp_path)


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_ask_for_paths_that_there_are(path: str) -> None:
    from omero_ms_thumbnail.web import application

    source = Path(application.__file__).read_text()
    (container,) = _manifests()["Deployment"]["spec"]["template"]["spec"]["containers"]
    probed = {container[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert path in probed
    assert f'case "{path}"' in source
