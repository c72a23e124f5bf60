import pytest

from adapters.autotask.auth import ZONE_URL, is_trusted


@pytest.mark.parametrize(
    ("zone", "zone_url"),
    [
        ("https://webservices14.autotask.net/ATServicesRest", ZONE_URL),
        ("https://WEBSERVICES14.autotask.net:443/ATServicesRest", ZONE_URL),
        ("https://127.0.0.1:4711/ATServicesRest", "https://127.0.0.1:4711/zoneInformation"),
        ("http://127.0.0.1:4711/ATServicesRest", "http://127.0.0.1:4711/zoneInformation"),
        ("https://127.0.0.1/ATServicesRest", "http://127.0.0.1:4711/zoneInformation"),
    ],
)
def test_zone_of_the_vendor_or_of_the_host_that_told_it_is_trusted(zone: str, zone_url: str) -> None:
    assert is_trusted(zone, zone_url=zone_url)


@pytest.mark.parametrize(
    ("zone", "zone_url"),
    [
        ("http://127.0.0.1:4711/ATServicesRest", "https://127.0.0.1:4711/zoneInformation"),
        ("https://webservices14.autotask.net/ATServicesRest", "https://127.0.0.1:4711/zoneInformation"),
        ("https://127.0.0.1/ATServicesRest", ZONE_URL),
        ("https://autotask.net.evil.example/", ZONE_URL),
        ("https://evil-autotask.net/", ZONE_URL),
        ("https://webservices14.autotask.net/?x=1", ZONE_URL),
        ("https://a@webservices14.autotask.net/", ZONE_URL),
        ("ftp://webservices14.autotask.net/", ZONE_URL),
        ("webservices14.autotask.net", ZONE_URL),
        ("https://[broken", ZONE_URL),
        ("", ZONE_URL),
    ],
)
def test_zone_elsewhere_or_without_tls_is_not(zone: str, zone_url: str) -> None:
    assert not is_trusted(zone, zone_url=zone_url)
