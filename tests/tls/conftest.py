from __future__ import annotations

import pytest
from estreamer import pkcs12

from standins.fmc.pki import Pki
from tests.tls.servers import credentials


@pytest.fixture(scope="module")
def known(pki: Pki) -> pkcs12.Credentials:
    """The credentials of a client that the Management Center knows."""
    return credentials(pki)
