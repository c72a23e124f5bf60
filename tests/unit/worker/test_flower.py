from flower.options import default_options

from worker.flower import COLUMNS, flower_options


def test_address_and_port_come_from_one_key() -> None:
    options = flower_options("127.0.0.1:5555", basic_auth="operator:secret")
    assert (options["address"], options["port"]) == ("127.0.0.1", 5555)


def test_an_address_of_ip_version_6_loses_its_brackets() -> None:
    assert flower_options("[::1]:5555", basic_auth=None)["address"] == "::1"


def test_flower_is_read_only_unless_opened() -> None:
    assert flower_options("127.0.0.1:1", basic_auth="a:b")["read_only"] is True
    assert flower_options("127.0.0.1:1", basic_auth="a:b", read_only=False)["read_only"] is False


def test_the_user_principal_name_is_in_the_table() -> None:
    assert "args" in COLUMNS.split(",")
    assert flower_options("127.0.0.1:1", basic_auth=None)["tasks_columns"] == COLUMNS


def test_each_option_is_one_that_flower_knows() -> None:
    options = flower_options("127.0.0.1:1", basic_auth="a:b", url_prefix="/flower/")
    assert set(options) <= {name.replace("-", "_") for name in default_options}
    assert options["url_prefix"] == "flower"
