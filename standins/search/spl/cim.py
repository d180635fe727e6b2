"""The parts of the CIM's data models for these events that searches can see.

Facts about Splunk's Common Information Model add-on (Splunk_SA_CIM): the datasets, their tags, their fields, and
what the model computes for a field that an event lacks. Sources: the pages "Network Traffic", "Intrusion Detection",
"Malware", "Network Resolution (DNS)" and "Web" of the Common Information Model Add-on Manual, and the models in the
add-on's package (default/data/models/*.json). The macros that narrow a model to some indexes stand for all indexes
here. A model's own calculations are in the order in which they build on one another.
"""

from __future__ import annotations

from .data import DataModel, Dataset


def _fields(names: str, identities: tuple[str, ...]) -> tuple[str, ...]:
    """Return the fields of a dataset, with those that asset and identity correlation adds."""
    added = (f"{name}_{part}" for name in identities for part in ("bunit", "category", "priority"))
    return (*names.split(), *added)


def _unless_known(*fields: str) -> tuple[tuple[str, str], ...]:
    """Return the calculations that make a missing or empty text 'unknown'."""
    return tuple((field, f'if(isnull({field}) OR {field}="", "unknown", {field})') for field in fields)


def _unless_told(*fields: str) -> tuple[tuple[str, str], ...]:
    """Return the calculations that make a missing or empty text, or a dash, 'unknown'."""
    return tuple((field, f'if(isnull({field}) OR {field}="" OR {field}="-", "unknown", {field})') for field in fields)


def _count(total: str, of: str) -> tuple[str, str]:
    """Return the calculation that counts the values of a field where no count is given."""
    return total, f"case(isnum({total}), {total}, isnotnull({of}), mvcount({of}), 1=1, 1)"


def _sum(total: str) -> tuple[tuple[str, str], ...]:
    """Return the calculations that complete a total and its two directions from each other."""
    into, out = f"{total}_in", f"{total}_out"
    return (
        (total, f"case(isnum({total}), {total}, isnum({into}) AND isnum({out}), {into}+{out}, 1=1, null())"),
        (into, f"case(isnum({into}), {into}, isnum({total}) AND isnum({out}), {total}-{out}, 1=1, null())"),
        (out, f"case(isnum({out}), {out}, isnum({total}) AND isnum({into}), {total}-{into}, 1=1, null())"),
    )


_VENDOR_PRODUCT = (
    (
        "vendor_product",
        "case(isnotnull(vendor_product), vendor_product,"
        ' isnotnull(vendor) AND vendor!="unknown" AND isnotnull(product) AND product!="unknown", vendor." ".product,'
        ' isnotnull(vendor) AND vendor!="unknown", vendor." unknown",'
        ' isnotnull(product) AND product!="unknown", "unknown ".product,'
        ' isnotnull(sourcetype), sourcetype, 1=1, "unknown")',
    ),
)

NETWORK_TRAFFIC = DataModel(
    {
        "All_Traffic": Dataset(
            "tag=network tag=communicate",
            _fields(
                "app channel dest_interface dest_ip dest_mac dest_translated_ip dest_translated_port "
                "dest_zone direction duration dvc_ip dvc_mac dvc_zone flow_id icmp_code icmp_type "
                "process_guid process_id protocol protocol_version response_time rule_id session_id "
                "src_interface src_ip src_mac src_translated_ip src_translated_port src_zone ssid tag "
                "tcp_flag tos ttl vlan wifi vendor_account cim_entity_zone",
                identities=("dest", "dvc", "src", "user"),
            ),
            (
                *_unless_known("action"),
                *_sum("bytes"),
                *_unless_known("dest"),
                ("dest_port", "if(isnum(dest_port), dest_port, 0)"),
                *_unless_known("dvc"),
                *_sum("packets"),
                *_unless_known("rule", "src"),
                ("src_port", "if(isnum(src_port), src_port, 0)"),
                ("transport", 'if(isnull(transport) OR transport="", "unknown", lower(transport))'),
                *_unless_known("user"),
                *_VENDOR_PRODUCT,
            ),
        ),
        "Traffic_By_Action": Dataset("action=*", parent="All_Traffic"),
        "Allowed_Traffic": Dataset("action=allowed", parent="Traffic_By_Action"),
        "Blocked_Traffic": Dataset("action=blocked", parent="Traffic_By_Action"),
    }
)

