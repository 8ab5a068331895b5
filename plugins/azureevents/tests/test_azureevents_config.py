"""The file that an administrator may write, and the names of machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from clpcore_azureevents import config


def test_without_a_file_all_is_usual(tmp_path: Path) -> None:
    assert config.load(tmp_path / "none.toml") == config.Config()


def test_what_is_written_counts(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text('endpoint = "http://127.0.0.1:8169/"\ninterval = 2\n[machines]\nnode1 = "VM-1"')
    found = config.load(file)
    assert found == config.Config(
        endpoint="http://127.0.0.1:8169", interval=2.0, machines={"node1": "VM-1"}
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("intervall = 1", "there is no key intervall; known are endpoint, interval"),
        ("interval = 0", "interval is 0, and no number of seconds from 0.05 to 60"),
        ("interval = true", "interval is True"),
        ("first = 900", "first is 900, and no number of seconds from 0.05 to 600"),
        ('endpoint = "https://x"', "endpoint is 'https://x', and no http://ADDRESS"),
        ('endpoint = "169.254.169.254"', "no http://ADDRESS"),
        ("machines = 5", "machines is no table"),
        ('[machines]\nnode1 = "a"\nnode2 = "A"', "machines gives two servers one machine"),
        ("[[[", "Invalid"),
    ],
)
def test_what_cannot_be_is_told_with_the_file(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "a.toml"
    file.write_text(text)
    with pytest.raises(config.Wrong) as wrong:
        config.load(file)
    assert str(wrong.value).startswith(f"{file}: ")
    assert said in str(wrong.value)
