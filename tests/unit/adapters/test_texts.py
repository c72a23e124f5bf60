import pytest

from adapters.texts import clean, domain_of, split_phone


def test_line_breaks_become_spaces_and_what_cannot_be_seen_goes() -> None:
    assert clean(" Head\r\nof\x08 Sales\ud83d ") == "Head of Sales"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("+49 30 123 ext. 12", ("+49 30 123", "12")),
        ("+49 30 123;ext=7", ("+49 30 123", "7")),
        ("555 x123456", ("555 x123456", "")),  # longer than an extension may be
        ("x12", ("x12", "")),
    ],
)
def test_extension_is_parted_from_its_number(text: str, parts: tuple[str, str]) -> None:
    assert split_phone(text, most_digits=5) == parts


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("https://www.contoso.com/x", "contoso.com"),
        ("@contoso.com", "contoso.com"),
        ("contoso", ""),
        ("ask [us", ""),
        ("https://[", ""),
        ("", ""),
    ],
)
def test_domain_is_found_in_free_text(text: str, domain: str) -> None:
    assert domain_of(text) == domain
