"""The stable codes of errors and warnings in a report; users' automations depend on them."""

# errors
CONTACT_CREATION_FAILED = "ContactCreationFailed"  # the PSA refuses a new contact
CONTACT_UPDATE_FAILED = "ContactUpdateFailed"  # the PSA refuses a change
DUPLICATE_CONTACT = "DuplicateContact"  # several contacts or several users could be meant
MISSING_COMPANY_ID = "MissingCompanyID"  # no company can be determined, or it does not exist
INVALID_FIELD_MAPPING = "InvalidFieldMapping"  # a mapped value does not fit the PSA's field
PERMISSION_DENIED = "PermissionDenied"  # Graph or PSA: permission, secret or consent
USER_DATA_INCOMPLETE = "UserDataIncomplete"  # a required field is missing and cannot be derived
PSA_CONNECTION_ERROR = "PSAConnectionError"  # the PSA cannot be reached after all retries
GRAPH_CONNECTION_ERROR = "GraphConnectionError"  # Graph cannot be reached after all retries
USER_NOT_FOUND = "UserNotFound"  # Graph does not know a name that was asked for
COMPANY_MISMATCH = "CompanyMismatch"  # the user's contact is in another company than the rules say
CONTACT_DELETED = "ContactDeleted"  # the linked contact was deleted, and the policy is to report it
CONNECTOR_BUSY = "ConnectorBusy"  # another run holds the connector
UNEXPECTED_ANSWER = "UnexpectedAnswer"  # a vendor answered what we cannot believe or read
INTERNAL_ERROR = "InternalError"  # our own mistake; the worker's log has it
UNKNOWN_CONNECTOR = "UnknownConnector"  # the configuration has no such connector
PAIRING_UNCONFIRMED = "PairingUnconfirmed"  # tenant and company share no domain, and nobody has confirmed them
DECISION_UNUSABLE = "DecisionUnusable"  # what somebody decided about a user cannot be done (any more)
PLAN_UNUSABLE = "PlanUnusable"  # a plan that was to be carried out is gone, damaged or another one's

# warnings
PAIRING_UNCHECKED = "PairingUnchecked"  # a first run, before `check` has compared tenant and company
MISSING_PHONE_NUMBER = "MissingPhoneNumber"  # neither a phone nor a mobile number
VALUE_TRUNCATED = "ValueTruncated"  # free text was cut to the field's length
REFERENCE_NOT_FOUND = "ReferenceNotFound"  # a name that the PSA does not list was left out
FIRST_NAME_DERIVED = "FirstNameDerived"  # the first name comes from the display name or the address
CONTACT_REACTIVATED = "ContactReactivated"  # an inactive contact was taken and switched on
CONTACT_RECREATED = "ContactRecreated"  # the linked contact was deleted in the PSA and is made anew
CONTACT_RELINKED = "ContactRelinked"  # the contact carried the object id of a user that is gone
FOREIGN_OBJECT_ID = "ForeignObjectId"  # the contact's object-id field holds somebody else's value
PROTECTED_CONTACT = "PrimaryContactProtected"  # a default, primary or billing contact is never deactivated
USER_LEFT = "UserLeft"  # a user was disabled or deleted; its contact is still active
USER_OUT_OF_SCOPE = "UserOutOfScope"  # a rule leaves out a user whose contact is still active
CONTACT_KEPT_ACTIVE = "ContactKeptActive"  # the contact of a leaver is on the keep-active list
ADDITIVE_ONLY = "AdditiveOnly"  # the list of users is not proved complete: nobody is taken for gone by it
CHANGES_HELD = "ChangesHeld"  # more changes of one kind than the guard lets through
PLAN_LINE_SKIPPED = "PlanLineSkipped"  # a plan's change was left: user, contact or rules have changed since
CONTACT_MERGED = "ContactMerged"  # the linked contact is gone, and another one has the user's address
CONTACT_UNLINKED = "ContactUnlinked"  # the object id that we wrote on a contact was taken off it
CONTACT_MOVED = "ContactMoved"  # the contact is in another company than where we left it
MANUAL_EDIT = "ManualEdit"  # a field was edited in the PSA since our last write
DECIDED = "Decided"  # why a user is read again: somebody has decided about it
DECISION_ENDED = "DecisionEnded"  # the time is over for which somebody decided about a user
ON_HOLD = "OnHold"  # a user's contact is left alone until somebody releases the user
EDITED_SINCE = "EditedSince"  # what a run wrote was changed since, so undoing that run leaves it alone
NOT_UNDONE = "NotUndone"  # an undo leaves a contact or a field as it is, because it cannot be put back
READ_BACK_DIFFERS = "ReadBackDiffers"  # a contact does not hold what was written a moment before
READ_BACK_INCOMPLETE = "ReadBackIncomplete"  # not all writes that were to be read back could be read
CLAIMED_TWICE = "ClaimedTwice"  # two connectors claim the same tenant, user or contact
MODE_CHANGED = "ModeChanged"  # an incremental run became a full one
SYNC_DISABLED = "SyncDisabled"  # automatic sync of the connector is off; a run asked for by hand goes ahead
