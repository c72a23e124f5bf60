"""What entities consist of: kinds, lengths, and what an installation says of them.

autotask.net developer help: "Contacts", "Companies", "CompanyLocations", "Countries", "The entityInformation call".
"""

from dataclasses import dataclass

from ops.sandbox.http import Json

UDF_LABELS = ("Entra ID", "Badge number")
UDF_LENGTH = 100


@dataclass(frozen=True)
class Field:
    """One field of an entity."""

    name: str
    kind: str = "string"  # string, integer, long, boolean, datetime
    length: int = 0
    required: bool = False
    read_only: bool = False
    queryable: bool = True
    reference: str = ""
    empty: object = None  # how "nothing" is answered

    def as_json(self) -> Json:
        """The field as entityInformation shows it."""
        return {
            "name": self.name,
            "dataType": self.kind,
            "length": self.length,
            "isRequired": self.required,
            "isReadOnly": self.read_only,
            "isQueryable": self.queryable,
            "isReference": bool(self.reference),
            "referenceEntityType": self.reference,
            "isPickList": self.name in PICKLISTS,
            "picklistValues": PICKLISTS.get(self.name),
            "picklistParentValueField": "",
            "isSupportedWebhookField": self.name in {"firstName", "lastName", "emailAddress", "isActive"},
        }


def _picks(*labels: str) -> list[Json]:
    return [
        {"value": str(number), "label": label, "isDefaultValue": False, "sortOrder": number, "isActive": True}
        for number, label in enumerate(labels, 1)
    ]


PICKLISTS: dict[str, list[Json]] = {
    "namePrefix": _picks("Mr.", "Mrs.", "Ms.", "Dr."),
    "nameSuffix": _picks("Jr.", "Sr."),
    "companyType": _picks("Customer", "Lead", "Vendor"),
}


def _texts(lengths: dict[str, int]) -> list[Field]:
    return [Field(name, length=length, empty="") for name, length in lengths.items()]


def _read_only(kind: str, *names: str) -> list[Field]:
    return [Field(name, kind, read_only=True) for name in names]


# Some empty texts are answered as "" and others as null, as the vendor does.
_CONTACT = [
    Field("id", "long", read_only=True),
    Field("companyID", "integer", required=True, reference="Company"),
    Field("firstName", length=50, required=True),
    Field("lastName", length=50, required=True),
    Field("isActive", "integer", required=True),
    *_texts(
        {
            "title": 50,
            "emailAddress": 254,
            "emailAddress2": 254,
            "emailAddress3": 254,
            "phone": 25,
            "mobilePhone": 25,
            "faxNumber": 25,
            "alternatePhone": 32,
            "extension": 10,
            "addressLine": 128,
            "addressLine1": 128,
            "additionalAddressInformation": 100,
            "city": 32,
            "state": 40,
            "zipCode": 16,
            "note": 50,
            "roomNumber": 50,
            "facebookUrl": 200,
            "linkedInUrl": 200,
            "twitterUrl": 200,
        }
    ),
    Field("externalID", length=50),
    Field("middleInitial", length=50),
    Field("countryID", "integer", reference="Country"),
    Field("companyLocationID", "integer", reference="CompanyLocation"),
    Field("namePrefix", "integer"),
    Field("nameSuffix", "integer"),
    Field("apiVendorID", "integer"),
    Field("primaryContact", "boolean", empty=False),
    Field("receivesEmailNotifications", "boolean", empty=False),
    Field("solicitationOptOut", "boolean", queryable=False, empty=False),
    Field("surveyOptOut", "boolean", queryable=False, empty=False),
    Field("isOptedOutFromBulkEmail", "boolean", queryable=False, empty=False),
    *_read_only("datetime", "bulkEmailOptOutTime", "solicitationOptOutTime", "createDate", "lastActivityDate"),
    *_read_only("datetime", "lastModifiedDate"),
    *_read_only("integer", "impersonatorCreatorResourceID"),
]
_COMPANY = [
    Field("id", "long", read_only=True),
    Field("companyName", length=100, required=True),
    Field("companyNumber", length=50, empty=""),
    Field("companyType", "integer", required=True),
    Field("isActive", "boolean", empty=True),
    Field("phone", length=25, required=True, empty=""),
    Field("webAddress", length=255, empty=""),
    Field("parentCompanyID", "integer", reference="Company"),
    *_read_only("datetime", "createDate", "lastActivityDate"),
]
_LOCATION = [
    Field("id", "long", read_only=True),
    Field("companyID", "integer", required=True, reference="Company"),
    Field("name", length=100, required=True),
    Field("address1", length=128, empty=""),
    Field("city", length=50, empty=""),
    Field("countryID", "integer", reference="Country"),
    Field("isActive", "boolean", empty=True),
    Field("isPrimary", "boolean", empty=False),
]
_COUNTRY = [
    Field("id", "long", read_only=True),
    Field("countryCode", length=2),
    Field("displayName", length=100),
    Field("name", length=100),
    Field("isActive", "boolean", empty=True),
    Field("isDefaultCountry", "boolean", empty=False),
]
ENTITIES: dict[str, dict[str, Field]] = {
    entity: {field.name: field for field in fields}
    for entity, fields in {
        "Contact": _CONTACT,
        "Company": _COMPANY,
        "CompanyLocation": _LOCATION,
        "Country": _COUNTRY,
    }.items()
}
CONTACT = ENTITIES["Contact"]


def user_defined_fields() -> list[Json]:
    """What entityInformation/userDefinedFields says of contacts."""
    return [
        {
            "name": label,
            "label": label,
            "type": 1,
            "dataType": "string",
            "length": UDF_LENGTH,
            "isRequired": False,
            "isReadOnly": False,
            "isQueryable": True,
            "isPickList": False,
            "picklistValues": None,
        }
        for label in UDF_LABELS
    ]
