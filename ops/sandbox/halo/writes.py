"""Writing users: a POST of an array, with an id to change and without to add."""

from typing import Any

from ops.sandbox.halo import errors, fields
from ops.sandbox.halo.records import Builder
from ops.sandbox.halo.state import Halo
from ops.sandbox.http import Json
from ops.sandbox.settings import Settings


class Writer:
    """Builds, stores and writes down; `by` is "api", or "hand" for what a test does behind the product's back."""

    def __init__(self, halo: Halo, settings: Settings) -> None:
        self._halo = halo
        self._settings = settings
        self._builder = Builder(halo, settings)

    def post(self, body: Any) -> list[Json]:
        """Take every element in turn; one that is refused ends it, those before stay."""
        if not isinstance(body, list) or not body or not all(isinstance(entry, dict) for entry in body):
            raise errors.bad_request("The JSON value could not be converted to a list of Users")
        return [self._take(entry) for entry in body]

    def _take(self, values: Json) -> Json:
        number = next((value for name, value in values.items() if str(name).casefold() == "id"), None)
        if not number:
            return self.create(values, by="api")
        if isinstance(number, bool) or not isinstance(number, int):
            raise errors.bad_request(f"The JSON value could not be converted to System.Int32: id {number}")
        return self.update(number, values, by="api")

    def create(self, values: Json, *, by: str) -> Json:
        """Add a user."""
        user = self.build_new(values)
        if self._settings["halo.refuse_duplicate_email"] and self._is_taken(user):
            raise errors.bad_request("This email address is already in use")
        self._halo.put(user, by=by)
        return user

    def build_new(self, values: Json) -> Json:
        """A user with an id of its own, not stored yet."""
        user = self._builder.build(values, fields.empty_user())
        user["id"] = self._halo.new_user_id()
        return user

    def update(self, user_id: int, values: Json, *, by: str) -> Json:
        """Change what is named of a user."""
        user = self._builder.build(values, self.find(user_id))
        self._halo.put(user, by=by)
        return user

    def delete(self, user_id: int, *, by: str) -> None:
        """Forget a user."""
        self.find(user_id)
        self._halo.delete(user_id, by=by)

    def find(self, user_id: int) -> Json:
        """A user; 404 without."""
        user = self._halo.users.get(user_id)
        if user is None:
            raise errors.not_found("User", user_id)
        return user

    def _is_taken(self, user: Json) -> bool:
        address = user["emailaddress"].casefold()
        ids = self._halo.by_client.get(self._halo.client_of(user), ())
        others = (self._halo.users[number] for number in ids)
        return bool(address) and any(other["emailaddress"].casefold() == address for other in others)