INTRUSION_DETECTION = DataModel(
    {
        "IDS_Attacks": Dataset(
            "tag=ids tag=attack",
            _fields(
                "action dest_ip dest_port dest_type file_hash file_name file_path severity_id signature_id "
                "src_ip src_port transport tag cim_entity_zone",
                identities=("dest", "dvc", "src", "user"),
            ),
            (
                *_unless_known("dvc", "ids_type", "category", "signature", "severity", "src", "dest", "user"),
                *_VENDOR_PRODUCT,
            ),
        ),
        "Application_IDS_Attacks": Dataset("ids_type=application", parent="IDS_Attacks"),
        "Host_IDS_Attacks": Dataset("ids_type=host", parent="IDS_Attacks"),
        "Network_IDS_Attacks": Dataset("ids_type=network", parent="IDS_Attacks"),
    }
)

MALWARE = DataModel(
    {
        "Malware_Attacks": Dataset(
            "tag=malware tag=attack",
            _fields(
                "dest_ip dest_requires_av file_hash file_name file_path severity_id signature_id src src_ip "
                "src_user tag url cim_entity_zone",
                identities=("dest", "src", "user"),
            ),
            (
                *_unless_known("action", "category"),
                ("date", 'strftime(_time, "%m-%d-%Y")'),
                *_unless_known("dest", "dest_nt_domain", "severity", "signature", "user"),
                *_VENDOR_PRODUCT,
            ),
        ),
        "Allowed_Malware": Dataset("action=allowed", parent="Malware_Attacks"),
        "Blocked_Malware": Dataset("action=blocked", parent="Malware_Attacks"),
        "Deferred_Malware": Dataset("action=deferred", parent="Malware_Attacks"),
    }
)

NETWORK_RESOLUTION = DataModel(
    {
        "DNS": Dataset(
            "tag=network tag=resolution tag=dns",
            _fields(
                "additional_answer_count authority_answer_count dest_ip dest_port duration name query_type record_type "
                "response_time src src_ip src_port tag transport transaction_id ttl cim_entity_zone",
                identities=("dest", "src"),
            ),
            (
                *_unless_known("answer"),
                _count("answer_count", "answer"),
                *_unless_known("dest", "message_type", "query"),
                _count("query_count", "query"),
                (
                    "reply_code_id",
                    'case(isnotnull(reply_code_id) AND reply_code_id!="", reply_code_id,'
                    ' isnotnull(reply_code) AND reply_code!="", reply_code, 1=1, "unknown")',
                ),
                # A lookup table of the add-on names the codes: here are only the names that the model itself holds.
                (
                    "reply_code",
                    'case(reply_code_id="0", "No Error", reply_code_id="1", "Format Error",'
                    ' reply_code_id="2", "Server Failure", reply_code_id="3", "Non-Existent Domain", 1=1, reply_code)',
                ),
                *_VENDOR_PRODUCT,
            ),
        ),
    }
)

_HOST = r"^(?:(?:http|https|ftp):\/\/)*(?:[a-zA-Z0-9.\-]+(?::[a-zA-Z0-9]+)?@)?([^\/:]+).*$"
"""The model takes the host out of a URL by this pattern."""

WEB = DataModel(
    {
        "Web": Dataset(
            "tag=web",
            _fields(
                "app cached category cookie dest_port duration response_time site tag uri_path uri_query "
                "cim_entity_zone",
                identities=("dest", "src", "user"),
            ),
            (
                *_unless_known("action"),
                *_sum("bytes"),
                *_unless_told("dest", "http_content_type", "http_method", "http_referrer", "http_user_agent"),
                ("http_user_agent_length", "len(http_user_agent)"),
                *_unless_told("src", "status", "url"),
                ("url_domain", f'if(match(url, "{_HOST}"), replace(url, "{_HOST}", "\\1"), url_domain)'),
                ("url_length", "len(url)"),
                *_unless_known("user"),
                *_VENDOR_PRODUCT,
            ),
        ),
        "Proxy": Dataset("tag=proxy", parent="Web"),
    }
)

MODELS = {
    "Network_Traffic": NETWORK_TRAFFIC,
    "Intrusion_Detection": INTRUSION_DETECTION,
    "Malware": MALWARE,
    "Network_Resolution": NETWORK_RESOLUTION,
    "Web": WEB,
}
