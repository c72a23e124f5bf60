"""The properties of a Graph user: which exist, which come unasked, which can be filtered.

learn.microsoft.com: "user resource type", "List users", "Advanced query capabilities on Microsoft Entra ID objects".
"""

from functools import lru_cache
from typing import Any

from ops.sandbox.http import Json

DEFAULT = (
    "businessPhones displayName givenName id jobTitle mail mobilePhone officeLocation preferredLanguage surname "
    "userPrincipalName"
).split()
COLLECTIONS = frozenset(
    "assignedLicenses assignedPlans businessPhones identities imAddresses infoCatalogs licenseAssignmentStates "
    "onPremisesProvisioningErrors otherMails provisionedPlans proxyAddresses".split()
)
# Only when one user is read; a list or delta answers 501 (page "List users").
SINGLE_ONLY = frozenset(
    "aboutMe birthday hireDate interests mailboxSettings mySite pastProjects preferredName responsibilities schools "
    "skills".split()
)
_OTHERS = (
    "accountEnabled ageGroup city companyName consentProvidedForMinor country createdDateTime creationType "
    "deletedDateTime department displayName employeeHireDate employeeId employeeLeaveDateTime employeeOrgData "
    "employeeType externalUserState externalUserStateChangeDateTime faxNumber givenName id isManagementRestricted "
    "isResourceAccount jobTitle lastPasswordChangeDateTime legalAgeGroupClassification mail mailNickname "
    "mobilePhone officeLocation onPremisesDistinguishedName onPremisesDomainName onPremisesExtensionAttributes "
    "onPremisesImmutableId onPremisesLastSyncDateTime onPremisesSamAccountName onPremisesSecurityIdentifier "
    "onPremisesSyncEnabled onPremisesUserPrincipalName passwordPolicies passwordProfile postalCode "
    "preferredDataLocation preferredLanguage refreshTokensValidFromDateTime securityIdentifier showInAddressList "
    "signInActivity signInSessionsValidFromDateTime state streetAddress surname usageLocation userPrincipalName "
    "userType"
).split()
ALL = COLLECTIONS | frozenset(_OTHERS)
READ_ONLY = frozenset(
    "id createdDateTime creationType deletedDateTime assignedLicenses assignedPlans proxyAddresses mail "
    "externalUserState".split()
)
BOOLEANS = frozenset(
    "accountEnabled isManagementRestricted isResourceAccount onPremisesSyncEnabled showInAddressList".split()
)
MAX_LENGTHS = {"jobTitle": 128, "department": 64, "givenName": 64, "surname": 64, "displayName": 256, "mobilePhone": 64}

EXTENSIONS = [f"extensionAttribute{n}" for n in range(1, 16)]

# "Properties that support only filter by advanced queries" and those that need nothing.
FILTER_ADVANCED = frozenset(
    "officeLocation companyName mobilePhone postalCode streetAddress preferredLanguage employeeType faxNumber".split()
)
FILTER_DEFAULT = frozenset(
    "accountEnabled userType department displayName givenName surname jobTitle mail userPrincipalName city "
    "state country createdDateTime employeeId usageLocation onPremisesSyncEnabled onPremisesImmutableId "
    "mailNickname id creationType externalUserState otherMails proxyAddresses assignedLicenses".split()
)


def extension_attributes(user: Json) -> Json:
    """All fifteen keys, null where unset."""
    stored: Json = user.get("onPremisesExtensionAttributes") or {}
    return {name: stored.get(name) for name in EXTENSIONS}


def value_of(user: Json, name: str) -> Any:
    """A property as a list shows it: null or [] where nothing is set."""
    if name == "onPremisesExtensionAttributes":
        return extension_attributes(user)
    value = user.get(name)
    return [] if value is None and name in COLLECTIONS else value


def project(user: Json, names: tuple[str, ...]) -> Json:
    """The named properties of a user as a list shows them."""
    return {name: value_of(user, name) for name in names if name != "signInActivity" or name in user}


def project_set(user: Json, names: tuple[str, ...]) -> Json:
    """As delta shows them: never-set properties are absent, cleared ones null (page "Get delta for users")."""
    return {name: user[name] for name in names if name in user}


@lru_cache(maxsize=256)
def split_names(text: str) -> tuple[str, ...]:
    """Split a `$select`."""
    return tuple(part.strip() for part in text.split(",") if part.strip())
