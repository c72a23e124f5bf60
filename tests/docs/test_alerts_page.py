"""The page about alerts names every key, and no key that there is not."""

import re
import tomllib
from pathlib import Path

from worker.configuration.service import AlertsSection, ServiceSection

PAGE = (Path(__file__).parents[2] / "ops" / "docs" / "alerts.md").read_text(encoding="utf-8")


def test_each_key_is_explained() -> None:
    named = set(re.findall(r"`(\w+)`", PAGE))
    assert set(AlertsSection.model_fields) <= named


def test_table_names_keys_and_their_defaults() -> None:
    rows = [row.split("|") for row in PAGE.splitlines() if row.startswith("| ") and "`" in row.split("|")[2]]
    keys = [key for row in rows[1:] for key in re.findall(r"`(\w+)`", row[2])]
    assert keys == ["failed_runs", "error_rate", "error_users", "not_successful", "expiry_days", "budget_wait"]
    defaults = AlertsSection()
    assert (defaults.failed_runs, defaults.error_rate, defaults.error_users, defaults.expiry_days) == (1, 0.1, 3, 30)
    assert (defaults.not_successful, defaults.budget_wait) == (36 * 3600, 300)
    assert (defaults.gather, defaults.over_after, defaults.remind_every) == (45, 600, 24 * 3600)


def test_what_it_shows_is_a_configuration() -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)
    service = tomllib.loads(block)["service"]
    assert set(service) <= set(ServiceSection.model_fields)
    assert set(service["alerts"]) <= set(AlertsSection.model_fields)
