"""Invented people: names of many countries, phones in many notations, departments, titles. No real person is meant."""
# ruff: noqa: E501 - a table is read by its lines

import unicodedata
from dataclasses import dataclass
from random import Random

_SPECIAL = str.maketrans(
    {
        "ł": "l",
        "Ł": "L",
        "ø": "o",
        "Ø": "O",
        "ß": "ss",
        "æ": "ae",
        "Æ": "Ae",
        "đ": "d",
        "Đ": "D",
        "ı": "i",
        "þ": "th",
        "ð": "d",
        "œ": "oe",
    }
)


@dataclass(frozen=True)
class Region:
    """Where names, phones and offices belong together."""

    country: str
    usage: str
    language: str
    city: str
    code: str
    given: tuple[str, ...]
    surnames: tuple[str, ...]


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.replace("_", " ") for word in text.split())


REGIONS = (
    Region("Germany", "DE", "de-DE", "Berlin", "49",
           _words("Anna Lukas Jürgen Käthe Björn Friederike Sönke Hannelore Mareike Tobias Heike Götz Wiebke Malte Grete Ulf"),
           _words("Schäfer Krüger Vogelsang Großmann Böttcher Lindemann Weiß von_der_Heide Achterberg Möhring Kleinschmidt Dörr Brandt Zöllner Hühn Petersen")),
    Region("United Kingdom", "GB", "en-GB", "London", "44",
           _words("Oliver Amelia Harriet Rupert Nigel Priya Gwendolyn Alistair Fiona Callum Beatrix Desmond Tamsin Idris Maeve Rory"),
           _words("Whitcombe Ashdown O'Hara Blackwood Pemberton Fairclough MacAulay Thistlewood Okonkwo Rahman Birtwistle Lockhart Penhaligon D'Arcy Kettering Yardley")),
    Region("Poland", "PL", "pl-PL", "Warszawa", "48",
           _words("Zofia Łukasz Małgorzata Grzegorz Agnieszka Wojciech Bożena Stanisław Świętosława Kacper Jadwiga Mikołaj"),
           _words("Wróbel Śliwiński Dąbrowska Żurek Głowacka Pająk Czajka Łoś Źrebiec Brzęczyszczykiewicz Kołodziej Nowicka")),
    Region("France", "FR", "fr-FR", "Lyon", "33",
           _words("Amélie Benoît Chloé Étienne Françoise Gaël Hélène Jean-Luc Marie-Claire Noël Océane Zoé"),
           _words("Lefèvre Garçon Beauséjour d'Aubigny Thévenot Marchand L'Hôpital Duchêne Rousselet Pélissier Vauquelin Œillet")),
    Region("Spain", "ES", "es-ES", "Madrid", "34",
           _words("Íñigo Begoña Martín Lucía Álvaro Rocío José_María Ainhoa Ramón Inés Óscar Nuria"),
           _words("Muñoz_Peña Ibáñez García_Lorente Núñez de_la_Cruz Echeverría Cabañas Zúñiga Olmedo Quiñones Sáez Ferrándiz")),
    Region("Türkiye", "TR", "tr-TR", "İzmir", "90",
           _words("Çağla Işıl Şebnem Ömer İlker Gülşah Uğur Ayşe Yiğit Nurgül Doğan Özge"),
           _words("Yıldırım Çelik Özkan Şahin Güneş Kılıç İnce Bağcı Üstün Aydoğdu Ertuğrul Sönmez")),
    Region("Vietnam", "VN", "vi-VN", "Hà Nội", "84",
           _words("Thảo Quân Đức Hạnh Ngọc Phương Tuấn Lệ Hoàng Yến Bảo Trâm"),
           _words("Nguyễn Trần Phạm Đặng Võ Huỳnh Đỗ Lý Bùi Hồ Dương Mạc")),
    Region("United States", "US", "en-US", "Austin", "1",
           _words("Jayden Keisha Montgomery LaToya Wyatt Guadalupe Skyler Deshawn Cheyenne Brody Xiomara Truman"),
           _words("Fitzgerald Washington-Hale McAllister Vandenberg Castellanos Youngblood St._James Abernathy Kowalczyk Delacroix Huckabee Tran")),
)  # fmt: skip
DEPARTMENTS = ("Sales", "IT", "Finance", "Human Resources", "Marketing", "Research & Development", "Operations", "Legal", "Customer Care", "Qualitätssicherung", "Procurement", "Logistics")  # fmt: skip
UNKNOWN_DEPARTMENTS = ("Facilities", "Projets spéciaux")  # used in the directory, missing in the PSA
TITLES = ("Buyer", "Accountant", "Senior Consultant", "Head of Operations", "Werkstudentin", "Software Engineer", "Chef de projet", "Directora", "Team Lead", "Clerk", "Field Technician", "Assistant to the Board", "Controller", "Product Owner")  # fmt: skip
OFFICES = ("Berlin", "London", "Headquarters", "Remote", "Lyon 2e", "İzmir", "Austin")
LICENCES = ("05e9a617-0261-4cee-bb44-138d3ef5d965", "f30db892-07e9-47e9-837c-80727f46fd3d", "3b555118-da6a-4418-894f-7df1e2096870")  # fmt: skip
COMPANIES = (
    "Contoso Ltd",
    "Zażółć Gęślą GmbH & Söhne",
    "株式会社さくら",
    'O\'Malley "Best" Bäckerei',
    "Ærø & Fanø ApS",
    "Πανόραμα Α.Ε.",
)


def latin(text: str) -> str:
    """Letters of an address: without marks, lower case."""
    plain = unicodedata.normalize("NFKD", text.translate(_SPECIAL))
    return "".join(c for c in plain if c.isascii() and (c.isalnum() or c in "'-")).lower()


def phone(region: Region, rng: Random) -> str:
    """A phone number in one of the notations that people type."""
    area, number = str(rng.randrange(20, 99)), str(rng.randrange(1_000_000, 9_999_999))
    forms = (
        f"+{region.code} {area} {number[:3]} {number[3:]}",
        f"+{region.code} ({area}) {number[:3]}-{number[3:]}",
        f"+{region.code}{area}{number}",
        f"0{area}/{number[:4]}-{number[4:]}",
        f"{area}.{number[:3]}.{number[3:]}",
        f"(0{area}) {number}",
        f"+{region.code}-{area}-{number}",
    )
    return rng.choice(forms)


def reformat(number: str, rng: Random) -> str:
    """The same digits in another notation."""
    digits = "".join(c for c in number if c.isdigit())
    spaced = f"{digits[:3]} {digits[3:6]} {digits[6:]}"
    return rng.choice([digits, spaced, f"+{digits}", f"{digits[:4]}-{digits[4:]}", f" {spaced}"])
