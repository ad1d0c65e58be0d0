"""What lies in deploy/ is understood by those whom it is for, and says what the project says."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import PROJECT_ROOT

DEPLOY = PROJECT_ROOT / "deploy"
BIN = Path(sys.executable).parent


def settings_in(name: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((PROJECT_ROOT / name).read_text())
    return read


def test_systemd_understands_its_units(tmp_path: Path) -> None:
    """The programs and the user need not be on this machine, which is all that is changed."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd is not installed")
    units = sorted((DEPLOY / "systemd").glob("*.service"))
    assert len(units) == 3
    for unit in units:
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(), flags=re.M)
        (tmp_path / unit.name).write_text(re.sub("^User=.*", "User=root", text, flags=re.M))
    copies = [tmp_path / unit.name for unit in units]
    verified = subprocess.run(
        ["systemd-analyze", "verify", *copies], capture_output=True, text=True, check=False
    )
    assert (verified.returncode, verified.stderr) == (0, "")


def test_each_unit_starts_what_is_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Called in this process, which has imported Dagster already."""
    units = [unit.read_text() for unit in (DEPLOY / "systemd").glob("*.service")]
    for unit in units:
        (command,) = re.findall("^ExecStart=/opt/albumscope/bin/(.*)$", unit, re.M)
        program, *rest = command.split()
        assert (BIN / program).exists()
        (start,) = entry_points(group="console_scripts", name=program)
        words = [program, *(rest[:1] if program != "dagster-webserver" else []), "--help"]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit, match=r"^0$"):
            start.load()()
        shown = capsys.readouterr().out
        for option in re.findall("--[a-z-]+", command):
            assert option in shown, command


def test_compose_is_as_its_schema_says() -> None:
    command = [BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec"]
    checked = subprocess.run(
        [*command, DEPLOY / "compose.yaml"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout
    services = settings_in("deploy/compose.yaml")["services"]
    assert services.keys() == {"page", "webserver", "daemon", "postgres", "ollama"}
    published = [port for each in services.values() for port in each.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") for port in published)
    example = (PROJECT_ROOT / ".env.example").read_text()
    variables = set(re.findall(r"\$\{([A-Z_]+)", (DEPLOY / "compose.yaml").read_text()))
    known = set(re.findall("^#? ?([A-Z_]+)=", example, re.M))
    assert variables - known == {"PHOTOS", "POSTGRES_PASSWORD", "EXTRA", "UV_TORCH_BACKEND"}


@pytest.mark.parametrize("name", ["dagster.yaml", "dagster-celery.yaml"])
def test_dagster_is_set_up_as_the_project_has_it(name: str) -> None:
    ours = settings_in("dagster.yaml")
    theirs = settings_in(f"deploy/{name}")
    assert theirs.pop("storage") == {"postgres": {"postgres_url": {"env": "DAGSTER_POSTGRES_URL"}}}
    if name == "dagster-celery.yaml":
        assert theirs.pop("run_launcher")["class"] == "CeleryLauncher"
        assert theirs["run_monitoring"].pop("start_timeout_seconds") == 0
        theirs["concurrency"]["pools"]["default_limit"] = 1
    assert theirs == ours


def test_what_an_image_is_made_from_is_there() -> None:
    kept = (PROJECT_ROOT / ".containerignore").read_text()
    taken = re.findall("^!(.*)$", kept, re.M)
    assert all((PROJECT_ROOT / path).exists() for path in taken)
    copied = re.findall(
        r"^COPY (?!--from)(?:--\S+ )?(\S+) /", (DEPLOY / "Containerfile").read_text(), re.M
    )
    assert set(copied) <= {".", *taken}, copied


def test_each_container_starts_a_program_of_the_image() -> None:
    """Whole commands, no entry point: Dagster's chart gives those of its pods as ``args``."""
    containerfile = (DEPLOY / "Containerfile").read_text()
    assert "ENTRYPOINT" not in containerfile
    commands = [json.loads(command) for command in re.findall("^CMD (.*)$", containerfile, re.M)]
    for service in settings_in("deploy/compose.yaml")["services"].values():
        commands += [service["command"]] if service["image"] == "albumscope" else []
    assert len(commands) == 4
    assert all((BIN / program).exists() for program, *_ in commands), commands


def test_what_an_image_may_have_beside_is_pinned() -> None:
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    constraints = (PROJECT_ROOT / "constraints.txt").read_text()
    for part in ("celery", "k8s", "postgres", "s3"):
        for wanted in extras[part]:
            (name,) = re.findall(r"^[\w-]+", wanted)
            assert re.search(f"^{name}==", constraints, re.M), name


def test_helm_values_are_of_the_dagster_that_is_installed() -> None:
    values = settings_in("deploy/helm-values.yaml")
    constraints = (PROJECT_ROOT / "constraints.txt").read_text()
    (version,) = re.findall("^dagster==(.*)$", constraints, re.M)
    assert values["dagsterWebserver"]["image"]["tag"] == version
    assert values["runLauncher"]["type"] == "K8sRunLauncher"
    (ours,) = values["dagster-user-deployments"]["deployments"]
    assert "pipeline.definitions" in ours["dagsterApiGrpcArgs"]
