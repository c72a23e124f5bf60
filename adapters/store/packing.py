"""JSON made small: raw deflate with a dictionary of our own field names, after a byte that tells which dictionary."""

import zlib

VERSION = b"\x01"
LEVEL = 6
WINDOW_BITS = -15  # raw: no header, no checksum; the append-only file has its own

DICTIONARY = (
    b'"extensionAttribute1":"onPremisesExtensionAttributes":{"assignedLicenses":["onPremisesSyncEnabled":'
    b'"createdDateTime":"20T:00Z","userType":"Member","accountEnabled":true,"employeeType":"employeeId":'
    b'"preferredLanguage":"usageLocation":"country":"postalCode":"state":"city":"streetAddress":"faxNumber":null,'
    b'"mobilePhone":"+","businessPhones":["+"],"officeLocation":"companyName":"department":"jobTitle":'
    b'"proxyAddresses":["SMTP:","smtp:"],"otherMails":[],"mail":"surname":"givenName":"displayName":"userPrincipalName":'
    b'"status":"created","updated","skipped","changed_fields":["psa_contact_id":"psa_company_id":"display_name":'
    b'"user_principal_name":"office365_id":"code":"message":"timestamp":"psa_error":"warnings":[],"before":{"'
    b'"changed_fields":["entra_id"],"addresses":["change":{"contact_id":"draft":{"contact_type":"read_at_ms":17'
    b'"written":{"fingerprint":"protected":"extension":"site_id":"fields":{"mobile_phone":"department":"job_title":'
    b'"phone":"email":"last_name":"first_name":"","emails":["@.com","],"entra_id":"-4-","active":true,{"id":"",'
    b'"contact_id":"","company_id":"'
)
"""Never edited: what is stored was made with it. A better one gets the next version byte."""

_compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, WINDOW_BITS, zdict=DICTIONARY)
_decompressor = zlib.decompressobj(WINDOW_BITS, zdict=DICTIONARY)


def pack(text: bytes) -> bytes:
    """Compress JSON."""
    compressor = _compressor.copy()
    return VERSION + compressor.compress(text) + compressor.flush()


def unpack(blob: bytes) -> bytes:
    """Return the JSON. Raises ValueError for what was packed by another version or is damaged."""
    if blob[:1] != VERSION:
        raise ValueError("packed by an unknown version")
    try:
        return _decompressor.copy().decompress(blob[1:])
    except zlib.error as exc:
        raise ValueError("packed value is damaged") from exc
