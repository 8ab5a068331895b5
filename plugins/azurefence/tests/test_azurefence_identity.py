"""A wrong name must kill no stranger: who is told apart by what."""

from __future__ import annotations

import attrs
import pytest

from clpcore_azurefence import identity
from clpcore_azurefence.identity import Kin, Machine, Meant
from clpcore_lib_azure.metadata import Own

SUBSCRIPTION = "22222222-2222-2222-2222-222222222222"
OWN = Own(name="node1", resource_group="TestGroup1", subscription_id=SUBSCRIPTION, vm_id="one")
MEANT = Meant(server="node2", subscription_id=SUBSCRIPTION, own=OWN)
NODE2 = Machine(
    name="node2",
    resource_group="TestGroup1",
    vm_id="two",
    computer_name="node2",
    made_as="node2",
    power="running",
)


def test_it_is_told_by_what_it_calls_itself() -> None:
    assert identity.tell(MEANT, NODE2) == (Kin.SAME, "")


@pytest.mark.parametrize("name", ["NODE2", "node2.internal.cloudapp.net", "Node2.local"])
def test_a_name_counts_in_any_case_and_without_its_domain(name: str) -> None:
    assert identity.tell(MEANT, attrs.evolve(NODE2, computer_name=name))[0] is Kin.SAME


@pytest.mark.parametrize("name", ["node20", "node", "xnode2", "db7"])
def test_another_name_is_a_stranger(name: str) -> None:
    kin, why = identity.tell(MEANT, attrs.evolve(NODE2, computer_name=name))
    assert kin is Kin.STRANGER
    assert why == (
        f"VM node2 in TestGroup1 calls itself {name}, and not node2. Correct server.node2.vm_name,"
        " or give the right VM the tag clpcore-server = node2"
    )


def test_this_server_itself_is_never_the_victim_whatever_it_is_called() -> None:
    for found in (NODE2, attrs.evolve(NODE2, tag="node2")):
        kin, why = identity.tell(MEANT, attrs.evolve(found, vm_id="ONE"))
        assert kin is Kin.STRANGER
        assert "is this server itself, not node2. Correct server.node2.vm_name" in why


def test_a_tag_decides_over_the_name() -> None:
    other = attrs.evolve(NODE2, computer_name="db7")
    assert identity.tell(MEANT, attrs.evolve(other, tag="node2"))[0] is Kin.SAME
    kin, why = identity.tell(MEANT, attrs.evolve(NODE2, tag="node3"))
    assert kin is Kin.STRANGER
    assert "has the tag clpcore-server = node3" in why


@pytest.mark.parametrize(
    "own",
    [
        attrs.evolve(OWN, resource_group="ProdGroup"),
        attrs.evolve(OWN, subscription_id="99999999-2222-2222-2222-222222222222"),
    ],
)
def test_a_machine_of_the_same_name_elsewhere_is_a_stranger(own: Own) -> None:
    """The configuration of production, copied to a test: node2 is there, too."""
    kin, why = identity.tell(attrs.evolve(MEANT, own=own), NODE2)
    assert kin is Kin.STRANGER
    assert f"subscription {own.subscription_id}, resource group {own.resource_group}" in why
    tagged = attrs.evolve(NODE2, tag="node2")
    assert identity.tell(attrs.evolve(MEANT, own=own), tagged)[0] is Kin.SAME


def test_places_are_compared_in_any_case() -> None:
    own = attrs.evolve(OWN, resource_group="TESTGROUP1")
    assert identity.tell(attrs.evolve(MEANT, own=own), NODE2)[0] is Kin.SAME


def test_outside_of_azure_the_name_alone_tells() -> None:
    meant = attrs.evolve(MEANT, own=None)
    assert identity.tell(meant, NODE2)[0] is Kin.SAME
    assert identity.tell(meant, attrs.evolve(NODE2, computer_name="db7"))[0] is Kin.STRANGER


def test_a_machine_that_says_nothing_is_not_known() -> None:
    silent = attrs.evolve(NODE2, computer_name="", made_as="", power="stopped")
    kin, why = identity.tell(MEANT, silent)
    assert kin is Kin.UNKNOWN
    assert "give the right VM the tag clpcore-server = node2" in why


def test_a_machine_that_was_known_before_needs_to_say_nothing() -> None:
    """It hangs, or is off: its agent says nothing any more."""
    known = attrs.evolve(MEANT, known_as="two")
    silent = attrs.evolve(NODE2, computer_name="", made_as="")
    assert identity.tell(known, silent)[0] is Kin.SAME
    assert identity.tell(known, attrs.evolve(silent, vm_id="three"))[0] is Kin.UNKNOWN


@pytest.mark.parametrize("tag", ["", "node2"])
def test_a_copy_under_the_name_proves_nothing_of_the_one_whose_end_is_awaited(tag: str) -> None:
    """It is called as that one is, by its name and its tag: both were copied."""
    copy = attrs.evolve(NODE2, vm_id="three", tag=tag, power="stopped")
    known = attrs.evolve(MEANT, known_as="two")
    assert identity.tell(known, copy) == (Kin.SAME, "")  # made anew, while nobody waits for its end
    assert identity.tell(attrs.evolve(known, awaited=True), NODE2) == (Kin.SAME, "")
    kin, why = identity.tell(attrs.evolve(known, awaited=True), copy)
    assert kin is Kin.STRANGER
    assert why == (
        "VM node2 in TestGroup1 is not the machine that was node2 before: vmId three..., not"
        " two.... Is that one off or deleted: `clp server confirm-down node2`. To take this one for"
        " it, restart the agent here"
    )
    assert identity.tell(attrs.evolve(known, awaited=True), attrs.evolve(copy, vm_id=""))[0] is (
        Kin.STRANGER
    )


def test_ids_of_machines_are_compared_in_any_case() -> None:
    known = attrs.evolve(MEANT, known_as="TWO", awaited=True)
    assert identity.tell(known, NODE2) == (Kin.SAME, "")


def test_nobody_is_awaited_who_was_never_seen() -> None:
    assert identity.tell(attrs.evolve(MEANT, awaited=True), NODE2) == (Kin.SAME, "")


def test_a_machine_that_is_off_is_known_by_what_it_was_made_as() -> None:
    off = attrs.evolve(NODE2, computer_name="")
    assert identity.tell(MEANT, off)[0] is Kin.SAME
    assert identity.tell(MEANT, attrs.evolve(off, made_as="db7"))[0] is Kin.STRANGER


def test_what_it_calls_itself_now_decides_over_what_it_was_made_as() -> None:
    assert identity.tell(MEANT, attrs.evolve(NODE2, computer_name="db7"))[0] is Kin.STRANGER
    assert identity.tell(MEANT, attrs.evolve(NODE2, made_as="template"))[0] is Kin.SAME


@pytest.mark.parametrize(
    ("found", "lasts"),
    [
        (NODE2, True),
        (attrs.evolve(NODE2, made_as="template"), False),
        (attrs.evolve(NODE2, made_as=""), False),
        (attrs.evolve(NODE2, made_as="", tag="node2"), True),
    ],
)
def test_a_machine_that_hangs_says_nothing(
    found: Machine,
    lasts: bool,  # noqa: FBT001 - pytest's
) -> None:
    assert identity.lasts("node2", found) is lasts
