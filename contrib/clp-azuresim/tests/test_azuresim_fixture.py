"""The fixture gives an Azure that the real clients accept, and leaves nothing behind."""

from clp_azuresim.azure import Azure


def test_the_fixture_gives_an_azure(azure: Azure) -> None:
    assert azure.machine("node1").on
