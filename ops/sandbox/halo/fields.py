"""What a user (the PSA's contact) consists of: what lists show, what only the detail has.

HaloPSA API documentation: "Users", schema Users_List and Users.
"""

from ops.sandbox.http import Json

LIST_STRINGS = (
    "name",
    "firstname",
    "surname",
    "title",
    "emailaddress",
    "phonenumber",
    "mobilenumber",
    "mobilenumber2",
    "homenumber",
    "login",
    "networklogin",
)
DETAIL_STRINGS = (
    "email2",
    "email3",
    "fax",
    "azureoid",
    "azure_tenant_id",
    "activedirectory_dn",
    "department",
    "manager_email",
    "notes",
    "other1",
    "other2",
    "other3",
    "other4",
    "other5",
)
STRINGS = (*LIST_STRINGS, *DETAIL_STRINGS)
BOOLEANS = ("inactive", "isserviceaccount", "isimportantcontact", "isimportantcontact2", "neversendemails")
CUSTOM_FIELDS = {221: "CFContactNote", 222: "CFEntraId"}
ADDRESSES = ("emailaddress", "email2", "email3")
GENERAL_USER = "General User"


def empty_user() -> Json:
    """A user of whom nothing is known."""
    return {
        "id": 0,
        "site_id": 0,
        **dict.fromkeys(STRINGS, ""),
        **dict.fromkeys(BOOLEANS, False),
        "azure_connectionid": 0,
        "customfields": [{"id": number, "name": name, "value": None} for number, name in CUSTOM_FIELDS.items()],
    }
