"""The set-up script, with a stand-in for Python that writes down what it is asked to do."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]

# Answers the probes; "makes" environments whose python is itself and whose pip "installs" uv.
PYTHON = """#!/bin/bash
echo "python $*" >>"$CALLS"
case "$*" in
    *ensurepip*) exit "${NO_ENSUREPIP:-0}" ;;
    *base_prefix*) echo "$PYTHON_VERSION" ;;
    "-m venv "*) mkdir -p "$3/bin"; touch "$3/pyvenv.cfg"; cp "$0" "$3/bin/python" ;;
    "-m pip "*)
        printf '#!/bin/bash\\necho "uv $*" >>"$CALLS"\\nexit "${UV_STATUS:-0}"\\n' >"$(dirname "$0")/uv"
        chmod +x "$(dirname "$0")/uv"
        ;;
esac
"""


class Checkout:
    """A copy of the files that the script reads, and the stand-in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "checkout"
        self.calls = folder / "calls"
        (self.folder / "deploy").mkdir(parents=True)
        shutil.copy(CHECKOUT / "deploy" / "bootstrap.sh", self.folder / "deploy")
        shutil.copytree(CHECKOUT / "requirements", self.folder / "requirements")
        for name in ("pyproject.toml", "setup.cfg"):
            shutil.copy(CHECKOUT / name, self.folder)
        self.python = folder / "bin" / "python3"
        self.python.parent.mkdir()
        self.python.write_text(PYTHON)
        self.python.chmod(0o755)

    def bootstrap(self, profile: str = "base", expected: int = 0, **variables: str) -> list[str]:
        """Run the script; return what it had done, without the probes."""
        self.calls.write_text("")
        environment = {
            "PATH": f"{self.python.parent}:{os.environ['PATH']}",
            "CALLS": str(self.calls),
            "PYTHON_VERSION": "3.11.2",
            **variables,
        }
        script = self.folder / "deploy" / "bootstrap.sh"
        self.answer = subprocess.run([script, profile], env=environment, capture_output=True, text=True)
        assert self.answer.returncode == expected, self.answer.stderr
        return [line for line in self.calls.read_text().splitlines() if not line.startswith("python -c")]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_a_first_start_installs_locked_packages_and_the_project(checkout: Checkout) -> None:
    venv, pip, locked, project = checkout.bootstrap()
    assert venv == "python -m venv .venv"
    assert "--require-hashes --requirement requirements/uv.txt" in pip
    assert "--require-hashes" in locked
    assert "requirements/base.txt" in locked
    assert project.endswith("--no-deps --no-build-isolation --editable .")


def test_a_second_start_does_nothing(checkout: Checkout) -> None:
    checkout.bootstrap()
    assert checkout.bootstrap() == []


def test_the_dev_profile_contains_the_base_profile(checkout: Checkout) -> None:
    checkout.bootstrap("base")
    assert any("requirements/dev.txt" in call for call in checkout.bootstrap("dev"))
    assert checkout.bootstrap("base") == []
    assert checkout.bootstrap("dev") == []


@pytest.mark.parametrize("name", ["requirements/base.txt", "pyproject.toml", "setup.cfg"])
def test_a_changed_file_installs_again_in_the_same_environment(checkout: Checkout, name: str) -> None:
    checkout.bootstrap()
    with (checkout.folder / name).open("a") as stream:
        stream.write("# changed\n")
    calls = checkout.bootstrap()
    assert len(calls) == 2
    assert all(call.startswith("uv pip install") for call in calls)


def test_another_python_makes_the_environment_anew(checkout: Checkout) -> None:
    checkout.bootstrap()
    assert checkout.bootstrap(PYTHON_VERSION="3.12.1")[0] == "python -m venv .venv"


def test_a_moved_checkout_makes_the_environment_anew(checkout: Checkout) -> None:
    checkout.bootstrap()
    checkout.folder = checkout.folder.rename(checkout.folder.with_name("moved"))
    assert checkout.bootstrap()[0] == "python -m venv .venv"


def test_an_installation_that_failed_is_tried_again(checkout: Checkout) -> None:
    checkout.bootstrap(expected=2, UV_STATUS="2")
    assert len(checkout.bootstrap()) == 2


def test_a_foreign_folder_is_not_removed(checkout: Checkout) -> None:
    precious = checkout.folder / ".venv" / "thesis.tex"
    precious.parent.mkdir()
    precious.write_text("")
    checkout.bootstrap(expected=1)
    assert "not a virtual environment" in checkout.answer.stderr
    assert precious.exists()


def test_without_ensurepip_it_says_what_to_install(checkout: Checkout) -> None:
    # Not root, so that it does not install it itself.
    for name, text in {"id": "echo 1000"}.items():
        command = checkout.python.parent / name
        command.write_text(f"#!/bin/sh\n{text}\n")
        command.chmod(0o755)
    checkout.bootstrap(expected=1, NO_ENSUREPIP="1")
    assert "install the package python3-venv" in checkout.answer.stderr


def test_root_on_debian_installs_what_is_missing(checkout: Checkout) -> None:
    for name, text in {"id": "echo 0", "apt-get": 'echo "apt-get $*" >>"$CALLS"'}.items():
        command = checkout.python.parent / name
        command.write_text(f"#!/bin/sh\n{text}\n")
        command.chmod(0o755)
    calls = checkout.bootstrap(NO_ENSUREPIP="1")
    assert calls[0] == "apt-get update -qq"
    assert calls[1].startswith("apt-get install")
    assert calls[1].endswith("python3-venv")
    assert calls[2] == "python -m venv .venv"
    assert "installing the Debian package python3-venv" in checkout.answer.stdout


def test_the_lock_files_name_no_address_and_have_hashes() -> None:
    for name in ("uv.txt", "base.txt", "dev.txt"):
        text = (CHECKOUT / "requirements" / name).read_text()
        assert "://" not in text
        assert "--hash=sha256:" in text
