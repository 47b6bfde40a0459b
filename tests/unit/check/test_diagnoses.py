"""The registry of diagnoses, what is written of it, and the parts of the steps that bytes alone can test."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from omero_ms_thumbnail.check import cache_diagnoses, diagnoses, folder_diagnoses, session_diagnoses
from omero_ms_thumbnail.check.certificate import read_certificate
from omero_ms_thumbnail.check.diagnoses import DIAGNOSES
from omero_ms_thumbnail.check.names import STEPS
from tests.support.parts import ROOT
from tests.unit.check.certificates import make
from tools.reference import troubleshooting

SOURCE = Path(diagnoses.__file__).parent


def test_the_documentation_is_as_generated() -> None:
    written = (ROOT / "docs" / "troubleshooting.md").read_text()
    assert written == troubleshooting.reference(), "run make reference"
    module = [sys.executable, "-m", "tools.reference.troubleshooting"]
    assert subprocess.run(module, cwd=ROOT, capture_output=True, text=True, check=True).stdout == written


def test_the_documentation_has_each_diagnosis() -> None:
    text = troubleshooting.reference()
    for code, diagnosis in DIAGNOSES.items():
        assert f"(`{code}`)" in text
        assert diagnosis.likely in text
        assert diagnosis.change in text


def test_each_diagnosis_belongs_to_a_step_and_is_made_by_one() -> None:
    used = "\n".join(path.read_text() for path in SOURCE.glob("*.py") if not path.name.endswith("diagnoses.py"))
    modules = (cache_diagnoses, diagnoses, folder_diagnoses, session_diagnoses)
    names = {id(value): name for module in modules for name, value in vars(module).items()}
    for diagnosis in DIAGNOSES.values():
        assert diagnosis.step in STEPS
        # once where it is imported, once where it is made
        assert len(re.findall(rf"\b{names[id(diagnosis)]}\b", used)) >= 2


def test_each_key_that_a_diagnosis_names_is_one() -> None:
    from omero_ms_thumbnail.config.table import FILE_KEYS, KEYS

    known = {*KEYS, *FILE_KEYS}
    for diagnosis in DIAGNOSES.values():
        for key in re.findall(r"`(session-store\.[\w-]+|omero\.tls\.\w+|event-bus[\w-]+)`", diagnosis.change):
            assert key in known


@pytest.mark.parametrize("days", [3, 20 * 365, 30 * 365])
def test_a_certificate_is_read(tmp_path: Path, days: int) -> None:
    _, pem = make(tmp_path, days=days)
    certificate = x509.load_pem_x509_certificate(pem.read_bytes())
    read = read_certificate(certificate.public_bytes(serialization.Encoding.DER))
    assert (read.subject, read.issuer) == ("omero.example.org", "omero.example.org")
    assert (read.not_before, read.not_after) == (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    # from 2050 on the time is in another form
    assert abs(read.not_after - datetime.now(UTC) - timedelta(days=days)) < timedelta(minutes=5)


def test_what_is_no_certificate_is_refused(tmp_path: Path) -> None:
    _, pem = make(tmp_path)
    der = x509.load_pem_x509_certificate(pem.read_bytes()).public_bytes(serialization.Encoding.DER)
    for end in range(len(der)):
        with pytest.raises(ValueError, match=r"."):
            read_certificate(der[:end])
