"""What the add-on, its scheme, its conf files and its log are called in Splunk."""

from __future__ import annotations

APP = "TA_secure_firewall_estreamer"


SCHEME = "estreamer_fqe"


ACCOUNT_CONF = "ta_secure_firewall_estreamer_account"


SETTINGS_CONF = "ta_secure_firewall_estreamer_settings"


LOG_NAME = "ta_secure_firewall_estreamer_" + SCHEME
