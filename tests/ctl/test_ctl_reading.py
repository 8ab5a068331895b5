"""A plugin's command that reads the configuration."""

from __future__ import annotations

import importlib.metadata
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from clpcore.ctl import ends, main, reading

_CONFIG = """
[cluster]
name = "Cluster1"
[server.node1]
priority = 1
interconnect = ["10.5.0.110"]
[group.failover1.resource.lbpp1]
type = "lbpp"
port = 26001
"""
_READER = """
    \"\"\"``clp acme``: tell the ports.

    usage: clp acme [WORD]
    \"\"\"
    from clpcore import api

    def read(cluster, words):
        if "wrong" in words:
            raise api.Misconfigured("usage: clp acme WORD")
        ports = [part.on["node1"].port for part in cluster.of(api.Kind.RESOURCE, "lbpp")]
        return f"{cluster.name} {ports} {list(words)}\\n"
"""
Acme = Callable[..., int]


@pytest.fixture
def acme(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Acme:
    """`clp acme`, a command of a plugin."""
    site, conf = tmp_path / "site", root / "etc/clpcore/conf.d"
    site.mkdir()
    conf.mkdir(parents=True, exist_ok=True)
    (site / "acme_reader.py").write_text(textwrap.dedent(_READER))
    monkeypatch.syspath_prepend(site)
    point = importlib.metadata.EntryPoint("acme", "acme_reader:read", reading.GROUP)
    monkeypatch.setattr(main, "externals", lambda: {"acme": point})

    def run(*words: str, config: str = _CONFIG) -> int:
        (conf / "cluster.toml").write_text(config)
        try:
            return main.main(["acme", *words])
        finally:
            sys.modules.pop("acme_reader", None)

    return run


def test_it_is_given_the_configuration_and_its_words(
    acme: Acme, capfd: pytest.CaptureFixture[str]
) -> None:
    assert acme("one", "--two") == ends.Exit.DONE
    assert capfd.readouterr().out == "Cluster1 [26001] ['one', '--two']\n"


def test_what_it_calls_misconfigured_is_wrong_usage(
    acme: Acme, capfd: pytest.CaptureFixture[str]
) -> None:
    assert acme("wrong") == ends.Exit.USAGE
    assert capfd.readouterr().err == "clp: usage: clp acme WORD\n"


def test_a_configuration_with_errors_is_none(acme: Acme, capfd: pytest.CaptureFixture[str]) -> None:
    assert acme("one", config="[cluster]\n") == ends.Exit.BAD_CONFIG
    out, told = capfd.readouterr()
    assert out == ""
    assert "cannot be used" in told
    assert "`clp config check` tells why" in told


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help_needs_no_configuration(
    acme: Acme, word: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert acme("one", word, config="[cluster]\n") == ends.Exit.DONE
    out, err = capfd.readouterr()
    assert (out, err) == ("usage: clp acme [WORD]\n\nTell the ports.\n", "")


def test_who_gives_no_word_is_told_which_there_are(
    acme: Acme, capfd: pytest.CaptureFixture[str]
) -> None:
    """On the reader's own machine there is no configuration; and a reader may need no words."""
    assert acme(config="[cluster]\n") == ends.Exit.BAD_CONFIG
    out, err = capfd.readouterr()
    assert out.startswith("usage: clp acme [WORD]\n")
    assert "cannot be used" in err
    assert acme() == ends.Exit.DONE
    assert capfd.readouterr().out == "Cluster1 [26001] []\n"
