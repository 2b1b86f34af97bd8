"""Answers to PUT and GET: what hands out cloud credentials.

They exist so that refusing them can be tested. The credentials are recognisable, and the
host that they name is not there.
"""

from __future__ import annotations

import re
from typing import Any

from warehouse.settings import Settings

# The statement may come behind comments; drivers and servers both look past them.
COMMENTS = r"\s*(?:/\*.*?\*/\s*|--[^\n]*\n\s*)*"
PUT = re.compile(COMMENTS + r"put\s+'?(?:file://)?([^\s']+)'?\s+'?(@[^\s']+)", re.I | re.S)
GET = re.compile(COMMENTS + r"get\s+'?(@[^\s']+)'?\s+'?(?:file://)?([^\s']+)", re.I | re.S)

CREDENTIALS = {
    "AWS_KEY_ID": "ASIASTANDINSTAGEKEY",
    "AWS_SECRET_KEY": "stand-in-stage-secret",
    "AWS_TOKEN": "stand-in-stage-token",
    "AWS_ID": "ASIASTANDINSTAGEKEY",
    "AWS_KEY": "stand-in-stage-secret",
}


def answer(sql: str, query_id: str, settings: Settings) -> dict[str, Any] | None:
    """Gives the transfer answer for PUT and GET, nothing for all other statements."""
    # An id wider than 53 bits: a relay that re-encodes it through a float shows here.
    material = {"queryStageMasterKey": "c3RhbmQtaW4tbWFzdGVyLWtleQ==", "queryId": query_id, "smkId": 9223372036854775001}
    if match := PUT.match(sql):
        return {
            **_common(query_id, match[2], settings),
            "command": "UPLOAD",
            "src_locations": [match[1]],
            "encryptionMaterial": material,
            "autoCompress": True,
            "sourceCompression": "auto_detect",
            "overwrite": False,
            "threshold": 209715200,
            "statementTypeId": 0x7102,
        }
    if match := GET.match(sql):
        return {
            **_common(query_id, match[1], settings),
            "command": "DOWNLOAD",
            "src_locations": ["data.csv.gz"],
            "localLocation": match[2],
            "encryptionMaterial": [material],
            "presignedUrls": [],
            "statementTypeId": 0x7101,
        }
    return None


def _common(query_id: str, stage: str, settings: Settings) -> dict[str, Any]:
    return {
        "queryId": query_id,
        "operation": "Node",
        "kind": None,
        "parallel": 4,
        "clientShowEncryptionParameter": True,
        "stageInfo": {
            "locationType": "S3",
            "location": f"{settings.storage_host.split('.')[0]}/stages/{stage.lstrip('@')}/",
            "path": f"stages/{stage.lstrip('@')}/",
            "region": "test",
            "storageAccount": None,
            "isClientSideEncrypted": True,
            "creds": CREDENTIALS,
            "presignedUrl": None,
            "endPoint": None,
            "useS3RegionalUrl": False,
            "useRegionalUrl": False,
            "useVirtualUrl": False,
        },
    }
