"""The files of deploy/ against the code: settings, probes and paths that they name exist, and what reads them takes
them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from laurels.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
FILES = sorted(path for path in [ROOT / "compose.yaml", *DEPLOY.iterdir()] if path.is_file())


def needs(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"there is no {program} here")


def manifests() -> dict[str, Any]:
    found = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text("utf-8")))
    return {each["kind"]: each for each in found}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_setting_that_a_file_names_exists(path: Path) -> None:
    named = set(re.findall(r"LAURELS_([A-Z_]+)", path.read_text("utf-8")))
    assert {name.lower() for name in named} <= set(Settings.__struct_fields__)


def test_the_probes_ask_what_there_is() -> None:
    [container] = manifests()["StatefulSet"]["spec"]["template"]["spec"]["containers"]
    paths = {container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness", "readiness")}
    assert paths == {"/health/live", "/health/ready?writes=queued"}
    described = json.loads((ROOT / "clients" / "openapi.json").read_text("utf-8"))["paths"]
    assert {path.partition("?")[0] for path in paths} <= set(described)


def test_the_selectors_of_the_manifests_find_the_pods() -> None:
    found = manifests()
    labels = found["StatefulSet"]["spec"]["template"]["metadata"]["labels"]
    assert found["StatefulSet"]["spec"]["selector"]["matchLabels"] == labels
    assert found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert found["Service"]["spec"]["selector"] == labels
    [container] = found["StatefulSet"]["spec"]["template"]["spec"]["containers"]
    user = found["StatefulSet"]["spec"]["template"]["spec"]["securityContext"]["runAsUser"]
    image = (DEPLOY / "Dockerfile").read_text("utf-8")
    assert f"USER {user}\n" in image
    assert f"VOLUME {container['volumeMounts'][0]['mountPath']}\n" in image


def test_the_image_copies_what_there_is() -> None:
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    sources = [part for line in re.findall(r"^COPY (?!--)(.*)$", text, re.MULTILINE) for part in line.split()[:-1]]
    assert "src" in sources
    assert [each for each in sources if not (ROOT / each).exists()] == []


def test_compose_puts_caddy_where_laurels_believes_it() -> None:
    document = yaml.safe_load((DEPLOY / "compose.caddy.yaml").read_text("utf-8"))
    services = document["services"]
    believed = services["laurels"]["environment"]["LAURELS_TRUSTED_PROXIES"]
    assert services["caddy"]["networks"]["default"]["ipv4_address"] == believed
    assert set(services["caddy"]["depends_on"]) <= set(yaml.safe_load((ROOT / "compose.yaml").read_text())["services"])


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    needs("systemd-analyze")
    unit = tmp_path / "laurels.service"
    text = (DEPLOY / "laurels.service").read_text("utf-8")
    unit.write_text(text.replace("/opt/laurels/bin/laurels", "/bin/true"), "utf-8")
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_caddy_takes_its_file(tmp_path: Path) -> None:
    needs("caddy")
    command = ["caddy", "adapt", "--config", str(DEPLOY / "Caddyfile"), "--adapter", "caddyfile"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"HOME": str(tmp_path)})
    assert done.returncode == 0, done.stderr
