"""TLS with the real router in the versions that sites have, from OMERO's documented default to omero-certificates'."""

from __future__ import annotations

import pytest

from omero_ms_thumbnail.check.transport import secure
from omero_ms_thumbnail.ice.errors import ConnectFailedException
from omero_ms_thumbnail.ice.tls import client_context
from omero_ms_thumbnail.omero.probe import reach
from tests.real.conformance.harness import ALICE, OmeroStandin
from tests.real.conformance.thumbnail_client import assert_left_clean, joined, server_of, told


@pytest.mark.parametrize(
    ("transport", "protocols", "got", "outcome", "code"),
    [
        # OMERO's documented default, as Ice 3.6 takes it
        ("adh", "TLS1_0", "TLSv1, ADH-", "warning", "tls-old-version"),
        ("adh", "TLS1_1", "TLSv1.1, ADH-", "warning", "tls-old-version"),
        ("adh", "TLS1_2", "TLSv1.2, ADH-", "ok", None),
        ("ca_signed", "TLS1_0", "TLSv1, ", "warning", "tls-old-version"),
        ("ca_signed", "TLS1_2", "TLSv1.2, ", "ok", None),
        # omero-certificates'
        ("ca_signed", "TLS1_2,TLS1_3", "TLSv1.3, ", "ok", None),
        ("ca_signed", "TLS1_3", "TLSv1.3, ", "ok", None),
    ],
)
async def test_what_encrypts_and_verifies_nothing_takes_the_newest_that_there_is(
    transport: str, protocols: str, got: str, outcome: str, code: str | None, omero_standin: OmeroStandin
) -> None:
    # signatures of TLS 1.0 are made with SHA-1 and MD5, which OpenSSL 3 has at security level 0 alone
    ciphers = "HIGH:@SECLEVEL=0" if (transport, protocols) == ("ca_signed", "TLS1_0") else ""
    router = await told(omero_standin.start_router, transport, protocols=protocols, ciphers=ciphers)
    async with joined(router) as session:
        assert (await session.event_context()).userId == ALICE
    await assert_left_clean(omero_standin)
    finding = await secure(server_of(router))
    assert finding.found.startswith(got)
    assert finding.outcome.value == outcome
    assert (finding.diagnosis.code if finding.diagnosis else None) == code


@pytest.mark.parametrize(
    ("transport", "protocols"), [("adh", "TLS1_0"), ("adh", "TLS1_2"), ("ca_signed", "TLS1_0"), ("ca_signed", "TLS1_1")]
)
async def test_what_verifies_goes_down_to_neither(transport: str, protocols: str, omero_standin: OmeroStandin) -> None:
    router = await told(omero_standin.start_router, transport, protocols=protocols)
    with pytest.raises(ConnectFailedException, match="TLS with"):
        await reach(server_of(router, verify=True), timeout=5)


@pytest.mark.parametrize("protocols", ["TLS1_2", "TLS1_3"])
async def test_what_verifies_takes_what_is_new(protocols: str, omero_standin: OmeroStandin) -> None:
    router = await told(omero_standin.start_router, "ca_signed", protocols=protocols)
    async with joined(router, verify=True) as session:
        assert (await session.event_context()).userId == ALICE
    finding = await secure(server_of(router, verify=True))
    assert finding.found.startswith("TLSv1." + protocols[-1])
    assert finding.found.endswith(", verified")


def test_only_what_verifies_nothing_has_anonymous_suites() -> None:
    def anonymous(verify: bool) -> list[str]:
        return [one["name"] for one in client_context(verify=verify).get_ciphers() if "ADH" in one["name"]]

    assert anonymous(verify=False)
    assert not anonymous(verify=True)
