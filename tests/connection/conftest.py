from __future__ import annotations

import pytest
from estreamer.connection import pkcs12

from standins.fmc.pki import Pki
from tests.connection.servers import credentials


@pytest.fixture(scope="module")
def known(pki: Pki) -> pkcs12.Credentials:
    """The credentials of a client that the Management Center knows."""
    return credentials(pki)
