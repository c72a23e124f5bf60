"""Phone numbers as free text: how two compare, and how one is written by the rules of its country."""

import re
import unicodedata

import phonenumbers

from tasks.names import clean, fold

_EXTENSION = re.compile(r"(?:;ext=|\bextension|\bext|x|#)\s*[.:]?\s*(\d{1,15})$", re.IGNORECASE)
_TRUNK_ZERO = re.compile(r"^((?:\+|00).*?)\(0\)")
_LETTER = re.compile(r"[^\W\d_]")


def comparable(text: str) -> str:
    """Return the form in which numbers compare: digits without `+` or leading `00`, then `x` and the extension.

    What holds letters or no digit at all is not a number; it compares as folded text."""
    number = "".join(_ascii_digit(char) for char in clean(text))
    extension = _EXTENSION.search(number)
    main = number[: extension.start()] if extension else number
    if _LETTER.search(main):
        return fold(number)
    digits = re.sub(r"\D", "", _TRUNK_ZERO.sub(r"\1", main.strip()))
    while digits.startswith("00"):
        digits = digits[2:]
    if extension:
        return f"{digits}x{extension[1]}"
    return digits or fold(number)


def main_part(text: str, *, extension_length: int) -> str:
    """Return the number without its extension, where that fits into a field of its own."""
    number = text.strip()
    extension = _EXTENSION.search(number)
    if extension is None or len(extension[1]) > extension_length or not re.search(r"\d", number[: extension.start()]):
        return number
    return number[: extension.start()].rstrip(" ,;")


def to_e164(text: str, country: str | None = None) -> str:
    """Write a number as +CC…, its extension behind ` x`; what is no valid number stays as it is."""
    return _write(text, country, phonenumbers.PhoneNumberFormat.E164)


def to_national(text: str, country: str | None = None) -> str:
    """Write a number as it is dialled inside its country; what is no valid number stays as it is."""
    return _write(text, country, phonenumbers.PhoneNumberFormat.NATIONAL)


def is_country(text: str) -> bool:
    """Tell a country by its two letters (ISO 3166), in either case."""
    return text.strip().upper() in phonenumbers.SUPPORTED_REGIONS


def _write(text: str, country: str | None, form: int) -> str:
    try:
        number = phonenumbers.parse(text, (country or "").strip().upper() or None)
    except phonenumbers.NumberParseException:
        return text.strip()
    if not phonenumbers.is_valid_number(number):
        return text.strip()
    extension, number.extension = number.extension, None
    written = phonenumbers.format_number(number, form)
    return f"{written} x{extension}" if extension else written


def _ascii_digit(char: str) -> str:
    digit = unicodedata.decimal(char, None)
    return char if digit is None else str(digit)
