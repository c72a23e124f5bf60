"""What a test can set about the vendors' behaviour, with the documented default."""

from typing import Any

from ops.sandbox.http import Json

DEFAULTS: Json = {
    "graph.page_token_life_s": 600,
    "graph.delta_page_size": 200,
    "graph.delta_duplicates": 0,
    "graph.delta_life_days": 7,
    "graph.delta_expired_status": 400,
    "graph.token_life_s": 3599,
    "graph.list_lag_s": 0,
    "graph.notification_batch": 20,
    "graph.notification_delay_s": 0.0,
    "graph.notification_duplicates": 0,
    "graph.notification_loss": 0.0,
    "graph.notification_repeats": 0,
    "graph.notification_retry_s": 10.0,
    "graph.notification_timeout_s": 10.0,
    "graph.subscriptions_per_app": 100,
    "connectwise.demand_custom_fields_op": False,
    "connectwise.max_lengths": True,
    "connectwise.custom_field_caption": "EntraId",
    "connectwise.shuffle_items": False,
    "connectwise.max_url": 2000,
    "autotask.missing_item": "null",
    "autotask.slow_under_load": True,
    "autotask.thread_linger_s": 0.0,
    "autotask.thread_status": 429,
    "halo.answers_array": False,
    "halo.azure_id_in_lists": False,
    "halo.demand_tenant": True,
    "halo.error_shape": "exception",
    "halo.invalid_client_status": 400,
    "halo.max_length": 0,
    "halo.max_page_size": 100,
    "halo.gives_whole_lists": True,
    "halo.missing_user": "404",
    "halo.refuse_advanced_search": False,
    "halo.refuse_duplicate_email": False,
    "halo.retry_after": False,
    "halo.token_life_s": 3600,
}


class Settings:
    """Named values; an unknown name or a wrong type is refused."""

    def __init__(self) -> None:
        self._values = dict(DEFAULTS)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def reset(self) -> None:
        """Back to the defaults."""
        self._values = dict(DEFAULTS)

    def update(self, values: Json) -> Json:
        """Set values and return all; raises ValueError."""
        for name, value in values.items():
            if name not in DEFAULTS:
                raise ValueError(f"unknown setting {name!r}")
            wanted = type(DEFAULTS[name])
            if not isinstance(value, wanted) and not ({wanted, type(value)} == {int, float}):
                raise ValueError(f"{name} must be {wanted.__name__}")
        self._values.update(values)
        return dict(self._values)
