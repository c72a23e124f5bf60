import pytest

from tests.fakes.engine import make_connector
from worker.cli.choosing import choose
from worker.cli.exits import Exit, Refusal

KNOWN = {
    "contoso": make_connector("contoso", tags=("pilot", "large")),
    "fabrikam": make_connector("fabrikam", tags=("pilot",), psa="second"),
    "adatum": make_connector("adatum"),
}


def refused(**choice: object) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        choose(KNOWN, **choice)  # type: ignore[arg-type]  # spread
    assert refusal.value.code is Exit.USAGE
    return refusal.value


def test_named_connectors_come_once_and_in_the_configurations_order() -> None:
    assert choose(KNOWN, names=["adatum", "contoso", "adatum"]) == ("contoso", "adatum")


def test_tags_and_names_are_united() -> None:
    assert choose(KNOWN, names=["adatum"], tags=["large"]) == ("contoso", "adatum")


def test_all_is_every_connector() -> None:
    assert choose(KNOWN, every=True) == ("contoso", "fabrikam", "adatum")


def test_unknown_connector_is_refused_with_the_nearest_name() -> None:
    refusal = refused(names=["contso"])
    assert "contso" in refusal.reason
    assert refusal.hint == "did you mean 'contoso'?"


def test_unknown_connector_near_to_nothing_is_refused_with_all_names() -> None:
    assert refused(names=["zzz"]).hint == "there are: adatum, contoso, fabrikam"


def test_unknown_tag_is_refused_with_the_nearest_tag() -> None:
    assert refused(tags=["pilots"]).hint == "did you mean 'pilot'?"


def test_no_choice_is_refused_and_never_means_everybody() -> None:
    assert "--all" in str(refused().hint)


def test_all_beside_a_name_is_refused() -> None:
    assert "--all" in refused(names=["contoso"], every=True).reason


def test_empty_configuration_is_refused() -> None:
    with pytest.raises(Refusal, match="no connectors"):
        choose({}, every=True)


def test_psa_alone_is_all_of_its_connectors_and_beside_others_narrows_them() -> None:
    assert choose(KNOWN, psas=["main"]) == ("contoso", "adatum")
    assert choose(KNOWN, psas=["main", "second"]) == ("contoso", "fabrikam", "adatum")
    assert choose(KNOWN, tags=["pilot"], psas=["second"]) == ("fabrikam",)
    assert choose(KNOWN, every=True, psas=["second"]) == ("fabrikam",)


def test_unknown_psa_is_refused_with_the_nearest_one() -> None:
    assert refused(psas=["mian"]).hint == "did you mean 'main'?"


def test_choice_that_the_psa_leaves_empty_is_refused_and_never_means_everybody() -> None:
    assert "no connector is left" in refused(names=["adatum"], psas=["second"]).reason
